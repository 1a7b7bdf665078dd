//! Where a dataset lies in the cluster.

use crate::names::{TableName, UnsafeName};

/// Gives the directory in the cluster where a table's files are staged, without a slash at the end. The document names it, and
/// whoever sends the files must send them there.
///
/// # Errors
/// When the name is not a table's. Nothing is cut off or replaced: a name that leads elsewhere is refused.
pub fn staged_prefix(table: &str) -> Result<String, UnsafeName> {
    let table = TableName::parse(table)?;
    // Beside the final directory and not in it: ingestors refuse a table whose directory is not empty.
    Ok(format!("/data/shared/.tracebloc-staging/{table}"))
}

/// Gives the directory in the cluster where the ingestor puts a table's files in the end. Only the ingestor writes there.
///
/// # Errors
/// Those of [`staged_prefix`].
pub fn final_prefix(table: &str) -> Result<String, UnsafeName> {
    let table = TableName::parse(table)?;
    Ok(format!("/data/shared/{table}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_built_from_a_name_that_leads_elsewhere() {
        let refused = UnsafeName {
            name: "../../etc".to_owned(),
        };
        assert_eq!(staged_prefix("../../etc"), Err(refused.clone()));
        assert_eq!(final_prefix("../../etc"), Err(refused));
        assert_eq!(final_prefix("x"), Ok("/data/shared/x".to_owned()));
        assert_eq!(
            staged_prefix("_x9"),
            Ok("/data/shared/.tracebloc-staging/_x9".to_owned())
        );
    }
}

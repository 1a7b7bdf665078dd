//! Names: of runs, of pods, of tables inside of names and labels.

use std::fmt;

use data_encoding::HEXLOWER;
use dataset::names::{self, TableName};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::Plan;

/// What stands for a table whose name has nothing that a label may hold.
const NAMELESS: &str = "tbl";

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// Names one run of this program, in pods, locks and journals: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the system gives no random numbers; an empty id would be shared by strangers.
    pub fn draw() -> Result<Self, NoRandomness> {
        Ok(Self(HEXLOWER.encode(&random::<8>()?)))
    }

    /// Returns its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| NoRandomness)
}

/// Draws a name for a pod. Chosen here, it is known even if the answer of the server is lost.
///
/// # Errors
/// When the system gives no random numbers.
pub fn pod_name(plan: &Plan) -> Result<String, NoRandomness> {
    let table = plan.table.as_ref().map_or("doctor", TableName::as_str);
    Ok(names::pod_name(table, random()?))
}

/// Makes a table's name fit into a label: its ends have to be letters or digits.
pub(super) fn label_of(table: &TableName) -> &str {
    names::label_value(table.as_str()).unwrap_or(NAMELESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_into_labels() {
        for (table, expected) in [("cats_dogs", "cats_dogs"), ("_x", "x"), ("_", "tbl")] {
            let table = TableName::parse(table).unwrap();
            assert_eq!(label_of(&table), expected, "{table}");
        }
    }

    #[test]
    fn no_two_runs_share_an_id() {
        let (one, other) = (RunId::draw().unwrap(), RunId::draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 16);
    }
}

//! What dead runs have left in a cluster.

use crate::Connection;
use crate::api::ApiError;
use crate::stage::{Orphans, find_orphans, remove_orphans};

/// What was found and what became of it.
#[derive(Debug, Default)]
pub struct Cleaned {
    /// The stage pods that were there.
    pub pods: Orphans,
    /// Names of those that were removed.
    pub removed: Vec<String>,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What can be removed is removed.
    Remove,
    /// It is only told.
    Look,
}

/// Removes the stage pods of runs that are over. A running one is left alone, whatever its age, and so is another program's.
///
/// # Errors
/// When pods may not be listed or deleted.
pub async fn pods(
    connection: &Connection,
    namespace: &str,
    mode: Mode,
) -> Result<Cleaned, ApiError> {
    let pods = find_orphans(connection, namespace, None).await?;
    let removed = match mode {
        Mode::Remove => remove_orphans(connection, namespace, &pods).await?,
        Mode::Look => Vec::new(),
    };
    Ok(Cleaned { pods, removed })
}

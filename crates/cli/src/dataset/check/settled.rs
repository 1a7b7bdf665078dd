//! The parts of a request that output repeats.

use std::path::PathBuf;

use super::args::Args;

/// Path, table and task as they are after flags and questions.
pub(super) struct Settled {
    /// The path, expanded.
    pub(super) root: PathBuf,
    /// The same for people.
    pub(super) path: String,
    /// The table's name; empty if there is none.
    pub(super) table: String,
    /// The task's id as it was given; empty if it was not.
    pub(super) task: String,
}

impl Settled {
    /// Takes them from the arguments.
    pub(super) fn of(args: &Args, root: PathBuf) -> Settled {
        Settled {
            path: root.display().to_string(),
            root,
            table: args.table().unwrap_or_default().to_owned(),
            task: args.task().unwrap_or_default().to_owned(),
        }
    }
}

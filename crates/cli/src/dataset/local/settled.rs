//! The parts of a request that output repeats.

use std::path::PathBuf;

use super::args::Args;

/// Path, table and task as they are after flags and questions.
pub(in crate::dataset) struct Settled {
    /// The path, expanded.
    pub(in crate::dataset) root: PathBuf,
    /// The same for people.
    pub(in crate::dataset) path: String,
    /// The table's name; empty if there is none.
    pub(in crate::dataset) table: String,
    /// The task's id as it was given; empty if it was not.
    pub(in crate::dataset) task: String,
}

impl Settled {
    /// Takes them from the arguments.
    pub(in crate::dataset) fn of(args: &Args, root: PathBuf) -> Settled {
        Settled {
            path: root.display().to_string(),
            root,
            table: args.table().unwrap_or_default().to_owned(),
            task: args.task().unwrap_or_default().to_owned(),
        }
    }
}

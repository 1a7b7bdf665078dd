//! What can go wrong with a dump, split by what it means to the caller.

use crate::keymap;
use crate::manifest;

/// A failure of writing, checking or searching a tree.
///
/// What is wrong *inside* a tree that is verified is a [finding](crate::verify::Finding), not an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory of the tree cannot be worked with; the cause says which.
    #[error("the dump cannot be accessed")]
    Files(#[from] fsroot::Error),
    /// The sorting on disk failed.
    #[error("cannot sort on disk")]
    Spill(#[from] spill::Error),
    /// A file of the tree stopped being readable while it was read.
    #[error("cannot read {path}")]
    Read {
        /// The file, from the root of the tree.
        path: fsroot::RelPath,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The manifest breaks a rule of the format.
    #[error("the manifest is invalid")]
    Manifest(#[from] manifest::Invalid),
    /// A line of a KEYMAP file breaks a rule of the format.
    #[error("line {line} of {path} is invalid")]
    Keymap {
        /// The file, from the root of the tree.
        path: fsroot::RelPath,
        /// Number of the line; the first is 1.
        line: u64,
        /// What is wrong with it.
        source: keymap::LineError,
    },
    /// Workers were not absorbed, so the list of files would lack theirs: a mistake of the program.
    #[error("{workers} workers of the tree were not absorbed")]
    WorkersMissing {
        /// How many.
        workers: u64,
    },
    /// A file that was begun without hashing was finished without a digest: a mistake of the program.
    #[error("{path} was not hashed")]
    NotHashed {
        /// The file, from the root of the tree.
        path: fsroot::RelPath,
    },
    /// A name of ours is no path: a mistake of the program.
    #[error("a file's name is not a path")]
    Path(#[from] fsroot::InvalidPath),
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
}

//! What can go wrong: the scratch file, and nothing else.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the scratch file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system of the scratch directory, or the quota, is full.
    #[error("no space left for sorting in {scratch_dir:?}")]
    DiskFull {
        /// The scratch directory.
        scratch_dir: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The scratch file could not be created.
    #[error("cannot make room for sorting in {scratch_dir:?}")]
    Create {
        /// The scratch directory.
        scratch_dir: PathBuf,
        /// Why not.
        source: fsroot::Error,
    },
    /// The scratch file could not be written or read.
    #[error("cannot sort in {scratch_dir:?}")]
    Io {
        /// The scratch directory.
        scratch_dir: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn new(scratch_dir: &Path, source: io::Error) -> Error {
        let scratch_dir = scratch_dir.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull {
                scratch_dir,
                source,
            },
            _ => Error::Io {
                scratch_dir,
                source,
            },
        }
    }
}

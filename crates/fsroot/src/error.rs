//! What can go wrong, split by what it means to the caller.

use std::io;
use std::path::{Path, PathBuf};

use crate::Kind;
use crate::platform::{self, Cause};

/// A failure of an operation on files, with the path it happened at.
///
/// Paths are shown as they will be known to the user: a file in a staged tree is named below its
/// destination, although it lies in the staging directory at the time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The destination does not end in a name: it is empty, `/`, `.` or `..`.
    #[error("the destination {path:?} does not end in a name")]
    DestinationUnnamed {
        /// The destination as given.
        path: PathBuf,
    },
    /// The directory in which the destination is to appear does not exist.
    #[error("the directory {path:?} does not exist")]
    ParentMissing {
        /// The missing directory.
        path: PathBuf,
    },
    /// Something that is not a directory stands where the destination's parent should be.
    #[error("{path:?} is not a directory")]
    ParentNotADirectory {
        /// The parent as given.
        path: PathBuf,
    },
    /// The destination exists and may not be replaced.
    ///
    /// Also returned by publishing when the destination came into being after staging began.
    #[error("{path:?} exists")]
    DestinationExists {
        /// The destination.
        path: PathBuf,
    },
    /// The destination is of a kind that cannot be replaced: a file where a tree goes, a device.
    #[error("{path:?} is a {kind}")]
    DestinationUnfit {
        /// The destination.
        path: PathBuf,
        /// What stands there.
        kind: Kind,
    },
    /// The caller's own rule said that the existing directory may not be replaced.
    #[error("{path:?} may not be replaced")]
    DestinationProtected {
        /// The destination.
        path: PathBuf,
    },
    /// The destination was exchanged by somebody else between staging and publishing.
    #[error("{path:?} was changed by another program")]
    DestinationChanged {
        /// The destination.
        path: PathBuf,
    },
    /// The destination is a mount point; a rename cannot put a tree there.
    #[error("{path:?} lies on another file system than its parent directory")]
    OtherFileSystem {
        /// The destination.
        path: PathBuf,
    },
    /// The file system or the quota is full.
    #[error("no space left: cannot {operation} {path:?}")]
    DiskFull {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A symlink stands somewhere on the path; none is ever followed.
    #[error("{path:?} leads through a symlink")]
    SymlinkRefused {
        /// The path, any component of which may be the link.
        path: PathBuf,
    },
    /// A component that must be a directory is something else.
    #[error("{path:?} leads through something that is not a directory")]
    NotADirectory {
        /// The path, any component of which may be the culprit.
        path: PathBuf,
    },
    /// A regular file was expected; nothing was read from what stands there instead.
    #[error("{path:?} is a {kind}, not a regular file")]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What stands there.
        kind: Kind,
    },
    /// A file that must be new exists in the staged tree: two records have one name.
    ///
    /// On a case-insensitive or normalising file system the two names may differ in their bytes.
    #[error("{path:?} was written already")]
    AlreadyWritten {
        /// The path.
        path: PathBuf,
    },
    /// Nothing stands at the path.
    #[error("{path:?} does not exist")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A writer or an open file of the tree is still alive, so the tree cannot be complete.
    #[error("{path:?} is still being written")]
    StillWriting {
        /// The destination.
        path: PathBuf,
    },
    /// Any other answer of the system.
    #[error("cannot {operation} {path:?}")]
    Io {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// Names what a failed system call means.
    pub(crate) fn new(operation: &'static str, path: &Path, source: io::Error) -> Error {
        let path = path.to_owned();
        match platform::cause(&source) {
            Cause::DiskFull => Error::DiskFull {
                operation,
                path,
                source,
            },
            Cause::Symlink => Error::SymlinkRefused { path },
            Cause::NotADirectory => Error::NotADirectory { path },
            Cause::NotFound => Error::NotFound { path },
            _ => Error::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// Returns the path the failure happened at.
    pub fn path(&self) -> &Path {
        match self {
            Error::DestinationUnnamed { path }
            | Error::ParentMissing { path }
            | Error::ParentNotADirectory { path }
            | Error::DestinationExists { path }
            | Error::DestinationUnfit { path, .. }
            | Error::DestinationProtected { path }
            | Error::DestinationChanged { path }
            | Error::OtherFileSystem { path }
            | Error::DiskFull { path, .. }
            | Error::SymlinkRefused { path }
            | Error::NotADirectory { path }
            | Error::NotRegular { path, .. }
            | Error::AlreadyWritten { path }
            | Error::NotFound { path }
            | Error::StillWriting { path }
            | Error::Io { path, .. } => path,
        }
    }
}

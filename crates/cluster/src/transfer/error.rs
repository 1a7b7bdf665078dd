//! What can end a transfer.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;

use dataset::ScratchError;

use crate::far::StartError;

/// Why a transfer, or a step after it, did not come about.
///
/// None of these leaves anything changed where the data is read: it is the old data or, after a publish, the new.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The far side cannot be started, and trying again would not help.
    #[error("the far side cannot be started")]
    Start(#[source] StartError),
    /// The runtime refused the command: there is no shell, or the container is gone.
    #[error("the command was refused: {reason}")]
    Refused {
        /// What the runtime said.
        reason: String,
    },
    /// Going on was tried for as long as it may be.
    #[error("the transfer broke off and could not go on within {budget:?}: {last}")]
    RetriesUsedUp {
        /// How long, since the last progress.
        budget: Duration,
        /// What ended the last attempt.
        last: String,
    },
    /// Somebody else is pushing this table.
    #[error("the table is being pushed by {holder}")]
    Held {
        /// What the holder says of itself.
        holder: String,
    },
    /// Somebody took the lock over, because this run was silent for too long.
    #[error("the lock of the table was lost to another run")]
    LockLost,
    /// An ingest of this table runs.
    #[error("the table is being ingested: {holder}")]
    Ingesting {
        /// The content of its lock file.
        holder: String,
    },
    /// The table has data in the cluster.
    #[error("the table already holds data: {path}")]
    Destination {
        /// The directory that is not empty.
        path: String,
    },
    /// What is recorded beside the data is not what was looked at before.
    #[error("another run was recorded meanwhile")]
    RunChanged {
        /// What is recorded now.
        record: String,
    },
    /// The volume is full.
    #[error("the volume is full: {what}")]
    NoSpace {
        /// What was being done, and what the program said.
        what: String,
    },
    /// The volume can hold no more files.
    #[error("the volume is out of inodes: {what}")]
    NoInodes {
        /// What was being done, and what the program said.
        what: String,
    },
    /// The volume is read-only.
    #[error("the volume is read-only: {what}")]
    ReadOnly {
        /// What was being done, and what the program said.
        what: String,
    },
    /// The pod may not write to the volume.
    #[error("the volume is not writable: {what}")]
    NotWritable {
        /// What was being done, and what the program said.
        what: String,
    },
    /// The image lacks a program.
    #[error("the image of the stage pod has no {program}")]
    MissingProgram {
        /// Its name.
        program: String,
    },
    /// The image lacks the program that undoes the wanted compression.
    #[error("the image of the stage pod has no {program}, which undoes the compression")]
    MissingCompressor {
        /// Its name.
        program: String,
    },
    /// Something else failed on the volume.
    #[error("the far side failed: {what}")]
    FarIo {
        /// What was being done, and what the program said.
        what: String,
    },
    /// A file that landed cannot be read back.
    #[error("a file cannot be read back on the far side: {path}")]
    Unreadable {
        /// The file, from the dataset's root.
        path: String,
        /// What the far side wrote to its standard error, at its end.
        evidence: String,
    },
    /// A file arrives with another content again and again.
    #[error("a file arrives changed: {path}")]
    Corrupted {
        /// The file, from the dataset's root.
        path: String,
    },
    /// A file is not what it was when it was hashed.
    #[error("{path} {what}")]
    SourceChanged {
        /// The file, from the dataset's root.
        path: String,
        /// What became of it, as half a sentence.
        what: String,
    },
    /// The list of files was put on disk here, and cannot be read back.
    #[error("cannot read the list of files in {directory:?}: {cause}")]
    Scratch {
        /// The directory of temporary files.
        directory: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// What is there to be published is not what was verified.
    #[error("what is staged is not what was verified")]
    NotVerified,
}

impl From<ScratchError> for TransferError {
    fn from(error: ScratchError) -> Self {
        let cause = error.source().unwrap_or(&error).to_string();
        let (ScratchError::DiskFull { scratch_dir, .. }
        | ScratchError::Create { scratch_dir, .. }
        | ScratchError::Io { scratch_dir, .. }) = error;
        Self::Scratch {
            directory: scratch_dir,
            cause,
        }
    }
}

/// Why a session ended without having done its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another attempt may do it.
    Broken(String),
    /// None will.
    Final(TransferError),
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        Self::Final(error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Unreachable { reason, .. } => Self::Broken(reason),
            StartError::Gone(_)
            | StartError::Forbidden(_)
            | StartError::Unauthorized(_)
            | StartError::NoUpgrade(_) => Self::Final(TransferError::Start(error)),
        }
    }
}

/// Understands `error ID TEXT` of the far side.
pub(super) fn told(id: &str, text: &str) -> Failure {
    let what = text.to_owned();
    Failure::Final(match id {
        "held" => TransferError::Held { holder: what },
        "lock-lost" => TransferError::LockLost,
        "ingesting" => TransferError::Ingesting { holder: what },
        "destination" => TransferError::Destination { path: what },
        "no-space" => TransferError::NoSpace { what },
        "no-inodes" => TransferError::NoInodes { what },
        "read-only" => TransferError::ReadOnly { what },
        "not-writable" => TransferError::NotWritable { what },
        "missing-program" => TransferError::MissingProgram { program: what },
        "not-verified" => TransferError::NotVerified,
        "io" => TransferError::FarIo { what },
        // A session that does not end, frames that were not understood, counts that do not add up: a new session looks again.
        _ => return Failure::Broken(format!("{id}: {text}")),
    })
}

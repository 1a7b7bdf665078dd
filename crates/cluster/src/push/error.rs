//! What can end a push.

use crate::api::ApiError;
use crate::journal::JournalError;
use crate::stage::StageError;
use crate::submit::{Accepted, Key, SubmitError};
use crate::target::TargetError;
use crate::transfer::TransferError;
use crate::watch::WatchError;

/// Why a push did not come about, or nobody knows whether it did.
///
/// Except for those that name a Job or a key, none of these leaves anything submitted, and the table's staged data is the old one
/// or, after publishing, the new one.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// There is no stage pod.
    #[error(transparent)]
    Stage(Box<StageError>),
    /// The transfer, or a step after it, failed.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The credential could not be renewed.
    #[error(transparent)]
    Credential(#[from] TargetError),
    /// A Job that was submitted with the staged data has not ended.
    #[error("job {namespace}/{job} of an earlier push of this table has not ended")]
    JobRuns {
        /// Its namespace.
        namespace: String,
        /// Its name.
        job: String,
    },
    /// Whether an earlier Job of the table has ended cannot be found out.
    #[error("whether an earlier push of this table has ended cannot be found out")]
    JobUnseen(#[source] WatchError),
    /// An earlier submission of other data was never answered, and whether it was accepted cannot be found out.
    #[error(
        "an earlier push of other data into this table was submitted as {key} and never answered"
    )]
    Unanswered {
        /// Its key.
        key: String,
        /// Why nobody knows.
        #[source]
        error: ApiError,
    },
    /// The table has data, and a submission into it was never answered: the data may be its.
    #[error(
        "the table already holds data: {path}; a submission into it, {key}, was never answered"
    )]
    DestinationUnanswered {
        /// The directory that is not empty.
        path: String,
        /// The submission's key.
        key: String,
        /// Namespace of the release.
        namespace: String,
    },
    /// The journal cannot be used, so the run could not be found again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The record beside the staged data is not one that this program understands.
    #[error("the record of the last run beside the staged data is not understood: {0}")]
    Record(String),
    /// Every stage pod was lost again, and going on was tried for as long as it may be.
    #[error("stage pods are lost again and again; the last one, {pod}, because {reason}")]
    PodsLost {
        /// The last one.
        pod: String,
        /// Why.
        reason: String,
    },
    /// The run was not accepted.
    #[error(transparent)]
    Submit(Box<SubmitError>),
    /// The run was accepted, and its outcome is unknown.
    #[error("the outcome of job {}/{} is unknown", job.namespace, job.job)]
    Watch {
        /// The Job.
        job: Box<Accepted>,
        /// Why.
        #[source]
        error: Box<WatchError>,
    },
    /// Somebody asked to stop before anything was submitted.
    #[error("the push was stopped")]
    Stopped,
    /// Somebody asked to stop while the run was being submitted; it may have been accepted.
    #[error("the push was stopped while it was submitted as {key}, which may have been accepted")]
    StoppedSubmitting {
        /// The key.
        key: Key,
    },
}

impl From<StageError> for PushError {
    fn from(error: StageError) -> Self {
        Self::Stage(Box::new(error))
    }
}

impl From<SubmitError> for PushError {
    fn from(error: SubmitError) -> Self {
        Self::Submit(Box::new(error))
    }
}

impl PushError {
    /// Says whether the key belongs to an earlier run, which has ended.
    pub(super) fn names_an_old_run(&self) -> bool {
        matches!(self, Self::Submit(error) if matches!(**error, SubmitError::Replayed { .. }))
    }

    /// Says whether a run may have been accepted all the same.
    pub(super) fn may_be_accepted(&self) -> bool {
        match self {
            Self::StoppedSubmitting { .. } => true,
            Self::Submit(error) => matches!(
                **error,
                SubmitError::Unanswered { .. } | SubmitError::ReplayUnseen { .. }
            ),
            _ => false,
        }
    }
}

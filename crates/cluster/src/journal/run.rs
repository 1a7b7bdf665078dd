//! One run, as it is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A run that was submitted, or was about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The idempotency key.
    pub key: String,
    /// The table.
    pub table: String,
    /// URL of the API server.
    pub server: String,
    /// The context by which it was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Namespace of the release.
    pub namespace: String,
    /// The Job, once the service has named it. It lies in the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Digest of the payload.
    pub payload: String,
    /// Digest of the document.
    pub document: String,
    /// Which attempt at this payload and document.
    pub attempt: u32,
    /// When it was submitted, by this machine's clock.
    pub submitted_at: Timestamp,
    /// What is known of it.
    pub state: RunState,
}

impl Run {
    /// Says whether both are attempts at the same thing in the same place.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let place = |run: &Self| (run.server.clone(), run.namespace.clone());
        place(self) == place(other)
            && self.payload == other.payload
            && self.document == other.document
    }
}

/// What is known of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The submission was begun; whether it was accepted is not known.
    Submitting,
    /// It was accepted and had not ended when it was last looked at.
    Running,
    /// Its Job is complete.
    Succeeded,
    /// Its Job is complete and its summary has failures.
    CompletedWithFailures,
    /// Its Job has failed.
    Failed,
    /// Its Job has ended; how was not read.
    Ended,
    /// It was refused: there is no Job.
    Refused,
    /// Its Job is not there any more.
    Gone,
}

impl RunState {
    /// Says whether nothing more will come of it. A refused submission made no Job, so its key is still free.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::CompletedWithFailures | Self::Failed | Self::Ended | Self::Gone
        )
    }
}

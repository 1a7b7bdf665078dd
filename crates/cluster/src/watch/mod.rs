//! A Job, watched to its end.
//!
//! The Job is the truth: its log may end, break or be forbidden without meaning anything, and a failed pod may have a successor.
//! Jobs and pods are asked for again and again rather than watched, which needs no permission that a push does not have.

mod banner;
mod follow;
mod job;
mod lines;
mod look;
mod pods;
mod seen;
mod summary;
mod watcher;

pub use job::{JobEnd, job_end};
pub use lines::plain;
pub use look::{Logs, Look, logs, look};
pub use summary::Summary;
pub use watcher::watch;

/// A Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub job: String,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The outcome.
    pub outcome: Outcome,
    /// What it counted, if that was told.
    pub summary: Option<Summary>,
    /// Whether the log was read to its end; without that the absence of a summary says nothing.
    pub is_log_whole: bool,
    /// The pod that was followed last.
    pub pod: Option<String>,
}

/// How a run ended, or why nobody looks any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The Job is complete and no count says otherwise.
    Succeeded,
    /// The Job is complete and its summary has failures.
    CompletedWithFailures,
    /// The Job has failed for good.
    Failed {
        /// The controller's reason, such as `BackoffLimitExceeded`.
        reason: String,
        /// What its last pod says of itself, such as exit code 1.
        detail: Option<String>,
    },
    /// The run goes on, unwatched.
    Detached(Detach),
}

/// Why a run is not watched any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detach {
    /// Somebody asked for it.
    Asked,
    /// No pod has begun within the limit: usually an image that is pulled, or a busy cluster.
    NotStarted,
    /// It takes longer than the limit.
    TooLong,
}

/// What happens meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The newest pod waits. Told once for each reason.
    Waiting {
        /// The pod.
        pod: String,
        /// Such as `Unschedulable` or `ImagePullBackOff`.
        reason: String,
        /// The details.
        message: String,
    },
    /// The log of that pod follows.
    Following {
        /// The pod.
        pod: String,
    },
    /// A line of the log, without control characters but for colours.
    Line(String),
    /// A connection of the log ended; the next one goes on where it was.
    LogBroken(String),
    /// The log may not be read; the Job is watched without.
    LogForbidden(String),
    /// A pod has failed and the Job has not: it tries again, or is about to say that it does not.
    PodFailed {
        /// The pod.
        pod: String,
        /// How it ended.
        detail: String,
    },
    /// The API server does not answer. Told once for each absence.
    Unreachable(String),
}

/// Why a run's outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The Job is not there (any more).
    #[error("job {namespace}/{job} is gone{}", if *.was_seen { ": it was deleted while it was watched" } else { "" })]
    Gone {
        /// Its namespace.
        namespace: String,
        /// Its name.
        job: String,
        /// It was there at first.
        was_seen: bool,
    },
    /// A pod waits for something that will not come.
    #[error("pod {pod} cannot start: {reason}: {message}")]
    CannotStart {
        /// The pod.
        pod: String,
        /// Such as `InvalidImageName`.
        reason: String,
        /// The details.
        message: String,
    },
    /// The API server refuses.
    #[error("the job may not be looked at: {0}")]
    Forbidden(String),
    /// The credential is not accepted.
    #[error("the credential is not accepted: {0}")]
    Unauthorized(String),
    /// The API server was away for too long.
    #[error("the API server did not answer for {limit}: {reason}")]
    Unreachable {
        /// The limit and its name.
        limit: String,
        /// The last answer.
        reason: String,
    },
    /// The pod has ended well and the Job does not say so.
    #[error("pod {pod} has ended and job {job} says nothing for {limit}")]
    Undetermined {
        /// The pod.
        pod: String,
        /// The Job.
        job: String,
        /// The limit and its name.
        limit: String,
    },
}

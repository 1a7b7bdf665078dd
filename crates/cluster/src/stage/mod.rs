//! The stage pod: a short-lived pod that has the shared volume mounted and runs our script.
//!
//! [`open()`] makes one and waits until it is ready, [`close()`] deletes it. It ends by itself when its deadline is over, and the
//! script ends it earlier when nobody talks to it any more. One run may need several in a row: a transfer that takes longer than
//! a pod may live goes on in the next.

mod cause;
mod close;
mod create;
mod events;
mod far;
pub mod image;
mod log;
mod name;
mod open;
mod orphans;
mod plan;
mod pod;

use std::time::{Duration, Instant};

pub use cause::Cause;
pub use close::close;
pub use create::Gate;
pub use name::{NoRandomness, RunId, pod_name};
pub use open::{Said, StageError, open};
pub use orphans::{
    Orphan, Orphans, Verdict, find as find_orphans, remove as remove_orphans,
    sweep as sweep_orphans,
};
pub use plan::{Owner, Plan, Pull, Request};
pub use pod::pod;

/// Seconds after which Kubernetes ends a stage pod, whatever it does.
///
/// The clock starts when the pod does, so it covers the pull of the image, the start and the transfer.
pub const DEADLINE: Duration = Duration::from_secs(1800);

/// Name of the one container.
pub const CONTAINER: &str = "stage";

/// The label that all stage pods carry, those of other clients too.
pub const COMPONENT: (&str, &str) = ("tracebloc.io/component", "stage-pod");

/// The label beside it.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "tracebloc-cli");

/// The label with the table's name, as far as a label can hold it.
const TABLE_LABEL: &str = "tracebloc.io/table";

/// Annotations: the table's name as it is, and who made the pod.
mod annotation {
    pub(super) const TABLE: &str = "tracebloc.io/table";
    pub(super) const CREATED_BY: &str = "tracebloc.io/created-by";
    pub(super) const RUN: &str = "longshore/run";
    pub(super) const HOST: &str = "longshore/host";
    pub(super) const USER: &str = "longshore/user";
    /// Seconds within which its run wants it to be ready, or deletes it.
    pub(super) const READY_WITHIN: &str = "longshore/ready-within";
}

/// A stage pod that was ready when it was opened.
#[derive(Clone, Debug)]
pub struct StagePod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The container to run commands in.
    pub container: &'static str,
    /// The image it runs.
    pub image: String,
    /// The node it is on.
    pub node: Option<String>,
    /// When it was asked for.
    created: Instant,
}

impl StagePod {
    /// How long it may go on at least. The clock that ends it starts later than this one.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        DEADLINE.saturating_sub(self.created.elapsed())
    }
}

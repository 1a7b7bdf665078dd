//! Where faults enter the API server. Streams (exec, port-forward, logs) are served by the node and have their own faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::fault::Restart;

/// What a fault script may look at before a request is served.
#[derive(Debug)]
pub struct RequestFacts<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path, without the query.
    pub path: &'a str,
    /// The query, as it came.
    pub query: &'a str,
    /// Verb of authorisation: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: &'a str,
    /// Resource with subresource, such as `pods/exec`; empty for paths that are no resource.
    pub resource: &'a str,
    /// Namespace, empty for cluster-wide requests.
    pub namespace: &'a str,
    /// Object name, empty for collections.
    pub name: &'a str,
}

/// An answer instead of the real one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub code: u16,
    /// Whether a `Status` object is the body; without it the body is empty, as some proxies answer.
    pub has_status: bool,
    /// Seconds of the `Retry-After` header.
    pub retry_after_seconds: Option<u32>,
    /// What the `Status` says instead of the usual sentence.
    pub message: Option<String>,
}

/// Counts how often a fault struck, which can be long after it was chosen.
#[derive(Clone, Debug, Default)]
pub struct Struck(Arc<AtomicU64>);

impl Struck {
    /// Counts one more time.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how often it struck so far.
    #[must_use]
    pub fn times(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The end of a connection in the middle of a body.
#[derive(Clone, Debug)]
pub struct CutAfter {
    /// Bytes of the body that still pass.
    pub bytes: u64,
    /// Where it is counted once the connection has been cut; a shorter body is not.
    pub struck: Struck,
}

/// What happens to a request. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct RequestFault {
    /// Waits before anything else happens.
    pub delay: Option<Duration>,
    /// Answers this and does not serve the request.
    pub answer: Option<Answer>,
    /// Serves the request and then answers nothing: the connection ends instead.
    pub swallow_answer: bool,
    /// Serves the request; then the API server goes away instead of answering.
    pub restart_api: Option<Restart>,
    /// Ends the connection in the middle of the request's body.
    pub cut_request: Option<CutAfter>,
    /// Ends the connection in the middle of the answer's body.
    pub cut_answer: Option<CutAfter>,
}

/// Decides on faults. Called once a request, after authentication and before authorisation.
pub trait Hook: Send + Sync + std::fmt::Debug {
    /// Says what happens to this request.
    fn on_request(&self, facts: &RequestFacts<'_>) -> RequestFault;
}

/// No faults at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;

impl Hook for NoFaults {
    fn on_request(&self, _facts: &RequestFacts<'_>) -> RequestFault {
        RequestFault::default()
    }
}

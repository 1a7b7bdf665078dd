//! What a controller manager does: each controller watches the store and writes back what follows.
//!
//! A controller is a function that looks at everything it is responsible for and brings it one step nearer to what is wanted.
//! One loop runs them all after every change of a kind they look at, so none keeps state of its own, and missing a change
//! costs nothing.

mod accounts;
mod bootstrap;
mod claims;
mod deployments;
mod endpoints;
mod garbage;
mod jobs;
mod namespaces;
mod owner;

use std::time::Duration;

use crate::Sandbox;
use crate::kinds::{self, Kind};

pub use bootstrap::STORAGE_CLASS;

/// How long changes are gathered before the controllers look: a burst of writes is looked at once.
const GATHER: Duration = Duration::from_millis(5);

/// How often the controllers look without any change: for time limits and what could not be done before.
const RESYNC: Duration = Duration::from_secs(1);

/// Makes what every cluster starts with and starts the controllers.
pub(crate) fn start(sandbox: &Sandbox) {
    bootstrap::make(sandbox);
    look(sandbox);
    let watched: [&'static Kind; 12] = [
        &kinds::NAMESPACE,
        &kinds::SERVICE_ACCOUNT,
        &kinds::SECRET,
        &kinds::CONFIG_MAP,
        &kinds::POD,
        &kinds::SERVICE,
        &kinds::CLAIM,
        &kinds::VOLUME,
        &kinds::DEPLOYMENT,
        &kinds::REPLICA_SET,
        &kinds::JOB,
        &kinds::ENDPOINT_SLICE,
    ];
    let (wake, mut woken) = tokio::sync::watch::channel(());
    for kind in watched {
        let following = sandbox.clone();
        let wake = wake.clone();
        sandbox.spawn(async move {
            while let Ok(mut watch) = following.store().watch(kind, None, None) {
                // A watch that fell behind is begun anew: nothing is lost, everything is looked at each time.
                while watch.next().await.is_ok() {
                    wake.send_replace(());
                }
            }
        });
    }
    let looking = sandbox.clone();
    sandbox.spawn(async move {
        loop {
            // Both ends of the wait mean the same: look.
            let _timeout_or_change = tokio::time::timeout(RESYNC, woken.changed()).await;
            tokio::time::sleep(GATHER).await;
            look(&looking);
        }
    });
}

fn look(sandbox: &Sandbox) {
    accounts::look(sandbox);
    claims::look(sandbox);
    deployments::look(sandbox);
    jobs::look(sandbox);
    endpoints::look(sandbox);
    garbage::look(sandbox);
    namespaces::look(sandbox);
}

/// Tells of a write that did not go through. Somebody else was there first, as a rule, and the next look sees it.
fn note<T>(what: &str, done: Result<T, crate::Failure>) {
    if let Err(failure) = done {
        tracing::debug!(%failure, what, "controller write");
    }
}

//! What `cluster doctor` does: the checks before a push, and then a real pod with a real command in it.

mod inside;
mod mirror;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dataset::names::TableName;
use tokio_util::sync::CancellationToken;

use crate::Connection;
use crate::preflight::{self, Report};
use crate::stage::{Owner, Request, Said, close, open};
use crate::transfer::{Probe, STAGE_SCRIPT, Setup, command};

pub use mirror::{Mirror, MirrorError};

/// The table that the pod is for: nobody's.
const TABLE: TableName = TableName::fixed("longshore_doctor");

/// What was found out.
#[derive(Debug)]
pub struct Examination {
    /// The checks. What the pod showed is among them.
    pub report: Report,
    /// What was seen from inside of a pod; `None` when there was none.
    pub inside: Option<Inside>,
}

/// What was seen from inside of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The image that it ran.
    pub image: String,
    /// The node that it was on.
    pub node: Option<String>,
    /// From its creation until it was ready.
    pub ready_after: Duration,
    /// The test of exec.
    pub mirror: Option<Mirror>,
    /// The volume as the pod sees it.
    pub probe: Option<Probe>,
}

/// Builds what the checks and the pod are made from.
#[must_use]
pub fn request(owner: Owner, image: Option<String>) -> Request {
    Request {
        table: None,
        image,
        command: command::supervise(&setup(&owner)),
        owner,
        script: STAGE_SCRIPT,
    }
}

fn setup(owner: &Owner) -> Setup {
    let run = owner.run.as_str();
    Setup {
        holder: format!("{}@{} (doctor)", owner.user, owner.host),
        ..Setup::new(TABLE, run, run)
    }
}

/// Makes every check, and if none of them failed opens a pod, sends 4 MiB there and back, looks at the volume, and deletes it
/// again.
///
/// A stop ends it early; the pod is deleted all the same.
pub async fn examine(
    connection: &Arc<Connection>,
    request: &preflight::Request,
    stop: &CancellationToken,
    said: &(dyn Fn(Said<'_>) + Send + Sync),
) -> Examination {
    let mut report = preflight::run(connection, request).await;
    let plan = match report.plan.clone() {
        Some(plan) if report.verdict().is_none() => plan,
        _ => {
            report.skip(&inside::CHECKS, "an earlier check failed");
            return Examination {
                report,
                inside: None,
            };
        }
    };
    let begun = Instant::now();
    let pod = match open(connection, &plan, stop, said).await {
        Ok(pod) => pod,
        Err(error) => {
            inside::not_opened(&error, &mut report);
            return Examination {
                report,
                inside: None,
            };
        }
    };
    let ready_after = begun.elapsed();
    inside::opened(&pod, &plan, ready_after, &mut report);
    let setup = setup(&request.stage.owner);
    let seen = tokio::select! {
        seen = inside::look(connection, &pod, &setup, &mut report) => seen,
        () = stop.cancelled() => inside::Seen::default(),
    };
    if let Err(error) = close(connection, &pod).await {
        inside::not_closed(&pod, &error, &mut report);
    }
    Examination {
        report,
        inside: Some(Inside {
            image: pod.image,
            node: pod.node,
            ready_after,
            mirror: seen.mirror,
            probe: seen.probe,
        }),
    }
}

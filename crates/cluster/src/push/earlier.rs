//! What has become of the last submission of a table.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use super::{PushError, Record};
use crate::Connection;
use crate::api::{ApiError, Call};
use crate::watch::{self, WatchError, job_end};

/// The label by which a Job knows its submission.
const KEY_LABEL: &str = "tracebloc.io/ingestion-run";

/// Makes sure that the Job of a record has ended, or never was. A Job that is gone has ended.
///
/// # Errors
/// When it has not ended, or nobody knows.
pub(super) async fn check(
    connection: &Arc<Connection>,
    namespace: &str,
    record: &Record,
) -> Result<(), PushError> {
    match &record.job {
        Some(job) => named(connection, &job.namespace, &job.name).await,
        None => unanswered(connection, namespace, &record.key).await,
    }
}

async fn named(connection: &Arc<Connection>, namespace: &str, name: &str) -> Result<(), PushError> {
    let target = watch::Target {
        namespace: namespace.to_owned(),
        job: name.to_owned(),
    };
    let client = connection.client().await?;
    match watch::look(&client, &target, connection.limits()).await {
        Ok(look) if look.end.is_some() => Ok(()),
        Ok(_) => Err(runs(namespace, name)),
        Err(WatchError::Gone { .. }) => Ok(()),
        Err(error) => Err(PushError::JobUnseen(error)),
    }
}

/// Says whether a submission whose answer nobody recorded has a Job, and that Job has ended: its key starts nothing any more. Where
/// nobody may look it is not known to be so, and the service's answer tells later.
pub(super) async fn is_used_up(connection: &Arc<Connection>, namespace: &str, key: &str) -> bool {
    let jobs = jobs_of(connection, namespace, key).await;
    jobs.is_ok_and(|jobs| !jobs.is_empty() && jobs.iter().all(|job| job_end(job).is_some()))
}

/// The Job's name is not known, but its label is.
async fn unanswered(
    connection: &Arc<Connection>,
    namespace: &str,
    key: &str,
) -> Result<(), PushError> {
    let jobs = jobs_of(connection, namespace, key).await;
    let jobs = jobs.map_err(|error| PushError::Unanswered {
        key: key.to_owned(),
        error,
    })?;
    match jobs.iter().find(|job| job_end(job).is_none()) {
        Some(job) => Err(runs(namespace, &job.name_any())),
        None => Ok(()),
    }
}

async fn jobs_of(
    connection: &Arc<Connection>,
    namespace: &str,
    key: &str,
) -> Result<Vec<Job>, ApiError> {
    let call = Call::of("list", "jobs", namespace, "");
    let of_key = ListParams::default().labels(&format!("{KEY_LABEL}={key}"));
    let jobs = connection
        .ask(call, |client| {
            let api: Api<Job> = Api::namespaced(client, namespace);
            let of_key = of_key.clone();
            async move { api.list(&of_key).await }
        })
        .await;
    jobs.map(|jobs| jobs.items)
}

fn runs(namespace: &str, name: &str) -> PushError {
    PushError::JobRuns {
        namespace: namespace.to_owned(),
        job: name.to_owned(),
    }
}

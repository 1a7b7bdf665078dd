//! One look at a Job, and its log as it is now.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use super::follow::{Current, Follower, Logged, Source};
use super::lines::clean;
use super::{JobEnd, Target, WatchError, job_end, pods};
use crate::Clients;
use crate::cause;
use crate::limits::{Limits, told};

/// What a Job and its newest pod say at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// How it has ended, if it has.
    pub end: Option<JobEnd>,
    /// Pods that failed so far.
    pub failed_pods: i32,
    /// The newest pod.
    pub pod: Option<String>,
    /// Its phase.
    pub phase: Option<String>,
    /// Why it waits, or how it ended.
    pub detail: Option<String>,
}

/// Looks at a Job once. Pods that may not be listed are left out.
pub async fn look(
    clients: &dyn Clients,
    target: &Target,
    limits: &Limits,
) -> Result<Look, WatchError> {
    let looking = async {
        let (client, job) = first(clients, target).await?;
        let pods = list(&client, target).await.unwrap_or_default();
        Ok(of(&job, &pods))
    };
    within(limits, looking).await
}

/// Gets the Job, with a fresh credential if the first one is refused.
async fn first(clients: &dyn Clients, target: &Target) -> Result<(Client, Job), WatchError> {
    let client = clients.current().await;
    let client = client.map_err(WatchError::Unauthorized)?;
    match get(&client, target, false).await {
        Err(WatchError::Unauthorized(_)) => {
            let client = clients.renewed().await;
            let client = client.map_err(WatchError::Unauthorized)?;
            let job = get(&client, target, false).await?;
            Ok((client, job))
        }
        answer => Ok((client, answer?)),
    }
}

async fn within<T>(
    limits: &Limits,
    looking: impl Future<Output = Result<T, WatchError>>,
) -> Result<T, WatchError> {
    let done = tokio::time::timeout(limits.request, looking).await;
    done.unwrap_or_else(|_| {
        Err(WatchError::Unreachable {
            limit: told("request-timeout", limits.request),
            reason: "no answer".to_owned(),
        })
    })
}

fn of(job: &Job, all: &[Pod]) -> Look {
    let newest = pods::newest(all);
    let detail = newest.and_then(|pod| {
        let waiting = pods::waiting(pod).map(|one| format!("{}: {}", one.reason, one.message));
        waiting.or_else(|| pods::ending(pod))
    });
    Look {
        end: job_end(job),
        failed_pods: job.status.as_ref().and_then(|is| is.failed).unwrap_or(0),
        pod: newest.map(ResourceExt::name_any),
        phase: newest.map(|pod| pods::phase(pod).to_owned()),
        detail,
    }
}

/// How a log ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logs {
    /// All of it was passed on.
    Whole {
        /// The pod it is of.
        pod: String,
    },
    /// No pod has begun yet.
    NotStarted,
    /// It may not be read.
    Forbidden(String),
    /// It could not be read to its end.
    Broken(String),
}

/// Passes on the log of the newest pod as it is now, in lines without control characters but for colours.
pub async fn logs(
    clients: &dyn Clients,
    target: &Target,
    limits: &Limits,
    line: &mut (dyn FnMut(String) + Send),
) -> Result<Logs, WatchError> {
    let pods = within(limits, async {
        let (client, _) = first(clients, target).await?;
        let pods = list(&client, target).await;
        let pods = pods.map_err(|error| refused(error, target, true))?;
        Ok((client, pods))
    });
    let (client, pods) = pods.await?;
    let found = pods::newest(&pods).filter(|pod| pods::has_begun(pod));
    let Some((pod, source)) = found.and_then(|pod| Some((pod, source(target, pod)?))) else {
        return Ok(Logs::NotStarted);
    };
    let mut follower = Follower::start(&Current::new(client), source, limits);
    // As if it had ended: what there is now is all that is wanted.
    follower.has_ended();
    loop {
        match tokio::time::timeout(limits.request, follower.logged.recv()).await {
            Ok(Some(Logged::Line(bytes))) => line(clean(&bytes)),
            Ok(Some(Logged::Broken(_))) => {}
            Ok(Some(Logged::Forbidden(reason))) => return Ok(Logs::Forbidden(reason)),
            Ok(Some(Logged::End) | None) => {
                return Ok(Logs::Whole {
                    pod: pod.name_any(),
                });
            }
            Err(_) => {
                let limit = told("request-timeout", limits.request);
                return Ok(Logs::Broken(format!("nothing came for {limit}")));
            }
        }
    }
}

pub(super) fn source(target: &Target, pod: &Pod) -> Option<Source> {
    Some(Source {
        namespace: target.namespace.clone(),
        pod: pod.name_any(),
        container: pods::container(pod)?.to_owned(),
    })
}

pub(super) async fn get(
    client: &Client,
    target: &Target,
    was_seen: bool,
) -> Result<Job, WatchError> {
    let jobs = Api::<Job>::namespaced(client.clone(), &target.namespace);
    let job = jobs.get(&target.job).await;
    job.map_err(|error| refused(error, target, was_seen))
}

pub(super) async fn list(client: &Client, target: &Target) -> Result<Vec<Pod>, kube::Error> {
    let of_job = ListParams::default().labels(&format!("job-name={}", target.job));
    let pods = Api::<Pod>::namespaced(client.clone(), &target.namespace);
    Ok(pods.list(&of_job).await?.items)
}

/// An answer other than these is taken for an API server that is away.
fn refused(error: kube::Error, target: &Target, was_seen: bool) -> WatchError {
    let reason = cause::of_kube(&error);
    match error {
        kube::Error::Api(status) if status.is_not_found() => WatchError::Gone {
            namespace: target.namespace.clone(),
            job: target.job.clone(),
            was_seen,
        },
        kube::Error::Api(status) if status.is_forbidden() => WatchError::Forbidden(reason),
        kube::Error::Api(status) if status.code == 401 => WatchError::Unauthorized(reason),
        _ => WatchError::Unreachable {
            limit: "one request".to_owned(),
            reason,
        },
    }
}

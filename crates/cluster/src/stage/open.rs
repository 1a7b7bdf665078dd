//! From a plan to a pod that is ready.

use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use tokio::time::Instant as Clock;
use tokio_util::sync::CancellationToken;

use super::cause::{Judgement, judge};
use super::close::delete;
use super::create::{self, Gate};
use super::events::{self, Noted};
use super::log::last_words;
use super::name::{NoRandomness, pod_name};
use super::{CONTAINER, Cause, Plan, Pull, StagePod, annotation, pod};
use crate::Connection;
use crate::api::{ApiError, Refusal};

/// What happens while a pod is opened.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A pod of a run that is over was removed.
    Removed {
        /// Its name.
        pod: &'a str,
    },
    /// The pod is made.
    Created {
        /// Its name.
        pod: &'a str,
        /// Its image.
        image: &'a str,
    },
    /// It waits for something else than before.
    Waiting {
        /// Its name.
        pod: &'a str,
        /// For what.
        what: &'a str,
    },
    /// An image did not do, the next is tried.
    NextImage {
        /// The one that did not.
        image: &'a str,
        /// Why.
        cause: &'a Cause,
        /// The one that is tried.
        next: &'a str,
    },
    /// A pod could not be deleted; it ends by itself.
    LeftBehind {
        /// Its name.
        pod: &'a str,
        /// Why.
        error: &'a ApiError,
    },
}

/// Why there is no stage pod.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The API server did not make it, or could not be asked.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Admission refused it.
    #[error("the cluster refuses the stage pod: {message}")]
    Refused {
        /// Who.
        gate: Gate,
        /// In their words.
        message: String,
    },
    /// It will never be ready.
    #[error("the stage pod {pod} did not reach the state Ready")]
    NotReady {
        /// Its name.
        pod: String,
        /// Why.
        #[source]
        cause: Cause,
        /// What the cluster noted about it.
        events: Vec<String>,
        /// Its events may not be read.
        events_forbidden: bool,
    },
    /// It was not ready in time.
    #[error("the stage pod {pod} did not become ready within {}s (--pod-timeout): it waits for {waiting}", limit.as_secs())]
    TooSlow {
        /// Its name.
        pod: String,
        /// How long it may take.
        limit: Duration,
        /// What it waited for.
        waiting: String,
        /// What the cluster noted about it.
        events: Vec<String>,
        /// Its events may not be read.
        events_forbidden: bool,
    },
    /// Somebody asked to stop.
    #[error("the stage pod did not reach the state Ready: the run was stopped")]
    Stopped,
    /// A name could not be drawn.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// How often the pod is looked at: often at first, because most are ready within two seconds.
const POLL: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
const QUICK: Duration = Duration::from_secs(5);

/// Opens a stage pod and waits until it is ready.
///
/// An image that cannot be had or does not run is replaced by the plan's next one. Whatever happens, a pod that is not
/// returned is deleted again, also when `stop` is cancelled; do not drop the future instead.
///
/// # Errors
/// See [`StageError`]. When several images failed, the error is that of the first: it is the one that was wanted.
pub async fn open(
    connection: &Connection,
    plan: &Plan,
    stop: &CancellationToken,
    said: &(dyn Fn(Said<'_>) + Send + Sync),
) -> Result<StagePod, StageError> {
    let mut first = None;
    for (index, pull) in plan.pulls.iter().enumerate() {
        let error = match one(connection, plan, pull, stop, said).await {
            Ok(pod) => return Ok(pod),
            Err(error) => error,
        };
        let cause = match &error {
            StageError::NotReady { cause, .. } if cause.is_of_the_image() => cause,
            _ => return Err(first.unwrap_or(error)),
        };
        if let Some(next) = plan.pulls.get(index + 1) {
            said(Said::NextImage {
                image: &pull.image,
                cause,
                next: &next.image,
            });
        }
        first.get_or_insert(error);
    }
    Err(first.unwrap_or(StageError::Stopped))
}

async fn one(
    connection: &Connection,
    plan: &Plan,
    pull: &Pull,
    stop: &CancellationToken,
    said: &(dyn Fn(Said<'_>) + Send + Sync),
) -> Result<StagePod, StageError> {
    let name = pod_name(plan)?;
    let mut object = pod(plan, pull, &name);
    let patience = connection.limits().pod_ready.as_secs();
    object
        .annotations_mut()
        .insert(annotation::READY_WITHIN.to_owned(), patience.to_string());
    let created = Instant::now();
    let begun = async {
        create::create(connection, plan, &object, &name).await?;
        said(Said::Created {
            pod: &name,
            image: &pull.image,
        });
        wait(connection, &plan.namespace, &name, said).await
    };
    // Out of the way of a stop while it is dropped: nothing below looks at it.
    let ended = tokio::select! {
        ended = begun => ended,
        () = stop.cancelled() => Err(StageError::Stopped),
    };
    let error = match ended {
        Ok(node) => {
            return Ok(StagePod {
                namespace: plan.namespace.clone(),
                name,
                container: CONTAINER,
                image: pull.image.clone(),
                node,
                created,
            });
        }
        Err(error) => refused(error),
    };
    if !is_certainly_absent(&error) {
        withdraw(connection, &plan.namespace, &name, &error, said).await;
    }
    Err(error)
}

fn refused(error: StageError) -> StageError {
    let StageError::Api(api) = &error else {
        return error;
    };
    match (api.call.verb, Gate::of(&api.refusal)) {
        ("create", Some((gate, message))) => StageError::Refused { gate, message },
        _ => error,
    }
}

/// Whether the server said that it made nothing.
fn is_certainly_absent(error: &StageError) -> bool {
    match error {
        StageError::Refused { .. } | StageError::NoRandomness(_) => true,
        StageError::Api(error) => error.call.verb == "create" && !error.refusal.is_uncertain(),
        _ => false,
    }
}

/// A request that was given up may still be carried out, so one look is not enough for those.
async fn withdraw(
    connection: &Connection,
    namespace: &str,
    name: &str,
    error: &StageError,
    said: &(dyn Fn(Said<'_>) + Send + Sync),
) {
    let looks = match error {
        StageError::Stopped | StageError::Api(_) => 3,
        _ => 1,
    };
    for look in 0..looks {
        if look > 0 {
            tokio::time::sleep(LATE).await;
        }
        if let Err(error) = delete(connection, namespace, name).await {
            said(Said::LeftBehind {
                pod: name,
                error: &error,
            });
            return;
        }
    }
}

/// How late a request that was given up may come, times two.
const LATE: Duration = Duration::from_millis(400);

/// Waits until the pod is ready, and returns its node.
async fn wait(
    connection: &Connection,
    namespace: &str,
    name: &str,
    said: &(dyn Fn(Said<'_>) + Send + Sync),
) -> Result<Option<String>, StageError> {
    let limit = connection.limits().pod_ready;
    let begun = Clock::now();
    let mut waiting = String::new();
    loop {
        match create::get(connection, namespace, name).await {
            Ok(pod) => match judge(&pod) {
                Judgement::Ready => return Ok(pod.spec.and_then(|spec| spec.node_name)),
                Judgement::Never(cause) => {
                    return Err(not_ready(connection, namespace, name, cause).await);
                }
                Judgement::Waiting(what) if what != waiting => {
                    said(Said::Waiting {
                        pod: name,
                        what: &what,
                    });
                    waiting = what;
                }
                Judgement::Waiting(_) => {}
            },
            Err(error) => match error.refusal {
                Refusal::NotFound(_) => {
                    return Err(not_ready(connection, namespace, name, Cause::Deleted).await);
                }
                ref refusal if refusal.is_passing() => waiting = error.refusal.to_string(),
                _ => return Err(error.into()),
            },
        }
        let since = begun.elapsed();
        if since >= limit {
            let Noted {
                warnings,
                is_forbidden,
            } = events::of(connection, namespace, name).await;
            return Err(StageError::TooSlow {
                pod: name.to_owned(),
                limit,
                waiting,
                events: warnings,
                events_forbidden: is_forbidden,
            });
        }
        let pause = if since < QUICK { POLL[0] } else { POLL[1] };
        tokio::time::sleep(pause.min(limit.saturating_sub(since))).await;
    }
}

async fn not_ready(
    connection: &Connection,
    namespace: &str,
    name: &str,
    cause: Cause,
) -> StageError {
    let cause = match cause {
        Cause::Ended { .. } => last_words(connection, namespace, name, cause).await,
        cause => cause,
    };
    let noted = events::of(connection, namespace, name).await;
    StageError::NotReady {
        pod: name.to_owned(),
        cause,
        events: noted.warnings,
        events_forbidden: noted.is_forbidden,
    }
}

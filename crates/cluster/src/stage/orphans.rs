//! Stage pods that nobody uses any more.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};

use super::close::delete;
use super::{COMPONENT, DEADLINE, MANAGED_BY, RunId, Said, annotation};
use crate::Connection;
use crate::api::{ApiError, Call};
use crate::time;

/// A pod that has ended is left alone for this long: its own run may still want to know why.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// What is to be done about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended, or never began, and its run is over: it can be removed.
    Removable,
    /// It looks abandoned, but another program made it.
    Foreign,
    /// Somebody uses it, or may.
    InUse,
}

/// A stage pod that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Its name.
    pub name: String,
    /// Its phase.
    pub phase: String,
    /// The table it is for, if it says so.
    pub table: Option<String>,
    /// The run that made it; `None` for another program's.
    pub run: Option<String>,
    /// Who ran that, as `user@host`.
    pub owner: Option<String>,
    /// How old it is, in words, by the server's clock.
    pub age: String,
    /// What is to be done about it.
    pub verdict: Verdict,
}

/// The stage pods of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// All of them but the caller's own.
    pub pods: Vec<Orphan>,
    /// The server did not say what time it is, so none is judged to be old.
    pub without_clock: bool,
}

/// Looks for stage pods of other runs. Ages are taken by the server's clock.
///
/// # Errors
/// When they may not be listed.
pub async fn find(
    connection: &Connection,
    namespace: &str,
    own: Option<&RunId>,
) -> Result<Orphans, ApiError> {
    let call = Call::of("list", "pods", namespace, "");
    let labels = format!(
        "{}={},{}={}",
        MANAGED_BY.0, MANAGED_BY.1, COMPONENT.0, COMPONENT.1
    );
    let parameters = ListParams::default().labels(&labels);
    let found = connection
        .ask(call, |client| {
            let api: Api<Pod> = Api::namespaced(client, namespace);
            let parameters = parameters.clone();
            async move { api.list(&parameters).await }
        })
        .await?;
    if found.items.is_empty() {
        return Ok(Orphans::default());
    }
    let now = time::of_server(connection).await?;
    let pods = found.items.iter().map(|pod| describe(pod, now));
    let is_own = |pod: &Orphan| own.is_some_and(|own| pod.run.as_deref() == Some(own.as_str()));
    Ok(Orphans {
        pods: pods.filter(|pod| !is_own(pod)).collect(),
        without_clock: now.is_none(),
    })
}

/// Removes the pods that can be removed. Returns their names; the first error ends it.
///
/// # Errors
/// When one could not be deleted.
pub async fn remove(
    connection: &Connection,
    namespace: &str,
    orphans: &Orphans,
) -> Result<Vec<String>, ApiError> {
    let mut removed = Vec::new();
    for pod in &orphans.pods {
        if pod.verdict == Verdict::Removable {
            delete(connection, namespace, &pod.name).await?;
            removed.push(pod.name.clone());
        }
    }
    Ok(removed)
}

/// Removes the pods of runs that are over and tells which. A run does this on its way and goes on without if it cannot.
pub async fn sweep(
    connection: &Connection,
    namespace: &str,
    own: &RunId,
    said: &(dyn Fn(Said<'_>) + Send + Sync),
) {
    let Ok(orphans) = find(connection, namespace, Some(own)).await else {
        return;
    };
    for pod in &orphans.pods {
        let is_over = pod.verdict == Verdict::Removable;
        if is_over && delete(connection, namespace, &pod.name).await.is_ok() {
            said(Said::Removed { pod: &pod.name });
        }
    }
}

fn describe(pod: &Pod, now: Option<Timestamp>) -> Orphan {
    let meta = &pod.metadata;
    let annotations = meta.annotations.clone().unwrap_or_default();
    let labels = meta.labels.clone().unwrap_or_default();
    let noted = |name: &str| annotations.get(name).cloned();
    let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
    let phase = phase.unwrap_or_else(|| "Unknown".to_owned());
    let created = meta.creation_timestamp.as_ref().map(|time| time.0);
    let age = match (now, created) {
        (Some(now), Some(created)) => Some(now.duration_since(created)),
        _ => None,
    };
    let run = noted(annotation::RUN);
    let owner = match (noted(annotation::USER), noted(annotation::HOST)) {
        (Some(user), Some(host)) => Some(format!("{user}@{host}")),
        _ => None,
    };
    let is_going = meta.deletion_timestamp.is_some();
    Orphan {
        name: meta.name.clone().unwrap_or_default(),
        table: noted(annotation::TABLE).or_else(|| labels.get(super::TABLE_LABEL).cloned()),
        verdict: match is_abandoned(&phase, age, patience(&annotations)) && !is_going {
            true if run.is_some() => Verdict::Removable,
            true => Verdict::Foreign,
            false => Verdict::InUse,
        },
        age: age.map_or_else(|| "unknown".to_owned(), time::ago),
        phase,
        run,
        owner,
    }
}

/// How long the run of a pod may still want it to begin. Where the pod does not say, it is for as long as a pod may live.
fn patience(annotations: &BTreeMap<String, String>) -> SignedDuration {
    let noted = annotations.get(annotation::READY_WITHIN);
    let noted = noted.and_then(|seconds| seconds.parse::<u32>().ok());
    noted.map_or_else(life, |seconds| {
        SignedDuration::from_secs(seconds.into()).saturating_add(GRACE)
    })
}

fn life() -> SignedDuration {
    SignedDuration::try_from(DEADLINE).unwrap_or(SignedDuration::MAX)
}

/// A running pod is never abandoned: its own script knows better. One that has not begun is, once its run would have deleted it.
/// What a node does that is not heard of is over when a pod's life is.
fn is_abandoned(phase: &str, age: Option<SignedDuration>, patience: SignedDuration) -> bool {
    let Some(age) = age else {
        return false;
    };
    match phase {
        "Running" => false,
        "Succeeded" | "Failed" => age > GRACE,
        "Pending" => age >= patience,
        _ => age >= life(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(phase: &str, age_minutes: i64, is_ours: bool) -> Verdict {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let created = now - SignedDuration::from_mins(age_minutes);
        let annotations = match is_ours {
            true => {
                json!({"longshore/run": "0123456789abcdef", "longshore/user": "u", "longshore/host": "h"})
            }
            false => json!({"tracebloc.io/created-by": "tracebloc-cli"}),
        };
        let pod = json!({
            "metadata": {"name": "p", "creationTimestamp": created.to_string(), "annotations": annotations},
            "status": {"phase": phase},
        });
        describe(&serde_json::from_value(pod).unwrap(), Some(now)).verdict
    }

    #[test]
    fn a_running_pod_is_never_an_orphan() {
        assert_eq!(judged("Running", 10_000, true), Verdict::InUse);
        assert_eq!(judged("Running", 10_000, false), Verdict::InUse);
    }

    #[test]
    fn what_has_ended_is_removed_after_a_while() {
        for (phase, minutes, verdict) in [
            ("Succeeded", 4, Verdict::InUse),
            ("Succeeded", 6, Verdict::Removable),
            ("Failed", 6, Verdict::Removable),
            ("Pending", 29, Verdict::InUse),
            ("Pending", 30, Verdict::Removable),
            ("Unknown", 29, Verdict::InUse),
            ("Unknown", 30, Verdict::Removable),
            ("Failed", -60, Verdict::InUse),
        ] {
            assert_eq!(judged(phase, minutes, true), verdict, "{phase} {minutes}");
        }
        assert_eq!(judged("Failed", 6, false), Verdict::Foreign);
    }

    #[test]
    fn one_that_has_not_begun_is_over_when_its_run_does_not_wait_any_more() {
        let told = |seconds: &str| {
            BTreeMap::from([("longshore/ready-within".to_owned(), seconds.to_owned())])
        };
        for (seconds, minutes) in [("60", 6), ("3600", 65), ("long", 30)] {
            let patience = patience(&told(seconds));
            let is_over = |minutes| {
                is_abandoned(
                    "Pending",
                    Some(SignedDuration::from_mins(minutes)),
                    patience,
                )
            };
            assert!(!is_over(minutes - 1) && is_over(minutes), "{seconds}");
        }
    }

    #[test]
    fn without_a_clock_nothing_is_old() {
        let pod = json!({"metadata": {"name": "p", "annotations": {"longshore/run": "r"}}, "status": {"phase": "Failed"}});
        let seen = describe(&serde_json::from_value(pod).unwrap(), None);
        assert_eq!(
            (seen.verdict, seen.age.as_str()),
            (Verdict::InUse, "unknown")
        );
    }
}

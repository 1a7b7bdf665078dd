//! What a pod's status says about whether it will ever be ready. Pure.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Ready.
    Ready,
    /// On its way, and what it waits for.
    Waiting(String),
    /// It will not come.
    Never(Cause),
}

/// Why a stage pod does not become ready, or has ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The image cannot be had.
    #[error("the image {image} cannot be pulled: {reason}: {message}")]
    Pull {
        /// The image.
        image: String,
        /// The word for it: `ErrImagePull`, `InvalidImageName` and the like.
        reason: String,
        /// What the node says.
        message: String,
    },
    /// The image is for another architecture.
    #[error("the image {image} is for another architecture than the node: {message}")]
    Architecture {
        /// The image.
        image: String,
        /// What the node says.
        message: String,
    },
    /// The container cannot be made or started.
    #[error("the container cannot be started: {reason}: {message}")]
    Start {
        /// The word for it: `CreateContainerConfigError`, `StartError` and the like.
        reason: String,
        /// What the node says.
        message: String,
    },
    /// The container ran and ended.
    #[error("the container ended with exit code {exit_code} ({reason}){message}")]
    Ended {
        /// The image.
        image: String,
        /// Its exit code.
        exit_code: i32,
        /// The word for it: `OOMKilled`, `Error`, `Completed`.
        reason: String,
        /// What it left behind, if anything; begins with a colon.
        message: String,
    },
    /// The node turned the pod away or threw it out.
    #[error("the pod ended: {reason}: {message}")]
    Pod {
        /// The word for it: `Evicted`, `DeadlineExceeded`, `OutOfcpu` and the like.
        reason: String,
        /// What the node says.
        message: String,
    },
    /// Somebody deleted it.
    #[error("the pod was deleted")]
    Deleted,
}

impl Cause {
    /// Adds what the container said before it ended.
    pub(super) fn with_log(self, log: &str) -> Self {
        match self {
            Self::Ended { image, .. } if is_architecture(log) => Self::Architecture {
                image,
                message: log.to_owned(),
            },
            Self::Ended {
                image,
                exit_code,
                reason,
                message,
            } if !log.is_empty() => Self::Ended {
                image,
                exit_code,
                reason,
                message: format!("{message}: {log}"),
            },
            other => other,
        }
    }

    /// Whether another image may do better.
    #[must_use]
    pub fn is_of_the_image(&self) -> bool {
        match self {
            Self::Pull { .. } | Self::Architecture { .. } => true,
            // No shell in it, or not where it is looked for.
            Self::Start { reason, .. } => matches!(
                reason.as_str(),
                "StartError" | "ContainerCannotRun" | "RunContainerError" | "CreateContainerError"
            ),
            Self::Ended { exit_code, .. } => matches!(exit_code, 126 | 127),
            Self::Pod { .. } | Self::Deleted => false,
        }
    }
}

/// Reasons of waiting that do not pass by themselves within any time worth waiting.
const PULL: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "SignatureValidationFailed",
];
const START: [&str; 4] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
];

/// Judges a pod by what it says of itself.
pub(super) fn judge(pod: &Pod) -> Judgement {
    let status = pod.status.clone().unwrap_or_default();
    if condition(&status, "Ready").is_some_and(|(value, _)| value == "True") {
        return Judgement::Ready;
    }
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let of_container = containers.first().and_then(never);
    if let Some(cause) = of_container {
        return Judgement::Never(cause);
    }
    let phase = status.phase.as_deref().unwrap_or("Pending");
    if matches!(phase, "Failed" | "Succeeded") {
        return Judgement::Never(Cause::Pod {
            reason: status.reason.unwrap_or_else(|| phase.to_owned()),
            message: status.message.unwrap_or_default(),
        });
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Judgement::Never(Cause::Deleted);
    }
    Judgement::Waiting(waiting(&status, containers, phase))
}

/// Why a pod that was ready is no more, if that can be told.
pub(super) fn never(container: &ContainerStatus) -> Option<Cause> {
    let ContainerState {
        waiting,
        terminated,
        ..
    } = container.state.clone()?;
    if let Some(terminated) = terminated {
        let reason = terminated.reason.unwrap_or_default();
        let message = terminated.message.unwrap_or_default();
        return Some(ended(container, terminated.exit_code, reason, &message));
    }
    let waiting = waiting?;
    let reason = waiting.reason.unwrap_or_default();
    let message = waiting.message.unwrap_or_default();
    let image = container.image.clone();
    if is_architecture(&message) {
        return Some(Cause::Architecture { image, message });
    }
    if PULL.contains(&reason.as_str()) {
        return Some(Cause::Pull {
            image,
            reason,
            message,
        });
    }
    START
        .contains(&reason.as_str())
        .then_some(Cause::Start { reason, message })
}

fn ended(container: &ContainerStatus, exit_code: i32, reason: String, message: &str) -> Cause {
    let image = container.image.clone();
    if is_architecture(message) {
        return Cause::Architecture {
            image,
            message: message.to_owned(),
        };
    }
    if matches!(reason.as_str(), "StartError" | "ContainerCannotRun") {
        return Cause::Start {
            reason,
            message: message.to_owned(),
        };
    }
    let message = message.trim();
    Cause::Ended {
        image,
        exit_code,
        reason,
        message: match message.is_empty() {
            true => String::new(),
            false => format!(": {message}"),
        },
    }
}

/// What runtimes say when a program is for another processor: at its start, or when no image of an index fits.
fn is_architecture(message: &str) -> bool {
    [
        "exec format error",
        "no match for platform",
        "no matching manifest",
    ]
    .iter()
    .any(|words| message.contains(words))
}

fn waiting(status: &PodStatus, containers: &[ContainerStatus], phase: &str) -> String {
    if let Some(("False", words)) = condition(status, "PodScheduled") {
        return format!("a node that takes the pod: {words}");
    }
    let state = containers
        .first()
        .and_then(|container| container.state.clone());
    let reason = state
        .and_then(|state| state.waiting)
        .and_then(|waiting| waiting.reason);
    match reason {
        Some(reason) => format!("the container: {reason}"),
        None => format!("the pod, which is {phase}"),
    }
}

/// A condition's value and what is said about it.
fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<(&'a str, String)> {
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|condition| condition.type_ == kind)?;
    let reason = found.reason.as_deref().unwrap_or_default();
    let message = found.message.as_deref().unwrap_or_default();
    Some((&found.status, format!("{reason}: {message}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(status: Value) -> Judgement {
        judge(&serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap())
    }

    fn waiting_for(reason: &str, message: &str) -> Judgement {
        let state = json!({"waiting": {"reason": reason, "message": message}});
        of(json!({"phase": "Pending", "containerStatuses": [container(state)]}))
    }

    fn container(state: Value) -> Value {
        json!({"name": "stage", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state})
    }

    #[test]
    fn ready_comes_before_the_phase() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        assert_eq!(
            of(json!({"phase": "Running", "conditions": ready})),
            Judgement::Ready
        );
    }

    #[test]
    fn what_does_not_pass_is_said_at_once() {
        for reason in [
            "ErrImagePull",
            "ImagePullBackOff",
            "InvalidImageName",
            "ErrImageNeverPull",
        ] {
            let judged = waiting_for(reason, "m");
            let Judgement::Never(cause @ Cause::Pull { .. }) = judged else {
                panic!("{reason}: {judged:?}");
            };
            assert!(cause.is_of_the_image());
        }
        let judged = waiting_for("CreateContainerConfigError", "no secret");
        assert!(matches!(judged, Judgement::Never(Cause::Start { .. })));
        let judged = waiting_for("ErrImagePull", "no match for platform in manifest");
        assert!(matches!(
            judged,
            Judgement::Never(Cause::Architecture { .. })
        ));
    }

    #[test]
    fn what_may_pass_is_waited_for() {
        assert_eq!(
            waiting_for("ContainerCreating", ""),
            Judgement::Waiting("the container: ContainerCreating".to_owned())
        );
        let unscheduled = json!([{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes",
        }]);
        assert_eq!(
            of(json!({"phase": "Pending", "conditions": unscheduled})),
            Judgement::Waiting("a node that takes the pod: Unschedulable: 0/1 nodes".to_owned())
        );
        assert!(matches!(of(json!({})), Judgement::Waiting(_)));
    }

    #[test]
    fn an_end_is_told_with_its_reason() {
        let ended = |code: i32, reason: &str, message: &str| {
            let state =
                json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
            of(json!({"phase": "Failed", "containerStatuses": [container(state)]}))
        };
        let Judgement::Never(cause) = ended(137, "OOMKilled", "") else {
            panic!();
        };
        assert_eq!(
            cause.to_string(),
            "the container ended with exit code 137 (OOMKilled)"
        );
        let judged = ended(255, "StartError", "exec /bin/sh: exec format error");
        assert!(matches!(
            judged,
            Judgement::Never(Cause::Architecture { .. })
        ));
        let judged = ended(128, "StartError", "no such file or directory");
        assert!(matches!(judged, Judgement::Never(Cause::Start { .. })));
        let judged = of(json!({"phase": "Failed", "reason": "Evicted", "message": "disk"}));
        let Judgement::Never(cause) = judged else {
            panic!();
        };
        assert_eq!(cause.to_string(), "the pod ended: Evicted: disk");
        assert!(!cause.is_of_the_image());
    }

    #[test]
    fn a_deleted_pod_does_not_come() {
        let pod = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Pending"}});
        let pod = serde_json::from_value(pod).unwrap();
        assert_eq!(judge(&pod), Judgement::Never(Cause::Deleted));
    }
}

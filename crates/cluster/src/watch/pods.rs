//! Which pod of a Job matters, and what it says about itself.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt as _;

/// The ingestor's container, if there is one of that name.
const CONTAINER: &str = "ingestor";

/// Reasons to wait that nothing but a change of the Job ends.
const PERMANENT: [&str; 3] = [
    "InvalidImageName",
    "CreateContainerConfigError",
    "ErrImageNeverPull",
];

/// Returns the newest pod in any phase; of two made in the same second the one that has not failed.
///
/// An older one that has failed is of no interest once its successor exists, be that one only pending: the Job tries again.
pub(super) fn newest(pods: &[Pod]) -> Option<&Pod> {
    pods.iter().max_by_key(|pod| {
        let made = pod.metadata.creation_timestamp.as_ref().map(|at| at.0);
        (made, phase(pod) != "Failed", pod.name_any())
    })
}

pub(super) fn phase(pod: &Pod) -> &str {
    let phase = pod.status.as_ref().and_then(|is| is.phase.as_deref());
    phase.unwrap_or_default()
}

/// Says whether there can be a log.
pub(super) fn has_begun(pod: &Pod) -> bool {
    matches!(phase(pod), "Running" | "Succeeded" | "Failed")
}

pub(super) fn has_ended(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Returns the container whose log is the run's: never left to the server, which refuses when there are two.
pub(super) fn container(pod: &Pod) -> Option<&str> {
    let containers = &pod.spec.as_ref()?.containers;
    let named = containers.iter().find(|one| one.name == CONTAINER);
    named.or(containers.first()).map(|one| one.name.as_str())
}

/// Why a pod does nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) reason: String,
    pub(super) message: String,
}

impl Waiting {
    pub(super) fn is_permanent(&self) -> bool {
        PERMANENT.contains(&self.reason.as_str())
    }
}

/// Says why a pod waits: its containers' reasons, else the scheduler's.
pub(super) fn waiting(pod: &Pod) -> Option<Waiting> {
    let status = pod.status.as_ref()?;
    let states = statuses(pod).filter_map(|one| one.state.as_ref()?.waiting.as_ref());
    let of_container = states.filter_map(|state| {
        Some(Waiting {
            reason: state.reason.clone()?,
            message: state.message.clone().unwrap_or_default(),
        })
    });
    let mut of_container: Vec<_> = of_container.collect();
    // The one that will not go away first, should a second container wait for something ordinary.
    of_container.sort_by_key(|waiting| !waiting.is_permanent());
    let mut conditions = status.conditions.iter().flatten();
    let unscheduled = conditions.find(|one| one.type_ == "PodScheduled" && one.status == "False");
    of_container.into_iter().next().or_else(|| {
        let condition = unscheduled?;
        Some(Waiting {
            reason: condition.reason.clone()?,
            message: condition.message.clone().unwrap_or_default(),
        })
    })
}

/// Says how a pod has ended, as half a sentence: `DeadlineExceeded`, `OOMKilled`, exit code 1.
pub(super) fn ending(pod: &Pod) -> Option<String> {
    let of_pod = pod.status.as_ref().and_then(|is| is.reason.clone());
    let mut ended = statuses(pod).filter_map(|one| one.state.as_ref()?.terminated.as_ref());
    let of_container = ended.find(|one| one.exit_code != 0).map(|one| {
        let reason = one.reason.as_deref().filter(|reason| *reason != "Error");
        match reason {
            Some(reason) => format!("{reason}, exit code {}", one.exit_code),
            None => format!("exit code {}", one.exit_code),
        }
    });
    of_pod.or(of_container)
}

/// Returns what a container left as its last word.
pub(super) fn termination_message<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let status = statuses(pod).find(|one| one.name == container)?;
    let ended = status.state.as_ref()?.terminated.as_ref()?;
    ended.message.as_deref()
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|is| is.init_container_statuses.as_ref());
    let main = status.and_then(|is| is.container_statuses.as_ref());
    init.into_iter().flatten().chain(main.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, second: u32, phase: &str, status: Value) -> Pod {
        let mut pod = json!({
            "metadata": {"name": name, "creationTimestamp": format!("2026-11-21T18:00:{second:02}Z")},
            "spec": {"containers": [{"name": "side"}, {"name": "ingestor"}]},
            "status": status,
        });
        pod["status"]["phase"] = phase.into();
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn the_newest_counts_whatever_it_does() {
        let check = |pods: &[(&str, u32, &str)], expected: &str| {
            let pods: Vec<_> = pods
                .iter()
                .map(|(name, second, phase)| pod(name, *second, phase, json!({})))
                .collect();
            assert_eq!(newest(&pods).unwrap().name_any(), expected);
        };
        check(&[("old", 1, "Failed"), ("new", 2, "Pending")], "new");
        check(&[("new", 2, "Running"), ("old", 1, "Failed")], "new");
        check(&[("a", 1, "Running"), ("z", 1, "Failed")], "a");
        assert!(newest(&[]).is_none());
        assert!(!has_begun(&pod("p", 1, "Pending", json!({}))));
    }

    #[test]
    fn the_log_is_the_ingestor_s() {
        let two = pod("p", 1, "Running", json!({}));
        assert_eq!(container(&two), Some("ingestor"));
        let one = json!({"metadata": {}, "spec": {"containers": [{"name": "other"}]}});
        assert_eq!(
            container(&serde_json::from_value(one).unwrap()),
            Some("other")
        );
    }

    #[test]
    fn why_a_pod_waits() {
        let state = |reason: &str| {
            json!({"name": "x", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"waiting": {"reason": reason, "message": "m"}}})
        };
        let check = |status: Value, reason: Option<&str>, permanent: bool| {
            let found = waiting(&pod("p", 1, "Pending", status));
            assert_eq!(found.as_ref().map(|one| one.reason.as_str()), reason);
            assert_eq!(found.is_some_and(|one| one.is_permanent()), permanent);
        };
        check(json!({}), None, false);
        let unscheduled = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "m"}]);
        check(
            json!({"conditions": unscheduled}),
            Some("Unschedulable"),
            false,
        );
        check(
            json!({"containerStatuses": [state("ImagePullBackOff")]}),
            Some("ImagePullBackOff"),
            false,
        );
        check(
            json!({"containerStatuses": [state("ContainerCreating"), state("InvalidImageName")]}),
            Some("InvalidImageName"),
            true,
        );
    }

    #[test]
    fn how_a_pod_ended() {
        let ended = |code: u32, reason: &str| {
            json!({"containerStatuses": [{"name": "ingestor", "ready": false,
            "restartCount": 0, "image": "", "imageID": "",
            "state": {"terminated": {"exitCode": code, "reason": reason, "message": "last words"}}}]})
        };
        let of = |status: Value| ending(&pod("p", 1, "Failed", status));
        assert_eq!(of(ended(1, "Error")).as_deref(), Some("exit code 1"));
        assert_eq!(
            of(ended(137, "OOMKilled")).as_deref(),
            Some("OOMKilled, exit code 137")
        );
        assert_eq!(of(json!({"reason": "Evicted"})).as_deref(), Some("Evicted"));
        let pod = pod("p", 1, "Failed", ended(1, "Error"));
        assert_eq!(termination_message(&pod, "ingestor"), Some("last words"));
        assert_eq!(termination_message(&pod, "side"), None);
    }
}

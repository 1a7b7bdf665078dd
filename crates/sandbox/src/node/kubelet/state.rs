//! What a container is doing, and what follows for its pod.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock;

/// State of one container.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Waiting {
        reason: &'static str,
        message: String,
    },
    Running {
        since: Timestamp,
    },
    Terminated(Terminated),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Terminated {
    pub(super) code: i32,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

/// A container's entry in the pod's status.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) state: State,
    pub(super) last: Option<Terminated>,
    pub(super) restarts: u32,
    pub(super) ready: bool,
}

impl Status {
    pub(super) fn new(container: &Value, first: &'static str) -> Self {
        let text = |field: &str| container[field].as_str().unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            image: text("image"),
            state: State::Waiting {
                reason: first,
                message: String::new(),
            },
            last: None,
            restarts: 0,
            ready: false,
        }
    }

    pub(super) fn to_value(&self, id: &str) -> Value {
        let container = format!("sandbox://{id}/{}/{}", self.name, self.restarts);
        let is_running = matches!(self.state, State::Running { .. });
        let has_run = !matches!(self.state, State::Waiting { .. }) || self.last.is_some();
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": if has_run { self.image.as_str() } else { "" },
            "state": self.state.to_value(&container),
            "lastState": self.last.as_ref().map_or_else(|| json!({}), |last| {
                State::Terminated(last.clone()).to_value(&container)
            }),
            "restartCount": self.restarts,
            "ready": self.ready && is_running,
            "started": is_running,
            "containerID": if has_run { container.as_str() } else { "" },
        })
    }
}

impl State {
    fn to_value(&self, id: &str) -> Value {
        match self {
            Self::Waiting { reason, message } if message.is_empty() => {
                json!({"waiting": {"reason": reason}})
            }
            Self::Waiting { reason, message } => {
                json!({"waiting": {"reason": reason, "message": message}})
            }
            Self::Running { since } => json!({"running": {"startedAt": clock::seconds(*since)}}),
            Self::Terminated(end) => {
                let mut value = json!({"terminated": {
                    "exitCode": end.code,
                    "reason": end.reason,
                    "startedAt": clock::seconds(end.since),
                    "finishedAt": clock::seconds(end.until),
                    "containerID": id,
                }});
                if !end.message.is_empty() {
                    value["terminated"]["message"] = end.message.clone().into();
                }
                value
            }
        }
    }
}

/// What the containers' states make of the pod.
pub(super) fn phase(statuses: &[Status], restart_policy: &str) -> &'static str {
    let ended: Vec<i32> = statuses
        .iter()
        .filter_map(|status| match &status.state {
            State::Terminated(end) => Some(end.code),
            _ => None,
        })
        .collect();
    let will_restart = |code: i32| match restart_policy {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    };
    if !statuses.is_empty() && ended.len() == statuses.len() {
        if ended.iter().copied().any(will_restart) {
            return "Running";
        }
        let failed = ended.iter().any(|code| *code != 0);
        return if failed { "Failed" } else { "Succeeded" };
    }
    let started = statuses
        .iter()
        .all(|status| !matches!(status.state, State::Waiting { .. }) || status.last.is_some());
    if started { "Running" } else { "Pending" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State) -> Status {
        Status {
            state,
            ..Status::new(&json!({"name": "c"}), "ContainerCreating")
        }
    }

    fn ended(code: i32) -> Status {
        status(State::Terminated(Terminated {
            code,
            reason: "",
            message: String::new(),
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        }))
    }

    #[test]
    fn the_phase_follows_from_the_containers() {
        let waiting = || {
            status(State::Waiting {
                reason: "ContainerCreating",
                message: String::new(),
            })
        };
        let running = || {
            status(State::Running {
                since: Timestamp::UNIX_EPOCH,
            })
        };
        assert_eq!(phase(&[waiting()], "Never"), "Pending");
        assert_eq!(phase(&[waiting(), running()], "Never"), "Pending");
        assert_eq!(phase(&[running(), ended(1)], "Never"), "Running");
        assert_eq!(phase(&[ended(0), ended(0)], "Never"), "Succeeded");
        assert_eq!(phase(&[ended(0), ended(3)], "Never"), "Failed");
        assert_eq!(phase(&[ended(3)], "OnFailure"), "Running");
        assert_eq!(phase(&[ended(0)], "OnFailure"), "Succeeded");
        assert_eq!(phase(&[ended(0)], "Always"), "Running");
    }
}

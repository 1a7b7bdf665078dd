//! What the cluster noted about a pod. Reading it needs a permission that a run can do without.

use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};

use crate::Connection;
use crate::api::{Call, Refusal};

/// Events that are told.
const SHOWN: usize = 3;

/// What is known of a pod's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted {
    /// The last warnings, oldest first.
    pub(super) warnings: Vec<String>,
    /// They may not be read.
    pub(super) is_forbidden: bool,
}

/// Reads the warnings. Whatever fails, the run goes on without them.
pub(super) async fn of(connection: &Connection, namespace: &str, pod: &str) -> Noted {
    let call = Call::of("list", "events", namespace, "");
    let fields = format!("involvedObject.kind=Pod,involvedObject.name={pod}");
    let parameters = ListParams::default().fields(&fields);
    let found = connection
        .ask(call, |client| {
            let api: Api<Event> = Api::namespaced(client, namespace);
            let parameters = parameters.clone();
            async move { api.list(&parameters).await }
        })
        .await;
    match found {
        Ok(list) => Noted {
            warnings: warnings(list.items),
            is_forbidden: false,
        },
        Err(error) => Noted {
            warnings: Vec::new(),
            is_forbidden: matches!(error.refusal, Refusal::Forbidden(_)),
        },
    }
}

fn warnings(mut events: Vec<Event>) -> Vec<String> {
    events.retain(|event| event.type_.as_deref() == Some("Warning"));
    events.sort_by_key(|event| event.last_timestamp.clone().map(|time| time.0));
    let told = events.into_iter().map(|event| {
        let reason = event.reason.unwrap_or_default();
        let message = event.message.unwrap_or_default();
        format!("{reason}: {}", message.trim())
    });
    let mut told: Vec<String> = told.collect();
    told.dedup();
    told.split_off(told.len().saturating_sub(SHOWN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_warnings_are_told() {
        let event = |second: u8, kind: &str| {
            let event = json!({
                "metadata": {}, "involvedObject": {}, "type": kind, "reason": "FailedMount",
                "message": format!("m{second}\n"), "lastTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
            });
            serde_json::from_value(event).unwrap()
        };
        let events = vec![
            event(9, "Warning"),
            event(7, "Normal"),
            event(1, "Warning"),
            event(5, "Warning"),
            event(6, "Warning"),
        ];
        assert_eq!(
            warnings(events),
            ["FailedMount: m5", "FailedMount: m6", "FailedMount: m9"]
        );
    }
}

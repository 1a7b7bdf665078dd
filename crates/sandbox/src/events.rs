//! Events, as `kubectl describe` shows them: a repetition counts up instead of adding an object.

use serde_json::{Value, json};

use crate::store::{name_of, namespace_of, str_at, uid_of, version_of};
use crate::{Sandbox, clock, kinds};

/// How bad an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Normal,
    /// Something does not work.
    Warning,
}

/// Records that something happened to `object`. `component` is who says so, such as `kubelet` or `job-controller`.
pub fn record(
    sandbox: &Sandbox,
    object: &Value,
    component: &str,
    severity: Severity,
    reason: &str,
    message: &str,
) {
    let now = clock::seconds(sandbox.clock().now());
    let namespace = match namespace_of(object) {
        "" => "default",
        namespace => namespace,
    };
    let seen = sandbox
        .store()
        .list(&kinds::EVENT, Some(namespace))
        .0
        .into_iter()
        .find(|event| {
            str_at(event, "/involvedObject/uid") == uid_of(object)
                && str_at(event, "/reason") == reason
                && str_at(event, "/message") == message
        });
    let written = match seen {
        Some(event) => sandbox.store().modify(&kinds::EVENT, namespace, name_of(&event), |event| {
            event["count"] = (event["count"].as_u64().unwrap_or(1) + 1).into();
            event["lastTimestamp"] = now.into();
            Ok(())
        }),
        None => sandbox.store().create(
            &kinds::EVENT,
            json!({
                "metadata": {"generateName": format!("{}.", name_of(object)), "namespace": namespace},
                "involvedObject": {
                    "apiVersion": object["apiVersion"], "kind": object["kind"], "namespace": namespace_of(object),
                    "name": name_of(object), "uid": uid_of(object),
                    "resourceVersion": version_of(object).unwrap_or_default().to_string(),
                },
                "type": match severity { Severity::Normal => "Normal", Severity::Warning => "Warning" },
                "reason": reason, "message": message, "count": 1,
                "firstTimestamp": now, "lastTimestamp": now, "eventTime": null,
                "source": {"component": component}, "reportingComponent": component, "reportingInstance": "",
            }),
        ),
    };
    // An event is a comment: failing to write one (its namespace is being deleted, say) changes nothing.
    if let Err(failure) = written {
        tracing::debug!(%failure, reason, "event not recorded");
    }
}

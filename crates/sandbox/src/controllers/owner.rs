//! Owner references: how a controller knows its own.

use serde_json::{Value, json};

use crate::events::{self, Severity};
use crate::kinds::Kind;
use crate::store::{Object, name_of, namespace_of, str_at, uid_of};
use crate::{Failure, Sandbox, kinds};

/// Builds the reference that makes `owner` the controller of another object.
pub(super) fn reference(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name_of(owner), "uid": uid_of(owner),
        "controller": true, "blockOwnerDeletion": true,
    }])
}

/// Lists the objects of a kind that `owner` controls.
pub(super) fn controlled(sandbox: &Sandbox, owner: &Value, kind: &Kind) -> Vec<Object> {
    let (mut objects, _) = sandbox.store().list(kind, Some(namespace_of(owner)));
    objects.retain(|object| {
        let mut owners = object
            .pointer("/metadata/ownerReferences")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        owners.any(|one| one["controller"] == true && str_at(one, "/uid") == uid_of(owner))
    });
    objects
}

/// Makes a pod from the template in its owner's spec, and records what came of it as an event of `controller`.
///
/// Returns whether there is a pod now; where one was refused the next would be too.
pub(super) fn make_pod(sandbox: &Sandbox, owner: &Value, controller: &str) -> bool {
    let (is_made, severity, reason, message) = match pod_of(sandbox, owner) {
        Ok(pod) => {
            let message = format!("Created pod: {}", name_of(&pod));
            (true, Severity::Normal, "SuccessfulCreate", message)
        }
        Err(failure) => {
            let message = format!("Error creating: {failure}");
            (false, Severity::Warning, "FailedCreate", message)
        }
    };
    events::record(sandbox, owner, controller, severity, reason, &message);
    is_made
}

fn pod_of(sandbox: &Sandbox, owner: &Value) -> Result<Object, Failure> {
    let template = &owner["spec"]["template"];
    let mut metadata = json!({
        "generateName": format!("{}-", name_of(owner)), "namespace": namespace_of(owner), "ownerReferences": reference(owner),
    });
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")) {
            metadata[field] = value.clone();
        }
    }
    sandbox.create(
        &kinds::POD,
        json!({"metadata": metadata, "spec": template["spec"]}),
    )
}

/// Says whether a pod's end has begun or come.
pub(super) fn is_ended(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
        || matches!(str_at(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Says whether a pod is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

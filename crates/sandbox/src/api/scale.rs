//! The `scale` subresource: the number of replicas as an object of its own.

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::store::str_at;
use crate::{Failure, Sandbox};

use super::patch;
use super::request::Info;

/// Serves `…/NAME/scale`.
pub(super) fn serve(
    sandbox: &Sandbox,
    kind: &'static Kind,
    info: &Info,
    content_type: &str,
    bytes: &[u8],
) -> Result<Value, Failure> {
    let object = match info.verb.as_str() {
        "get" => sandbox.store().get(kind, &info.namespace, &info.name)?,
        "update" | "patch" => {
            sandbox
                .store()
                .modify(kind, &info.namespace, &info.name, |object| {
                    let mut scale = scale_of(object);
                    if info.verb == "patch" {
                        patch::apply(kind, content_type, bytes, &mut scale)?;
                    } else {
                        scale = serde_json::from_slice(bytes)
                            .map_err(|error| Failure::bad_request(error.to_string()))?;
                    }
                    let version = str_at(&scale, "/metadata/resourceVersion");
                    if !version.is_empty() && version != str_at(object, "/metadata/resourceVersion")
                    {
                        return Err(Failure::stale(kind, &info.name));
                    }
                    object["spec"]["replicas"] =
                        scale["spec"]["replicas"].as_u64().unwrap_or(0).into();
                    Ok(())
                })?
        }
        _ => return Err(Failure::method_not_allowed()),
    };
    Ok(scale_of(&object))
}

fn scale_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let labels: Vec<String> = object["spec"]["selector"]["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object["status"]["replicas"].as_u64().unwrap_or(0), "selector": labels.join(",")},
    })
}

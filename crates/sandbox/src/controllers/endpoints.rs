//! Endpoint slices: the addresses of the pods behind a service.

use serde_json::{Value, json};

use crate::api::select::Selector;
use crate::store::{Object, name_of, namespace_of, str_at, uid_of};
use crate::{Sandbox, kinds};

use super::{note, owner};

pub(super) fn look(sandbox: &Sandbox) {
    for service in sandbox.store().list(&kinds::SERVICE, None).0 {
        let selector = &service["spec"]["selector"];
        if selector
            .as_object()
            .is_some_and(|labels| !labels.is_empty())
        {
            cover(sandbox, &service, &Selector::of_labels(selector));
        }
    }
}

fn cover(sandbox: &Sandbox, service: &Object, selector: &Selector) {
    let namespace = namespace_of(service);
    let mut pods = sandbox.store().list(&kinds::POD, Some(namespace)).0;
    pods.retain(|pod| {
        let has_address = !str_at(pod, "/status/podIP").is_empty();
        has_address
            && selector.matches(pod)
            && !matches!(str_at(pod, "/status/phase"), "Succeeded" | "Failed")
    });
    let endpoints: Vec<Value> = pods.iter().map(|pod| endpoint(pod)).collect();
    let ports: Vec<Value> = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|port| {
            let number = target_port(&port["targetPort"], &pods)?;
            Some(json!({"name": str_at(port, "/name"), "port": number, "protocol": port["protocol"]}))
        })
        .collect();
    let existing = owner::controlled(sandbox, service, &kinds::ENDPOINT_SLICE);
    let Some(slice) = existing.first() else {
        let mut labels = service
            .pointer("/metadata/labels")
            .cloned()
            .unwrap_or_else(|| json!({}));
        labels["kubernetes.io/service-name"] = name_of(service).into();
        labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io".into();
        let slice = json!({
            "metadata": {
                "generateName": format!("{}-", name_of(service)), "namespace": namespace, "labels": labels,
                "ownerReferences": owner::reference(service),
            },
            "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        });
        note(
            "endpoint slice",
            sandbox.create(&kinds::ENDPOINT_SLICE, slice),
        );
        return;
    };
    let written =
        sandbox
            .store()
            .modify(&kinds::ENDPOINT_SLICE, namespace, name_of(slice), |slice| {
                slice["endpoints"] = endpoints.into();
                slice["ports"] = ports.into();
                Ok(())
            });
    note("endpoint slice", written);
}

fn endpoint(pod: &Value) -> Value {
    let is_ending = pod.pointer("/metadata/deletionTimestamp").is_some();
    let is_ready = owner::is_ready(pod);
    json!({
        "addresses": [pod["status"]["podIP"]], "nodeName": pod["spec"]["nodeName"],
        "conditions": {"ready": is_ready && !is_ending, "serving": is_ready, "terminating": is_ending},
        "targetRef": {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)},
    })
}

/// Turns a target port into a number; a name is looked up in the pods.
fn target_port(target: &Value, pods: &[Object]) -> Option<u64> {
    target.as_u64().or_else(|| {
        let containers = pods
            .iter()
            .flat_map(|pod| pod["spec"]["containers"].as_array().into_iter().flatten());
        let mut ports = containers.flat_map(|one| one["ports"].as_array().into_iter().flatten());
        ports
            .find(|port| port["name"] == *target)
            .and_then(|port| port["containerPort"].as_u64())
    })
}

//! The node as an object, which says what schedules and clients go by.

use serde_json::{Value, json};

use super::NAME;
use crate::{Sandbox, api, clock};

/// What the node offers.
pub(super) const CORES: u64 = 8;
/// What the node offers, in GiB.
pub(super) const MEMORY_GIB: u64 = 32;

/// Makes the only node's object, as a kubelet would tell of itself.
pub(crate) fn object(sandbox: &Sandbox) -> Value {
    let architecture = architecture();
    let now = clock::seconds(sandbox.clock().now());
    let room =
        json!({"cpu": CORES.to_string(), "memory": format!("{MEMORY_GIB}Gi"), "pods": "110"});
    json!({
        "metadata": {"name": NAME, "labels": {
            "kubernetes.io/arch": architecture, "kubernetes.io/os": "linux", "kubernetes.io/hostname": NAME,
        }},
        "spec": {},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": sandbox.address().ip()},
                {"type": "Hostname", "address": NAME},
            ],
            "capacity": room, "allocatable": room,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
                "lastHeartbeatTime": now, "lastTransitionTime": now,
            }],
            "nodeInfo": {
                "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "", "containerRuntimeVersion": "",
                "kubeletVersion": api::git_version(sandbox.config().kubernetes_minor), "kubeProxyVersion": "",
                "operatingSystem": "linux", "architecture": architecture,
            },
        },
    })
}

/// Spells this machine's architecture as Kubernetes does.
#[must_use]
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

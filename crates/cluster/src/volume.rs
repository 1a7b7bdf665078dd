//! The shared volume: whether it can be written to, and from which node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodSpec, Toleration};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};

use crate::Connection;
use crate::api::{ApiError, Call, Refusal};
use crate::release::chart;

/// The claim and who has it mounted.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// The claim's name.
    pub claim: String,
    /// Its phase: `Bound`, `Pending`, `Lost`.
    pub phase: String,
    /// How it may be mounted, in Kubernetes' own words.
    pub access_modes: Vec<String>,
    /// Its class; empty for none.
    pub class: String,
    /// Whether the class binds when the first pod wants it; `None` if that may not be read, or does not matter.
    pub binds_late: Option<bool>,
    /// What it holds, as a quantity.
    pub capacity: Option<String>,
    /// The pods that have it mounted, those that run first.
    pub mounters: Vec<Mounter>,
}

/// A pod that has the volume mounted.
#[derive(Clone, Debug, PartialEq)]
pub struct Mounter {
    /// Its name.
    pub pod: String,
    /// Where it is; `None` before it is scheduled.
    pub node: Option<String>,
    /// Whether it runs.
    pub is_running: bool,
    /// What it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Which nodes it may go to.
    pub node_selector: BTreeMap<String, String>,
    /// Its images, those that are most likely to hold a shell first.
    pub images: Vec<String>,
    /// The secrets that its images are pulled with.
    pub pull_secrets: Vec<String>,
}

/// Why the volume cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// There is no such claim.
    #[error("there is no claim {claim} in namespace {namespace}")]
    NoClaim {
        /// The claim.
        claim: String,
        /// The namespace.
        namespace: String,
    },
    /// The cluster does not let itself be looked at.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Volume {
    /// Whether one node at a time may mount it, so that a pod has to go where it is mounted.
    #[must_use]
    pub fn is_one_node(&self) -> bool {
        !self.access_modes.iter().any(|mode| mode == "ReadWriteMany")
    }

    /// Whether one pod at a time may mount it.
    #[must_use]
    pub fn is_one_pod(&self) -> bool {
        let mut modes = self.access_modes.iter();
        !self.access_modes.is_empty() && modes.all(|mode| mode == "ReadWriteOncePod")
    }

    /// Whether any mode lets somebody write.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.access_modes.iter().any(|mode| mode != "ReadOnlyMany")
    }

    /// The access modes as a sentence would say them.
    #[must_use]
    pub fn access_in_words(&self) -> String {
        let words: Vec<&str> = self
            .access_modes
            .iter()
            .map(|mode| in_words(mode))
            .collect();
        match words.is_empty() {
            true => "nobody says how".to_owned(),
            false => words.join(", or "),
        }
    }

    /// The mounter that a stage pod goes by: the first that has a node.
    #[must_use]
    pub fn leader(&self) -> Option<&Mounter> {
        self.mounters.iter().find(|mounter| mounter.node.is_some())
    }
}

fn in_words(mode: &str) -> &str {
    match mode {
        "ReadWriteMany" => "written from many nodes",
        "ReadWriteOnce" => "written from one node",
        "ReadWriteOncePod" => "written from one pod",
        "ReadOnlyMany" => "read from many nodes",
        other => other,
    }
}

/// Looks at the claim of a namespace.
///
/// # Errors
/// When it is not there or may not be read. What its state means is for the caller to judge.
pub async fn look(connection: &Connection, namespace: &str) -> Result<Volume, VolumeError> {
    let claim = claim(connection, namespace).await?;
    let spec = claim.spec.unwrap_or_default();
    let status = claim.status.unwrap_or_default();
    let phase = status.phase.unwrap_or_else(|| "Pending".to_owned());
    let class = spec.storage_class_name.unwrap_or_default();
    let binds_late = match phase.as_str() {
        "Pending" if !class.is_empty() => binds_late(connection, &class).await,
        _ => None,
    };
    let capacity = status.capacity.unwrap_or_default().remove("storage");
    Ok(Volume {
        claim: chart::CLAIM.to_owned(),
        phase,
        // What was bound counts; before that, what was asked for.
        access_modes: status
            .access_modes
            .or(spec.access_modes)
            .unwrap_or_default(),
        class,
        binds_late,
        capacity: capacity.map(|quantity| quantity.0),
        mounters: mounters(connection, namespace).await?,
    })
}

async fn claim(
    connection: &Connection,
    namespace: &str,
) -> Result<PersistentVolumeClaim, VolumeError> {
    let call = Call::of("get", "persistentvolumeclaims", namespace, chart::CLAIM);
    let found = connection
        .ask(call, |client| {
            let api: Api<PersistentVolumeClaim> = Api::namespaced(client, namespace);
            async move { api.get(chart::CLAIM).await }
        })
        .await;
    found.map_err(|error| match error.refusal {
        Refusal::NotFound(_) => VolumeError::NoClaim {
            claim: chart::CLAIM.to_owned(),
            namespace: namespace.to_owned(),
        },
        _ => VolumeError::Api(error),
    })
}

/// The class lies in no namespace, so not everybody may read it.
async fn binds_late(connection: &Connection, class: &str) -> Option<bool> {
    let call = Call::of("get", "storageclasses", "", class);
    let found = connection
        .ask(call, |client| async move {
            let api: Api<StorageClass> = Api::all(client);
            api.get(class).await
        })
        .await;
    let mode = found.ok()?.volume_binding_mode?;
    Some(mode == "WaitForFirstConsumer")
}

async fn mounters(connection: &Connection, namespace: &str) -> Result<Vec<Mounter>, ApiError> {
    let call = Call::of("list", "pods", namespace, "");
    let pods = connection
        .ask(call, |client| {
            let api: Api<Pod> = Api::namespaced(client, namespace);
            async move { api.list(&ListParams::default()).await }
        })
        .await?;
    Ok(of_pods(pods.items))
}

fn of_pods(pods: Vec<Pod>) -> Vec<Mounter> {
    let mut found: Vec<Mounter> = pods.into_iter().filter_map(mounter).collect();
    found.sort_by(|a, b| (!a.is_running, &a.pod).cmp(&(!b.is_running, &b.pod)));
    found
}

/// Describes a pod that has the claim mounted and has not ended. Stage pods follow others, so nobody follows them.
fn mounter(pod: Pod) -> Option<Mounter> {
    let spec = pod.spec?;
    let phase = pod
        .status
        .and_then(|status| status.phase)
        .unwrap_or_default();
    let is_over = matches!(phase.as_str(), "Succeeded" | "Failed")
        || pod.metadata.deletion_timestamp.is_some();
    let labels = pod.metadata.labels.unwrap_or_default();
    let is_stage = labels.get(crate::stage::COMPONENT.0).map(String::as_str)
        == Some(crate::stage::COMPONENT.1);
    if is_over || is_stage || !mounts(&spec) {
        return None;
    }
    let images = images(&spec);
    let secrets = spec.image_pull_secrets.unwrap_or_default();
    Some(Mounter {
        pod: pod.metadata.name.unwrap_or_default(),
        node: spec.node_name.filter(|node| !node.is_empty()),
        is_running: phase == "Running",
        tolerations: spec.tolerations.unwrap_or_default(),
        node_selector: spec.node_selector.unwrap_or_default(),
        images,
        pull_secrets: secrets.into_iter().map(|secret| secret.name).collect(),
    })
}

fn mounts(spec: &PodSpec) -> bool {
    let mut volumes = spec.volumes.iter().flatten();
    volumes.any(|volume| {
        let claim = volume.persistent_volume_claim.as_ref();
        claim.is_some_and(|claim| claim.claim_name == chart::CLAIM)
    })
}

/// A pod's images: those that are known for their shell, then those of its first steps, then the others.
fn images(spec: &PodSpec) -> Vec<String> {
    let has_shell = |image: &String| {
        ["busybox", "alpine"]
            .iter()
            .any(|name| image.contains(name))
    };
    let first = spec.init_containers.iter().flatten();
    let all = first.chain(spec.containers.iter());
    let mut images: Vec<String> = Vec::new();
    for image in all.filter_map(|container| container.image.clone()) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    images.sort_by_key(|image| !has_shell(image));
    images
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, phase: &str, claim: &str) -> Value {
        json!({
            "metadata": {"name": name},
            "spec": {
                "nodeName": "n1",
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "initContainers": [{"name": "i", "image": "chart/init:1"}],
                "containers": [
                    {"name": "a", "image": "chart/api:1"}, {"name": "b", "image": "busybox:1"},
                    {"name": "c", "image": "chart/api:1"},
                ],
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
            },
            "status": {"phase": phase},
        })
    }

    fn of(pods: &[Value]) -> Vec<Mounter> {
        let pods = pods.iter().cloned();
        of_pods(
            pods.map(|pod| serde_json::from_value(pod).unwrap())
                .collect(),
        )
    }

    #[test]
    fn only_living_pods_with_the_claim_count() {
        let mut stage = pod("stage", "Running", "client-pvc");
        stage["metadata"]["labels"] = json!({"tracebloc.io/component": "stage-pod"});
        let found = of(&[
            pod("pending", "Pending", "client-pvc"),
            pod("other", "Running", "mysql-pvc"),
            pod("done", "Succeeded", "client-pvc"),
            pod("runs", "Running", "client-pvc"),
            stage,
        ]);
        let names: Vec<&str> = found.iter().map(|mounter| mounter.pod.as_str()).collect();
        assert_eq!(names, ["runs", "pending"]);
        assert_eq!(found[0].node.as_deref(), Some("n1"));
        assert_eq!(
            found[0].images,
            ["busybox:1", "chart/init:1", "chart/api:1"]
        );
        assert_eq!(found[0].tolerations.len(), 1);
    }

    #[test]
    fn access_modes_are_said_in_words() {
        let with = |modes: &[&str]| Volume {
            claim: String::new(),
            phase: String::new(),
            access_modes: modes.iter().map(|mode| (*mode).to_owned()).collect(),
            class: String::new(),
            binds_late: None,
            capacity: None,
            mounters: Vec::new(),
        };
        let both = with(&["ReadWriteOnce", "ReadOnlyMany"]);
        assert_eq!(
            both.access_in_words(),
            "written from one node, or read from many nodes"
        );
        assert!(both.is_one_node() && both.is_writable() && !both.is_one_pod());
        assert!(!with(&["ReadWriteMany"]).is_one_node());
        assert!(with(&["ReadWriteOncePod"]).is_one_pod());
        assert!(!with(&["ReadOnlyMany"]).is_writable());
    }
}

//! The stage pod as an object. Pure: the same plan gives the same pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, EmptyDirVolumeSource, EnvVar, LocalObjectReference,
    NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm,
    PersistentVolumeClaimVolumeSource, Pod, PodSecurityContext, PodSpec, ResourceRequirements,
    SeccompProfile, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;

use super::name::label_of;
use super::{COMPONENT, CONTAINER, DEADLINE, MANAGED_BY, Plan, Pull, TABLE_LABEL, annotation};
use crate::release::chart;
use crate::transfer::SCRIPT_VARIABLE;

/// The user that stage pods run as, and the group that the volume is given to.
const UID: i64 = 65532;

/// Builds the pod.
///
/// It passes `restricted` admission. It has no limit on processor time, because hashing is what takes longest, and no token,
/// because all it needs is a disk.
#[must_use]
pub fn pod(plan: &Plan, pull: &Pull, name: &str) -> Pod {
    Pod {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(plan.namespace.clone()),
            labels: Some(labels(plan)),
            annotations: Some(annotations(plan)),
            ..ObjectMeta::default()
        },
        spec: Some(spec(plan, pull)),
        ..Pod::default()
    }
}

fn labels(plan: &Plan) -> BTreeMap<String, String> {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut labels = BTreeMap::from([pair(MANAGED_BY), pair(COMPONENT)]);
    if let Some(table) = &plan.table {
        labels.insert(TABLE_LABEL.to_owned(), label_of(table).to_owned());
    }
    labels
}

fn annotations(plan: &Plan) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    let mut note = |name: &str, value: &str| {
        annotations.insert(name.to_owned(), value.to_owned());
    };
    note(
        annotation::CREATED_BY,
        concat!("longshore/", env!("CARGO_PKG_VERSION")),
    );
    note(annotation::RUN, plan.owner.run.as_str());
    note(annotation::HOST, &plan.owner.host);
    note(annotation::USER, &plan.owner.user);
    if let Some(table) = &plan.table {
        note(annotation::TABLE, table.as_str());
    }
    annotations
}

fn spec(plan: &Plan, pull: &Pull) -> PodSpec {
    let node = plan.node.as_ref().or(pull.node.as_ref());
    let secrets = pull
        .secrets
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() });
    let secrets: Vec<LocalObjectReference> = secrets.collect();
    PodSpec {
        service_account_name: Some(plan.account.clone()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        restart_policy: Some("Never".to_owned()),
        active_deadline_seconds: i64::try_from(DEADLINE.as_secs()).ok(),
        affinity: node.map(|node| on(node)),
        node_selector: Some(plan.node_selector.clone()).filter(|selector| !selector.is_empty()),
        tolerations: Some(plan.tolerations.clone()).filter(|tolerations| !tolerations.is_empty()),
        // An empty list would keep the account's own secrets away.
        image_pull_secrets: Some(secrets).filter(|secrets| !secrets.is_empty()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(UID),
            fs_group: Some(UID),
            // Otherwise every file of a large volume is touched before the pod starts.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(seccomp()),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(plan, pull)],
        volumes: Some(volumes(plan)),
        ..PodSpec::default()
    }
}

/// Sends the pod to a node by way of the scheduler, which says why if the pod does not fit there.
fn on(node: &str) -> Affinity {
    let by_name = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm {
        match_fields: Some(vec![by_name]),
        ..NodeSelectorTerm::default()
    };
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn container(plan: &Plan, pull: &Pull) -> Container {
    Container {
        name: CONTAINER.to_owned(),
        image: Some(pull.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(words(plan)),
        env: Some(vec![EnvVar {
            name: SCRIPT_VARIABLE.to_owned(),
            value: Some(dollars_kept(plan.script)),
            ..EnvVar::default()
        }]),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            privileged: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            run_as_user: Some(UID),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            seccomp_profile: Some(seccomp()),
            ..SecurityContext::default()
        }),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "50m"), ("memory", "64Mi")])),
            limits: Some(quantities(&[("memory", "256Mi")])),
            ..ResourceRequirements::default()
        }),
        volume_mounts: Some(vec![
            mount("shared", chart::MOUNT_PATH),
            mount("tmp", "/tmp"),
        ]),
        ..Container::default()
    }
}

fn words(plan: &Plan) -> Vec<String> {
    let words = plan.command.iter();
    words.map(|word| dollars_kept(word)).collect()
}

/// Kubernetes expands `$(NAME)` in commands and variables and turns `$$` into `$`, so a dollar that is to arrive is doubled.
/// Exec expands nothing.
fn dollars_kept(script: &str) -> String {
    script.replace('$', "$$")
}

fn seccomp() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        ..SeccompProfile::default()
    }
}

fn quantities(of: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    let pairs = of.iter();
    pairs
        .map(|(name, quantity)| ((*name).to_owned(), Quantity((*quantity).to_owned())))
        .collect()
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

fn volumes(plan: &Plan) -> Vec<Volume> {
    vec![
        Volume {
            name: "shared".to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: plan.claim.clone(),
                read_only: None,
            }),
            ..Volume::default()
        },
        Volume {
            name: "tmp".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        },
    ]
}

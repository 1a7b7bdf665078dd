//! Deployments keep one replica set a template; replica sets keep their number of pods.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::events::{self, Severity};
use crate::store::{Deletion, Object, name_of, namespace_of, str_at};
use crate::{Sandbox, clock, kinds};

use super::{note, owner};

pub(super) fn look(sandbox: &Sandbox) {
    for deployment in sandbox.store().list(&kinds::DEPLOYMENT, None).0 {
        if deployment.pointer("/metadata/deletionTimestamp").is_none() {
            roll(sandbox, &deployment);
        }
    }
    for set in sandbox.store().list(&kinds::REPLICA_SET, None).0 {
        if set.pointer("/metadata/deletionTimestamp").is_none() {
            scale(sandbox, &set);
        }
    }
}

fn count(object: &Value, pointer: &str) -> u64 {
    object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// Names a template. Real servers use another hash; only its being the same for the same template matters.
fn template_hash(template: &Value) -> String {
    HEXLOWER
        .encode(&Sha256::digest(template.to_string().as_bytes()))
        .chars()
        .take(10)
        .collect()
}

fn roll(sandbox: &Sandbox, deployment: &Value) {
    let template = &deployment["spec"]["template"];
    let hash = template_hash(template);
    let wanted = count(deployment, "/spec/replicas");
    let sets = owner::controlled(sandbox, deployment, &kinds::REPLICA_SET);
    let (current, old): (Vec<Object>, Vec<Object>) = sets
        .into_iter()
        .partition(|set| str_at(set, "/metadata/labels/pod-template-hash") == hash);
    let revision = old
        .iter()
        .chain(&current)
        .map(|set| revision_of(set))
        .max()
        .unwrap_or(0);
    let is_recreate = str_at(deployment, "/spec/strategy/type") == "Recreate";
    let is_new_ready = current
        .first()
        .is_some_and(|set| count(set, "/status/readyReplicas") >= wanted);
    for set in &old {
        // Old pods go first when two generations may not meet, last when one must always be there.
        if is_recreate || is_new_ready {
            set_replicas(sandbox, set, 0);
        }
    }
    let old_pods: u64 = old.iter().map(|set| count(set, "/status/replicas")).sum();
    match current.first() {
        Some(set) if !is_recreate || old_pods == 0 => set_replicas(sandbox, set, wanted),
        Some(_) => {}
        None if is_recreate && old_pods > 0 => {}
        None => {
            let set = new_set(deployment, template, &hash, wanted, revision + 1);
            if let Ok(set) = sandbox.create(&kinds::REPLICA_SET, set) {
                let message = format!("Scaled up replica set {} from 0 to {wanted}", name_of(&set));
                events::record(
                    sandbox,
                    deployment,
                    "deployment-controller",
                    Severity::Normal,
                    "ScalingReplicaSet",
                    &message,
                );
            }
        }
    }
    let revision = current.first().map_or(revision + 1, |set| revision_of(set));
    report(sandbox, deployment, current.first(), &old, revision);
}

fn revision_of(set: &Value) -> u64 {
    str_at(
        set,
        "/metadata/annotations/deployment.kubernetes.io~1revision",
    )
    .parse()
    .unwrap_or(0)
}

fn new_set(
    deployment: &Value,
    template: &Value,
    hash: &str,
    replicas: u64,
    revision: u64,
) -> Value {
    let mut template = template.clone();
    template["metadata"]["labels"]["pod-template-hash"] = hash.into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = hash.into();
    json!({
        "metadata": {
            "name": format!("{}-{hash}", name_of(deployment)), "namespace": namespace_of(deployment),
            "labels": template["metadata"]["labels"], "ownerReferences": owner::reference(deployment),
            "annotations": {
                "deployment.kubernetes.io/revision": revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": replicas.to_string(),
            },
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    })
}

fn set_replicas(sandbox: &Sandbox, set: &Value, replicas: u64) {
    if count(set, "/spec/replicas") == replicas {
        return;
    }
    let scaled = sandbox.store().modify(
        &kinds::REPLICA_SET,
        namespace_of(set),
        name_of(set),
        |set| {
            set["spec"]["replicas"] = replicas.into();
            Ok(())
        },
    );
    note("scale", scaled);
}

fn report(
    sandbox: &Sandbox,
    deployment: &Value,
    current: Option<&Object>,
    old: &[Object],
    revision: u64,
) {
    let wanted = count(deployment, "/spec/replicas");
    let updated = current.map_or(0, |set| count(set, "/status/replicas"));
    let sum = |pointer: &str| -> u64 {
        old.iter().map(|set| count(set, pointer)).sum::<u64>()
            + current.map_or(0, |set| count(set, pointer))
    };
    let (replicas, ready) = (sum("/status/replicas"), sum("/status/readyReplicas"));
    let is_available = ready >= wanted;
    let is_done = updated == wanted && ready == wanted && replicas == wanted;
    let set_name = current.map_or("", |set| name_of(set));
    let now = clock::seconds(sandbox.clock().now());
    let written = sandbox.store().modify(
        &kinds::DEPLOYMENT,
        namespace_of(deployment),
        name_of(deployment),
        |object| {
            object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] =
                revision.to_string().into();
            let mut status = json!({"observedGeneration": deployment["metadata"]["generation"]});
            let unavailable = wanted.saturating_sub(ready);
            for (field, number) in [
                ("replicas", replicas),
                ("updatedReplicas", updated),
                ("readyReplicas", ready),
                ("availableReplicas", ready),
                ("unavailableReplicas", unavailable),
            ] {
                if number > 0 {
                    status[field] = number.into();
                }
            }
            let available = if is_available {
                (
                    "True",
                    "MinimumReplicasAvailable",
                    "Deployment has minimum availability.".to_owned(),
                )
            } else {
                (
                    "False",
                    "MinimumReplicasUnavailable",
                    "Deployment does not have minimum availability.".to_owned(),
                )
            };
            let progressing = if is_done {
                (
                    "True",
                    "NewReplicaSetAvailable",
                    format!("ReplicaSet \"{set_name}\" has successfully progressed."),
                )
            } else {
                (
                    "True",
                    "ReplicaSetUpdated",
                    format!("ReplicaSet \"{set_name}\" is progressing."),
                )
            };
            let before = object["status"]["conditions"].clone();
            status["conditions"] = json!([
                condition(&before, "Available", available, &now),
                condition(&before, "Progressing", progressing, &now),
            ]);
            object["status"] = status;
            Ok(())
        },
    );
    note("deployment status", written);
}

/// Builds a condition; its times move only when it does.
fn condition(
    before: &Value,
    name: &str,
    (status, reason, message): (&str, &str, String),
    now: &str,
) -> Value {
    let old = before
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["type"] == name);
    let is_same = |field: &str, value: &str| old.is_some_and(|old| old[field] == value);
    let kept = |field: &str, is_kept: bool| match old {
        Some(old) if is_kept => old[field].clone(),
        _ => now.into(),
    };
    let is_status_same = is_same("status", status);
    let is_all_same = is_status_same && is_same("reason", reason) && is_same("message", &message);
    json!({
        "type": name, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": kept("lastTransitionTime", is_status_same), "lastUpdateTime": kept("lastUpdateTime", is_all_same),
    })
}

fn scale(sandbox: &Sandbox, set: &Value) {
    let pods = owner::controlled(sandbox, set, &kinds::POD);
    let (_, alive): (Vec<Object>, Vec<Object>) =
        pods.into_iter().partition(|pod| owner::is_ended(pod));
    let wanted = usize::try_from(count(set, "/spec/replicas")).unwrap_or(usize::MAX);
    let mut made = 0;
    for _ in alive.len()..wanted {
        if !owner::make_pod(sandbox, set, "replicaset-controller") {
            break;
        }
        made += 1;
    }
    // The youngest and least ready go first.
    let mut surplus: Vec<&Object> = alive.iter().collect();
    surplus.sort_by_key(|pod| {
        (
            owner::is_ready(pod),
            std::cmp::Reverse(str_at(pod, "/metadata/creationTimestamp").to_owned()),
        )
    });
    for pod in surplus.into_iter().take(alive.len().saturating_sub(wanted)) {
        note(
            "surplus pod",
            sandbox.store().delete(
                &kinds::POD,
                namespace_of(pod),
                name_of(pod),
                &Deletion::default(),
            ),
        );
    }
    let replicas = alive.len().min(wanted) + made;
    let ready = alive
        .iter()
        .filter(|pod| owner::is_ready(pod))
        .count()
        .min(replicas);
    let written = sandbox.store().modify(
        &kinds::REPLICA_SET,
        namespace_of(set),
        name_of(set),
        |object| {
            let mut status =
                json!({"replicas": replicas, "observedGeneration": set["metadata"]["generation"]});
            for (field, number) in [
                ("fullyLabeledReplicas", replicas),
                ("readyReplicas", ready),
                ("availableReplicas", ready),
            ] {
                if number > 0 {
                    status[field] = number.into();
                }
            }
            object["status"] = status;
            Ok(())
        },
    );
    note("replica set status", written);
}

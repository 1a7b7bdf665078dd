//! Volumes: claims are bound at once, to a volume made for them, or when a pod wants them; finalizers protect what is in use.

use serde_json::{Value, json};

use crate::events::{self, Severity};
use crate::store::{Deletion, Object, name_of, namespace_of, str_at, uid_of};
use crate::{Sandbox, clock, kinds};

use super::{garbage, note};

/// The provisioner of the default storage class.
pub(super) const PROVISIONER: &str = "longshore.sandbox/directory";

pub(super) fn look(sandbox: &Sandbox) {
    for claim in sandbox.store().list(&kinds::CLAIM, None).0 {
        if claim.pointer("/metadata/deletionTimestamp").is_some() {
            release_claim(sandbox, &claim);
        } else if str_at(&claim, "/status/phase") == "Pending" {
            bind(sandbox, &claim);
        }
    }
    for volume in sandbox.store().list(&kinds::VOLUME, None).0 {
        settle(sandbox, &volume);
    }
}

/// Says whether a pod that still has work to do mounts a claim.
fn is_used(sandbox: &Sandbox, claim: &Value) -> bool {
    sandbox
        .store()
        .list(&kinds::POD, Some(namespace_of(claim)))
        .0
        .iter()
        .any(|pod| {
            let mut volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
            let is_mounted = volumes
                .any(|one| str_at(one, "/persistentVolumeClaim/claimName") == name_of(claim));
            is_mounted && !matches!(str_at(pod, "/status/phase"), "Succeeded" | "Failed")
        })
}

fn release_claim(sandbox: &Sandbox, claim: &Value) {
    if !is_used(sandbox, claim) {
        garbage::finish(
            sandbox,
            &kinds::CLAIM,
            claim,
            "kubernetes.io/pvc-protection",
        );
    }
}

fn bind(sandbox: &Sandbox, claim: &Object) {
    let class_name = str_at(claim, "/spec/storageClassName");
    let class = sandbox
        .store()
        .get(&kinds::STORAGE_CLASS, "", class_name)
        .ok();
    let is_late = class
        .as_ref()
        .is_some_and(|class| str_at(class, "/volumeBindingMode") == "WaitForFirstConsumer");
    if is_late && str_at(claim, "/spec/volumeName").is_empty() && !is_used(sandbox, claim) {
        let message = "waiting for first consumer to be created before binding";
        record_once(
            sandbox,
            claim,
            Severity::Normal,
            "WaitForFirstConsumer",
            message,
        );
        return;
    }
    let volumes = sandbox.store().list(&kinds::VOLUME, None).0;
    let best = volumes
        .iter()
        .filter(|volume| fits(volume, claim))
        .min_by_key(|volume| capacity(volume));
    if let Some(volume) = best {
        marry(sandbox, claim, volume);
        return;
    }
    match class {
        Some(class) if str_at(&class, "/provisioner") == PROVISIONER => {
            provision(sandbox, claim, &class)
        }
        _ => {
            let message =
                "no persistent volumes available for this claim and no storage class is set";
            record_once(sandbox, claim, Severity::Normal, "FailedBinding", message);
        }
    }
}

/// The resync would count an unchanged state up every second.
fn record_once(sandbox: &Sandbox, claim: &Object, severity: Severity, reason: &str, message: &str) {
    let (events, _) = sandbox
        .store()
        .list(&kinds::EVENT, Some(namespace_of(claim)));
    let is_known = |event: &Object| {
        str_at(event, "/involvedObject/uid") == uid_of(claim) && str_at(event, "/reason") == reason
    };
    if !events.iter().any(is_known) {
        events::record(
            sandbox,
            claim,
            "persistentvolume-controller",
            severity,
            reason,
            message,
        );
    }
}

fn capacity(volume: &Value) -> u128 {
    bytes_of(str_at(volume, "/spec/capacity/storage"))
}

/// Reads a quantity of bytes, such as `50Gi` or `2G`; what is no such quantity is 0.
fn bytes_of(text: &str) -> u128 {
    let digits = text.len()
        - text
            .trim_start_matches(|one: char| one.is_ascii_digit())
            .len();
    let (number, unit) = text.split_at(digits);
    let factor: u128 = match unit {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => 1,
    };
    number.parse::<u128>().unwrap_or(0).saturating_mul(factor)
}

fn fits(volume: &Value, claim: &Value) -> bool {
    let named = str_at(claim, "/spec/volumeName");
    let reference = &volume["spec"]["claimRef"];
    let is_ours = str_at(reference, "/name") == name_of(claim)
        && str_at(reference, "/namespace") == namespace_of(claim)
        && matches!(str_at(reference, "/uid"), uid if uid.is_empty() || uid == uid_of(claim));
    let is_free =
        reference.is_null() && matches!(str_at(volume, "/status/phase"), "Available" | "Pending");
    let modes = |object: &Value, pointer: &str| -> Vec<Value> {
        object
            .pointer(pointer)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let has_modes = modes(claim, "/spec/accessModes")
        .iter()
        .all(|mode| modes(volume, "/spec/accessModes").contains(mode));
    volume.pointer("/metadata/deletionTimestamp").is_none()
        && (is_ours || is_free)
        && (named.is_empty() || named == name_of(volume))
        && str_at(volume, "/spec/storageClassName") == str_at(claim, "/spec/storageClassName")
        && has_modes
        && capacity(volume) >= bytes_of(str_at(claim, "/spec/resources/requests/storage"))
}

fn marry(sandbox: &Sandbox, claim: &Object, volume: &Object) {
    let now = clock::seconds(sandbox.clock().now());
    let bound = sandbox.store().modify(&kinds::VOLUME, "", name_of(volume), |volume| {
        volume["spec"]["claimRef"] = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace_of(claim), "name": name_of(claim),
            "uid": uid_of(claim), "resourceVersion": claim["metadata"]["resourceVersion"],
        });
        volume["status"] = json!({"phase": "Bound", "lastPhaseTransitionTime": now});
        Ok(())
    });
    note("volume", bound);
    let bound = sandbox.store().modify(&kinds::CLAIM, namespace_of(claim), name_of(claim), |claim| {
        claim["spec"]["volumeName"] = name_of(volume).into();
        claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = "yes".into();
        claim["status"] =
            json!({"phase": "Bound", "accessModes": volume["spec"]["accessModes"], "capacity": volume["spec"]["capacity"]});
        Ok(())
    });
    note("claim", bound);
}

/// Makes a volume for a claim: a directory below the sandbox's own, see [`Sandbox::host_path`].
fn provision(sandbox: &Sandbox, claim: &Object, class: &Value) {
    let name = format!("pvc-{}", uid_of(claim));
    let volume = json!({
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"], "storageClassName": name_of(class),
            "persistentVolumeReclaimPolicy": class["reclaimPolicy"],
            "hostPath": {"path": format!("/volumes/{name}"), "type": "DirectoryOrCreate"},
            "claimRef": {"namespace": namespace_of(claim), "name": name_of(claim), "uid": uid_of(claim)},
        },
    });
    match sandbox.create(&kinds::VOLUME, volume) {
        Ok(volume) => {
            let message = format!("Successfully provisioned volume {name}");
            events::record(
                sandbox,
                claim,
                PROVISIONER,
                Severity::Normal,
                "ProvisioningSucceeded",
                &message,
            );
            marry(sandbox, claim, &volume);
        }
        Err(failure) => note::<()>("provision", Err(failure)),
    }
}

/// Moves a volume to the phase that follows from its claim.
fn settle(sandbox: &Sandbox, volume: &Object) {
    let reference = &volume["spec"]["claimRef"];
    let claim = sandbox.store().get(
        &kinds::CLAIM,
        str_at(reference, "/namespace"),
        str_at(reference, "/name"),
    );
    let has_claim = claim.is_ok_and(|claim| uid_of(&claim) == str_at(reference, "/uid"));
    if volume.pointer("/metadata/deletionTimestamp").is_some() {
        if !has_claim {
            garbage::finish(
                sandbox,
                &kinds::VOLUME,
                volume,
                "kubernetes.io/pv-protection",
            );
        }
        return;
    }
    match str_at(volume, "/status/phase") {
        "Pending" => set_phase(sandbox, volume, "Available"),
        "Bound"
            if !has_claim && str_at(volume, "/spec/persistentVolumeReclaimPolicy") == "Delete" =>
        {
            reclaim(sandbox, volume);
        }
        "Bound" if !has_claim => set_phase(sandbox, volume, "Released"),
        _ => {}
    }
}

fn set_phase(sandbox: &Sandbox, volume: &Object, phase: &str) {
    let now = clock::seconds(sandbox.clock().now());
    let done = sandbox
        .store()
        .modify(&kinds::VOLUME, "", name_of(volume), |volume| {
            volume["status"] = json!({"phase": phase, "lastPhaseTransitionTime": now});
            Ok(())
        });
    note("volume phase", done);
}

/// Removes a provisioned volume and its directory.
fn reclaim(sandbox: &Sandbox, volume: &Object) {
    let directory = sandbox.host_path(str_at(volume, "/spec/hostPath/path"));
    if str_at(
        volume,
        "/metadata/annotations/pv.kubernetes.io~1provisioned-by",
    ) == PROVISIONER
        && let Err(error) = std::fs::remove_dir_all(&directory)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, ?directory, "cannot remove a volume");
    }
    garbage::finish(
        sandbox,
        &kinds::VOLUME,
        volume,
        "kubernetes.io/pv-protection",
    );
    note(
        "volume",
        sandbox
            .store()
            .delete(&kinds::VOLUME, "", name_of(volume), &Deletion::default()),
    );
}

#[cfg(test)]
mod tests {
    use super::bytes_of;

    #[test]
    fn quantities_of_bytes() {
        for (text, bytes) in [
            ("1Gi", 1 << 30),
            ("50", 50),
            ("2G", 2_000_000_000),
            ("3Ki", 3072),
            ("x", 0),
        ] {
            assert_eq!(bytes_of(text), bytes, "{text}");
        }
    }
}

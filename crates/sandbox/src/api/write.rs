//! Creating, changing and deleting: defaults, admission and validation in the order of a real server, then the store.

use serde_json::{Value, json};

use crate::kinds::{self, Kind};
use crate::store::{Deleted, Deletion, Object, Propagation, name_of, namespace_of, str_at, uid_of};
use crate::{Failure, Sandbox, store};

use super::pod_security::{Level, violations};
use super::{defaults, validate};

/// Whether a write is only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It happens.
    Real,
    /// Everything but the store: `dryRun=All`.
    DryRun,
}

/// Makes an object, with defaults, admission and validation.
pub(crate) fn create(
    sandbox: &Sandbox,
    kind: &'static Kind,
    mut object: Value,
    mode: Mode,
) -> Result<Object, Failure> {
    ensure_name(&mut object);
    admit_namespace(sandbox, kind, namespace_of(&object))?;
    if *kind == kinds::POD {
        // A client says what it wants; what is, is the node's to say.
        object["status"] = Value::Null;
    }
    defaults::fill(sandbox, kind, &mut object);
    if *kind == kinds::POD {
        admit_pod(sandbox, &mut object)?;
    }
    validate::new_object(kind, &object)?;
    if mode == Mode::DryRun {
        return dry(sandbox, kind, object);
    }
    if *kind == kinds::JOB && object["spec"]["manualSelector"] != true {
        // The labels contain the uid, which the store gives.
        let uid = store::random_uid();
        object["metadata"]["uid"] = uid.into();
        defaults::label_job(&mut object);
    }
    sandbox.store().create(kind, object)
}

/// Gives a name to an object that only has `generateName`, so that admission can name it.
fn ensure_name(object: &mut Value) {
    let prefix = str_at(object, "/metadata/generateName").to_owned();
    if name_of(object).is_empty() && !prefix.is_empty() {
        object["metadata"]["name"] = format!("{prefix}{}", store::random_suffix()).into();
    }
}

fn admit_namespace(sandbox: &Sandbox, kind: &Kind, namespace: &str) -> Result<(), Failure> {
    if !kind.is_namespaced() {
        return Ok(());
    }
    let found = sandbox.store().get(&kinds::NAMESPACE, "", namespace)?;
    if str_at(&found, "/status/phase") == "Terminating" {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        return Err(Failure::forbidden(kind, "", &why));
    }
    Ok(())
}

fn admit_pod(sandbox: &Sandbox, pod: &mut Value) -> Result<(), Failure> {
    let namespace = namespace_of(pod).to_owned();
    let name = name_of(pod).to_owned();
    let account = str_at(pod, "/spec/serviceAccountName").to_owned();
    let account = sandbox.store().get(&kinds::SERVICE_ACCOUNT, &namespace, &account).map_err(|_| {
        let why = format!("error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found");
        Failure::forbidden(&kinds::POD, &name, &why)
    })?;
    mount_token(&account, pod);
    let labels = sandbox.store().get(&kinds::NAMESPACE, "", &namespace)?;
    let enforced = str_at(
        &labels,
        "/metadata/labels/pod-security.kubernetes.io~1enforce",
    );
    let Some(level) = Level::read(enforced) else {
        return Ok(());
    };
    let found = violations(level, &pod["spec"]);
    if found.is_empty() {
        return Ok(());
    }
    let version = match str_at(
        &labels,
        "/metadata/labels/pod-security.kubernetes.io~1enforce-version",
    ) {
        "" => "latest",
        version => version,
    };
    let why = format!(
        "violates PodSecurity \"{}:{version}\": {}",
        level.name(),
        found.join(", ")
    );
    Err(Failure::forbidden(&kinds::POD, &name, &why))
}

/// Lists what a pod, or the template of a Deployment or Job, would be warned of in its namespace.
pub(crate) fn security_warnings(sandbox: &Sandbox, kind: &Kind, object: &Value) -> Option<String> {
    let spec = match kind.plural {
        "pods" => &object["spec"],
        "deployments" | "replicasets" | "jobs" => &object["spec"]["template"]["spec"],
        _ => return None,
    };
    let namespace = sandbox
        .store()
        .get(&kinds::NAMESPACE, "", namespace_of(object))
        .ok()?;
    let level = Level::read(str_at(
        &namespace,
        "/metadata/labels/pod-security.kubernetes.io~1warn",
    ))?;
    let found = violations(level, spec);
    (!found.is_empty()).then(|| {
        format!(
            "would violate PodSecurity \"{}:latest\": {}",
            level.name(),
            found.join(", ")
        )
    })
}

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Mounts the account's token into every container, unless account or pod says no.
fn mount_token(account: &Value, pod: &mut Value) {
    let is_wanted = pod["spec"]["automountServiceAccountToken"].as_bool();
    let is_wanted = is_wanted
        .or_else(|| account["automountServiceAccountToken"].as_bool())
        .unwrap_or(true);
    if !is_wanted {
        return;
    }
    let name = format!("kube-api-access-{}", store::random_suffix());
    let mut has_mounted = false;
    for list in ["containers", "initContainers"] {
        for container in pod["spec"]
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let mounts = &mut container["volumeMounts"];
            if !mounts.is_array() {
                *mounts = json!([]);
            }
            if let Some(mounts) = mounts.as_array_mut()
                && !mounts.iter().any(|mount| mount["mountPath"] == TOKEN_PATH)
            {
                mounts.push(json!({"mountPath": TOKEN_PATH, "name": name, "readOnly": true}));
                has_mounted = true;
            }
        }
    }
    if !has_mounted {
        return;
    }
    let volume = json!({"name": name, "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [
            {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"},
        ]}},
    ]}});
    let volumes = &mut pod["spec"]["volumes"];
    if !volumes.is_array() {
        *volumes = json!([]);
    }
    if let Some(volumes) = volumes.as_array_mut() {
        volumes.push(volume);
    }
}

fn dry(sandbox: &Sandbox, kind: &'static Kind, mut object: Value) -> Result<Object, Failure> {
    if sandbox
        .store()
        .get(kind, namespace_of(&object), name_of(&object))
        .is_ok()
    {
        return Err(Failure::already_exists(kind, name_of(&object)));
    }
    object["metadata"]["uid"] = store::random_uid().into();
    object["metadata"]["creationTimestamp"] = crate::clock::seconds(sandbox.clock().now()).into();
    Ok(object.into())
}

/// What part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status, where the kind has one apart.
    Main,
    /// The status alone.
    Status,
}

/// Changes an object: `change` gets the current one and makes of it what the client wants.
pub(crate) fn change(
    sandbox: &Sandbox,
    kind: &'static Kind,
    place: (&str, &str),
    part: Part,
    mode: Mode,
    change: impl FnOnce(&mut Value) -> Result<(), Failure>,
) -> Result<Object, Failure> {
    let (namespace, name) = place;
    let judged = |object: &mut Value| {
        let old = object.clone();
        change(object)?;
        check_precondition(kind, &old, object)?;
        keep_other_part(kind, part, &old, object);
        keep_identity(&old, object);
        if part == Part::Main {
            keep_assigned(kind, &old, object);
            defaults::fill(sandbox, kind, object);
            validate::changed_object(kind, &old, object)?;
        }
        Ok(())
    };
    if mode == Mode::DryRun {
        let mut object = Value::clone(&*sandbox.store().get(kind, namespace, name)?);
        judged(&mut object)?;
        return Ok(object.into());
    }
    sandbox.store().modify(kind, namespace, name, judged)
}

fn check_precondition(kind: &Kind, old: &Value, new: &Value) -> Result<(), Failure> {
    let asked = str_at(new, "/metadata/resourceVersion");
    if !asked.is_empty() && asked != str_at(old, "/metadata/resourceVersion") {
        return Err(Failure::stale(kind, name_of(old)));
    }
    let asked = uid_of(new);
    if !asked.is_empty() && asked != uid_of(old) {
        let why = format!(
            "Precondition failed: UID in precondition: {asked}, UID in object meta: {}",
            uid_of(old)
        );
        return Err(Failure::conflict(kind, name_of(old), &why));
    }
    Ok(())
}

fn keep_other_part(kind: &Kind, part: Part, old: &Value, new: &mut Value) {
    match part {
        Part::Main if kind.has_status => copy(old, new, "status"),
        Part::Main => {}
        Part::Status => {
            let status = new.get("status").cloned();
            let finalizers = new["metadata"].get("finalizers").cloned();
            let annotations = new["metadata"].get("annotations").cloned();
            *new = old.clone();
            for (field, value) in [("finalizers", finalizers), ("annotations", annotations)] {
                if let Some(value) = value {
                    new["metadata"][field] = value;
                }
            }
            if let Some(status) = status {
                new["status"] = status;
            }
        }
    }
}

fn copy(old: &Value, new: &mut Value, field: &str) {
    match (old.get(field), new.as_object_mut()) {
        (Some(value), Some(new)) => {
            new.insert(field.to_owned(), value.clone());
        }
        (None, Some(new)) => {
            new.remove(field);
        }
        _ => {}
    }
}

/// What identifies an object, and its deletion, are not a client's to change.
fn keep_identity(old: &Value, new: &mut Value) {
    let kept = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
    ];
    if !new["metadata"].is_object() {
        new["metadata"] = json!({});
    }
    for field in kept {
        copy(&old["metadata"], &mut new["metadata"], field);
    }
}

/// What the server assigned stays when a client's update leaves it out.
fn keep_assigned(kind: &Kind, old: &Value, new: &mut Value) {
    let pointers: &[&str] = match kind.plural {
        "services" => &["clusterIP", "clusterIPs"],
        "persistentvolumeclaims" => &["volumeName", "storageClassName"],
        "pods" => &["nodeName"],
        "jobs" => &["selector"],
        _ => &[],
    };
    for field in pointers {
        if new["spec"].get(field).is_none() && old["spec"].get(field).is_some() {
            copy(&old["spec"], &mut new["spec"], field);
        }
    }
    if *kind == kinds::JOB {
        let labels = old["spec"]["template"]["metadata"]["labels"].clone();
        for (key, value) in labels.as_object().into_iter().flatten() {
            if new["spec"]["template"]["metadata"]["labels"]
                .get(key)
                .is_none()
            {
                new["spec"]["template"]["metadata"]["labels"][key] = value.clone();
            }
        }
    }
}

/// Reads the options of a deletion from the body or the query.
pub(crate) fn deletion(kind: &Kind, options: &Value, query: &super::request::Query) -> Deletion {
    let propagation = match str_at(options, "/propagationPolicy") {
        "" => query.get("propagationPolicy").unwrap_or_default(),
        named => named,
    };
    let orphans = options["orphanDependents"]
        .as_bool()
        .or_else(|| query.get("orphanDependents").map(|text| text == "true"));
    Deletion {
        grace_seconds: options["gracePeriodSeconds"]
            .as_u64()
            .or_else(|| query.number("gracePeriodSeconds")),
        propagation: match (propagation, orphans) {
            ("Foreground", _) => Propagation::Foreground,
            ("Orphan", _) | ("", Some(true)) => Propagation::Orphan,
            // Jobs predate the garbage collector: without a word their pods stay.
            ("", None) if *kind == kinds::JOB => Propagation::Orphan,
            _ => Propagation::Background,
        },
        uid: options
            .pointer("/preconditions/uid")
            .and_then(Value::as_str)
            .map(str::to_owned),
        version: options
            .pointer("/preconditions/resourceVersion")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok()),
    }
}

/// Deletes an object.
pub(crate) fn delete(
    sandbox: &Sandbox,
    kind: &'static Kind,
    namespace: &str,
    name: &str,
    how: &Deletion,
) -> Result<Deleted, Failure> {
    if *kind == kinds::NAMESPACE && matches!(name, "default" | "kube-system") {
        return Err(Failure::forbidden(
            kind,
            name,
            "this namespace may not be deleted",
        ));
    }
    sandbox.store().delete(kind, namespace, name, how)
}

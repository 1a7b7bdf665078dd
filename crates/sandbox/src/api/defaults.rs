//! Fields a real server fills in and clients come to rely on.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use crate::Sandbox;
use crate::kinds::Kind;
use crate::store::{self, name_of, str_at};

/// Fills in what is missing in an object that is about to be written. `uid` is known for new objects, whose uid some defaults
/// contain.
pub(super) fn fill(sandbox: &Sandbox, kind: &Kind, object: &mut Value) {
    match kind.plural {
        "namespaces" => namespace(object),
        "pods" => pod(object),
        "services" => service(sandbox, object),
        "persistentvolumeclaims" => claim(sandbox, object),
        "persistentvolumes" => volume(sandbox, object),
        "secrets" => secret(object),
        "deployments" => deployment(object),
        "replicasets" => replica_set(object),
        "jobs" => job(object),
        "storageclasses" => {
            set(object, "reclaimPolicy", "Delete");
            set(object, "volumeBindingMode", "Immediate");
        }
        "events" => event(object),
        "rolebindings" | "clusterrolebindings" => binding(object),
        _ => {}
    }
}

/// Puts a value where none is.
fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(map) = map(object) {
        map.entry(field.to_owned()).or_insert_with(|| value.into());
    }
}

fn map(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

fn namespace(object: &mut Value) {
    let name = name_of(object).to_owned();
    set(
        &mut object["metadata"]["labels"],
        "kubernetes.io/metadata.name",
        name,
    );
    set(&mut object["spec"], "finalizers", json!(["kubernetes"]));
    set(&mut object["status"], "phase", "Active");
}

fn pod(object: &mut Value) {
    pod_spec(&mut object["spec"], "Always");
    let spec = &mut object["spec"];
    set(spec, "enableServiceLinks", true);
    set(spec, "preemptionPolicy", "PreemptLowerPriority");
    set(spec, "priority", 0);
    let account = match str_at(spec, "/serviceAccountName") {
        "" => "default".to_owned(),
        named => named.to_owned(),
    };
    spec["serviceAccountName"] = account.clone().into();
    spec["serviceAccount"] = account.into();
    tolerations(spec);
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        requests_from_limits(container);
    }
    let class = quality(spec);
    set(&mut object["status"], "phase", "Pending");
    set(&mut object["status"], "qosClass", class);
}

fn tolerations(spec: &mut Value) {
    set(spec, "tolerations", json!([]));
    let Some(list) = spec["tolerations"].as_array_mut() else {
        return;
    };
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        if !list
            .iter()
            .any(|one| str_at(one, "/key") == key || str_at(one, "/key").is_empty())
        {
            list.push(json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300}));
        }
    }
}

fn requests_from_limits(container: &mut Value) {
    let limits = container
        .pointer("/resources/limits")
        .and_then(Value::as_object)
        .cloned();
    for (name, value) in limits.into_iter().flatten() {
        set(&mut container["resources"]["requests"], &name, value);
    }
}

fn quality(spec: &Value) -> &'static str {
    let containers = || spec["containers"].as_array().into_iter().flatten();
    let has = |container: &Value, kind: &str| {
        container["resources"][kind]
            .as_object()
            .is_some_and(|values| !values.is_empty())
    };
    if containers().all(|one| !has(one, "limits") && !has(one, "requests")) {
        return "BestEffort";
    }
    let is_guaranteed = containers().all(|one| {
        let resources = &one["resources"];
        ["cpu", "memory"].iter().all(|name| {
            resources["limits"].get(name).is_some()
                && resources["limits"].get(name) == resources["requests"].get(name)
        })
    });
    if is_guaranteed {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Defaults that pods and pod templates share.
fn pod_spec(spec: &mut Value, restart_policy: &str) {
    if !restart_policy.is_empty() {
        set(spec, "restartPolicy", restart_policy);
    }
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "schedulerName", "default-scheduler");
    set(spec, "securityContext", json!({}));
    set(spec, "terminationGracePeriodSeconds", 30);
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        set(spec, "serviceAccount", account);
    }
    for list in ["containers", "initContainers"] {
        for one in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            container(one);
        }
    }
    for one in spec
        .get_mut("volumes")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        volume_source(one);
    }
}

fn container(one: &mut Value) {
    let image = str_at(one, "/image");
    let is_latest = !image.contains('@')
        && image
            .rsplit('/')
            .next()
            .is_none_or(|last| last.rsplit_once(':').is_none_or(|(_, tag)| tag == "latest"));
    set(
        one,
        "imagePullPolicy",
        if is_latest { "Always" } else { "IfNotPresent" },
    );
    set(one, "resources", json!({}));
    set(one, "terminationMessagePath", "/dev/termination-log");
    set(one, "terminationMessagePolicy", "File");
    for port in one
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        set(port, "protocol", "TCP");
    }
    for variable in one
        .get_mut("env")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(reference) = variable.pointer_mut("/valueFrom/fieldRef") {
            set(reference, "apiVersion", "v1");
        }
    }
    for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
        if let Some(probe) = one.get_mut(probe) {
            let defaults = [
                ("failureThreshold", 3),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("timeoutSeconds", 1),
            ];
            for (field, value) in defaults {
                set(probe, field, value);
            }
            if let Some(http) = probe.get_mut("httpGet") {
                set(http, "scheme", "HTTP");
                set(http, "path", "/");
            }
        }
    }
}

fn volume_source(one: &mut Value) {
    for source in ["secret", "configMap", "projected", "downwardAPI"] {
        if let Some(source) = one.get_mut(source) {
            set(source, "defaultMode", 420);
        }
    }
    if let Some(path) = one.get_mut("hostPath") {
        set(path, "type", "");
    }
    if one.as_object().is_some_and(|one| one.len() == 1) {
        set(one, "emptyDir", json!({}));
    }
}

fn service(sandbox: &Sandbox, object: &mut Value) {
    let spec = &mut object["spec"];
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        set(port, "protocol", "TCP");
        let number = port["port"].clone();
        set(port, "targetPort", number);
    }
    if str_at(spec, "/type") == "ExternalName" {
        return;
    }
    set(spec, "internalTrafficPolicy", "Cluster");
    set(spec, "ipFamilies", json!(["IPv4"]));
    set(spec, "ipFamilyPolicy", "SingleStack");
    if str_at(spec, "/clusterIP").is_empty() {
        spec["clusterIP"] = sandbox.next_service_address().into();
    }
    let address = spec["clusterIP"].clone();
    set(spec, "clusterIPs", json!([address]));
    set(&mut object["status"], "loadBalancer", json!({}));
}

fn claim(sandbox: &Sandbox, object: &mut Value) {
    set(
        &mut object["metadata"],
        "finalizers",
        json!(["kubernetes.io/pvc-protection"]),
    );
    set(&mut object["spec"], "volumeMode", "Filesystem");
    set(&mut object["status"], "phase", "Pending");
    if object["spec"].get("storageClassName").is_none()
        && let Some(class) = default_class(sandbox)
    {
        object["spec"]["storageClassName"] = class.into();
    }
}

fn default_class(sandbox: &Sandbox) -> Option<String> {
    let (classes, _) = sandbox.store().list(&crate::kinds::STORAGE_CLASS, None);
    let mark = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";
    classes
        .iter()
        .find(|class| str_at(class, mark) == "true")
        .map(|class| name_of(class).to_owned())
}

fn volume(sandbox: &Sandbox, object: &mut Value) {
    set(
        &mut object["metadata"],
        "finalizers",
        json!(["kubernetes.io/pv-protection"]),
    );
    let spec = &mut object["spec"];
    set(spec, "persistentVolumeReclaimPolicy", "Retain");
    set(spec, "volumeMode", "Filesystem");
    for source in ["hostPath", "local"] {
        if source == "hostPath"
            && let Some(path) = spec.get_mut(source)
        {
            set(path, "type", "");
        }
    }
    if let Some(claim) = spec.get_mut("claimRef") {
        set(claim, "apiVersion", "v1");
        set(claim, "kind", "PersistentVolumeClaim");
    }
    set(&mut object["status"], "phase", "Pending");
    let now = crate::clock::seconds(sandbox.clock().now());
    set(&mut object["status"], "lastPhaseTransitionTime", now);
}

fn secret(object: &mut Value) {
    set(object, "type", "Opaque");
    let Some(texts) = object
        .as_object_mut()
        .and_then(|object| object.remove("stringData"))
    else {
        return;
    };
    for (key, text) in texts.as_object().into_iter().flatten() {
        let encoded = BASE64.encode(text.as_str().unwrap_or_default().as_bytes());
        if let Some(data) = map(&mut object["data"]) {
            data.insert(key.clone(), encoded.into());
        }
    }
}

fn deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    set(spec, "replicas", 1);
    set(spec, "progressDeadlineSeconds", 600);
    set(spec, "revisionHistoryLimit", 10);
    set(&mut spec["strategy"], "type", "RollingUpdate");
    if str_at(spec, "/strategy/type") == "RollingUpdate" {
        set(&mut spec["strategy"]["rollingUpdate"], "maxSurge", "25%");
        set(
            &mut spec["strategy"]["rollingUpdate"],
            "maxUnavailable",
            "25%",
        );
    }
    pod_spec(&mut spec["template"]["spec"], "Always");
    set(object, "status", json!({}));
}

fn replica_set(object: &mut Value) {
    set(&mut object["spec"], "replicas", 1);
    pod_spec(&mut object["spec"]["template"]["spec"], "Always");
    set(&mut object["status"], "replicas", 0);
}

fn job(object: &mut Value) {
    let spec = &mut object["spec"];
    let has_completions = spec.get("completions").is_some();
    let has_parallelism = spec.get("parallelism").is_some();
    if !has_completions && !has_parallelism {
        set(spec, "completions", 1);
    }
    for (field, value) in [
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
    ] {
        set(spec, field, value);
    }
    set(spec, "suspend", false);
    set(spec, "manualSelector", false);
    set(spec, "podReplacementPolicy", "TerminatingOrFailed");
    pod_spec(&mut spec["template"]["spec"], "");
    set(object, "status", json!({}));
}

/// The labels by which a Job finds its pods; they contain its uid, so they are set once it has one.
pub(super) fn label_job(object: &mut Value) {
    let uid = store::uid_of(object).to_owned();
    let name = name_of(object).to_owned();
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid.clone()),
        ("batch.kubernetes.io/job-name", name.clone()),
        ("controller-uid", uid.clone()),
        ("job-name", name),
    ];
    for (key, value) in labels {
        set(&mut object["metadata"]["labels"], key, value.clone());
        set(
            &mut object["spec"]["template"]["metadata"]["labels"],
            key,
            value,
        );
    }
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    set(&mut object["spec"], "selector", selector);
}

fn event(object: &mut Value) {
    for field in ["eventTime", "firstTimestamp", "lastTimestamp"] {
        set(object, field, Value::Null);
    }
    set(object, "reportingComponent", "");
    set(object, "reportingInstance", "");
    set(object, "source", json!({}));
}

fn binding(object: &mut Value) {
    set(
        &mut object["roleRef"],
        "apiGroup",
        "rbac.authorization.k8s.io",
    );
    for subject in object
        .get_mut("subjects")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if matches!(str_at(subject, "/kind"), "User" | "Group") {
            set(subject, "apiGroup", "rbac.authorization.k8s.io");
        }
    }
}

//! The cells of a row, kind by kind.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::store::{name_of, str_at};

const NONE: &str = "<none>";
const UNSET: &str = "<unset>";

/// Fills the cells of an object's row.
pub(super) fn of(kind: &Kind, object: &Value, now: Timestamp) -> Value {
    let name = name_of(object);
    let age = age(str_at(object, "/metadata/creationTimestamp"), now);
    let text = |pointer: &str| str_at(object, pointer).to_owned();
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    match kind.plural {
        "configmaps" => json!([
            name,
            size(&object["data"]) + size(&object["binaryData"]),
            age
        ]),
        "events" => event(object, name, now),
        "namespaces" => json!([name, text("/status/phase"), age]),
        "nodes" => node(object, name, &age),
        "persistentvolumeclaims" => json!([
            name,
            claim_phase(object),
            text("/spec/volumeName"),
            text("/status/capacity/storage"),
            modes(&object["status"]["accessModes"]),
            text("/spec/storageClassName"),
            UNSET,
            age,
            text("/spec/volumeMode"),
        ]),
        "persistentvolumes" => json!([
            name,
            text("/spec/capacity/storage"),
            modes(&object["spec"]["accessModes"]),
            text("/spec/persistentVolumeReclaimPolicy"),
            text("/status/phase"),
            claim_of(object),
            text("/spec/storageClassName"),
            UNSET,
            text("/status/reason"),
            age,
            text("/spec/volumeMode"),
        ]),
        "pods" => pod(object, name, &age, now),
        "secrets" => json!([name, text("/type"), size(&object["data"]), age]),
        "services" => service(object, name, &age),
        "deployments" => json!([
            name,
            format!(
                "{}/{}",
                count("/status/readyReplicas"),
                count("/spec/replicas")
            ),
            count("/status/updatedReplicas"),
            count("/status/availableReplicas"),
            age,
            containers(object, "/name"),
            containers(object, "/image"),
            selector(object),
        ]),
        "replicasets" => json!([
            name,
            count("/spec/replicas"),
            count("/status/replicas"),
            count("/status/readyReplicas"),
            age,
            containers(object, "/name"),
            containers(object, "/image"),
            selector(object),
        ]),
        "jobs" => json!([
            name,
            job_status(object),
            format!(
                "{}/{}",
                count("/status/succeeded"),
                count("/spec/completions")
            ),
            job_duration(object, now),
            age,
            containers(object, "/name"),
            containers(object, "/image"),
            selector(object),
        ]),
        "leases" => json!([name, text("/spec/holderIdentity"), age]),
        "endpointslices" => json!([
            name,
            text("/addressType"),
            slice_ports(object),
            slice_addresses(object),
            age
        ]),
        "clusterrolebindings" | "rolebindings" => json!([
            name,
            format!("{}/{}", text("/roleRef/kind"), text("/roleRef/name")),
            age,
            subjects(object, "User"),
            subjects(object, "Group"),
            subjects(object, "ServiceAccount"),
        ]),
        "clusterroles" | "roles" => json!([name, text("/metadata/creationTimestamp")]),
        "storageclasses" => json!([
            name,
            text("/provisioner"),
            text("/reclaimPolicy"),
            text("/volumeBindingMode"),
            object["allowVolumeExpansion"] == true,
            age,
        ]),
        _ => json!([name, age]),
    }
}

/// Spells how long ago something was, as kubectl does: `5s`, `3m12s`, `17m`, `5h`, `3d`.
fn age(since: &str, now: Timestamp) -> String {
    since.parse::<Timestamp>().map_or_else(
        |_| "<unknown>".to_owned(),
        |since| span(now.as_second() - since.as_second()),
    )
}

fn span(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{small_unit}")
        }
    };
    match seconds {
        ..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

fn size(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

fn event(object: &Value, name: &str, now: Timestamp) -> Value {
    let time = |pointer: &str| {
        let time = str_at(object, pointer);
        age(or(time, str_at(object, "/eventTime")), now)
    };
    let about = format!(
        "{}/{}",
        str_at(object, "/involvedObject/kind").to_lowercase(),
        str_at(object, "/involvedObject/name")
    );
    let source = or(
        str_at(object, "/source/component"),
        str_at(object, "/reportingComponent"),
    );
    json!([
        time("/lastTimestamp"),
        str_at(object, "/type"),
        str_at(object, "/reason"),
        about,
        str_at(object, "/involvedObject/fieldPath"),
        source,
        str_at(object, "/message").trim(),
        time("/firstTimestamp"),
        object["count"].as_u64().unwrap_or(1),
        name,
    ])
}

fn node(object: &Value, name: &str, age: &str) -> Value {
    let is_ready = items(object, "/status/conditions")
        .any(|one| one["type"] == "Ready" && one["status"] == "True");
    let address = items(object, "/status/addresses").find(|one| one["type"] == "InternalIP");
    let info =
        |field: &str| or(str_at(&object["status"]["nodeInfo"], field), "<unknown>").to_owned();
    json!([
        name,
        if is_ready { "Ready" } else { "NotReady" },
        NONE,
        age,
        info("/kubeletVersion"),
        address.map_or(NONE, |one| str_at(one, "/address")),
        NONE,
        info("/osImage"),
        info("/kernelVersion"),
        info("/containerRuntimeVersion"),
    ])
}

fn claim_phase(object: &Value) -> &str {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else {
        str_at(object, "/status/phase")
    }
}

fn modes(modes: &Value) -> String {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    modes
        .as_array()
        .into_iter()
        .flatten()
        .map(short)
        .collect::<Vec<_>>()
        .join(",")
}

fn claim_of(object: &Value) -> String {
    let claim = &object["spec"]["claimRef"];
    if claim.is_null() {
        String::new()
    } else {
        format!("{}/{}", str_at(claim, "/namespace"), str_at(claim, "/name"))
    }
}

fn pod(object: &Value, name: &str, age: &str, now: Timestamp) -> Value {
    let statuses: Vec<&Value> = items(object, "/status/containerStatuses").collect();
    let ready = statuses.iter().filter(|one| one["ready"] == true).count();
    let total = items(object, "/spec/containers").count();
    let restarts: u64 = statuses
        .iter()
        .filter_map(|one| one["restartCount"].as_u64())
        .sum();
    let last = statuses
        .iter()
        .map(|one| str_at(one, "/lastState/terminated/finishedAt"))
        .max()
        .unwrap_or_default();
    let restarts = match restarts {
        0 => "0".to_owned(),
        many if last.is_empty() => many.to_string(),
        many => format!("{many} ({} ago)", self::age(last, now)),
    };
    json!([
        name,
        format!("{ready}/{total}"),
        pod_status(object, &statuses),
        restarts,
        age,
        or(str_at(object, "/status/podIP"), NONE),
        or(str_at(object, "/spec/nodeName"), NONE),
        NONE,
        NONE,
    ])
}

/// The word in the STATUS column: the reason of a container that waits or has ended tells more than the phase.
fn pod_status(object: &Value, statuses: &[&Value]) -> String {
    let mut word = or(
        str_at(object, "/status/reason"),
        str_at(object, "/status/phase"),
    )
    .to_owned();
    let mut has_running = false;
    for one in statuses.iter().rev() {
        let waiting = str_at(one, "/state/waiting/reason");
        let terminated = one.pointer("/state/terminated");
        if !waiting.is_empty() {
            waiting.clone_into(&mut word);
        } else if let Some(terminated) = terminated {
            word = match str_at(terminated, "/reason") {
                "" => match terminated["signal"].as_u64().unwrap_or(0) {
                    0 => format!("ExitCode:{}", terminated["exitCode"]),
                    signal => format!("Signal:{signal}"),
                },
                reason => reason.to_owned(),
            };
        } else if one["ready"] == true && one.pointer("/state/running").is_some() {
            has_running = true;
        }
    }
    if word == "Completed" && has_running {
        let is_ready = items(object, "/status/conditions")
            .any(|one| one["type"] == "Ready" && one["status"] == "True");
        word = if is_ready { "Running" } else { "NotReady" }.to_owned();
    }
    if object.pointer("/metadata/deletionTimestamp").is_some()
        && !matches!(word.as_str(), "Succeeded" | "Failed")
    {
        word = "Terminating".to_owned();
    }
    word
}

fn service(object: &Value, name: &str, age: &str) -> Value {
    let ports: Vec<String> = items(object, "/spec/ports")
        .map(|port| {
            let node_port = port["nodePort"]
                .as_u64()
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            format!("{}{node_port}/{}", port["port"], str_at(port, "/protocol"))
        })
        .collect();
    json!([
        name,
        str_at(object, "/spec/type"),
        or(str_at(object, "/spec/clusterIP"), NONE),
        NONE,
        or(&ports.join(","), NONE),
        age,
        labels(&object["spec"]["selector"]),
    ])
}

fn labels(labels: &Value) -> String {
    let pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    or(&pairs.join(","), NONE).to_owned()
}

fn selector(object: &Value) -> String {
    labels(&object["spec"]["selector"]["matchLabels"])
}

fn containers(object: &Value, field: &str) -> String {
    items(object, "/spec/template/spec/containers")
        .map(|one| str_at(one, field))
        .collect::<Vec<_>>()
        .join(",")
}

fn job_status(object: &Value) -> &'static str {
    let has = |name: &str| {
        items(object, "/status/conditions")
            .any(|one| one["type"] == name && one["status"] == "True")
    };
    if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if object.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn job_duration(object: &Value, now: Timestamp) -> String {
    let Ok(begin) = str_at(object, "/status/startTime").parse::<Timestamp>() else {
        return String::new();
    };
    let end = str_at(object, "/status/completionTime")
        .parse::<Timestamp>()
        .unwrap_or(now);
    span(end.as_second() - begin.as_second())
}

fn slice_ports(object: &Value) -> String {
    let ports: Vec<String> = items(object, "/ports")
        .map(|port| port["port"].to_string())
        .collect();
    or(&ports.join(","), UNSET).to_owned()
}

fn slice_addresses(object: &Value) -> String {
    let addresses: Vec<&str> = items(object, "/endpoints")
        .flat_map(|one| items(one, "/addresses"))
        .filter_map(Value::as_str)
        .collect();
    or(&addresses.join(","), UNSET).to_owned()
}

fn subjects(object: &Value, kind: &str) -> String {
    let spell = |one: &Value| match str_at(one, "/namespace") {
        "" => str_at(one, "/name").to_owned(),
        namespace => format!("{namespace}/{}", str_at(one, "/name")),
    };
    items(object, "/subjects")
        .filter(|one| one["kind"] == kind)
        .map(spell)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::span;

    /// Examples of `duration.HumanDuration`.
    #[test]
    fn ages_are_spelt_as_kubectl_does() {
        for (seconds, expected) in [
            (1, "1s"),
            (119, "119s"),
            (120, "2m"),
            (192, "3m12s"),
            (600, "10m"),
            (10_800, "3h"),
            (28_800, "8h"),
            (172_800, "2d"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }
}

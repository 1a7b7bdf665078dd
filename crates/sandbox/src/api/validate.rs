//! Objects that a real server refuses for their contents, as far as a client of a release can run into it.

use serde_json::Value;

use crate::Failure;
use crate::failure::Cause;
use crate::kinds::Kind;
use crate::store::{labels, name_of, str_at};

use super::select::Selector;

/// Judges a new object.
pub(super) fn new_object(kind: &Kind, object: &Value) -> Result<(), Failure> {
    let mut causes = Vec::new();
    metadata(kind, object, &mut causes);
    match kind.plural {
        "pods" => pod_spec(&object["spec"], "spec", &mut causes),
        "jobs" => job(object, &mut causes),
        "deployments" | "replicasets" => workload(object, &mut causes),
        "services" => service(object, &mut causes),
        "persistentvolumeclaims" => claim(object, &mut causes),
        "secrets" => secret(object, &mut causes),
        _ => {}
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(kind, name_of(object), causes))
    }
}

/// Judges a change of an object.
pub(super) fn changed_object(kind: &Kind, old: &Value, new: &Value) -> Result<(), Failure> {
    let mut causes = Vec::new();
    metadata(kind, new, &mut causes);
    let immutable = match kind.plural {
        "pods" => {
            if fixed_part(old) != fixed_part(new) {
                causes.push(Cause {
                    reason: "FieldValueForbidden",
                    field: "spec".to_owned(),
                    message: POD_FIXED.to_owned(),
                });
            }
            &[][..]
        }
        "jobs" => &["/spec/selector", "/spec/template", "/spec/completions"],
        "deployments" | "replicasets" => &["/spec/selector"],
        "persistentvolumeclaims" => {
            let is_bound = !str_at(old, "/spec/volumeName").is_empty();
            if fixed_claim(old, is_bound) != fixed_claim(new, is_bound) {
                causes.push(Cause {
                    reason: "FieldValueForbidden",
                    field: "spec".to_owned(),
                    message: CLAIM_FIXED.to_owned(),
                });
            }
            &[][..]
        }
        "services" => {
            let (before, after) = (&old["spec"]["clusterIP"], &new["spec"]["clusterIP"]);
            if before != after && !str_at(old, "/spec/clusterIP").is_empty() {
                causes.push(Cause {
                    reason: "FieldValueInvalid",
                    field: "spec.clusterIPs[0]".to_owned(),
                    message: format!("Invalid value: [{after}]: may not change once set"),
                });
            }
            &[][..]
        }
        "rolebindings" | "clusterrolebindings" => &["/roleRef"],
        _ => &[],
    };
    for pointer in immutable {
        let (before, after) = (old.pointer(pointer), new.pointer(pointer));
        if before != after && before.is_some() {
            causes.push(Cause {
                reason: "FieldValueInvalid",
                field: pointer.trim_start_matches('/').replace('/', "."),
                message: format!(
                    "Invalid value: {}: field is immutable",
                    after.unwrap_or(&Value::Null)
                ),
            });
        }
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(kind, name_of(new), causes))
    }
}

const POD_FIXED: &str = "Forbidden: pod updates may not change fields other than \
    `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
    to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

const CLAIM_FIXED: &str = "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName \
    for bound claims";

/// A claim's spec without what may change; a volume may be named once.
fn fixed_claim(claim: &Value, is_bound: bool) -> Value {
    let mut spec = claim["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        for field in ["resources", "volumeAttributesClassName"] {
            spec.remove(field);
        }
        if !is_bound {
            spec.remove("volumeName");
        }
    }
    spec
}

/// A pod's spec without what may change.
fn fixed_part(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        for field in ["activeDeadlineSeconds", "tolerations"] {
            spec.remove(field);
        }
    }
    for list in ["containers", "initContainers"] {
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(container) = container.as_object_mut() {
                container.remove("image");
            }
        }
    }
    spec
}

fn required(field: &str, causes: &mut Vec<Cause>) {
    causes.push(Cause {
        reason: "FieldValueRequired",
        field: field.to_owned(),
        message: "Required value".to_owned(),
    });
}

fn invalid(field: &str, value: &str, why: &str, causes: &mut Vec<Cause>) {
    causes.push(Cause {
        reason: "FieldValueInvalid",
        field: field.to_owned(),
        message: format!("Invalid value: \"{value}\": {why}"),
    });
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
    start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
    with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn metadata(kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    let name = name_of(object);
    let is_rbac = kind.group == "rbac.authorization.k8s.io";
    let is_label = matches!(kind.plural, "namespaces" | "services");
    if name.is_empty() {
        causes.push(Cause {
            reason: "FieldValueRequired",
            field: "metadata.name".to_owned(),
            message: "Required value: name or generateName is required".to_owned(),
        });
    } else if is_label && !is_dns_label(name) {
        invalid("metadata.name", name, LABEL, causes);
    } else if !is_rbac && !is_label && !is_subdomain(name) {
        invalid("metadata.name", name, SUBDOMAIN, causes);
    }
    for value in labels(object)
        .into_iter()
        .flat_map(|labels| labels.values())
        .filter_map(Value::as_str)
    {
        if value.len() > 63 {
            invalid(
                "metadata.labels",
                value,
                "must be no more than 63 bytes",
                causes,
            );
        } else if !is_label_value(value) {
            invalid("metadata.labels", value, LABEL_VALUE, causes);
        }
    }
}

fn is_dns_label(text: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 63
        && text.bytes().all(is_inside)
        && !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            let is_inside =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !part.is_empty()
                && part.bytes().all(is_inside)
                && !part.starts_with('-')
                && !part.ends_with('-')
        })
}

fn is_label_value(text: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_edge = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.bytes().all(is_inside) && is_edge(text.bytes().next()) && is_edge(text.bytes().last())
}

fn pod_spec(spec: &Value, place: &str, causes: &mut Vec<Cause>) {
    let volumes: Vec<&str> = spec["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|volume| str_at(volume, "/name"))
        .collect();
    let containers = spec["containers"].as_array().map_or(&[][..], Vec::as_slice);
    if containers.is_empty() {
        required(&format!("{place}.containers"), causes);
    }
    let init = spec["initContainers"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for (list, ones) in [("containers", containers), ("initContainers", init)] {
        for (index, one) in ones.iter().enumerate() {
            container(one, &format!("{place}.{list}[{index}]"), &volumes, causes);
        }
    }
    let policy = str_at(spec, "/restartPolicy");
    if !matches!(policy, "" | "Always" | "OnFailure" | "Never") {
        causes.push(Cause {
            reason: "FieldValueNotSupported",
            field: format!("{place}.restartPolicy"),
            message: format!("Unsupported value: \"{policy}\": supported values: \"Always\", \"OnFailure\", \"Never\""),
        });
    }
}

fn container(one: &Value, place: &str, volumes: &[&str], causes: &mut Vec<Cause>) {
    match str_at(one, "/name") {
        "" => required(&format!("{place}.name"), causes),
        name if !is_dns_label(name) => invalid(&format!("{place}.name"), name, LABEL, causes),
        _ => {}
    }
    if str_at(one, "/image").is_empty() {
        required(&format!("{place}.image"), causes);
    }
    for (index, mount) in one["volumeMounts"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let name = str_at(mount, "/name");
        if !volumes.contains(&name) {
            causes.push(Cause {
                reason: "FieldValueNotFound",
                field: format!("{place}.volumeMounts[{index}].name"),
                message: format!("Not found: \"{name}\""),
            });
        }
    }
}

fn job(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"]["template"]["spec"];
    pod_spec(spec, "spec.template.spec", causes);
    if !matches!(str_at(spec, "/restartPolicy"), "Never" | "OnFailure") {
        causes.push(Cause {
            reason: "FieldValueRequired",
            field: "spec.template.spec.restartPolicy".to_owned(),
            message: "Required value: valid values: \"OnFailure\", \"Never\"".to_owned(),
        });
    }
}

fn workload(object: &Value, causes: &mut Vec<Cause>) {
    let template = &object["spec"]["template"];
    pod_spec(&template["spec"], "spec.template.spec", causes);
    if object["spec"].get("selector").is_none() {
        required("spec.selector", causes);
    } else if !Selector::of_object(&object["spec"]["selector"]).matches(template) {
        let labels = labels(template).cloned().map_or(Value::Null, Value::Object);
        causes.push(Cause {
            reason: "FieldValueInvalid",
            field: "spec.template.metadata.labels".to_owned(),
            message: format!(
                "Invalid value: {labels}: `selector` does not match template `labels`"
            ),
        });
    }
}

fn service(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let needs_ports =
        str_at(spec, "/type") != "ExternalName" && str_at(spec, "/clusterIP") != "None";
    if needs_ports && spec["ports"].as_array().is_none_or(Vec::is_empty) {
        required("spec.ports", causes);
    }
}

fn claim(object: &Value, causes: &mut Vec<Cause>) {
    if object["spec"]["accessModes"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        causes.push(Cause {
            reason: "FieldValueRequired",
            field: "spec.accessModes".to_owned(),
            message: "Required value: at least 1 access mode is required".to_owned(),
        });
    }
    if object.pointer("/spec/resources/requests/storage").is_none() {
        required("spec.resources[storage]", causes);
    }
}

fn secret(object: &Value, causes: &mut Vec<Cause>) {
    let account = "/metadata/annotations/kubernetes.io~1service-account.name";
    if str_at(object, "/type") == "kubernetes.io/service-account-token"
        && str_at(object, account).is_empty()
    {
        required(
            "metadata.annotations[kubernetes.io/service-account.name]",
            causes,
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{changed_object, new_object};
    use crate::kinds::{CONFIG_MAP, JOB, Kind, POD};

    fn refusal(kind: &Kind, object: &Value) -> String {
        let failure = new_object(kind, object).unwrap_err();
        assert_eq!((failure.code, failure.reason), (422, "Invalid"));
        failure.message
    }

    #[test]
    fn a_pod_stays_on_its_node_and_keeps_its_grace() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "sandbox", "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "c", "image": "one"}]}});
        let changed = |field: &str, value: Value| {
            let mut new = pod.clone();
            new["spec"][field] = value;
            changed_object(&POD, &pod, &new)
        };
        for (field, value) in [
            ("nodeName", json!("other")),
            ("terminationGracePeriodSeconds", json!(5)),
        ] {
            let failure = changed(field, value).unwrap_err();
            let message = failure.message;
            assert!(
                message.starts_with("Pod \"a\" is invalid: spec: Forbidden: pod updates"),
                "{message}"
            );
        }
        changed("activeDeadlineSeconds", json!(5)).unwrap();
        changed("containers", json!([{"name": "c", "image": "two"}])).unwrap();
    }

    /// The sentences are a real server's (1.35.4).
    #[test]
    fn refusals_are_worded_as_real_servers_word_them() {
        assert_eq!(
            refusal(&CONFIG_MAP, &json!({"metadata": {}})),
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"
        );
        assert_eq!(
            refusal(&CONFIG_MAP, &json!({"metadata": {"name": "X_y"}})),
            "ConfigMap \"X_y\" is invalid: metadata.name: Invalid value: \"X_y\": a lowercase RFC 1123 subdomain must consist of \
             lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        );
        assert_eq!(
            refusal(&POD, &json!({"metadata": {"name": "a"}, "spec": {}})),
            "Pod \"a\" is invalid: spec.containers: Required value"
        );
        assert_eq!(
            refusal(
                &POD,
                &json!({"metadata": {"name": "a"}, "spec": {"restartPolicy": "Sometimes", "containers": [{"name": "c_", "image": ""}, {"image": "x"}]}})
            ),
            "Pod \"a\" is invalid: [spec.containers[0].name: Invalid value: \"c_\": a lowercase RFC 1123 label must consist of \
             lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
             '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?'), spec.containers[0].image: Required value, \
             spec.containers[1].name: Required value, spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \
             \"Always\", \"OnFailure\", \"Never\"]"
        );
        assert_eq!(
            refusal(
                &JOB,
                &json!({"metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}})
            ),
            "Job.batch \"j\" is invalid: spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""
        );
    }
}

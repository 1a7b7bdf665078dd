//! A container's variables.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::Value;

use super::expand::expand;
use crate::kinds::Kind;
use crate::store::{name_of, namespace_of, str_at, uid_of};
use crate::{Sandbox, kinds};

/// Builds the variables; what is referred to and not there is said as a kubelet says it.
pub(super) fn of(
    sandbox: &Sandbox,
    pod: &Value,
    container: &Value,
) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::from([("HOSTNAME".to_owned(), name_of(pod).to_owned())]);
    let address = sandbox.address();
    all.insert(
        "KUBERNETES_SERVICE_HOST".to_owned(),
        address.ip().to_string(),
    );
    all.insert(
        "KUBERNETES_SERVICE_PORT".to_owned(),
        address.port().to_string(),
    );
    for source in container["envFrom"].as_array().into_iter().flatten() {
        let prefix = str_at(source, "/prefix");
        for (kind, field) in [
            (&kinds::CONFIG_MAP, "configMapRef"),
            (&kinds::SECRET, "secretRef"),
        ] {
            if source.get(field).is_none() {
                continue;
            }
            let optional = source[field]["optional"] == true;
            let found = data(
                sandbox,
                pod,
                kind,
                str_at(&source[field], "/name"),
                optional,
            )?;
            all.extend(found.into_iter().map(|(key, value)| {
                (
                    format!("{prefix}{key}"),
                    String::from_utf8_lossy(&value).into_owned(),
                )
            }));
        }
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let value = match variable.get("valueFrom") {
            Some(from) => value_from(sandbox, pod, from)?,
            None => Some(expand(str_at(variable, "/value"), &all)),
        };
        if let Some(value) = value {
            all.insert(str_at(variable, "/name").to_owned(), value);
        }
    }
    Ok(all)
}

fn value_from(sandbox: &Sandbox, pod: &Value, from: &Value) -> Result<Option<String>, String> {
    for (kind, field) in [
        (&kinds::CONFIG_MAP, "configMapKeyRef"),
        (&kinds::SECRET, "secretKeyRef"),
    ] {
        let Some(reference) = from.get(field) else {
            continue;
        };
        let optional = reference["optional"] == true;
        let (name, key) = (str_at(reference, "/name"), str_at(reference, "/key"));
        let mut found = data(sandbox, pod, kind, name, optional)?;
        return match found.remove(key) {
            Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            None if optional => Ok(None),
            None => Err(format!(
                "couldn't find key {key} in {} {}/{name}",
                kind.kind,
                namespace_of(pod)
            )),
        };
    }
    let field = str_at(from, "/fieldRef/fieldPath");
    Ok(self::field(pod, field).map(str::to_owned))
}

/// Reads a field that the downward API offers.
pub(super) fn field<'a>(pod: &'a Value, path: &str) -> Option<&'a str> {
    Some(match path {
        "metadata.name" => name_of(pod),
        "metadata.namespace" => namespace_of(pod),
        "metadata.uid" => uid_of(pod),
        "spec.nodeName" => str_at(pod, "/spec/nodeName"),
        "spec.serviceAccountName" => str_at(pod, "/spec/serviceAccountName"),
        "status.podIP" | "status.hostIP" => "127.0.0.1",
        _ => return None,
    })
}

/// Reads all entries of a config map or secret of the pod's namespace.
pub(super) fn data(
    sandbox: &Sandbox,
    pod: &Value,
    kind: &'static Kind,
    name: &str,
    optional: bool,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let object = match sandbox.store().get(kind, namespace_of(pod), name) {
        Ok(object) => object,
        Err(_) if optional => return Ok(BTreeMap::new()),
        Err(failure) => return Err(failure.message),
    };
    let is_secret = kind.plural == "secrets";
    let entries = |field: &str, encoded: bool| {
        let entries = object[field].as_object().into_iter().flatten();
        entries
            .filter_map(|(key, value)| {
                let text = value.as_str()?.as_bytes();
                let bytes = if encoded {
                    BASE64.decode(text).ok()?
                } else {
                    text.to_vec()
                };
                Some((key.clone(), bytes))
            })
            .collect::<Vec<_>>()
    };
    let mut all: BTreeMap<_, _> = entries("data", is_secret).into_iter().collect();
    all.extend(entries("binaryData", true));
    Ok(all)
}

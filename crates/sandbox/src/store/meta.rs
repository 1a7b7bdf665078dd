//! Reading and writing `metadata`.

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value, json};

use crate::kinds::{self, Kind};

/// Returns the text at a JSON pointer, empty if there is none.
#[must_use]
pub fn str_at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Returns `metadata.name`.
#[must_use]
pub fn name_of(object: &Value) -> &str {
    str_at(object, "/metadata/name")
}

/// Returns `metadata.namespace`, empty for cluster-wide objects.
#[must_use]
pub fn namespace_of(object: &Value) -> &str {
    str_at(object, "/metadata/namespace")
}

/// Returns `metadata.uid`.
#[must_use]
pub fn uid_of(object: &Value) -> &str {
    str_at(object, "/metadata/uid")
}

/// Returns `metadata.resourceVersion`, if it is there and a number.
#[must_use]
pub fn version_of(object: &Value) -> Option<u64> {
    str_at(object, "/metadata/resourceVersion").parse().ok()
}

/// Returns `metadata.labels`.
#[must_use]
pub fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
}

/// Returns the uids of the owners.
pub fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|owner| str_at(owner, "/uid"))
}

pub(super) fn key_of(object: &Value) -> (String, String) {
    (namespace_of(object).to_owned(), name_of(object).to_owned())
}

pub(super) fn uid_mismatch(asked: &str, current: &Value) -> String {
    format!(
        "Precondition failed: UID in precondition: {asked}, UID in object meta: {}",
        uid_of(current)
    )
}

pub(super) fn set_version(object: &mut Value, version: u64) {
    metadata(object).insert("resourceVersion".to_owned(), version.to_string().into());
}

pub(super) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    match metadata {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

pub(super) fn stamp_new(kind: &Kind, object: &mut Value, now: &str) {
    let is_counted = object.get("spec").is_some() && !is_without_generation(kind);
    let metadata = metadata(object);
    if metadata
        .get("name")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
        && let Some(prefix) = metadata.get("generateName").and_then(Value::as_str)
    {
        let name = format!("{prefix}{}", random_suffix());
        metadata.insert("name".to_owned(), name.into());
    }
    for server_side in [
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        metadata.remove(server_side);
    }
    // A Job's labels contain its uid, so whoever makes one has chosen it already; clients cannot get here with one.
    if !(*kind == kinds::JOB && metadata.contains_key("uid")) {
        metadata.insert("uid".to_owned(), random_uid().into());
    }
    metadata.insert("creationTimestamp".to_owned(), now.into());
    if is_counted {
        metadata.insert("generation".to_owned(), 1.into());
    }
    if !kind.is_namespaced() {
        metadata.remove("namespace");
    }
    object["apiVersion"] = kind.api_version().into();
    object["kind"] = kind.kind.into();
}

pub(super) fn keep_immutable(old: &Value, new: &mut Value) {
    let kept = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
    ];
    let old_metadata = old.get("metadata");
    let metadata = metadata(new);
    for field in kept {
        match old_metadata.and_then(|metadata| metadata.get(field)) {
            Some(value) => metadata.insert(field.to_owned(), value.clone()),
            None => metadata.remove(field),
        };
    }
    for field in ["apiVersion", "kind"] {
        new[field] = old[field].clone();
    }
}

pub(super) fn count_generation(kind: &Kind, old: &Value, new: &mut Value) {
    if is_without_generation(kind) || old.get("spec") == new.get("spec") {
        return;
    }
    if let Some(generation) = old.pointer("/metadata/generation").and_then(Value::as_u64) {
        metadata(new).insert("generation".to_owned(), (generation + 1).into());
    }
}

/// Kinds whose `metadata.generation` real servers leave out.
fn is_without_generation(kind: &Kind) -> bool {
    matches!(
        kind.plural,
        "services"
            | "persistentvolumeclaims"
            | "persistentvolumes"
            | "namespaces"
            | "nodes"
            | "leases"
    )
}

/// Five characters of the alphabet that the API server uses: no vowels, so that no words come out.
pub(crate) fn random_suffix() -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    random::<5>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// A random UUID, version 4.
pub(crate) fn random_uid() -> String {
    let mut bytes = random::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// Random bytes. The kernel's generator does not fail once the machine is up; should it, names would merely collide, which the
/// store answers with `AlreadyExists`.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        tracing::warn!("the kernel gave no random bytes");
    }
    bytes
}

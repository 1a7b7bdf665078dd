//! Compares `s3` with the S3 part of a truth.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::facts::{Bucket, Object, S3};
use super::{Findings, Tree, keymap, segment};
use crate::hex::to_hex;

const SIDECAR: &[u8] = b".elastickv-meta.json";
const LEAF: &[u8] = b".elastickv-leaf-data";
const CONTROL: [&[u8]; 2] = [b"_bucket.json", b"KEYMAP.jsonl"];

pub(super) fn check(s3: &S3, tree: &Tree, findings: &mut Findings) {
    let mut wanted = BTreeSet::new();
    for bucket in &s3.buckets {
        let dir = format!("s3/{}", segment::encode(bucket.name.as_bytes()));
        check_bucket(bucket, tree, &dir, findings);
        wanted.insert(dir.into_bytes());
    }
    for path in tree.below("s3") {
        let bucket = path.split(|&byte| byte == b'/').next().unwrap_or_default();
        if !wanted.contains(&[b"s3/", bucket].concat()) {
            findings.add(path, "belongs to a bucket that does not exist");
        }
    }
}

fn check_bucket(bucket: &Bucket, tree: &Tree, dir: &str, findings: &mut Findings) {
    check_bucket_file(bucket, tree, dir, findings);
    let keymap = keymap::read(tree, dir, findings);
    let bodies = bodies(tree, dir, &keymap, findings);
    let keys: BTreeSet<_> = bucket.objects.iter().map(Object::key).collect();

    for object in &bucket.objects {
        let key = object.key();
        match bodies.get(&key) {
            None => findings.add(&key, "is missing"),
            Some(path) => {
                findings.expect(&key, "its file", path.escape_ascii().to_string(), {
                    file_name(&key, &keys).escape_ascii().to_string()
                });
                check_object(
                    object,
                    tree,
                    &[dir.as_bytes(), b"/", path].concat(),
                    findings,
                );
            }
        }
    }
    for key in bodies.keys().filter(|key| !keys.contains(*key)) {
        let why = match bucket.absent().contains(key) {
            true => "was deleted",
            false => "is unknown to the server",
        };
        findings.add(key, why);
    }
    for path in keymap
        .keys()
        .filter(|path| !bodies.values().any(|body| body == *path))
    {
        findings.add(path, "is in KEYMAP.jsonl and not in the tree");
    }
    findings.expect(
        dir.as_bytes(),
        "the number of objects",
        bodies.len() as u64,
        bucket.listed,
    );
}

fn check_bucket_file(bucket: &Bucket, tree: &Tree, dir: &str, findings: &mut Findings) {
    let path = format!("{dir}/_bucket.json");
    let text = tree.bytes(&path).unwrap_or_default();
    let found: Json = serde_json::from_slice(&text).unwrap_or_default();
    // Buckets made through the S3 port have no owner, and the creation time is not written.
    let wanted = json!({
        "format_version": 1,
        "name": bucket.name,
        "region": "us-east-1",
        "acl": bucket.acl,
    });
    findings.expect(path.as_bytes(), "it", found, wanted);
}

/// Finds every body: key → path from the bucket's directory. A sidecar without a body is a finding.
fn bodies(
    tree: &Tree,
    dir: &str,
    keymap: &keymap::Keymap,
    findings: &mut Findings,
) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let paths: BTreeSet<&[u8]> = tree.below(dir).collect();
    let mut bodies = BTreeMap::new();
    for &path in paths.iter().filter(|path| !CONTROL.contains(*path)) {
        if let Some(body) = path.strip_suffix(SIDECAR) {
            if !paths.contains(body) {
                findings.add(path, "is a sidecar without a body");
            }
            continue;
        }
        let key = match keymap.get(path) {
            Some((_, original)) => original.clone(),
            None => path.to_vec(),
        };
        if bodies.insert(key.clone(), path.to_vec()).is_some() {
            findings.add(&key, "has two bodies");
        }
    }
    bodies
}

fn check_object(object: &Object, tree: &Tree, path: &[u8], findings: &mut Findings) {
    let body = tree.bytes(path).unwrap_or_default();
    findings.expect(path, "its length", body.len() as u64, object.size);
    if !object.body.matches(&body) {
        findings.add(path, "differs from what the server answered");
    }
    let sidecar = [path, SIDECAR].concat();
    let Some(text) = tree.bytes(&sidecar) else {
        findings.add(&sidecar, "is missing");
        return;
    };
    match serde_json::from_slice::<Map<String, Json>>(&text) {
        Ok(found) => check_sidecar(object, found, &sidecar, findings),
        Err(error) => findings.add(&sidecar, error),
    }
}

fn check_sidecar(
    object: &Object,
    mut found: Map<String, Json>,
    path: &[u8],
    findings: &mut Findings,
) {
    let modified = found.remove("last_modified");
    let modified = modified.as_ref().and_then(Json::as_str).unwrap_or("");
    if let Some(iso) = &object.last_modified_iso {
        findings.expect(path, "last_modified", modified, &short_iso(iso));
    }
    if let Some(date) = &object.last_modified {
        let second = modified.get(..19).map(str::to_owned);
        findings.expect(path, "last_modified", second, http_date(date));
    }

    let mut wanted = json!({
        "format_version": 1,
        "etag": object.etag,
        "size_bytes": object.size,
    });
    let mut add = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            wanted[name] = value;
        }
    };
    let text = |value: &Option<String>| value.clone().map(Json::from);
    add("content_type", text(&object.content_type));
    add("content_encoding", text(&object.content_encoding));
    add("cache_control", text(&object.cache_control));
    add("content_disposition", text(&object.content_disposition));
    let metadata = &object.user_metadata;
    add(
        "user_metadata",
        (!metadata.is_empty()).then(|| json!(metadata)),
    );
    findings.expect(path, "it", Json::Object(found), wanted);
}

/// Drops the zeros that end the milliseconds, and the point when nothing is left behind it.
fn short_iso(iso: &str) -> String {
    match iso.strip_suffix('Z') {
        Some(text) if text.contains('.') => {
            format!("{}Z", text.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => iso.to_owned(),
    }
}

/// Turns `Sat, 21 Nov 2026 10:11:11 GMT` into `2026-11-21T10:11:11`.
fn http_date(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split(' ').skip(1);
    let day = words.next()?;
    let month = words.next()?;
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    let year = words.next()?;
    Some(format!("{year}-{month:02}-{day}T{}", words.next()?))
}

/// Gives the name of a body from its key and all keys of its bucket.
///
/// Covers natural paths, leaves beside directories, and keys that cannot be a path; not the rarer
/// conflicts between renames, which no live set has.
fn file_name(key: &[u8], keys: &BTreeSet<Vec<u8>>) -> Vec<u8> {
    if !is_plain(key) {
        let name = format!("k.{}", segment::percent(key));
        let name = match name.len() <= 235 && !name.as_bytes().ends_with(SIDECAR) {
            true => name,
            false => format!("h.{}", to_hex(&Sha256::digest(key))),
        };
        return [b"_keys/", name.as_bytes()].concat();
    }
    let as_dir = [key, b"/"].concat();
    let has_children = keys
        .range(as_dir.clone()..)
        .take_while(|other| other.starts_with(&as_dir))
        .any(|other| is_plain(other));
    if has_children {
        return [key, LEAF].concat();
    }
    key.to_vec()
}

fn is_plain(key: &[u8]) -> bool {
    let segments: Vec<_> = key.split(|&byte| byte == b'/').collect();
    let (last, _) = segments.split_last().expect("a split has a last piece");
    let reserved: [&[u8]; 5] = [
        b"_bucket.json",
        b"KEYMAP.jsonl",
        b"_orphans",
        b"_incomplete_uploads",
        b"_keys",
    ];
    segments.iter().all(|segment| {
        !segment.is_empty()
            && ![b".".as_slice(), b".."].contains(segment)
            && !segment.iter().any(|byte| matches!(byte, 0 | b'\\'))
            && segment.len() <= 255
    }) && last.len() <= 235
        && !reserved.contains(&segments[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lose_their_last_zeros() {
        assert_eq!(
            short_iso("2026-11-21T10:10:13.150Z"),
            "2026-11-21T10:10:13.15Z"
        );
        assert_eq!(
            short_iso("2026-11-21T10:10:10.000Z"),
            "2026-11-21T10:10:10Z"
        );
        assert_eq!(short_iso("2026-11-21T10:10:10Z"), "2026-11-21T10:10:10Z");
        assert_eq!(
            http_date("Sat, 21 Nov 2026 10:11:11 GMT").unwrap(),
            "2026-11-21T10:11:11"
        );
    }

    #[test]
    fn names_of_bodies() {
        let keys: [&[u8]; 5] = [b"a", b"a/b", b"z//z", b"", b"\xff"];
        let keys: BTreeSet<_> = keys.iter().map(|key| key.to_vec()).collect();
        for (key, name) in [
            (b"a".as_slice(), "a.elastickv-leaf-data"),
            (b"a/b", "a/b"),
            (b"z//z", "_keys/k.z%2F%2Fz"),
            (b"", "_keys/k."),
            (b"..", "_keys/k..."),
        ] {
            assert_eq!(file_name(key, &keys), name.as_bytes());
        }
        assert_eq!(file_name(b"\xff", &keys), b"\xff");
        let long = "x".repeat(236);
        assert!(file_name(long.as_bytes(), &keys).starts_with(b"_keys/h."));
    }
}

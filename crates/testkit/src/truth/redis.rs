//! Compares `redis/db_0` with the Redis part of a truth.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::facts::{Redis, RedisKey};
use super::{Family, Findings, Tree, keymap, segment};

const ROOT: &str = "redis/db_0";

/// One directory of values and the sidecar with their expiries.
struct Kind {
    family: Family,
    r#type: &'static str,
    dir: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        family: Family::RedisStrings,
        r#type: "string",
        dir: "strings",
    },
    Kind {
        family: Family::RedisHll,
        r#type: "hll",
        dir: "hll",
    },
];

pub(super) fn check(redis: &Redis, tree: &Tree, families: &[Family], findings: &mut Findings) {
    let keymap = keymap::read(tree, ROOT, findings);
    let mut renamed = BTreeSet::new();
    let mut known = BTreeSet::from(["KEYMAP.jsonl".to_owned()]);
    let mut keys = redis.keys.clone();
    keys.extend(redis.absent.iter().filter_map(|absent| absent.expired()));

    for kind in KINDS.iter().filter(|kind| families.contains(&kind.family)) {
        let of_kind: Vec<_> = keys
            .iter()
            .filter(|key| key.r#type == kind.r#type)
            .collect();
        let expiries = read_expiries(tree, kind, findings);
        known.insert(format!("{}_ttl.jsonl", kind.dir));
        let mut owners = BTreeSet::new();
        for key in of_kind {
            let raw = key.key();
            let name = segment::encode(&raw);
            if segment::looks_like_fallback(&name) {
                check_rename(&keymap, &name, &raw, findings);
                renamed.insert(name.clone().into_bytes());
            }
            known.insert(format!("{}/{name}.bin", kind.dir));
            check_value(tree, kind, key, &name, findings);
            check_expiry(key, expiries.get(&name).copied(), &name, findings);
            owners.insert(name);
        }
        for name in expiries.keys().filter(|name| !owners.contains(*name)) {
            findings.add(name.as_bytes(), "has an expiry and no value");
        }
    }
    for name in keymap.keys().filter(|name| !renamed.contains(*name)) {
        findings.add(name, "is in KEYMAP.jsonl for no reason");
    }
    for path in tree.below(ROOT) {
        let expected = std::str::from_utf8(path).is_ok_and(|path| known.contains(path));
        if !expected {
            findings.add(path, "should not be there");
        }
    }
}

fn check_rename(keymap: &keymap::Keymap, name: &str, raw: &[u8], findings: &mut Findings) {
    let found = keymap.get(name.as_bytes());
    if found != Some(&("sha-fallback".to_owned(), raw.to_vec())) {
        findings.add(name.as_bytes(), format_args!("KEYMAP.jsonl says {found:?}"));
    }
}

fn check_value(tree: &Tree, kind: &Kind, key: &RedisKey, name: &str, findings: &mut Findings) {
    let path = format!("{ROOT}/{}/{name}.bin", kind.dir);
    let Some(bytes) = tree.bytes(&path) else {
        findings.add(path.as_bytes(), "is missing");
        return;
    };
    let equal = match (&key.value.value, key.value.members()) {
        (Some(value), _) => value.matches(&bytes),
        (None, Some(members)) => sketch_members(&bytes).is_some_and(|found| found == members),
        (None, None) => false,
    };
    if !equal {
        findings.add(path.as_bytes(), "differs from what the server answered");
    }
}

fn check_expiry(key: &RedisKey, found: Option<u64>, name: &str, findings: &mut Findings) {
    let within = match (key.expire_at_ms, found) {
        (None, None) => true,
        (Some((low, high)), Some(found)) => (low..=high).contains(&found),
        _ => false,
    };
    if !within {
        let wanted = key.expire_at_ms;
        findings.add(
            name.as_bytes(),
            format_args!("expires {found:?}, not {wanted:?}"),
        );
    }
}

/// Reads a sidecar of expiries: one line a key, in the order of the keys' bytes.
fn read_expiries(tree: &Tree, kind: &Kind, findings: &mut Findings) -> BTreeMap<String, u64> {
    let path = format!("{ROOT}/{}_ttl.jsonl", kind.dir);
    let mut expiries = BTreeMap::new();
    let Some(text) = tree.bytes(&path) else {
        return expiries;
    };
    if text.last() != Some(&b'\n') {
        findings.add(
            path.as_bytes(),
            "does not end with a line feed, or is empty",
        );
    }
    let mut in_order = Vec::new();
    for line in text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let parsed: Option<(String, u64)> =
            serde_json::from_slice(line).ok().and_then(|json: Json| {
                let name = json.get("key")?.as_str()?.to_owned();
                Some((name, json.get("expire_at_ms")?.as_u64()?))
            });
        let Some((name, expiry)) = parsed else {
            findings.add(path.as_bytes(), line.escape_ascii());
            continue;
        };
        in_order.extend(segment::decode(&name));
        if expiries.insert(name.clone(), expiry).is_some() {
            findings.add(name.as_bytes(), "has two expiries");
        }
    }
    if !in_order.is_sorted() {
        findings.add(path.as_bytes(), "is not in the order of the keys");
    }
    expiries
}

/// Reads the elements of a counter: a magic, then a message of repeated strings in field 1.
fn sketch_members(blob: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = blob.strip_prefix(b"\x00RS\x01")?;
    let mut members = Vec::new();
    while let Some((&tag, after)) = rest.split_first() {
        if tag != 0x0a {
            return None;
        }
        let (length, after) = varint(after)?;
        let (member, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
        members.push(member.to_vec());
        rest = after;
    }
    members.sort();
    Some(members)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::hex;

    #[test]
    fn a_counter_is_a_list_of_strings() {
        let members = sketch_members(&hex("00525301 0a05616c696365 0a03626f62 0a00")).unwrap();
        assert_eq!(members, [b"".as_slice(), b"alice", b"bob"]);
        assert_eq!(sketch_members(&hex("00525301 0a05616c6963")), None);
        assert_eq!(sketch_members(&hex("00525302")), None);
        assert_eq!(sketch_members(&hex("00525301 1201ff")), None);
    }
}

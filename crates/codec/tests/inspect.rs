//! What `inspect` counts in the snapshots of real nodes, compared with what the nodes answered.

mod common;

use std::fs;
use std::path::Path;

use codec::{Family, Input, Inspection, inspect};
use common::Events;
use snapshot::FooterPolicy;
use testkit::shared::read_snapshot;
use testkit::truth::{SnapshotFacts, Truth};

/// Redis types as the node names them, and the families that hold them.
const TYPES: [(&str, Family); 7] = [
    ("string", Family::RedisStrings),
    ("hll", Family::RedisHll),
    ("hash", Family::RedisHashes),
    ("list", Family::RedisLists),
    ("set", Family::RedisSets),
    ("zset", Family::RedisSortedSets),
    ("stream", Family::RedisStreams),
];

fn inspection(set: &Path, facts: &SnapshotFacts) -> Inspection {
    let mut input = Input::memory(facts.file.as_str(), read_snapshot(&set.join(&facts.file)));
    input.index = facts.index;
    inspect(&input, FooterPolicy::WithHeader, &Events::default()).unwrap()
}

/// Keys of a family, in all sections.
fn keys(inspections: &[Inspection], family: Family) -> u64 {
    let sections = inspections.iter().flat_map(|one| &one.sections);
    sections
        .filter(|(section, _)| section.family == family)
        .map(|(_, stats)| stats.keys)
        .sum()
}

fn check(name: &str) {
    let Some(shared) = testkit::shared_dir("golden snapshots inspected") else {
        return;
    };
    let set = shared.join("golden").join(name);
    let truth = Truth::read(&set);
    let mut all = Vec::new();
    for facts in truth.files() {
        let found = inspection(&set, facts);
        check_file(&found, facts);
        all.push(found);
    }
    check_redis(&all, &truth, &set);
    check_s3(&all, &truth);
}

fn check_file(found: &Inspection, facts: &SnapshotFacts) {
    let name = &facts.file;
    let rows = facts.rows.expect("a golden file has its rows counted");
    let counts = &found.counts;
    assert_eq!(found.size_bytes, facts.bytes, "{name}");
    assert_eq!(found.last_commit_ts, facts.last_commit_ts, "{name}");
    assert_eq!(found.index, facts.index, "{name}");
    assert_eq!(
        found.crc32c.map(|crc| format!("{crc:08x}")).as_deref(),
        Some(facts.footer_crc32c.as_str()),
        "{name}"
    );
    assert_eq!(counts.total, rows.rows, "{name}: total");
    assert_eq!(counts.operational, rows.operational, "{name}: operational");
    assert_eq!(counts.superseded, rows.superseded, "{name}: superseded");
    assert_eq!(counts.deleted, rows.deleted_keys(), "{name}: deleted");
    let of_families: u64 = counts.families.values().map(|family| family.rows).sum();
    assert_eq!(
        of_families + counts.internal + counts.unknown,
        rows.visible,
        "{name}: visible"
    );
    assert_eq!(
        (counts.expired, counts.unknown, counts.encrypted),
        (0, 0, 0)
    );
}

/// Keys whose expiry has passed are still there: whether a server would show them is a matter of its clock. A collection
/// without elements, which the server still names a type for, may be counted or not.
fn check_redis(found: &[Inspection], truth: &Truth, set: &Path) {
    let Some(redis) = &truth.redis else {
        return;
    };
    for (word, family) in TYPES {
        let alive = redis.keys.iter().filter(|key| key.r#type == word).count();
        let expired = redis.absent.iter().filter_map(|key| key.expired());
        let expired = expired.filter(|key| key.r#type == word).count();
        let all = (alive + expired) as u64;
        let counted = keys(found, family);
        assert!(
            (all - empty(set, word)..=all).contains(&counted),
            "{}: {counted} keys of type {word}, not {all}",
            truth.scenario
        );
    }
}

/// How many keys of a type the node says are there and empty.
fn empty(set: &Path, word: &str) -> u64 {
    let text = fs::read(set.join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let keys = truth["redis"]["keys"].as_array().unwrap();
    let empty = keys
        .iter()
        .filter(|key| key["type"] == word && key["empty"] == true);
    empty.count() as u64
}

/// A bucket that was deleted and made again has objects of both incarnations in the file.
fn check_s3(found: &[Inspection], truth: &Truth) {
    let Some(s3) = &truth.s3 else {
        return;
    };
    for bucket in &s3.buckets {
        let sections = found.iter().flat_map(|one| &one.sections);
        let keys: u64 = sections
            .filter(|(section, _)| section.bucket.as_deref() == Some(bucket.name.as_str()))
            .map(|(_, stats)| stats.keys)
            .sum();
        assert_eq!(keys, bucket.objects.len() as u64, "{}", bucket.name);
    }
}

macro_rules! golden {
    ($($name:ident: $set:literal;)*) => {
        $(#[test] fn $name() { check($set); })*
    };
}

golden! {
    redis_simple: "redis-simple";
    redis_interleaved: "redis-interleaved";
    redis_wide: "redis-wide";
    follower: "follower";
    s3_basic: "s3-basic";
    s3_multipart: "s3-multipart";
    s3_dataset: "s3-dataset";
    dynamodb: "dynamodb";
    sqs: "sqs";
    mixed: "mixed";
    sharded: "sharded";
}

/// Every row is counted once, and again in its section; no real snapshot at hand has rows that expired by their version.
#[test]
fn each_fate_is_counted_by_itself() {
    use testkit::stream::{Native, Row};
    const T: u64 = 113_750_153_625_600_001;
    let string = |key: &str| [b"!redis|str|", key.as_bytes()].concat();
    let body = |text: &str| [&[0xff, 1, 0], text.as_bytes()].concat();
    let rows = [
        Row::live(string("a"), T, body("new")),
        Row::live(string("a"), T - 1, body("older")),
        Row::live(string("a"), T - 2, body("oldest")),
        Row::tombstone(string("b"), T),
        Row::tombstone(string("c"), T),
        Row::live(string("d"), T, body("x")).with_expire_at(1),
        Row::live(string("e"), T, body("x")).with_expire_at(1),
        Row::live(string("f"), T, body("y")),
        Row::live("!new|z", T, "unknown"),
    ];
    let stream = Native::new(T).rows(rows).sorted().build();
    let input = Input::memory("snapshot.fsm", stream);
    let found = inspect(&input, FooterPolicy::WithHeader, &Events::default()).unwrap();
    let counts = &found.counts;
    assert_eq!(
        (
            counts.total,
            counts.superseded,
            counts.deleted,
            counts.expired,
            counts.unknown
        ),
        (9, 2, 2, 2, 1)
    );
    let stats: Vec<_> = found.sections.values().collect();
    let [strings] = stats.as_slice() else {
        panic!("{:?}", found.sections);
    };
    assert_eq!((strings.keys, strings.rows, strings.versions), (2, 2, 8));
    assert_eq!((strings.deleted, strings.expired), (2, 2));
    assert_eq!(found.unknown.get("!new|"), Some(&(1, 7)));
}

//! Every golden set, decoded and compared with what the live node answered.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Place;
use serde_json::Value;
use testkit::shared::{shared_dir, unpack_snapshot};
use testkit::truth::{Family, SnapshotFacts, Truth, compare_manifest, compare_tree};

/// The families that this version decodes.
const DECODED: [Family; 3] = Family::ALL;

/// How a set's decode ends.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    /// Only families that are decoded.
    Decoded,
    /// Also others: refused, and the rest written with `--partial`.
    Others,
}

/// Puts the snapshots of a set into a sandbox under the names that their nodes gave them, one directory
/// each, since two groups may use one name.
fn place(set: &Path, facts: &[&SnapshotFacts], sandbox: &Place) -> Vec<PathBuf> {
    let placed = facts.iter().enumerate().map(|(number, facts)| {
        let dir = sandbox.path(format!("group-{number}"));
        fs::create_dir(&dir).unwrap();
        let name = facts.name_on_node.clone().unwrap_or(facts.file.clone());
        unpack_snapshot(&set.join(&facts.file), &dir, &name)
    });
    placed.collect()
}

fn decode(inputs: &[PathBuf], extra: &[&str]) -> Vec<String> {
    let mut arguments = vec!["snapshot".to_owned(), "decode".to_owned()];
    arguments.extend(inputs.iter().map(|path| path.to_str().unwrap().to_owned()));
    arguments.extend(["--output", "tree", "--format", "json"].map(str::to_owned));
    arguments.extend(extra.iter().map(|&word| word.to_owned()));
    arguments
}

fn check(scenario: &str, holds: Holds) {
    let Some(shared) = shared_dir("golden snapshots through the program") else {
        return;
    };
    let set = shared.join("golden").join(scenario);
    let truth = Truth::read(&set);
    let facts = truth.files();
    let sandbox = Place::new();
    let inputs = place(&set, &facts, &sandbox);

    let mut extra: &[&str] = &[];
    if holds == Holds::Others {
        let before = sandbox.listing();
        sandbox.run(decode(&inputs, &[])).exits(10);
        assert_eq!(sandbox.listing(), before, "a refusal leaves nothing behind");
        extra = &["--partial"];
    }
    let code = if holds == Holds::Others { 14 } else { 0 };
    let run = sandbox.run(decode(&inputs, extra)).exits(code);

    let tree = sandbox.path("tree");
    let mut findings = compare_tree(&truth, &tree, &DECODED);
    if let [only] = facts.as_slice() {
        let name = inputs[0].file_name().unwrap().to_str().unwrap();
        findings.extend(compare_manifest(only, &tree, name));
        findings.extend(compare_counts(only, &run.result()));
    }
    assert!(findings.is_empty(), "{scenario}: {findings:#?}");
}

fn compare_counts(facts: &SnapshotFacts, result: &Value) -> Vec<String> {
    let rows = facts.rows.expect("a golden set counts its rows");
    let wanted = [
        ("total", rows.rows),
        ("operational", rows.operational),
        ("superseded", rows.superseded),
        ("deleted", rows.deleted_keys()),
    ];
    let differs = |(name, wanted): (&str, u64)| {
        let found = &result["rows"][name];
        (found.as_u64() != Some(wanted)).then(|| format!("rows.{name} is {found}, not {wanted}"))
    };
    wanted.into_iter().filter_map(differs).collect()
}

macro_rules! golden {
    ($($name:ident: $scenario:literal, $holds:ident;)*) => {
        $(#[test] fn $name() { check($scenario, Holds::$holds); })*
    };
}

golden! {
    redis_simple: "redis-simple", Decoded;
    redis_interleaved: "redis-interleaved", Decoded;
    follower: "follower", Decoded;
    s3_basic: "s3-basic", Decoded;
    s3_multipart: "s3-multipart", Decoded;
    s3_dataset: "s3-dataset", Decoded;
    redis_wide: "redis-wide", Others;
    dynamodb: "dynamodb", Others;
    sqs: "sqs", Others;
    mixed: "mixed", Others;
    sharded: "sharded", Others;
}

#[test]
fn a_bundle_is_refused_by_name() {
    let Some(shared) = shared_dir("golden SST bundle") else {
        return;
    };
    let set = shared.join("golden/sst-bundle");
    let sandbox = Place::new();
    let inputs = place(&set, &Truth::read(&set).files(), &sandbox);
    let before = sandbox.listing();
    let run = sandbox.run(decode(&inputs, &[])).exits(10);
    assert!(run.stdout.contains("SST"), "{}", run.stdout);
    assert_eq!(sandbox.listing(), before);
}

#[test]
fn a_node_without_rows_has_an_empty_tree() {
    let Some(shared) = shared_dir("golden empty snapshot") else {
        return;
    };
    let sandbox = Place::new();
    let empty = shared.join("golden/follower/initial-empty.fsm");
    let input = unpack_snapshot(&empty, &sandbox.path(""), "0000000000000001.fsm");
    sandbox.run(decode(&[input], &[])).exits(0);
    let tree = testkit::truth::Tree::read(&sandbox.path("tree"));
    let names: Vec<_> = tree
        .files()
        .iter()
        .map(|file| file.path.as_slice())
        .collect();
    assert_eq!(names, [b"CHECKSUMS".as_slice(), b"MANIFEST.json"]);
}

/// Commands in any order, with the names that have hurt decoders before.
#[test]
fn a_modelled_node_decodes_to_its_own_truth() {
    for seed in 0..20 {
        let node = busy(seed);
        let sandbox = Place::new();
        let input = sandbox.write(node.file_name(), node.runtime_file());
        sandbox.run(decode(&[input], &[])).exits(0);
        let findings = compare_tree(&node.truth(), &sandbox.path("tree"), &DECODED);
        assert!(findings.is_empty(), "seed {seed}: {findings:#?}");
    }
}

fn busy(seed: u64) -> testkit::rows::Node {
    const KEYS: [&[u8]; 10] = [
        b"",
        b"a",
        b"a/b",
        b"a/",
        b"..",
        b"x//y",
        b"nul\0",
        b"\xff",
        b"back\\",
        b"_bucket.json",
    ];
    let mut random = testkit::random::Random::new(seed);
    let mut node = testkit::rows::Node::new(seed);
    node.create_bucket("bucket");
    for _ in 0..200 {
        let key = KEYS[random.below(KEYS.len() as u64) as usize];
        let length = random.below(300) as usize;
        let body = random.bytes(length);
        match random.below(10) {
            0..=2 => node.set(key, &body, None),
            3 => node.set(key, &body, Some(1_800_000_000_000 + random.below(1000))),
            4 => node.expire(key, 1_700_000_000_000 + random.below(1000)),
            5 => node.del(key),
            6 => node.multipart(
                "bucket",
                key,
                &[(2, &body), (1, b"head")],
                Default::default(),
            ),
            7 => node.delete("bucket", key),
            _ => node.put("bucket", key, &body, Default::default()),
        }
        if random.below(60) == 0 {
            node.delete_bucket("bucket");
            node.create_bucket("bucket");
        }
    }
    node
}

//! The comparison itself: a tree that agrees has no findings, and each way to disagree has one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use testkit::hex::{hex, to_hex};
use testkit::shared::{read_snapshot, shared_dir};
use testkit::stream::footer;
use testkit::truth::{Family, Truth, compare_manifest, compare_tree};

const TRUTH: &str = r#"{
  "scenario": "small", "adapters": ["redis", "s3"],
  "snapshot": {
    "file": "snapshot.fsm", "bytes": 1, "sha256": "", "name_on_node": "0000000000000064.fsm", "index": 100,
    "header": "EKVTHLC1", "hlc_ceiling_ms": 1, "store_magic": "EKVPBBL1", "last_commit_ts": 7,
    "footer_crc32c": "c23e7d23"
  },
  "redis": {
    "keys": [
      {"key_b64": "YS9i", "type": "string", "expire_at_ms": [10, 12], "value": {"b64": "aGVsbG8="}},
      {"key_b64": "aA==", "type": "hll", "expire_at_ms": null, "count": 1, "members_b64": ["eA=="]},
      {"key_b64": "d2lkZQ==", "type": "hash", "expire_at_ms": null, "fields": []}
    ],
    "absent": [
      {"key_b64": "Z29uZQ==", "why": "deleted"},
      {"key_b64": "b2xk", "why": "expired", "type": "string", "value": {"b64": "eA=="}, "expire_at_ms": [1, 1]}
    ]
  },
  "s3": {
    "buckets": [{
      "name": "b", "acl": "private", "listed": 1, "absent": ["eg=="],
      "objects": [{
        "key_b64": "ZGlyLw==", "size": 1, "body": {"b64": "eA=="}, "etag": "e", "content_type": "text/plain",
        "last_modified": "Sat, 21 Nov 2026 10:11:11 GMT", "last_modified_iso": "2026-11-21T10:11:11.270Z"
      }]
    }],
    "absent_buckets": ["gone"]
  }
}"#;

const FILES: [(&str, &[u8]); 8] = [
    ("redis/db_0/hll/h.bin", b"\x00RS\x01\x0a\x01x"),
    ("redis/db_0/strings/a%2Fb.bin", b"hello"),
    ("redis/db_0/strings/old.bin", b"x"),
    (
        "redis/db_0/strings_ttl.jsonl",
        b"{\"key\":\"a%2Fb\",\"expire_at_ms\":11}\n{\"key\":\"old\",\"expire_at_ms\":1}\n",
    ),
    (
        "s3/b/KEYMAP.jsonl",
        b"{\"encoded\":\"_keys/k.dir%2F\",\"original\":\"ZGlyLw\",\"kind\":\"s3-key-escaped\"}\n",
    ),
    (
        "s3/b/_bucket.json",
        br#"{"format_version":1,"name":"b","region":"us-east-1","acl":"private"}"#,
    ),
    ("s3/b/_keys/k.dir%2F", b"x"),
    (
        "s3/b/_keys/k.dir%2F.elastickv-meta.json",
        br#"{"format_version":1,"etag":"e","size_bytes":1,"last_modified":"2026-11-21T10:11:11.27Z","content_type":"text/plain"}"#,
    ),
];

fn truth() -> Truth {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("truth.json"), TRUTH).unwrap();
    Truth::read(dir.path())
}

fn write(root: &Path, path: &str, bytes: &[u8], mode: u32) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn remove(root: &Path, path: &str) {
    fs::remove_file(root.join(path)).unwrap();
}

/// Writes the agreeing tree, lets `change` spoil it, lists it again unless told not to, and compares.
fn compare(change: impl FnOnce(&Path)) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("tree");
    // Not through the mask: other tests of this process would see it change.
    for (path, bytes) in FILES {
        write(&root, path, bytes, 0o600);
    }
    fs::write(root.join("MANIFEST.json"), "{}").unwrap();
    change(&root);
    if !root.join("CHECKSUMS").exists() {
        list(&root);
    }
    compare_tree(&truth(), &root, &Family::ALL)
}

fn list(root: &Path) {
    let tree = testkit::truth::Tree::read(root);
    let mut text = String::new();
    for file in tree.files() {
        let digest = to_hex(&Sha256::digest(tree.bytes(&file.path).unwrap()));
        text.push_str(&format!(
            "{digest}  {}\n",
            str::from_utf8(&file.path).unwrap()
        ));
    }
    fs::write(root.join("CHECKSUMS"), text).unwrap();
}

#[test]
fn agreement_has_no_findings() {
    assert_eq!(compare(|_| ()), [] as [&str; 0]);
}

type Change = Box<dyn FnOnce(&Path)>;

#[test]
fn every_disagreement_is_found() {
    let value = "redis/db_0/strings/a%2Fb.bin";
    let ttl = "redis/db_0/strings_ttl.jsonl";
    let sidecar = "s3/b/_keys/k.dir%2F.elastickv-meta.json";
    let extra = |path: &'static str| move |root: &Path| write(root, path, b"x", 0o600);
    let spoil = |path: &'static str, from: &'static str, to: &'static str| {
        move |root: &Path| {
            let text = fs::read_to_string(root.join(path)).unwrap();
            assert!(text.contains(from));
            write(root, path, text.replacen(from, to, 1).as_bytes(), 0o600);
        }
    };
    let gone = |path: &'static str| move |root: &Path| remove(root, path);
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(spoil(value, "hello", "hellO")),
            "differs from what the server",
        ),
        (Box::new(gone(value)), "a%2Fb.bin: is missing"),
        (
            Box::new(gone("redis/db_0/strings/old.bin")),
            "old.bin: is missing",
        ),
        (Box::new(spoil(ttl, "11", "13")), "expires Some(13)"),
        (
            Box::new(spoil(ttl, "\"old\"", "\"odd\"")),
            "has an expiry and no value",
        ),
        (Box::new(spoil(ttl, "a%2Fb", "zzz")), "is not in the order"),
        (
            Box::new(extra("redis/db_0/strings/gone.bin")),
            "gone.bin: should not be there",
        ),
        (
            Box::new(extra("redis/db_0/hashes/wide.json")),
            "should not be there",
        ),
        (
            Box::new(spoil("redis/db_0/hll/h.bin", "x", "y")),
            "h.bin: differs",
        ),
        (
            Box::new(spoil(sidecar, "text/plain", "text/html")),
            "text/html",
        ),
        (Box::new(spoil(sidecar, ".27Z", ".28Z")), "last_modified"),
        (
            Box::new(spoil(sidecar, ",\"content_type\"", ",\"cache_control\"")),
            "cache_control",
        ),
        (Box::new(gone(sidecar)), "is missing"),
        (
            Box::new(spoil("s3/b/_bucket.json", "private", "public-read")),
            "_bucket.json",
        ),
        (
            Box::new(spoil("s3/b/KEYMAP.jsonl", "ZGlyLw", "ZGly")),
            "dir/: is missing",
        ),
        (Box::new(extra("s3/b/z")), "z: was deleted"),
        (Box::new(extra("s3/gone/x")), "a bucket that does not exist"),
        (Box::new(extra("sqs/q")), "does not belong"),
        (
            Box::new(|root: &Path| {
                list(root);
                write(root, "redis/db_0/x", b"", 0o600);
            }),
            "is not in CHECKSUMS",
        ),
        (
            Box::new(|root: &Path| {
                list(root);
                write(root, "s3/b/_bucket.json", b"{}", 0o600);
            }),
            "its SHA-256",
        ),
        (
            Box::new(move |root: &Path| write(root, value, b"hello", 0o644)),
            "has mode 644",
        ),
        (
            Box::new(|root: &Path| std::os::unix::fs::symlink("x", root.join("link")).unwrap()),
            "is neither a file nor a directory",
        ),
    ];
    for (change, expected) in cases {
        let findings = compare(change);
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{expected:?} is not among {findings:#?}"
        );
    }
}

#[test]
fn a_manifest_is_held_to_the_facts() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = r#"{"format_version":1,"phase":"phase0-snapshot-decode","snapshot_index":101,"last_commit_ts":7,
        "source":{"fsm_crc32c":"c23e7d23"},"checksum_algorithm":"sha256","checksum_format":"sha256sum",
        "encoded_filename_charset":"rfc3986-unreserved-plus-percent","key_segment_max_bytes":240,
        "s3_meta_suffix":".elastickv-meta.json","s3_collision_strategy":"leaf-data-suffix","dynamodb_layout":"per-item"}"#;
    fs::write(dir.path().join("MANIFEST.json"), manifest).unwrap();
    let truth = truth();
    let facts = truth.files()[0];
    assert_eq!(
        compare_manifest(facts, dir.path(), "snapshot.fsm"),
        [] as [&str; 0]
    );
    let findings = compare_manifest(facts, dir.path(), "0000000000000064.fsm");
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[test]
fn the_golden_files_are_those_the_truths_speak_of() {
    let Some(shared) = shared_dir("golden snapshots") else {
        return;
    };
    let mut sets = 0;
    for entry in fs::read_dir(shared.join("golden")).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.is_dir() {
            continue;
        }
        sets += 1;
        let truth = Truth::read(&dir);
        for facts in truth.files().into_iter().chain(&truth.received) {
            let bytes = read_snapshot(&dir.join(&facts.file));
            assert_eq!(bytes.len() as u64, facts.bytes);
            assert_eq!(to_hex(&Sha256::digest(&bytes)), facts.sha256);
            let (payload, crc) = bytes.split_at(bytes.len() - 4);
            assert_eq!(footer(payload), crc);
            assert_eq!(crc, hex(&facts.footer_crc32c));
        }
    }
    assert_eq!(sets, 12);
}

//! `snapshot verify`, on the worked example of the tree's description.

mod common;

use std::fs;

use common::Place;

/// Two files and their digests as the format's description gives them.
const GREETING: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  redis/db_0/strings/greeting.bin\n";
const MANIFEST_DIGEST: &str = "5f44575b5daa9761c58af7737947a5fd819f87d830a0d32f412ea37969fbd01f";
const MANIFEST: &str = r#"{
  "format_version": 1,
  "phase": "phase0-snapshot-decode",
  "elastickv_version": "dev",
  "cluster_id": "ek-test",
  "snapshot_index": 100,
  "last_commit_ts": 113750153625600001,
  "wall_time_iso": "2025-01-01T00:05:00.25Z",
  "source": {
    "fsm_path": "fsm-snap/0000000000000064.fsm"
  },
  "adapters": {
    "dynamodb": {},
    "s3": {},
    "redis": {},
    "sqs": {}
  },
  "exclusions": {
    "include_incomplete_uploads": false,
    "include_orphans": false,
    "preserve_sqs_visibility": false,
    "include_sqs_side_records": false
  },
  "checksum_algorithm": "sha256",
  "checksum_format": "sha256sum",
  "encoded_filename_charset": "rfc3986-unreserved-plus-percent",
  "key_segment_max_bytes": 240,
  "s3_meta_suffix": ".elastickv-meta.json",
  "s3_collision_strategy": "leaf-data-suffix",
  "dynamodb_layout": "per-item"
}
"#;

fn example() -> Place {
    let place = Place::new();
    place.write("dump/MANIFEST.json", MANIFEST);
    place.write("dump/redis/db_0/strings/greeting.bin", "hello");
    place.write(
        "dump/CHECKSUMS",
        format!("{MANIFEST_DIGEST}  MANIFEST.json\n{GREETING}"),
    );
    place
}

#[test]
fn an_intact_dump_verifies() {
    let place = example();
    let result = place
        .run(["snapshot", "verify", "dump", "--format=json"])
        .exits(0)
        .result();
    assert_eq!(
        (&result["files"], &result["findings"]),
        (&1.into(), &0.into())
    );
    let run = place.run(["snapshot", "verify", "dump"]).exits(0);
    assert_eq!(run.stdout, "dump: intact; 1 file, 5 B, 0 findings\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn every_finding_is_told_in_one_run() {
    let place = example();
    place.write("dump/redis/db_0/strings/greeting.bin", "hullo");
    place.write("dump/extra", "x");
    let run = place.run(["snapshot", "verify", "dump", "--format=json"]);
    assert_eq!(run.events("dump.checksum-mismatch").len(), 1);
    assert_eq!(run.events("dump.file-unlisted")[0]["path"], "extra");
    let error = run.fails(11, "dump.not-intact");
    assert!(error["remedy"].is_string());

    let text = place.run(["snapshot", "verify", "dump"]).exits(11);
    assert!(
        text.stderr
            .contains("finding: dump.file-unlisted path=extra\n"),
        "{}",
        text.stderr
    );
}

#[test]
fn a_missing_file_is_a_finding() {
    let place = example();
    fs::remove_file(place.path("dump/redis/db_0/strings/greeting.bin")).unwrap();
    let run = place
        .run(["snapshot", "verify", "dump", "--format=json"])
        .exits(11);
    assert_eq!(
        run.events("dump.file-missing")[0]["path"],
        "redis/db_0/strings/greeting.bin"
    );
}

#[test]
fn a_place_without_a_dump_is_an_error() {
    let place = Place::new();
    place
        .run(["snapshot", "verify", "nowhere", "--format=json"])
        .fails(12, "input.not-found");
    fs::create_dir(place.path("empty")).unwrap();
    let run = place.run(["snapshot", "verify", "empty", "--format=json"]);
    assert_eq!(run.events("dump.manifest-missing").len(), 1);
    run.fails(11, "dump.not-intact");
}

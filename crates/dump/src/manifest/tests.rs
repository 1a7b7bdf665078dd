use serde_json::{Value, json};

use super::{
    Adapters, DynamodbLayout, Exclusions, Invalid, LeftOut, Live, Manifest, Origin, Partial,
    Producer, Scopes, Source, SourceFile, Totals,
};

/// The example of the format description, with its final newline.
const EXAMPLE: &str = r#"{
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

fn example() -> Manifest {
    let file = SourceFile {
        name: "fsm-snap/0000000000000064.fsm".to_owned(),
        ..SourceFile::default()
    };
    Manifest {
        elastickv_version: "dev".to_owned(),
        cluster_id: "ek-test".to_owned(),
        snapshot_index: 100,
        last_commit_ts: 113_750_153_625_600_001,
        adapters: Adapters {
            dynamodb: Some(Scopes::Unlisted),
            s3: Some(Scopes::Unlisted),
            redis: Some(Scopes::Unlisted),
            sqs: Some(Scopes::Unlisted),
        },
        ..Manifest::of_snapshot(
            Source { files: vec![file] },
            "2025-01-01T00:05:00.25Z".parse().unwrap(),
        )
    }
}

/// A manifest that uses every member.
fn full() -> Manifest {
    let file = |name: &str, crc32c, snapshot_index| SourceFile {
        name: name.to_owned(),
        crc32c: Some(crc32c),
        snapshot_index,
        last_commit_ts: u64::MAX,
    };
    Manifest {
        last_commit_ts: u64::MAX,
        adapters: Adapters {
            dynamodb: None,
            s3: Some(Scopes::Listed(vec!["photos".to_owned()])),
            redis: Some(Scopes::Listed(vec![0])),
            sqs: Some(Scopes::Listed(vec![])),
        },
        exclusions: Exclusions {
            include_orphans: true,
            rename_s3_collisions: true,
            ..Exclusions::default()
        },
        dynamodb_layout: DynamodbLayout::Jsonl,
        producer: Some(Producer {
            name: "longshore".to_owned(),
            version: "1.2.3".to_owned(),
        }),
        totals: Some(Totals {
            files: 2,
            bytes: 9_007_199_254_740_993,
        }),
        partial: Some(Partial {
            left_out: vec![LeftOut {
                family: "redis-hash".to_owned(),
                reason: "not-decoded".to_owned(),
                count: 3,
            }],
            report: Some("REPORT.jsonl".to_owned()),
        }),
        ..Manifest::of_snapshot(
            Source {
                files: vec![file("a.fsm", 0x1f, 1), file("b.fsm", 0xffff_ffff, 0)],
            },
            "2025-01-01T00:05:00Z".parse().unwrap(),
        )
    }
}

#[test]
fn the_documented_example_is_written_and_read() {
    assert_eq!(
        String::from_utf8(example().to_json().unwrap()).unwrap(),
        EXAMPLE
    );
    assert_eq!(Manifest::from_json(EXAMPLE.as_bytes()).unwrap(), example());
}

#[test]
fn every_member_has_its_place() {
    let text = String::from_utf8(full().to_json().unwrap()).unwrap();
    assert_eq!(
        text,
        r#"{
  "format_version": 1,
  "phase": "phase0-snapshot-decode",
  "last_commit_ts": 18446744073709551615,
  "wall_time_iso": "2025-01-01T00:05:00Z",
  "source": {
    "fsm_path": "a.fsm",
    "fsm_crc32c": "0000001f",
    "files": [
      {
        "fsm_path": "a.fsm",
        "fsm_crc32c": "0000001f",
        "snapshot_index": 1,
        "last_commit_ts": 18446744073709551615
      },
      {
        "fsm_path": "b.fsm",
        "fsm_crc32c": "ffffffff",
        "last_commit_ts": 18446744073709551615
      }
    ]
  },
  "adapters": {
    "s3": {
      "buckets": [
        "photos"
      ]
    },
    "redis": {
      "databases": [
        0
      ]
    },
    "sqs": {
      "queues": []
    }
  },
  "exclusions": {
    "include_incomplete_uploads": false,
    "include_orphans": true,
    "preserve_sqs_visibility": false,
    "include_sqs_side_records": false,
    "rename_s3_collisions": true
  },
  "checksum_algorithm": "sha256",
  "checksum_format": "sha256sum",
  "encoded_filename_charset": "rfc3986-unreserved-plus-percent",
  "key_segment_max_bytes": 240,
  "s3_meta_suffix": ".elastickv-meta.json",
  "s3_collision_strategy": "leaf-data-suffix",
  "dynamodb_layout": "jsonl",
  "producer": {
    "name": "longshore",
    "version": "1.2.3"
  },
  "totals": {
    "files": 2,
    "bytes": 9007199254740993
  },
  "partial": {
    "left_out": [
      {
        "family": "redis-hash",
        "reason": "not-decoded",
        "count": 3
      }
    ],
    "report": "REPORT.jsonl"
  }
}
"#
    );
    assert_eq!(Manifest::from_json(text.as_bytes()).unwrap(), full());
}

#[test]
fn a_live_manifest_reads_back() {
    let mut manifest = example();
    manifest.origin = Origin::Live(Live {
        read_ts: 7,
        pin_token_sha256: "ab".to_owned(),
    });
    let text = manifest.to_json().unwrap();
    assert_eq!(Manifest::from_json(&text).unwrap(), manifest);
    let value: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(value["phase"], "phase1-live-pinned");
    assert_eq!(
        value["live"],
        json!({"read_ts": 7, "pin_token_sha256": "ab"})
    );
    assert!(value.get("source").is_none());
}

#[test]
fn times_keep_up_to_nine_digits_and_no_trailing_zeros() {
    for time in [
        "2025-01-01T00:05:00Z",
        "2025-01-01T00:05:00.1Z",
        "2025-01-01T00:05:00.123456789Z",
        "1970-01-01T00:00:00Z",
    ] {
        let mut manifest = example();
        manifest.wall_time = time.parse().unwrap();
        let text = String::from_utf8(manifest.to_json().unwrap()).unwrap();
        assert!(
            text.contains(&format!("\"wall_time_iso\": \"{time}\",")),
            "{text}"
        );
    }
}

/// Returns the example with one member, named by a JSON pointer, set; null deletes it.
fn with(pointer: &str, new: Value) -> String {
    let mut value: Value = serde_json::from_str(EXAMPLE).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if new.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), new);
    }
    value.to_string()
}

fn check(text: &str, expected: &str) {
    let error = Manifest::from_json(text.as_bytes()).expect_err(text);
    let shown = format!("{error:?}");
    assert!(
        shown.starts_with(expected),
        "{shown} is not {expected} for {text}"
    );
}

#[test]
fn the_version_is_judged_before_anything_else() {
    check(r#"{"format_version":2}"#, "UnsupportedVersion");
    check(r#"{"format_version":0,"phase":7}"#, "UnsupportedVersion");
    check(r#"{"format_version":4294967295}"#, "UnsupportedVersion");
    for version in [
        "null",
        "-1",
        "1.0",
        "1e0",
        "\"1\"",
        "4294967296",
        "99999999999999999999",
        "true",
    ] {
        check(
            &format!(r#"{{"format_version":{version}}}"#),
            "Value { member: \"format_version\"",
        );
    }
    check("{}", "Value { member: \"format_version\"");
    check(r#"{"format_version":1}"#, "Member");
}

#[test]
fn the_text_is_one_object() {
    for text in [
        "",
        "[]",
        "1",
        "null",
        "{",
        &format!("{EXAMPLE}x"),
        &format!("{EXAMPLE}{EXAMPLE}"),
    ] {
        check(text, "NotAnObject");
    }
    assert!(Manifest::from_json(format!(" {EXAMPLE} \n\t ").as_bytes()).is_ok());
}

#[test]
fn broken_members_are_refused() {
    for member in [
        "phase",
        "wall_time_iso",
        "adapters",
        "exclusions",
        "checksum_algorithm",
        "checksum_format",
    ] {
        check(&with(&format!("/{member}"), Value::Null), "Member");
        check(&with(&format!("/{member}"), json!(5)), "Member");
    }
    for member in [
        "include_incomplete_uploads",
        "include_orphans",
        "preserve_sqs_visibility",
        "include_sqs_side_records",
    ] {
        check(
            &with(&format!("/exclusions/{member}"), Value::Null),
            "Member",
        );
        check(
            &with(&format!("/exclusions/{member}"), json!("false")),
            "Member",
        );
    }
    check(
        &EXAMPLE.replace("\"include_orphans\": false", "\"include_orphans\": null"),
        "Member",
    );
    check(&with("/last_commit_ts", json!(-1)), "Member");
    check(
        &EXAMPLE.replace("113750153625600001", "18446744073709551616"),
        "Member",
    );
    check(
        &with("/adapters/redis", json!({"databases": ["0"]})),
        "Member",
    );
    check(&with("/adapters/s3", json!({"buckets": [7]})), "Member");
}

#[test]
fn values_out_of_range_are_refused() {
    check(
        &with("/phase", json!("phase2")),
        "Value { member: \"phase\"",
    );
    check(
        &with("/wall_time_iso", json!("yesterday")),
        "Value { member: \"wall_time_iso\"",
    );
    check(
        &with("/wall_time_iso", json!("")),
        "Value { member: \"wall_time_iso\"",
    );
    check(
        &with("/checksum_algorithm", json!("md5")),
        "ChecksumAlgorithm",
    );
    check(&with("/checksum_algorithm", json!("")), "ChecksumAlgorithm");
    check(
        &with("/encoded_filename_charset", json!("utf-8")),
        "Value { member: \"encoded_filename_charset\"",
    );
    for member in ["checksum_format", "s3_meta_suffix", "s3_collision_strategy"] {
        check(
            &with(&format!("/{member}"), json!("")),
            &format!("Value {{ member: \"{member}\""),
        );
    }
    check(
        &with("/key_segment_max_bytes", json!(0)),
        "Value { member: \"key_segment_max_bytes\"",
    );
    check(
        &with("/dynamodb_layout", json!("flat")),
        "Value { member: \"dynamodb_layout\"",
    );
    check(
        &with("/source/fsm_crc32c", json!("1F")),
        "Value { member: \"fsm_crc32c\"",
    );
    check(
        &with("/source/fsm_crc32c", json!("+000001f")),
        "Value { member: \"fsm_crc32c\"",
    );
}

#[test]
fn phases_and_their_members_go_together() {
    let live = json!({"read_ts": 1, "pin_token_sha256": ""});
    check(&with("/live", live.clone()), "Phase { member: \"live\"");
    check(
        &with("/phase", json!("phase1-live-pinned")),
        "Phase { member: \"live\"",
    );
    let mut both: Value = serde_json::from_str(EXAMPLE).unwrap();
    both["phase"] = json!("phase1-live-pinned");
    both["live"] = live;
    check(&both.to_string(), "Phase { member: \"source\"");
    both.as_object_mut().unwrap().remove("source");
    assert!(Manifest::from_json(both.to_string().as_bytes()).is_ok());
    both["live"]["read_ts"] = json!(0);
    check(&both.to_string(), "Value { member: \"read_ts\"");
}

#[test]
fn what_may_be_missing_may_be_missing() {
    for pointer in [
        "/elastickv_version",
        "/cluster_id",
        "/snapshot_index",
        "/last_commit_ts",
        "/source",
        "/adapters/redis",
    ] {
        assert!(
            Manifest::from_json(with(pointer, Value::Null).as_bytes()).is_ok(),
            "{pointer}"
        );
        let name = pointer.rsplit('/').next().unwrap();
        let mut value: Value = serde_json::from_str(EXAMPLE).unwrap();
        *value.pointer_mut(pointer).unwrap() = Value::Null;
        assert!(
            Manifest::from_json(value.to_string().as_bytes()).is_ok(),
            "{name}"
        );
    }
    assert!(Manifest::from_json(with("/unknown", json!([1])).as_bytes()).is_ok());
    assert!(Manifest::from_json(with("/source", json!({})).as_bytes()).is_ok());
}

#[test]
fn a_writer_refuses_what_a_reader_would() {
    let mut manifest = example();
    manifest.conventions.key_segment_max_bytes = 0;
    assert!(matches!(
        manifest.to_json(),
        Err(Invalid::Value {
            member: "key_segment_max_bytes",
            ..
        })
    ));
    let mut manifest = example();
    manifest.origin = Origin::Live(Live {
        read_ts: 0,
        pin_token_sha256: String::new(),
    });
    assert!(manifest.to_json().is_err());
    let mut manifest = example();
    manifest.conventions.s3_meta_suffix.clear();
    assert!(manifest.to_json().is_err());
}

#[test]
fn the_example_has_the_digest_that_the_description_gives() {
    use sha2::Digest as _;
    assert_eq!(
        data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(EXAMPLE)),
        "5f44575b5daa9761c58af7737947a5fd819f87d830a0d32f412ea37969fbd01f"
    );
}

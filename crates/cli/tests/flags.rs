//! Every flag of `snapshot decode` does what it says, through the program.

mod common;

use std::fs;

use common::{Place, Run};
use serde_json::Value;
use testkit::rows::Node;
use testkit::stream::{Header, Row};

/// 2030-01-01T00:00:00Z in milliseconds.
const IN_2030: u64 = 1_893_456_000_000;

fn node() -> Node {
    let mut node = Node::new(1);
    node.set(b"plain", b"value", None);
    node.set(b"expiring", b"value", Some(IN_2030));
    node.create_bucket("photos");
    node.put("photos", b"img.jpg", b"picture", Default::default());
    node.put("photos", b"folder/", b"", Default::default());
    node.put(
        "photos",
        b"x.elastickv-meta.json",
        b"odd",
        Default::default(),
    );
    node.create_bucket("mail");
    node.put("mail", b"letter", b"dear", Default::default());
    node.open_upload("mail", b"unfinished", &[(1, b"part")]);
    node
}

/// With a row of a kind that this version has never heard of.
fn with_unknown() -> Vec<u8> {
    let stream = node().stream().row(Row::live(*b"!new|thing", 5, *b"odd"));
    Header::V1 { ceiling_ms: 0 }.runtime_file(&stream.sorted().build())
}

fn place(snapshot: &[u8]) -> Place {
    let place = Place::new();
    place.write("node.fsm", snapshot);
    place
}

fn decode(place: &Place, flags: &[&str]) -> Run {
    let words = [
        "snapshot",
        "decode",
        "node.fsm",
        "-o",
        "out",
        "--format=json",
    ];
    place.run(words.iter().chain(flags))
}

/// Decodes a snapshot with flags, expects an exit code, and gives the place.
#[track_caller]
fn decoded(snapshot: &[u8], flags: &[&str], code: i32) -> (Place, Value) {
    let place = place(snapshot);
    let result = decode(&place, flags).exits(code).result();
    let verified = place.run(["snapshot", "verify", "out"]);
    assert_eq!(verified.code, Some(code), "{}", verified.stderr);
    (place, result)
}

#[track_caller]
fn refused(snapshot: &[u8], flags: &[&str], code: i32, id: &str) {
    let place = place(snapshot);
    decode(&place, flags).fails(code, id);
    assert_eq!(place.listing(), ["node.fsm"]);
}

fn names(place: &Place) -> Vec<String> {
    let mut names = place.listing();
    names.retain(|name| name.starts_with("out/"));
    names
}

fn has(place: &Place, name: &str) -> bool {
    place.path("out").join(name).exists()
}

fn manifest(place: &Place) -> Value {
    let text = fs::read_to_string(place.path("out/MANIFEST.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn rows_of_an_unknown_kind() {
    let file = with_unknown();
    let (plain, result) = decoded(&file, &[], 14);
    assert_eq!(result["rows"]["unknown"], 1);
    assert!(!has(&plain, "_raw"));
    refused(&file, &["--strict"], 10, "snapshot.unknown-rows");
    let (ignored, _) = decoded(&file, &["--ignore-unknown"], 0);
    assert!(!has(&ignored, "_raw"));
    let (raw, _) = decoded(&file, &["--raw", "--ignore-unknown"], 0);
    // `!new|thing` and `odd` by `basenc --base64url`.
    assert_eq!(
        fs::read_to_string(raw.path("out/_raw/rows.jsonl")).unwrap(),
        "{\"key\":\"IW5ld3x0aGluZw\",\"commit_ts\":5,\"value\":\"b2Rk\"}\n"
    );
}

#[test]
fn adapters_and_scopes() {
    let file = node().runtime_file();
    let (redis, _) = decoded(&file, &["--adapter", "redis"], 0);
    assert!(has(&redis, "redis") && !has(&redis, "s3"));
    let (photos, _) = decoded(&file, &["--scope", "s3=photos"], 0);
    assert!(has(&photos, "s3/photos") && !has(&photos, "s3/mail") && !has(&photos, "redis"));
    assert_eq!(manifest(&photos)["adapters"]["s3"]["buckets"][0], "photos");
    let (both, _) = decoded(
        &file,
        &["--scope", "s3=photos,mail", "--adapter=s3,redis"],
        0,
    );
    assert!(has(&both, "s3/photos") && has(&both, "s3/mail") && has(&both, "redis"));
}

#[test]
fn keys_that_had_expired_at_a_time() {
    let file = node().runtime_file();
    let string = "redis/db_0/strings/expiring.bin";
    let (kept, _) = decoded(&file, &[], 0);
    assert!(has(&kept, string));
    let (kept, _) = decoded(&file, &["--drop-expired-at", "2029-12-31T23:59:59Z"], 0);
    assert!(has(&kept, string));
    for time in ["2030-01-01T00:00:01Z", "@1893456001"] {
        let (dropped, result) = decoded(&file, &["--drop-expired-at", time], 0);
        assert!(!has(&dropped, string) && has(&dropped, "redis/db_0/strings/plain.bin"));
        assert_eq!(result["redis"]["dropped_expired"], 1);
    }
    refused(&file, &["--drop-expired-at", "soon"], 2, "usage.invalid");
}

#[test]
fn footers() {
    let node = node();
    let payload = Header::V1 { ceiling_ms: 0 }.payload(&node.stream().build());
    refused(&payload, &[], 10, "snapshot.footer-missing");
    decoded(&payload, &["--no-footer"], 0);
    let bare = node.stream().build();
    decoded(&bare, &[], 0);
    refused(&bare, &["--require-footer"], 10, "snapshot.footer-missing");
    decoded(&node.runtime_file(), &["--require-footer"], 0);
}

#[test]
fn names_of_objects() {
    let file = node().runtime_file();
    let (plain, _) = decoded(&file, &[], 0);
    assert!(has(&plain, "s3/photos/_keys/k.folder%2F"));
    assert!(!has(&plain, "s3/photos/x.elastickv-meta.json.user-data"));
    let (renamed, _) = decoded(&file, &["--rename-collisions"], 0);
    assert!(has(&renamed, "s3/photos/x.elastickv-meta.json.user-data"));
    assert_eq!(
        manifest(&renamed)["exclusions"]["rename_s3_collisions"],
        true
    );
    refused(&file, &["--strict-keys"], 10, "s3.suffix-collision");
    let (portable, _) = decoded(&file, &["--portable-names"], 0);
    assert!(
        names(&portable)
            .iter()
            .any(|name| name.contains("/_keys/h."))
    );
    assert!(!has(&portable, "s3/photos/_keys/k.folder%2F"));
}

#[test]
fn what_is_no_object() {
    let file = node().runtime_file();
    let uploads = "s3/mail/_incomplete_uploads/records.jsonl";
    let (plain, _) = decoded(&file, &[], 0);
    assert!(!has(&plain, uploads) && !has(&plain, "s3/mail/_orphans"));
    let (with_uploads, _) = decoded(&file, &["--include-incomplete-uploads"], 0);
    assert!(has(&with_uploads, uploads));
    let (with_orphans, _) = decoded(&file, &["--include-orphans"], 0);
    assert!(has(&with_orphans, "s3/mail/_orphans/unfinished"));
    let excluded = &manifest(&with_orphans)["exclusions"];
    assert_eq!(excluded["include_orphans"], true);
    assert_eq!(excluded["include_incomplete_uploads"], false);
}

#[test]
fn metadata_and_etags() {
    let file = node().runtime_file();
    let sidecar = |place: &Place| -> Value {
        let path = place.path("out/s3/mail/letter.elastickv-meta.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let (plain, result) = decoded(&file, &[], 0);
    assert!(sidecar(&plain)["upload_id"].is_null());
    assert_eq!(result["s3"]["etags_verified"], 4);
    let (extended, _) = decoded(&file, &["--extended-metadata"], 0);
    assert!(sidecar(&extended)["upload_id"].is_string());
    let (_, result) = decoded(&file, &["--no-etag"], 0);
    assert_eq!(result["s3"]["etags_verified"], 0);
}

#[test]
fn objects_that_are_broken() {
    let mut file = node().stream().sorted().build();
    let at = file
        .windows(7)
        .position(|bytes| bytes == b"picture")
        .unwrap();
    file[at] ^= 1;
    refused(&file, &[], 10, "s3.etag-mismatch");
    let (partial, _) = decoded(&file, &["--partial"], 14);
    assert!(!has(&partial, "s3/photos/img.jpg") && has(&partial, "s3/mail/letter"));
    let report = fs::read_to_string(partial.path("out/REPORT.jsonl")).unwrap();
    let line: Value = serde_json::from_str(report.lines().next().unwrap()).unwrap();
    assert_eq!(line["id"], "s3.etag-mismatch");
    assert_eq!(
        (&line["container"], &line["key"]),
        (&"photos".into(), &"img.jpg".into())
    );
    assert!(manifest(&partial)["partial"].is_object());
    decoded(&file, &["--no-etag"], 0);
}

#[test]
fn what_the_manifest_is_told() {
    let file = node().runtime_file();
    let (named, _) = decoded(&file, &["--cluster-id", "blue", "--index", "77"], 0);
    let manifest = manifest(&named);
    assert_eq!(manifest["cluster_id"], "blue");
    assert_eq!(manifest["snapshot_index"], 77);
}

/// Keys of servers that had no prefixes yet.
#[test]
fn bare_strings() {
    let stream = testkit::stream::Native::new(9)
        .row(Row::live(*b"old", 5, *b"value"))
        .build();
    decoded(&stream, &[], 14);
    let (bare, _) = decoded(&stream, &["--bare-strings"], 0);
    assert_eq!(
        fs::read(bare.path("out/redis/db_0/strings/old.bin")).unwrap(),
        b"value"
    );
}

#[test]
fn two_runs_are_byte_identical_whatever_the_flags() {
    for flags in [
        &[][..],
        &[
            "--include-orphans",
            "--include-incomplete-uploads",
            "--extended-metadata",
        ],
        &["--portable-names", "--rename-collisions"],
    ] {
        let file = node().runtime_file();
        let contents = || {
            let (place, _) = decoded(&file, flags, 0);
            let read = |name: &String| (name.clone(), fs::read(place.path(name)).ok());
            names(&place).iter().map(read).collect::<Vec<_>>()
        };
        assert!(contents() == contents(), "{flags:?}");
    }
}

/// Flags that would say two things at once.
#[test]
fn flags_that_contradict_each_other() {
    let file = with_unknown();
    for flags in [
        ["--strict", "--raw"],
        ["--strict", "--ignore-unknown"],
        ["--no-footer", "--require-footer"],
    ] {
        refused(&file, &flags, 2, "usage.invalid");
    }
}

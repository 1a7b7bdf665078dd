//! A decoded S3 bucket is a dataset folder: bookkeeping is left out and renames are undone.

mod support;

use dataset::{Report, Silent, check};
use support::{Folder, jpeg, request};

const META: &str = "{\n  \"format_version\": 1,\n  \"size_bytes\": 1\n}";

/// Writes an object and its sidecar, as the decoder does.
fn object(folder: &Folder, path: &str, body: impl AsRef<[u8]>) {
    folder
        .write(path, body)
        .write(&format!("{path}.elastickv-meta.json"), META);
}

fn bucket() -> Folder {
    let folder = Folder::new();
    folder.write(
        "_bucket.json",
        "{\n  \"format_version\": 1,\n  \"name\": \"rescued\"\n}",
    );
    object(
        &folder,
        "labels.csv",
        "image_id,filename,label\n1,a.jpg,cat\n2,b.jpg,dog\n",
    );
    object(&folder, "images/a.jpg", jpeg(64, 64));
    folder
}

fn run(folder: &Folder) -> Report {
    let mut request = request("image_classification", "--label-column label");
    request.payload = true;
    check(folder.path(), &request, &Silent).unwrap()
}

fn sent(report: &Report) -> Vec<(String, String)> {
    let payload = report.payload.as_ref().expect("a payload");
    let pair =
        |entry: dataset::payload::Entry| (entry.archive_path.to_string(), entry.source.to_string());
    payload.entries().map(Result::unwrap).map(pair).collect()
}

fn expected(b: &str) -> Vec<(String, String)> {
    [
        ("labels.csv", "labels.csv"),
        ("images/a.jpg", "images/a.jpg"),
        ("images/b.jpg", b),
    ]
    .map(|(one, other)| (one.to_owned(), other.to_owned()))
    .to_vec()
}

#[test]
fn sidecars_are_not_data() {
    let folder = bucket();
    object(&folder, "images/b.jpg", jpeg(64, 64));
    let report = run(&folder);
    assert_eq!(sent(&report), expected("images/b.jpg"));
    let ids: Vec<_> = report
        .findings
        .kept()
        .iter()
        .map(|finding| finding.rule.id())
        .collect();
    assert_eq!(ids, ["bucket.decoded"]);
    assert!(report.summary.unwrap().is_bucket);
}

#[test]
fn renames_are_undone() {
    // `images/b.jpg` beside `images/b.jpg/x`.
    let folder = bucket();
    object(&folder, "images/b.jpg.elastickv-leaf-data", jpeg(64, 64));
    object(&folder, "images/b.jpg/x", "x");
    let line = "{\"encoded\":\"images/b.jpg.elastickv-leaf-data\",\"original\":\"aW1hZ2VzL2IuanBn\",\"kind\":\"s3-leaf-data\"}\n";
    folder.write("KEYMAP.jsonl", line);
    assert_eq!(
        sent(&run(&folder)),
        expected("images/b.jpg.elastickv-leaf-data")
    );
}

#[test]
fn keys_that_could_not_be_paths_are_found() {
    let folder = bucket();
    object(&folder, "_keys/h.00", jpeg(64, 64));
    object(&folder, "_keys/k.images%2F", "");
    let lines = "{\"encoded\":\"_keys/h.00\",\"original\":\"aW1hZ2VzL2IuanBn\",\"kind\":\"sha-fallback\"}\n\
        {\"encoded\":\"_keys/k.images%2F\",\"original\":\"aW1hZ2VzLw\",\"kind\":\"s3-key-escaped\"}\n";
    folder.write("KEYMAP.jsonl", lines);
    assert_eq!(sent(&run(&folder)), expected("_keys/h.00"));
}

/// An object store takes keys that no folder can hold, the one at the other end included.
#[test]
fn a_key_that_can_be_no_name_is_told() {
    use data_encoding::BASE64URL_NOPAD;
    let folder = bucket();
    object(&folder, "images/b.jpg", jpeg(64, 64));
    object(&folder, "_keys/h.00", jpeg(64, 64));
    let key = format!("images/{}.jpg", "l".repeat(252));
    let key = BASE64URL_NOPAD.encode(key.as_bytes());
    folder.write(
        "KEYMAP.jsonl",
        format!(
            "{{\"encoded\":\"_keys/h.00\",\"original\":\"{key}\",\"kind\":\"sha-fallback\"}}\n"
        ),
    );
    let report = run(&folder);
    let finding = report
        .findings
        .kept()
        .iter()
        .find(|finding| finding.rule.id() == "layout.unreadable");
    assert!(finding.unwrap().message.contains("255 bytes"));
    assert!(report.payload.is_none());
}

#[test]
fn a_broken_key_map_is_named_with_its_line() {
    for line in [
        "{}",
        "nonsense",
        "{\"encoded\":\"../x\",\"original\":\"\",\"kind\":\"k\"}",
        "{\"encoded\":\"x\",\"original\":\"*\",\"kind\":\"k\"}",
    ] {
        let folder = bucket();
        object(&folder, "images/b.jpg", jpeg(64, 64));
        folder.write("KEYMAP.jsonl", format!("{line}\n"));
        let report = run(&folder);
        let finding = report
            .findings
            .kept()
            .iter()
            .find(|finding| finding.rule.id() == "bucket.keymap");
        assert_eq!(
            finding.unwrap().place.to_string(),
            "KEYMAP.jsonl:1",
            "{line}"
        );
    }
}

#[test]
fn a_folder_without_bucket_json_is_no_bucket() {
    let folder = bucket();
    object(&folder, "images/b.jpg", jpeg(64, 64));
    std::fs::remove_file(folder.at("_bucket.json")).unwrap();
    let report = run(&folder);
    assert!(!report.summary.unwrap().is_bucket);
    assert!(
        report
            .findings
            .kept()
            .iter()
            .any(|finding| finding.rule.id() == "layout.ignored")
    );
}

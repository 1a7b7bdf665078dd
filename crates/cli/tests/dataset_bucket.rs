//! A bucket that the program decoded is a dataset, whatever names its objects had to be given.

mod common;

use std::collections::BTreeMap;

use common::Place;
use testkit::rows::s3::{self, BucketMeta, Manifest, ObjectName, Part};
use testkit::stream::{Native, Row};

const T: u64 = 114_418_306_260_664_325;
const BUCKET: &str = "pictures";

/// What a node keeps of an object in one chunk.
fn object(key: &str, body: &[u8]) -> [Row; 2] {
    let name = ObjectName {
        bucket: BUCKET.as_bytes(),
        generation: 1,
        key: key.as_bytes(),
    };
    let manifest = Manifest {
        upload_id: "u".to_owned(),
        etag: s3::md5_hex(body),
        size_bytes: body.len() as u64,
        last_modified_hlc: T,
        parts: vec![Part::of(1, body)],
        ..Manifest::default()
    };
    [
        Row::live(name.head_key(), T, s3::json(&manifest)),
        Row::live(name.blob_key("u", 1, 0, 0), T, body),
    ]
}

fn snapshot(objects: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let bucket = BucketMeta {
        bucket_name: BUCKET.to_owned(),
        generation: 1,
        created_at_hlc: T,
        owner: String::new(),
        region: String::new(),
        acl: String::new(),
    };
    let record = Row::live(s3::bucket_meta_key(BUCKET.as_bytes()), T, s3::json(&bucket));
    let rows = objects.iter().flat_map(|(key, body)| object(key, body));
    let rows: Vec<Row> = std::iter::once(record).chain(rows).collect();
    Native::new(T).rows(rows).sorted().build()
}

/// The smallest thing with a JPEG's header, told from others by its end.
fn jpeg(number: usize) -> Vec<u8> {
    let frame = [0xFF, 0xC0, 0, 11, 8, 0, 64, 0, 64, 1, 1, 0x11, 0];
    let tail = format!("picture {number}");
    [&[0xFF, 0xD8], &frame[..], tail.as_bytes()].concat()
}

/// Decodes a bucket of pictures and other objects, and gives what the check would send, as path and digest.
fn sent(
    pictures: &[&str],
    others: &[&str],
    flags: &[&str],
) -> (BTreeMap<String, String>, BTreeMap<String, String>, String) {
    let mut labels = "filename,label\n".to_owned();
    let mut objects = BTreeMap::new();
    for (number, name) in pictures.iter().enumerate() {
        labels.push_str(&format!("{name},{}\n", number % 2));
        objects.insert(format!("images/{name}"), jpeg(number));
    }
    objects.insert("labels.csv".to_owned(), labels.into_bytes());
    let wanted = objects.clone();
    for key in others {
        objects.insert((*key).to_owned(), b"no picture".to_vec());
    }
    let place = Place::new();
    place.write("pictures.fsm", snapshot(&objects));
    let decode = ["snapshot", "decode", "pictures.fsm", "--output", "out"];
    place.run([&decode[..], flags].concat()).exits(0);
    let digests = digests(&place);
    let digest_of = |(key, body): (String, Vec<u8>)| (key, digests[&body].clone());
    let expected = wanted.into_iter().map(digest_of).collect();
    let keymap = std::fs::read_to_string(place.path("out/s3/pictures/KEYMAP.jsonl"));
    let check = "dataset check out/s3/pictures --table t --task image_classification --label-column label --payload --format=json";
    let result = place.run(check.split(' ')).exits(0).result();
    let entries = result["payload"]["entries"].as_array().unwrap();
    let member = |entry: &serde_json::Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let sent = entries
        .iter()
        .map(|entry| (member(entry, "path"), member(entry, "sha256")))
        .collect();
    (sent, expected, keymap.unwrap_or_default())
}

/// Gives the listed digest of every decoded content.
fn digests(place: &Place) -> BTreeMap<Vec<u8>, String> {
    let listed = std::fs::read_to_string(place.path("out/CHECKSUMS")).unwrap();
    let lines = listed.lines().map(|line| line.split_once("  ").unwrap());
    lines
        .map(|(digest, path)| {
            let content = std::fs::read(place.path("out").join(path)).unwrap();
            (content, digest.to_owned())
        })
        .collect()
}

#[test]
fn names_that_could_not_be_paths_are_undone() {
    let long = format!("{}.jpg", "l".repeat(240));
    let pictures = ["a.jpg", "both.jpg", "d.jpg.elastickv-leaf-data.jpg", &long];
    let others = [
        // Needs `both.jpg` as a directory.
        "images/both.jpg/x",
        "images/a.jpg.elastickv-meta.json",
        "images/a.jpg.elastickv-leaf-data",
        "images/nothing.jpg.elastickv-meta.json",
        "labels.csv.elastickv-meta.json",
        "images/",
        "_bucket.json",
        "KEYMAP.jsonl",
        "_keys/h.00",
        "_orphans/images/o.jpg",
    ];
    let (sent, expected, keymap) = sent(&pictures, &others, &[]);
    for kind in ["s3-leaf-data", "sha-fallback", "s3-key-escaped", "_keys/h."] {
        assert!(keymap.contains(kind), "{kind}: {keymap}");
    }
    assert_eq!(sent, expected);
}

#[test]
fn renamed_sidecar_names_are_undone() {
    let others = ["images/a.jpg.elastickv-meta.json", "labels.csv/x"];
    let (sent, expected, keymap) = sent(&["a.jpg", "b.jpg"], &others, &["--rename-collisions"]);
    assert!(keymap.contains("meta-suffix-rename") && keymap.contains("s3-leaf-data"));
    assert_eq!(sent, expected);
}

#[test]
fn portable_names_are_undone() {
    let pictures = ["a.jpg", "A.jpg", "con.jpg", "plain.jpg"];
    let (sent, expected, keymap) = sent(&pictures, &[], &["--portable-names"]);
    assert!(keymap.contains("_keys/"), "{keymap}");
    assert_eq!(sent, expected);
}

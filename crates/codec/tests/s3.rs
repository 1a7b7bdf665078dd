//! The format's worked examples and the requirements of its review, as whole decodes.

mod common;

use std::fs;

use codec::s3::key::{self, ChunkPlace};
use codec::{Input, Names, OnBad, Options, Report};
use common::{Events, Files, decode, options};
use md5::Digest;
use testkit::stream::{Native, Row};

const T: u64 = 114_418_306_260_664_325;

/// Files by path, or the error.
struct Outcome {
    result: Result<Report, codec::Error>,
    files: Files,
    events: Vec<&'static str>,
}

impl Outcome {
    fn id(&self) -> &str {
        match &self.result {
            Err(codec::Error::S3(error)) => error.id(),
            other => panic!("no S3 error: {other:?}"),
        }
    }

    fn text(&self, path: &str) -> &str {
        let bytes = self
            .files
            .get(path)
            .unwrap_or_else(|| panic!("{path} in {:?}", self.files.keys()));
        std::str::from_utf8(bytes).unwrap()
    }

    /// Paths of bodies below `s3/`, without control files.
    fn bodies(&self) -> Vec<&str> {
        let is_body = |path: &&str| {
            !path.ends_with(".elastickv-meta.json") && !path.ends_with("/_bucket.json")
        };
        let paths = self.files.keys().map(String::as_str).filter(is_body);
        paths.filter_map(|path| path.strip_prefix("s3/")).collect()
    }

    fn has(&self, event: &str) -> usize {
        self.events.iter().filter(|name| **name == event).count()
    }
}

fn run_bytes(stream: Vec<u8>, adjust: impl FnOnce(&mut Options)) -> Outcome {
    let temporary = tempfile::tempdir().unwrap();
    let mut options = options(temporary.path());
    adjust(&mut options);
    let destination = temporary.path().join("dump");
    let events = Events::default();
    let result = decode(
        &[Input::memory("snapshot.fsm", stream)],
        &destination,
        &options,
        &events,
    );
    let files = match result {
        Ok(_) => common::files(&destination),
        Err(_) => Files::new(),
    };
    assert_eq!(destination.exists(), result.is_ok());
    Outcome {
        result,
        files,
        events: events.names(),
    }
}

fn run_with(rows: Vec<Row>, adjust: impl FnOnce(&mut Options)) -> Outcome {
    run_bytes(Native::new(T).rows(rows).sorted().build(), adjust)
}

fn run(rows: Vec<Row>) -> Outcome {
    run_with(rows, |_| {})
}

fn live(key: Vec<u8>, body: impl Into<Vec<u8>>) -> Row {
    Row::live(key, T, body)
}

fn bucket(name: &[u8], generation: u64) -> Row {
    live(
        key::bucket_meta(name),
        format!(r#"{{"generation":{generation}}}"#),
    )
}

fn place(part_no: u64, chunk_no: u64, version: u64) -> ChunkPlace {
    ChunkPlace {
        part_no,
        chunk_no,
        version,
    }
}

/// The rows of an object with one chunk, in bucket `b`, generation 1.
fn object(key: &[u8], body: &str) -> Vec<Row> {
    object_of(1, key, body)
}

fn object_of(generation: u64, key: &[u8], body: &str) -> Vec<Row> {
    let size = body.len();
    let manifest = format!(
        r#"{{"upload_id":"u","size_bytes":{size},"parts":[{{"part_no":1,"size_bytes":{size},"chunk_count":1,"chunk_sizes":[{size}]}}]}}"#
    );
    vec![
        live(key::object_head(b"b", generation, key), manifest),
        live(key::blob(b"b", generation, key, b"u", place(1, 0, 0)), body),
    ]
}

fn objects(keys: &[&str]) -> Vec<Row> {
    let mut rows = vec![bucket(b"b", 1)];
    rows.extend(keys.iter().flat_map(|key| object(key.as_bytes(), key)));
    rows
}

/// The complete stream of the first two examples, byte for byte.
const PHOTOS: &str = "
    454b565042424c31050078e4d77e960164000000000000002173337c626c6f627c70686f746f7300010000000000000007323032362f30342f696d672e6a7067
    00013030313132323333343435353636373738383939616162626363646465656666000100000000000000010000000000000000fe6981281b87fffa14000000
    0000000000000000000000000068656c6c6f2d776f726c641f000000000000002173337c6275636b65747c67656e7c70686f746f730001fe6981281b87fffa11
    00000000000000000000000000000000000000000000000720000000000000002173337c6275636b65747c6d6574617c70686f746f730001fe6981281b87fffa
    89000000000000000000000000000000007b226275636b65745f6e616d65223a2270686f746f73222c2267656e65726174696f6e223a372c2263726561746564
    5f61745f686c63223a3131343431383330363236303636343332352c226f776e6572223a22616c696365222c22726567696f6e223a2275732d656173742d3122
    2c2261636c223a2270726976617465227d36000000000000002173337c6f626a7c686561647c70686f746f7300010000000000000007323032362f30342f696d
    672e6a70670001fe6981281b87fffa59010000000000000000000000000000007b2275706c6f61645f6964223a22303031313232333334343535363637373838
    3939616162626363646465656666222c2265746167223a223230393533313231383937353364653661643437646665323063626539376563222c2273697a655f
    6279746573223a31312c226c6173745f6d6f6469666965645f686c63223a3131343431383330363236303636343332352c22636f6e74656e745f74797065223a
    22696d6167652f6a706567222c22757365725f6d65746164617461223a7b2261223a2231222c2262223a225c7530303363325c7530303365227d2c2270617274
    73223a5b7b22706172745f6e6f223a312c2265746167223a223230393533313231383937353364653661643437646665323063626539376563222c2273697a65
    5f6279746573223a31312c226368756e6b5f636f756e74223a312c226368756e6b5f73697a6573223a5b31315d7d5d7d";

/// R11: the clock value of a manifest becomes its time.
#[test]
fn a_bucket_with_an_object() {
    let digits: String = PHOTOS.split_whitespace().collect();
    let stream = data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap();
    assert_eq!(stream.len(), 816);
    let found = run_bytes(stream, |_| {});
    assert_eq!(found.text("s3/photos/2026/04/img.jpg"), "hello-world");
    let sidecar = found.text("s3/photos/2026/04/img.jpg.elastickv-meta.json");
    assert!(sidecar.contains("\"last_modified\": \"2025-04-29T00:00:00.12Z\""));
    assert!(sidecar.contains("\"b\": \"\\u003c2\\u003e\""));
    assert!(
        found
            .text("s3/photos/_bucket.json")
            .contains("\"owner\": \"alice\"")
    );
    assert_eq!(found.bodies(), ["photos/2026/04/img.jpg"]);
    let report = found.result.unwrap();
    assert_eq!((report.counts.total, report.counts.internal), (4, 1));
    assert_eq!(report.s3.etags_verified, 1);
}

const MULTIPART: &str = r#"{"upload_id":"ffeeddccbbaa99887766554433221100","etag":"7f3383a2db6c6d8e6f024d0b8a6e0b3f-2","size_bytes":11,"last_modified_hlc":114418306260860933,"content_type":"application/octet-stream","parts":[{"part_no":1,"etag":"5d41402abc4b2a76b9719d911017c592","size_bytes":5,"chunk_count":2,"chunk_sizes":[3,2],"part_version":114418306260729861,"chunk_ref_version":114418306260664325},{"part_no":2,"etag":"f6367dbfa4932a601a753d1e4dd381d1","size_bytes":6,"chunk_count":1,"chunk_sizes":[6],"part_version":114418306260795397,"chunk_ref_version":114418306260664325}]}"#;

fn multipart(stray_upload: &str) -> Vec<Row> {
    let upload = b"ffeeddccbbaa99887766554433221100";
    let blob = |part, chunk, version, body: &str| {
        live(
            key::blob(b"logs", 1, b"app.log", upload, place(part, chunk, version)),
            body,
        )
    };
    vec![
        bucket(b"logs", 1),
        live(key::object_head(b"logs", 1, b"app.log"), MULTIPART),
        blob(1, 0, 114_418_306_260_664_341, "STALE"),
        blob(1, 0, 114_418_306_260_729_861, "hel"),
        blob(1, 1, 114_418_306_260_729_861, "lo"),
        blob(2, 0, 114_418_306_260_795_397, "WORLD!"),
        live(
            key::blob(
                b"logs",
                1,
                b"app.log",
                stray_upload.as_bytes(),
                place(1, 0, 0),
            ),
            "OTHER",
        ),
    ]
}

/// R2, R3: only chunks of the upload, and of the part versions, that the manifest names.
#[test]
fn a_multipart_object_and_what_is_left_of_other_attempts() {
    let found = run(multipart("other"));
    assert_eq!(found.text("s3/logs/app.log"), "helloWORLD!");
    assert_eq!(found.bodies(), ["logs/app.log"]);
    assert_eq!(found.has("s3_orphan_chunks"), 0);
    assert_eq!(found.result.unwrap().s3.etags_verified, 1);

    let kept = run_with(multipart("other"), |options| {
        options.s3.include_orphans = true
    });
    let stale = "s3/logs/_orphans/app.log/gen-1/ffeeddccbbaa99887766554433221100_0000000000000001_0000000000000000_01967ed7e4780015.bin";
    assert_eq!(kept.text(stale), "STALE");
    assert_eq!(kept.bodies().len(), 3);
}

#[test]
fn a_leaf_beside_a_directory() {
    let found = run(objects(&["path/to", "path/to/sub"]));
    assert_eq!(found.text("s3/b/path/to.elastickv-leaf-data"), "path/to");
    assert!(
        found
            .files
            .contains_key("s3/b/path/to.elastickv-leaf-data.elastickv-meta.json")
    );
    assert_eq!(
        found.text("s3/b/KEYMAP.jsonl"),
        "{\"encoded\":\"path/to.elastickv-leaf-data\",\"original\":\"cGF0aC90bw\",\"kind\":\"s3-leaf-data\"}\n"
    );
}

#[test]
fn keys_that_end_like_a_sidecar() {
    let keys = ["evil.elastickv-meta.json", "z//z.elastickv-meta.json", "ok"];
    // By `sha256sum`. Nothing is refused for its name.
    let digests = [
        "66d2cc6ab0bbf41b9e6afd52123600d1e331a944e2bd9549597ab744a247c889",
        "2231bb04e391802d4fd2af66d6cec449fc065a708ff0ca2d2231f37ed48e31f1",
    ];
    let found = run(objects(&keys));
    for (key, digest) in keys.iter().zip(digests) {
        let body = format!("_keys/h.{digest}");
        assert_eq!(&found.text(&format!("s3/b/{body}")), key);
        let original = data_encoding::BASE64URL_NOPAD.encode(key.as_bytes());
        let line =
            format!(r#"{{"encoded":"{body}","original":"{original}","kind":"s3-key-escaped"}}"#);
        assert!(found.text("s3/b/KEYMAP.jsonl").contains(&line), "{line}");
    }
    assert!(found.bodies().contains(&"b/ok"));
    assert!(found.result.unwrap().is_complete());

    let strict = run_with(objects(&keys), |options| options.s3.strict_keys = true);
    assert_eq!(strict.id(), "s3.suffix-collision");
    let message = strict.result.unwrap_err().to_string();
    assert!(
        message.contains("evil.elastickv") && message.contains("z//z.elastickv"),
        "{message}"
    );

    let renamed = run_with(objects(&keys), |options| {
        options.s3.rename_collisions = true
    });
    assert_eq!(
        renamed.text("s3/b/evil.elastickv-meta.json.user-data"),
        keys[0]
    );
    assert!(
        renamed
            .text("s3/b/KEYMAP.jsonl")
            .contains("ZXZpbC5lbGFzdGlja3YtbWV0YS5qc29u")
    );
    assert!(
        renamed
            .bodies()
            .iter()
            .any(|path| path.starts_with("b/_keys/h."))
    );

    let partial = run_with(objects(&keys), |options| {
        options.s3.strict_keys = true;
        options.on_bad = OnBad::LeaveOut;
    });
    assert!(partial.bodies().contains(&"b/ok"));
    assert!(!partial.result.unwrap().is_complete());
}

fn offloaded(content: &str) -> Vec<Row> {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let first = "015e3235a8346e5a4585f8c58562f5052b8fe26a3bb122e1e96c76784964dfc461000000000000000600026e31";
    let second = "02486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7000000000000000500026e31000200026e31000e31302e302e302e313a353030353100026e32000e31302e302e302e323a3530303531";
    let manifest = r#"{"upload_id":"u","etag":"y","size_bytes":11,"parts":[{"part_no":1,"etag":"x","size_bytes":11,"chunk_count":2,"chunk_sizes":[6,5],"chunk_ref_version":91,"offloaded":true}]}"#;
    let chunk = |no, value: &str| {
        live(
            key::chunk_ref(b"logs", 3, b"off.bin", b"u", place(1, no, 91)),
            hex(value),
        )
    };
    let blob = |value: &str, body: &str| {
        live(
            [b"!s3|chunkblob|".as_slice(), &value.as_bytes()[2..66]].concat(),
            body,
        )
    };
    vec![
        bucket(b"logs", 3),
        live(key::object_head(b"logs", 3, b"off.bin"), manifest),
        chunk(0, first),
        chunk(1, second),
        blob(first, "hello "),
        blob(second, content),
        live(
            key::blob(b"logs", 3, b"off.bin", b"u", place(1, 0, 91)),
            "inline",
        ),
    ]
}

#[test]
fn an_offloaded_object() {
    let found = run(offloaded("world"));
    assert_eq!(found.text("s3/logs/off.bin"), "hello world");
    assert_eq!(found.has("s3_etag_unverifiable"), 1);
    assert_eq!(run(offloaded("World")).id(), "s3.chunk-hash-mismatch");
    assert_eq!(run(offloaded("worlds")).id(), "s3.invalid-chunk-reference");
    let mut missing = offloaded("world");
    missing.remove(4);
    assert_eq!(run(missing).id(), "s3.incomplete-chunks");
    // Content that nothing refers to is checked as well.
    let lone = vec![
        bucket(b"b", 1),
        live([b"!s3|chunkblob|".as_slice(), &[b'0'; 64]].concat(), "x"),
    ];
    assert_eq!(run(lone).id(), "s3.chunk-hash-mismatch");
}

/// R10, R20: objects of other generations stay out, are told once, and are kept apart by generation on request.
#[test]
fn objects_of_other_incarnations() {
    let rows = || {
        let mut rows = vec![
            bucket(b"b", 7),
            live(
                key::blob(b"b", 6, b"old/key", b"u1", place(1, 0, 0)),
                "STALE",
            ),
        ];
        rows.extend(object_of(6, b"k", "OLD"));
        rows.extend(object_of(5, b"k", "OLDER"));
        rows.extend(object_of(7, b"k", "NEW"));
        rows
    };
    let found = run(rows());
    assert_eq!(found.bodies(), ["b/k"]);
    assert_eq!(found.text("s3/b/k"), "NEW");
    assert_eq!(
        (
            found.has("s3_stale_generation_objects"),
            found.has("s3_orphan_chunks")
        ),
        (1, 0)
    );
    assert_eq!(found.result.unwrap().s3.stale_objects, 3);

    let kept = run_with(rows(), |options| options.s3.include_orphans = true);
    let name = "0000000000000001_0000000000000000_0000000000000000.bin";
    assert_eq!(
        kept.text(&format!("s3/b/_orphans/old%2Fkey/gen-6/u1_{name}")),
        "STALE"
    );
    assert_eq!(kept.text(&format!("s3/b/_orphans/k/gen-6/u_{name}")), "OLD");
    assert_eq!(
        kept.text(&format!("s3/b/_orphans/k/gen-5/u_{name}")),
        "OLDER"
    );
    assert!(
        kept.text("s3/b/_orphans/k/gen-5/manifest.json")
            .starts_with("{\"upload_id\"")
    );
}

#[test]
fn the_newest_version_counts() {
    let manifest = |upload: &str| {
        format!(
            r#"{{"upload_id":"{upload}","size_bytes":3,"parts":[{{"part_no":1,"size_bytes":3,"chunk_count":1}}]}}"#
        )
    };
    let head = || key::object_head(b"b", 2, b"k");
    let blob = |upload: &str| key::blob(b"b", 2, b"k", upload.as_bytes(), place(1, 0, 0));
    let meta = || key::bucket_meta(b"b");
    let found = run(vec![
        Row::tombstone(blob("u-old"), T),
        Row::live(blob("u-old"), T - 2, "OLD"),
        Row::live(blob("u-new"), T - 1, "NEW"),
        Row::live(head(), T - 1, manifest("u-new")),
        Row::live(head(), T - 2, manifest("u-old")),
        Row::live(meta(), T, r#"{"generation":2}"#),
        Row::tombstone(meta(), T - 1),
        Row::live(meta(), T - 2, r#"{"generation":1}"#),
    ]);
    assert_eq!(found.text("s3/b/k"), "NEW");
}

/// R12, R14: the records of all uploads of a bucket are in one file, below the bucket's directory.
#[test]
fn descriptors_and_chunks_of_uploads() {
    let meta = |bucket: &[u8]| key::upload_meta(bucket, 1, b"o", b"u");
    let rows = || {
        vec![
            live(meta(b"dead"), "{}"),
            live(meta(b"dead\0"), "{}"),
            live(key::upload_part(b"dead", 1, b"o", b"u", 1), "{}"),
            live(key::upload_part(b"dead", 1, b"o", b"gone", 1), "{}"),
            live(key::blob(b"dead", 1, b"o", b"u", place(1, 0, 9)), "bytes"),
            live(b"!s3|upload|meta|broken".to_vec(), "{}"),
        ]
    };
    let found = run_with(rows(), |options| {
        options.s3.include_incomplete_uploads = true
    });
    let lines: Vec<&str> = found
        .text("s3/dead/_incomplete_uploads/records.jsonl")
        .lines()
        .collect();
    assert_eq!(
        lines[0],
        r#"{"prefix":"!s3|upload|meta|","key":"IXMzfHVwbG9hZHxtZXRhfGRlYWQAAQAAAAAAAAABbwABdQAB","value":"e30="}"#
    );
    assert_eq!(lines.len(), 3);
    assert!(lines[1].ends_with(r#""leftover":true}"#) && !lines[2].contains("leftover"));
    assert_eq!(
        found.text("s3/dead/_incomplete_uploads/chunks/o/gen-1/u_0000000000000001_0000000000000000_0000000000000009.bin"),
        "bytes"
    );
    assert!(
        found
            .files
            .contains_key("s3/dead%00/_incomplete_uploads/records.jsonl")
    );
    assert_eq!(found.has("s3_malformed_uploads"), 1);
    assert!(run(rows()).bodies().is_empty());
    // Without a place for uploads, what they have are chunks that no object uses.
    let orphans = run_with(rows(), |options| options.s3.include_orphans = true);
    assert_eq!(
        orphans.text(
            "s3/dead/_orphans/o/gen-1/u_0000000000000001_0000000000000000_0000000000000009.bin"
        ),
        "bytes"
    );
    let both = run_with(rows(), |options| {
        options.s3.include_orphans = true;
        options.s3.include_incomplete_uploads = true;
    });
    assert!(!both.bodies().iter().any(|path| path.contains("_orphans")));
}

/// R1, R6, R14: every key has a file of its own, below the bucket's directory.
#[test]
fn awkward_keys() {
    let keys: [&[u8]; 14] = [
        b"",
        b".",
        b"..",
        b"../x",
        b"/abs",
        b"a",
        b"a/",
        b"a//b",
        b"a/./b",
        b"a\\b",
        b"a\0b",
        b"_bucket.json",
        b"KEYMAP.jsonl",
        b"_keys/k.a",
    ];
    let mut rows = vec![bucket(b"b", 1)];
    rows.extend(keys.iter().flat_map(|key| object(key, "body")));
    let found = run(rows.clone());
    assert_eq!(found.result.as_ref().unwrap().s3.objects, 14);
    // `a` keeps its name: keys in `_keys/` make no directory.
    assert!(found.bodies().contains(&"b/a"));
    assert!(found.bodies().contains(&"b/_keys/k."));
    assert_eq!(
        found
            .bodies()
            .iter()
            .filter(|path| path.starts_with("b/_keys/"))
            .count(),
        13
    );
    assert_eq!(found.has("s3_key_escaped"), 1);
    let strict = run_with(rows, |options| options.s3.strict_keys = true);
    assert_eq!(strict.id(), "s3.key-refused");
    // A hostile bucket name does not leave the tree either.
    let hostile = run(vec![bucket(b"..", 1), bucket(b"", 1), bucket(b"a/b", 1)]);
    assert_eq!(
        hostile
            .files
            .keys()
            .filter(|path| path.ends_with("_bucket.json"))
            .count(),
        3
    );
}

/// R7, R8, R9: collisions of names, whatever the order.
#[test]
fn collisions() {
    let found = run(objects(&[
        "foo",
        "foo.elastickv-meta.json/bar",
        "p",
        "p/s",
        "p.elastickv-leaf-data/x",
        "plain",
    ]));
    let escaped = |path: &&&str| path.starts_with("b/_keys/");
    assert_eq!(found.bodies().iter().filter(escaped).count(), 4);
    assert!(found.bodies().contains(&"b/p/s") && found.bodies().contains(&"b/plain"));
}

#[test]
fn portable_names_keep_spellings_apart() {
    let found = run_with(objects(&["A", "a", "con", "x"]), |options| {
        options.names = Names::Portable
    });
    assert_eq!(
        found
            .bodies()
            .iter()
            .filter(|path| path.starts_with("b/_keys/h."))
            .count(),
        3
    );
    assert!(found.bodies().contains(&"b/x"));
}

/// R4: a bad object stops the run before it is published, or is left out alone.
#[test]
fn bad_objects() {
    let bad = |manifest: &str| {
        let mut rows = objects(&["good"]);
        rows.push(live(key::object_head(b"b", 1, b"bad"), manifest));
        rows.push(live(
            key::blob(b"b", 1, b"bad", b"u", place(1, 0, 0)),
            "hello",
        ));
        rows
    };
    let part = |etag: &str, chunks: u64, size: u64| {
        format!(
            r#"{{"upload_id":"u","etag":"{etag}","size_bytes":{size},"parts":[{{"part_no":1,"size_bytes":{size},"chunk_count":{chunks}}}]}}"#
        )
    };
    let wrong = "5d41402abc4b2a76b9719d911017c593";
    for (manifest, id) in [
        (part("", 2, 5), "s3.incomplete-chunks"),
        (part("", 1, 999), "s3.size-mismatch"),
        (part(wrong, 1, 5), "s3.etag-mismatch"),
        ("{".to_owned(), "s3.invalid-manifest"),
    ] {
        assert_eq!(run(bad(&manifest)).id(), id);
        let partial = run_with(bad(&manifest), |options| options.on_bad = OnBad::LeaveOut);
        assert_eq!(partial.bodies(), ["b/good"], "{id}");
        assert!(!partial.result.unwrap().is_complete());
    }
    let unchecked = run_with(bad(&part(wrong, 1, 5)), |options| {
        options.s3.verify_etags = false
    });
    assert_eq!(unchecked.text("s3/b/bad"), "hello");
    let message = run(bad(&part("", 2, 5))).result.unwrap_err().to_string();
    for word in ["bucket b", "\"bad\"", "entry", "offset"] {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn malformed_rows() {
    let alias = [key::blob(b"b", 1, b"k", b"u", place(1, 0, 0)), vec![0; 8]].concat();
    assert_eq!(run(vec![live(alias, "x")]).id(), "s3.malformed-key");
    assert_eq!(
        run(vec![live(b"!s3|bucket|meta|x".to_vec(), "{}")]).id(),
        "s3.malformed-key"
    );
    assert_eq!(
        run(vec![live(key::bucket_meta(b"b"), "[]")]).id(),
        "s3.invalid-bucket-record"
    );
    let reference = key::chunk_ref(b"b", 1, b"k", b"u", place(1, 0, 0));
    assert_eq!(
        run(vec![live(reference, "x")]).id(),
        "s3.invalid-chunk-reference"
    );
}

/// A bucket of which there is no row at all is told from a deleted one.
#[test]
fn objects_without_a_bucket() {
    let elsewhere = run(object(b"k", "x"));
    assert_eq!(elsewhere.has("s3_bucket_record_elsewhere"), 1);
    assert!(!elsewhere.result.unwrap().is_complete());
    let mut rows = object(b"k", "x");
    rows.push(Row::tombstone(key::bucket_meta(b"b"), T));
    let deleted = run(rows);
    assert_eq!(
        (
            deleted.has("s3_bucket_record_elsewhere"),
            deleted.has("s3_stale_generation_objects")
        ),
        (0, 1)
    );
    assert!(deleted.result.unwrap().is_complete());
}

/// R2, R19: an empty upload id is an id, and told.
#[test]
fn an_empty_upload_id_is_an_id() {
    let manifest = r#"{"size_bytes":1,"parts":[{"part_no":1,"size_bytes":1,"chunk_count":1}]}"#;
    let found = run(vec![
        bucket(b"b", 1),
        live(key::object_head(b"b", 1, b"k"), manifest),
        live(key::blob(b"b", 1, b"k", b"", place(1, 0, 0)), "A"),
        live(key::blob(b"b", 1, b"k", b"u", place(1, 0, 0)), "B"),
    ]);
    assert_eq!(found.text("s3/b/k"), "A");
    assert_eq!(found.has("s3_manifest_missing_upload_id"), 1);
}

/// R13, R20, R21 and 12.10: chunks without a manifest are told once and do not rename anything.
#[test]
fn chunks_without_a_manifest() {
    let mut rows = objects(&["p"]);
    rows.push(live(
        key::blob(b"b", 1, b"p/q", b"u", place(1, 0, 0)),
        "LOST",
    ));
    let found = run(rows.clone());
    assert_eq!(found.bodies(), ["b/p"]);
    assert_eq!(found.has("s3_orphan_chunks"), 1);
    let kept = run_with(rows, |options| options.s3.include_orphans = true);
    assert_eq!(kept.bodies().len(), 2);
    assert!(!kept.files.contains_key("s3/b/KEYMAP.jsonl"));
}

#[test]
fn a_scope_leaves_other_buckets_out() {
    let mut rows = objects(&["k"]);
    rows.push(bucket(b"other", 1));
    let found = run_with(rows, |options| {
        options
            .scope
            .0
            .insert(codec::Adapter::S3, [b"other".to_vec()].into());
    });
    assert!(found.files.contains_key("s3/other/_bucket.json"));
    assert!(!found.files.contains_key("s3/b/k"));
}

/// Bodies above the sizes at which they are streamed, and at which a second thread helps.
#[test]
fn large_bodies_are_whole() {
    const CHUNK: usize = 4 << 20;
    let mut rows = vec![bucket(b"b", 1)];
    let body: Vec<u8> = (0..17 * CHUNK).map(|at| ((at * 31) >> 7) as u8).collect();
    for (no, chunk) in (0..).zip(body.chunks(CHUNK)) {
        rows.push(live(key::blob(b"b", 1, b"k", b"u", place(1, no, 0)), chunk));
    }
    let size = body.len();
    let manifest = |etag: &str| {
        format!(
            r#"{{"upload_id":"u","etag":"{etag}","size_bytes":{size},"parts":[{{"part_no":1,"size_bytes":{size},"chunk_count":17}}]}}"#
        )
    };
    let with = |etag: &str| {
        let mut rows = rows.clone();
        rows.push(live(key::object_head(b"b", 1, b"k"), manifest(etag)));
        run(rows)
    };
    assert_eq!(with(&"0".repeat(32)).id(), "s3.etag-mismatch");
    let found = with(&data_encoding::HEXLOWER.encode(&md5::Md5::digest(&body)));
    assert_eq!(found.result.unwrap().s3.etags_verified, 1);
    assert!(found.files["s3/b/k"] == body);
}

/// R5: a part without chunks contributes nothing, whatever lies around.
#[test]
fn a_part_without_chunks_contributes_nothing() {
    let manifest = r#"{"upload_id":"u","size_bytes":1,"parts":[{"part_no":1,"size_bytes":0,"chunk_count":0},{"part_no":2,"size_bytes":1,"chunk_count":1}]}"#;
    let chunk = |part, body: &str| live(key::blob(b"b", 1, b"k", b"u", place(part, 0, 0)), body);
    let found = run(vec![
        bucket(b"b", 1),
        live(key::object_head(b"b", 1, b"k"), manifest),
        chunk(1, "STRAY"),
        chunk(2, "x"),
    ]);
    assert_eq!(found.text("s3/b/k"), "x");
}

/// R11: no clock value, no time.
#[test]
fn an_object_without_clock_value_has_no_time() {
    let found = run(objects(&["k"]));
    let sidecar = found.text("s3/b/k.elastickv-meta.json");
    assert!(!sidecar.contains("last_modified"), "{sidecar}");
}

/// R15: what somebody puts where a control file is to be made is not opened: no link is followed, no FIFO waited for,
/// no file with a second name written to.
#[test]
fn control_files_are_made_anew_or_not_at_all() {
    let control = [
        "MANIFEST.json",
        "CHECKSUMS",
        "s3/b/_bucket.json",
        "s3/b/KEYMAP.jsonl",
        "s3/b/_incomplete_uploads/records.jsonl",
    ];
    for name in control {
        for plant in [Plant::Symlink, Plant::HardLink, Plant::Fifo] {
            planted(name, plant);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Plant {
    Symlink,
    HardLink,
    Fifo,
}

fn planted(name: &str, plant: Plant) {
    let temporary = tempfile::tempdir().unwrap();
    let canary = temporary.path().join("canary");
    fs::write(&canary, "untouched").unwrap();
    let destination = temporary.path().join("dump");
    let mut options = options(temporary.path());
    options.s3.include_incomplete_uploads = true;
    let (tree, _) =
        dump::tree::TreeWriter::begin(&destination, fsroot::Existing::Refuse, temporary.path())
            .unwrap();
    let staging = fs::read_dir(temporary.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    let at = staging.join(name);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    match plant {
        Plant::Symlink => std::os::unix::fs::symlink(&canary, &at).unwrap(),
        Plant::HardLink => fs::hard_link(&canary, &at).unwrap(),
        Plant::Fifo => {
            let made = std::process::Command::new("mkfifo").arg(&at).status();
            assert!(made.unwrap().success());
        }
    }
    let mut rows = objects(&["a", "a/b", "folder/"]);
    rows.push(live(key::upload_meta(b"b", 1, b"o", b"u"), "{}"));
    let stream = Native::new(T).rows(rows).sorted().build();
    let result = codec::decode(
        &[Input::memory("snapshot.fsm", stream)],
        tree,
        &options,
        &Events::default(),
    );
    assert!(result.is_err(), "{name} over a {plant:?}");
    assert_eq!(fs::read_to_string(&canary).unwrap(), "untouched");
    assert!(!destination.exists());
    assert!(!staging.exists());
}

#[test]
fn the_report_names_the_bucket_of_a_bad_record() {
    let mut rows = object(b"k", "body");
    rows.push(live(key::bucket_meta(b"b"), "no JSON"));
    let found = run_with(rows, |options| options.on_bad = OnBad::LeaveOut);
    let line: serde_json::Value = serde_json::from_str(found.text("REPORT.jsonl")).unwrap();
    assert_eq!(
        (&line["container"], &line["id"]),
        (&"b".into(), &"s3.invalid-bucket-record".into())
    );
}

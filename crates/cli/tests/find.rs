//! `snapshot find`, on the tree of a modelled node.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use common::{Place, Run};
use testkit::rows::Node;

/// Longer than a name can be, and what `sha256sum` says of it.
const LONG: usize = 241;
const LONG_FILE: &str = "redis/db_0/strings/7dbf05774ebc8b0213e8f74d789e3447__xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.bin";

/// A dump with strings and objects in `dump`; one name is both a string and an object.
fn dumped() -> Place {
    let mut node = Node::new(1);
    let long = "x".repeat(LONG);
    for key in [
        b"user:1".as_slice(),
        b"\xff\n",
        b"",
        b"b/both",
        b"50%",
        long.as_bytes(),
    ] {
        node.set(key, b"value", None);
    }
    node.create_bucket("b");
    for key in ["2026/img.jpg", "photos/", "both", "redis/x", "a b\u{e4}"] {
        node.put("b", key.as_bytes(), b"body", Default::default());
    }
    let place = Place::new();
    place.write("node.fsm", node.runtime_file());
    place
        .run(["snapshot", "decode", "node.fsm", "-o", "dump"])
        .exits(0);
    place
}

fn find(place: &Place, key: impl AsRef<OsStr>) -> Run {
    let words = ["snapshot", "find", "dump", "--format=json", "--"].map(OsStr::new);
    place.run(words.into_iter().chain([key.as_ref()]))
}

/// Checks what is found: key, role and path of each file.
#[track_caller]
fn check(place: &Place, key: impl AsRef<OsStr>, expected: &[(&str, &str, &str)]) {
    let result = find(place, key).exits(0).result();
    let found: Vec<(&str, &str, &str)> = result["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["key", "role", "path"].map(|name| one[name].as_str().unwrap()))
        .map(|[key, role, path]| (key, role, path))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn redis_keys() {
    let place = dumped();
    let one = [("redis:user:1", "content", "redis/db_0/strings/user%3A1.bin")];
    check(&place, "redis:user:1", &one);
    check(&place, "user:1", &one);
    check(&place, "redis%:%75ser:1", &one);
    let bytes = [("redis%:%FF%0A", "content", "redis/db_0/strings/%FF%0A.bin")];
    check(&place, OsStr::from_bytes(b"redis:\xff\n"), &bytes);
    check(&place, "redis%:%ff%0a", &bytes);
    check(&place, OsStr::from_bytes(b"\xff\n"), &bytes);
    let empty = [("redis:", "content", "redis/db_0/strings/.bin")];
    check(&place, "redis:", &empty);
    check(&place, "", &empty);
    let percent = [("redis:50%", "content", "redis/db_0/strings/50%25.bin")];
    check(&place, "redis:50%", &percent);
    check(&place, "50%", &percent);
    let long = "x".repeat(LONG);
    check(
        &place,
        &long,
        &[(&format!("redis:{long}"), "content", LONG_FILE)],
    );
}

#[test]
fn s3_keys_and_buckets() {
    let place = dumped();
    let image = [
        ("s3:b/2026/img.jpg", "content", "s3/b/2026/img.jpg"),
        (
            "s3:b/2026/img.jpg",
            "metadata",
            "s3/b/2026/img.jpg.elastickv-meta.json",
        ),
    ];
    check(&place, "s3:b/2026/img.jpg", &image);
    check(&place, "b/2026/img.jpg", &image);
    check(
        &place,
        "b/photos/",
        &[
            ("s3:b/photos/", "content", "s3/b/_keys/k.photos%2F"),
            (
                "s3:b/photos/",
                "metadata",
                "s3/b/_keys/k.photos%2F.elastickv-meta.json",
            ),
        ],
    );
    check(&place, "s3:b", &[("s3:b", "metadata", "s3/b/_bucket.json")]);
}

#[test]
fn files_by_every_path_that_leads_to_them() {
    let place = dumped();
    let string = [("redis:user:1", "content", "redis/db_0/strings/user%3A1.bin")];
    let file = "redis/db_0/strings/user%3A1.bin";
    check(&place, file, &string);
    check(&place, format!("file:{file}"), &string);
    check(&place, format!("dump/{file}"), &string);
    check(&place, format!("./dump//{file}"), &string);
    check(&place, place.path("dump").join(file), &string);
    check(&place, format!("dump/s3/../{file}"), &string);
    check(
        &place,
        LONG_FILE,
        &[(&format!("redis:{}", "x".repeat(LONG)), "content", LONG_FILE)],
    );
    check(
        &place,
        "dump/s3/b/_keys/k.photos%2F.elastickv-meta.json",
        &[(
            "s3:b/photos/",
            "metadata",
            "s3/b/_keys/k.photos%2F.elastickv-meta.json",
        )],
    );
    check(
        &place,
        "s3/b/_bucket.json",
        &[("s3:b", "metadata", "s3/b/_bucket.json")],
    );
}

#[test]
fn every_reading_that_the_dump_knows_is_shown() {
    let place = dumped();
    let string = ("redis:b/both", "content", "redis/db_0/strings/b%2Fboth.bin");
    let body = ("s3:b/both", "content", "s3/b/both");
    let sidecar = ("s3:b/both", "metadata", "s3/b/both.elastickv-meta.json");
    check(&place, "b/both", &[string, body, sidecar]);
    check(&place, "redis:b/both", &[string]);
    check(&place, "s3:b/both", &[body, sidecar]);

    let text = place.run(["snapshot", "find", "dump", "b/both"]).exits(0);
    let expected = "key        redis:b/both\n\
                    content    dump/redis/db_0/strings/b%2Fboth.bin\n\
                    key        s3:b/both\n\
                    content    dump/s3/b/both\n\
                    metadata   dump/s3/b/both.elastickv-meta.json\n";
    assert_eq!((text.stdout.as_str(), text.stderr.as_str()), (expected, ""));
}

#[test]
fn what_is_not_there_has_an_exit_code_of_its_own() {
    let place = dumped();
    for absent in [
        "redis:user:2",
        "USER:1",
        "s3:b/absent",
        "s3:absent",
        "sqs:q",
        "file:redis/db_0/strings/user:1.bin",
        "dump/absent",
        "../node.fsm",
        "/etc/passwd",
        "mongo:x",
        // A scheme is exact: there is no key `redis:user:1`, only `user:1`.
        "redis:redis:user:1",
    ] {
        let error = find(&place, absent).fails(3, "find.not-found");
        assert_eq!(error["place"]["argument"], absent);
        assert!(error["remedy"].is_string());
    }
    for file in ["MANIFEST.json", "dump/CHECKSUMS", "file:s3/b/KEYMAP.jsonl"] {
        find(&place, file).fails(3, "find.no-key");
    }
    for directory in ["s3", "dump/s3/b/2026", "file:redis"] {
        find(&place, directory).fails(3, "find.directory");
    }
}

#[test]
fn a_name_that_hides_its_key_is_told() {
    let place = dumped();
    place.write("dump/redis/db_0/strings/%61.bin", "by hand");
    let run = find(&place, "redis/db_0/strings/%61.bin");
    assert!(run.result()["found"][0]["key"].is_null());
    run.fails(3, "find.key-unknown");
}

#[test]
fn a_partial_dump_says_that_it_may_lack_the_key() {
    let mut node = Node::new(1);
    node.set(b"a", b"1", None);
    node.create_bucket("b");
    let place = Place::new();
    place.write("node.fsm", node.runtime_file());
    let words = ["snapshot", "decode", "node.fsm", "-o", "dump"];
    place
        .run(words.into_iter().chain(["--adapter=redis"]))
        .exits(0);
    find(&place, "s3:b").fails(3, "find.not-found");

    let mut manifest = fs::read_to_string(place.path("dump/MANIFEST.json")).unwrap();
    let partial = r#"{"partial":{"report":"REPORT.jsonl","left_out":[{"family":"s3","reason":"unreadable","count":1}]},"#;
    manifest.replace_range(..1, partial);
    place.write("dump/MANIFEST.json", manifest);
    let error = find(&place, "s3:b").fails(3, "find.not-found");
    let remedy = error["remedy"].as_str().unwrap();
    assert!(remedy.contains("partial"), "{remedy}");
}

#[test]
fn places_and_arguments_that_cannot_be_searched() {
    let place = dumped();
    fs::create_dir(place.path("empty")).unwrap();
    let of = |dump: &str, key: &str| place.run(["snapshot", "find", dump, key, "--format=json"]);
    of("empty", "redis:a").fails(11, "dump.manifest-missing");
    of("nowhere", "redis:a").fails(12, "input.not-found");
    of("node.fsm", "redis:a").fails(12, "input.not-a-directory");
    of("dump", "redis%:%4").fails(2, "usage.invalid-key");
    of("dump", "file:../node.fsm").fails(2, "usage.invalid-key");
    place.write("dump/s3/b/KEYMAP.jsonl", "x\n");
    of("dump", "s3:b/both").fails(11, "dump.invalid-keymap");
    place.write("dump/MANIFEST.json", "{}");
    of("dump", "redis:a").fails(11, "dump.invalid-manifest");
}

/// A list that somebody else wrote must not lead out of the dump.
#[test]
fn a_keymap_cannot_point_outside() {
    let place = dumped();
    let line = r#"{"encoded":"../../../node.fsm","original":"b29w","kind":"s3-leaf-data"}"#;
    place.write("dump/s3/b/KEYMAP.jsonl", format!("{line}\n"));
    find(&place, "s3:b/oop").fails(11, "dump.invalid-keymap");
}

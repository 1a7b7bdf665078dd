use std::path::Path;
use std::sync::LazyLock;

use fsroot::{Existing, RelPath, Root};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{Key, Query, QueryError, Role, files_of, key_of};
use crate::keymap::{Collector, Kind, Order, Record};
use crate::manifest::{Manifest, Source};
use crate::tree::TreeWriter;

fn redis(key: &str) -> Key {
    Key::Redis { key: key.into() }
}

fn s3(bucket: &str, object: impl AsRef<[u8]>) -> Key {
    Key::S3 {
        bucket: bucket.into(),
        object: Some(object.as_ref().to_vec()),
    }
}

fn item(table: &str, hash: impl AsRef<[u8]>, range: Option<&[u8]>) -> Key {
    Key::Dynamodb {
        table: table.into(),
        item: Some((hash.as_ref().to_vec(), range.map(<[u8]>::to_vec))),
    }
}

/// A key whose name takes the fallback, and that name by `sha256sum`.
static LONG: LazyLock<String> = LazyLock::new(|| "x".repeat(241));
static LONG_SEGMENT: LazyLock<String> =
    LazyLock::new(|| format!("7dbf05774ebc8b0213e8f74d789e3447__{}", "x".repeat(64)));

/// Encoded name, original name, reason.
type Mapping<'a> = (&'a [u8], &'a [u8], Kind);

struct Tree {
    _dir: TempDir,
    root: Root,
}

fn write(files: &[&str], keymaps: &[(&str, &[Mapping<'_>])]) -> Tree {
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    let (mut writer, _) = TreeWriter::begin(&dump, Existing::Refuse, dir.path()).unwrap();
    let mut worker = writer.worker();
    for file in files {
        worker.write(&RelPath::new(file).unwrap(), b"").unwrap();
    }
    for (directory, records) in keymaps {
        let mut collector = Collector::new(Order::Encoded, dir.path(), 1 << 20);
        for (encoded, original, kind) in *records {
            let record = Record {
                encoded: encoded.to_vec(),
                original: original.to_vec(),
                kind: kind.clone(),
            };
            collector.add(0, &record).unwrap();
        }
        let path = RelPath::new(format!("{directory}/KEYMAP.jsonl")).unwrap();
        collector.write(&mut worker, &path).unwrap();
    }
    writer.absorb(worker).unwrap();
    writer
        .finish(Manifest::of_snapshot(
            Source::default(),
            "2025-01-01T00:05:00Z".parse().unwrap(),
        ))
        .unwrap();
    Tree {
        root: Root::open_ambient(Path::new(&dump)).unwrap(),
        _dir: dir,
    }
}

fn sample() -> Tree {
    let long = format!("redis/db_0/strings/{}.bin", *LONG_SEGMENT);
    write(
        &[
            "redis/db_0/strings/login%3A1.bin",
            "redis/db_0/strings/.bin",
            "redis/db_0/strings_ttl.jsonl",
            &long,
            "redis/db_0/hashes/login%3A1.json",
            "s3/b/_bucket.json",
            "s3/b/2026/img.jpg",
            "s3/b/2026/img.jpg.elastickv-meta.json",
            "s3/b/path/to.elastickv-leaf-data",
            "s3/b/path/to.elastickv-leaf-data.elastickv-meta.json",
            "s3/b/path/to/sub",
            "s3/b/_keys/k.photos%2F",
            "s3/b/_keys/k.photos%2F.elastickv-meta.json",
            "s3/b/evil.elastickv-meta.json.user-data",
            "s3/b/_orphans/o%2F1/gen-7/u_0000000000000001_0000000000000000_0000000000000000.bin",
            "s3/b/_incomplete_uploads/records.jsonl",
            "dynamodb/orders/_schema.json",
            "dynamodb/orders/items/c1/-25%2F2.json",
            "dynamodb/blobs/items/b64.AAEC.json",
            "sqs/q/_queue.json",
            "sqs/q/messages.jsonl",
        ],
        &[
            (
                "redis/db_0",
                &[(LONG_SEGMENT.as_bytes(), LONG.as_bytes(), Kind::ShaFallback)],
            ),
            (
                "s3/b",
                &[
                    (b"path/to.elastickv-leaf-data", b"path/to", Kind::S3LeafData),
                    (b"_keys/k.photos%2F", b"photos/", Kind::S3KeyEscaped),
                    (
                        b"evil.elastickv-meta.json.user-data",
                        b"evil.elastickv-meta.json",
                        Kind::MetaSuffixRename,
                    ),
                ],
            ),
        ],
    )
}

/// Checks the files of a key, and that each of them leads back to it.
fn check(tree: &Tree, key: &Key, expected: &[(&str, Role)]) {
    let found = files_of(&tree.root, key).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|found| {
            (
                std::str::from_utf8(found.path.as_bytes()).unwrap(),
                found.role,
            )
        })
        .collect();
    assert_eq!(shown, expected, "{key}");
    for found in found {
        assert_eq!(
            key_of(&tree.root, &found.path).unwrap().as_ref(),
            Some(&found)
        );
    }
}

#[test]
fn redis_keys_of_every_type_and_form_of_name() {
    let tree = sample();
    check(
        &tree,
        &redis("login:1"),
        &[
            ("redis/db_0/strings/login%3A1.bin", Role::Content),
            ("redis/db_0/hashes/login%3A1.json", Role::Content),
        ],
    );
    check(
        &tree,
        &redis(""),
        &[("redis/db_0/strings/.bin", Role::Content)],
    );
    check(
        &tree,
        &redis(&LONG),
        &[(
            &format!("redis/db_0/strings/{}.bin", *LONG_SEGMENT),
            Role::Content,
        )],
    );
    check(&tree, &redis("absent"), &[]);
}

#[test]
fn s3_objects_under_their_own_and_other_names() {
    let tree = sample();
    check(
        &tree,
        &s3("b", "2026/img.jpg"),
        &[
            ("s3/b/2026/img.jpg", Role::Content),
            ("s3/b/2026/img.jpg.elastickv-meta.json", Role::Metadata),
        ],
    );
    check(
        &tree,
        &s3("b", "path/to"),
        &[
            ("s3/b/path/to.elastickv-leaf-data", Role::Content),
            (
                "s3/b/path/to.elastickv-leaf-data.elastickv-meta.json",
                Role::Metadata,
            ),
        ],
    );
    check(
        &tree,
        &s3("b", "path/to/sub"),
        &[("s3/b/path/to/sub", Role::Content)],
    );
    check(
        &tree,
        &s3("b", "photos/"),
        &[
            ("s3/b/_keys/k.photos%2F", Role::Content),
            ("s3/b/_keys/k.photos%2F.elastickv-meta.json", Role::Metadata),
        ],
    );
    check(
        &tree,
        &s3("b", "evil.elastickv-meta.json"),
        &[("s3/b/evil.elastickv-meta.json.user-data", Role::Content)],
    );
    check(
        &tree,
        &Key::S3 {
            bucket: b"b".to_vec(),
            object: None,
        },
        &[("s3/b/_bucket.json", Role::Metadata)],
    );
}

#[test]
fn files_of_other_keys_are_not_taken_for_this_one() {
    let tree = sample();
    for object in [
        "path/to.elastickv-leaf-data",
        "2026/img.jpg.elastickv-meta.json",
        "_bucket.json",
        "KEYMAP.jsonl",
        "_keys/k.photos%2F",
        "_incomplete_uploads/records.jsonl",
        "2026",
        "../b/2026/img.jpg",
        "",
    ] {
        check(&tree, &s3("b", object), &[]);
    }
}

#[test]
fn items_tables_and_queues() {
    let tree = sample();
    check(
        &tree,
        &item("orders", "c1", Some(b"-25/2")),
        &[("dynamodb/orders/items/c1/-25%2F2.json", Role::Content)],
    );
    check(
        &tree,
        &item("blobs", [0, 1, 2], None),
        &[("dynamodb/blobs/items/b64.AAEC.json", Role::Content)],
    );
    check(
        &tree,
        &Key::Dynamodb {
            table: b"orders".to_vec(),
            item: None,
        },
        &[("dynamodb/orders/_schema.json", Role::Metadata)],
    );
    check(
        &tree,
        &Key::Sqs {
            queue: b"q".to_vec(),
        },
        &[
            ("sqs/q/_queue.json", Role::Metadata),
            ("sqs/q/messages.jsonl", Role::Content),
        ],
    );
}

#[test]
fn files_that_belong_to_no_key() {
    let tree = sample();
    for file in [
        "MANIFEST.json",
        "CHECKSUMS",
        "redis/db_0/strings_ttl.jsonl",
        "redis/db_0/KEYMAP.jsonl",
        "s3/b/KEYMAP.jsonl",
        "s3/b/_incomplete_uploads/records.jsonl",
        "s3/b",
        "redis/db_0/strings/absent.bin",
    ] {
        assert_eq!(
            key_of(&tree.root, &RelPath::new(file).unwrap()).unwrap(),
            None,
            "{file}"
        );
    }
}

#[test]
fn orphans_and_names_that_do_not_tell() {
    let tree = sample();
    let orphan = RelPath::new(
        "s3/b/_orphans/o%2F1/gen-7/u_0000000000000001_0000000000000000_0000000000000000.bin",
    )
    .unwrap();
    let found = key_of(&tree.root, &orphan).unwrap().unwrap();
    assert_eq!(
        (found.role, found.key),
        (Role::Orphan, Some(s3("b", "o/1")))
    );

    let hidden = format!("dynamodb/t/items/{}.json", *LONG_SEGMENT);
    let strange = "redis/db_0/strings/%61.bin";
    let unmapped = format!("redis/db_0/strings/{}.bin", *LONG_SEGMENT);
    let tree = write(&[&hidden, strange, &unmapped], &[]);
    for file in [&hidden, strange, &unmapped] {
        let found = key_of(&tree.root, &RelPath::new(file).unwrap())
            .unwrap()
            .unwrap();
        assert_eq!((found.role, found.key), (Role::Content, None), "{file}");
    }
    check_hidden(&tree, &hidden);
}

/// The way from the key still works.
fn check_hidden(tree: &Tree, file: &str) {
    let found = files_of(&tree.root, &item("t", LONG.as_bytes(), None)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path.as_bytes(), file.as_bytes());
}

#[test]
fn a_broken_keymap_is_an_error_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("s3/b")).unwrap();
    std::fs::write(
        dir.path().join("s3/b/KEYMAP.jsonl"),
        "{\"encoded\":\"a\",\"original\":\"\",\"kind\":\"x\"}\nx\n",
    )
    .unwrap();
    let root = Root::open_ambient(dir.path()).unwrap();
    assert!(matches!(
        files_of(&root, &s3("b", "k")),
        Err(crate::Error::Keymap { line: 2, .. })
    ));
}

fn check_query(argument: &str, expected: &Query) {
    assert_eq!(
        Query::parse(argument.as_bytes()).as_ref(),
        Ok(expected),
        "{argument}"
    );
}

#[test]
fn arguments() {
    check_query("redis:user:1", &Query::Key(redis("user:1")));
    check_query("redis:50%", &Query::Key(redis("50%")));
    check_query("redis%:a%2fb%2F", &Query::Key(redis("a/b/")));
    check_query("redis:", &Query::Key(redis("")));
    check_query("s3:b/a//b%2F", &Query::Key(s3("b", "a//b%2F")));
    check_query("s3%:b%2Fc/a/%FF", &Query::Key(s3("b/c", b"a/\xff")));
    check_query("s3:b/", &Query::Key(s3("b", "")));
    check_query(
        "s3:b",
        &Query::Key(Key::S3 {
            bucket: b"b".to_vec(),
            object: None,
        }),
    );
    check_query("dynamodb:t/h/r", &Query::Key(item("t", "h", Some(b"r"))));
    check_query("dynamodb%:t/h%2Fr", &Query::Key(item("t", "h/r", None)));
    check_query(
        "sqs:q",
        &Query::Key(Key::Sqs {
            queue: b"q".to_vec(),
        }),
    );
    check_query(
        "redis/db_0/strings/a.bin",
        &Query::File(RelPath::new("redis/db_0/strings/a.bin").unwrap()),
    );
    check_query(
        "file:MANIFEST.json",
        &Query::File(RelPath::new("MANIFEST.json").unwrap()),
    );
    check_query(
        "file%:s3/b/%0A",
        &Query::File(RelPath::new("s3/b/\n").unwrap()),
    );

    for (argument, error) in [
        ("key", QueryError::UnknownScheme),
        ("", QueryError::UnknownScheme),
        ("mongo:x", QueryError::UnknownScheme),
        ("redis%:%4", QueryError::Escape),
        ("redis%:%zz", QueryError::Escape),
        ("dynamodb:t/a/b/c", QueryError::TooManyParts),
    ] {
        assert_eq!(Query::parse(argument.as_bytes()), Err(error), "{argument}");
    }
    assert!(matches!(
        Query::parse(b"file:../x"),
        Err(QueryError::Path(_))
    ));
}

fn any_key() -> impl Strategy<Value = Key> {
    let bytes = || prop::string::bytes_regex("(?s-u)[a/%: ]{0,4}|\\xc3\\xa9|.{0,6}").unwrap();
    prop_oneof![
        bytes().prop_map(|key| Key::Redis { key }),
        (bytes(), prop::option::of(bytes()))
            .prop_map(|(bucket, object)| Key::S3 { bucket, object }),
        (
            bytes(),
            prop::option::of((bytes(), prop::option::of(bytes())))
        )
            .prop_map(|(table, item)| Key::Dynamodb { table, item }),
        bytes().prop_map(|queue| Key::Sqs { queue }),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_can_be_typed(key in any_key()) {
        let shown = key.to_string();
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert_eq!(Query::parse(shown.as_bytes()), Ok(Query::Key(key)));
    }
}

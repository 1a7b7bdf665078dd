use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    KEY_LIMIT_BYTES, LAST_COMPONENT_LIMIT_BYTES, META_SUFFIX, Shape, escaped, hashed, shape,
};

#[test]
fn keys_that_are_paths() {
    for key in [
        "a",
        "a/b",
        "2026/04/img.jpg",
        "...",
        ".a",
        "_bucket.jsonx",
        "a/_keys",
        "x/KEYMAP.jsonl",
        "é",
        "a b\n",
        "\u{1}",
    ] {
        assert_eq!(shape(key.as_bytes()), Shape::Plain, "{key:?}");
    }
    assert_eq!(shape(b"\xff"), Shape::Plain);
    assert_eq!(shape(&[b'x'; 235]), Shape::Plain);
    assert_eq!(shape(&[&[b'x'; 255][..], b"/y"].concat()), Shape::Plain);
    assert_eq!(
        shape(&b"12345678/".repeat(228)[..KEY_LIMIT_BYTES]),
        Shape::Plain
    );
}

#[test]
fn keys_that_cannot_be_paths() {
    for key in [
        "", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/..", "a\0b", "a\\b", "photos/",
    ] {
        assert_eq!(shape(key.as_bytes()), Shape::Impossible, "{key:?}");
    }
    for reserved in [
        "_bucket.json",
        "KEYMAP.jsonl",
        "_orphans",
        "_incomplete_uploads",
        "_keys",
    ] {
        assert_eq!(shape(reserved.as_bytes()), Shape::Impossible);
        assert_eq!(shape(format!("{reserved}/x").as_bytes()), Shape::Impossible);
    }
    // Whatever else is wrong outweighs the length.
    assert_eq!(shape(&[&[b'x'; 300][..], b"/"].concat()), Shape::Impossible);
}

#[test]
fn keys_that_are_only_too_long() {
    assert_eq!(shape(&[b'x'; 236]), Shape::OverLong);
    assert_eq!(shape(&[&[b'x'; 256][..], b"/y"].concat()), Shape::OverLong);
    assert_eq!(
        shape(&b"12345678/".repeat(229)[..KEY_LIMIT_BYTES + 1]),
        Shape::OverLong
    );
}

#[test]
fn names_below_keys() {
    assert_eq!(escaped(b""), "_keys/k.");
    assert_eq!(escaped(b"."), "_keys/k..");
    assert_eq!(escaped(b".."), "_keys/k...");
    assert_eq!(escaped(b"photos/"), "_keys/k.photos%2F");
    assert_eq!(escaped(b"z//z"), "_keys/k.z%2F%2Fz");
    // SHA-256 of the key by sha256sum.
    let hash = "_keys/h.2231bb04e391802d4fd2af66d6cec449fc065a708ff0ca2d2231f37ed48e31f1";
    assert_eq!(escaped(b"z//z.elastickv-meta.json"), hash);
    assert_eq!(
        escaped(&[b'x'; 233]),
        format!("_keys/k.{}", "x".repeat(233))
    );
    assert_eq!(escaped(&[b'x'; 234]), hashed(&[b'x'; 234]));
}

proptest! {
    #[test]
    fn no_name_is_another_keys_body_or_sidecar(keys in prop::collection::hash_set(
        prop::string::bytes_regex("(?s-u)[az/]{0,3}(\\.elastickv-meta\\.json)?|.{0,90}").unwrap(), 1..20)) {
        let mut owners: HashMap<String, Vec<u8>> = HashMap::new();
        for key in keys {
            let body = escaped(&key);
            let file = body.strip_prefix("_keys/").unwrap();
            prop_assert!(file.len() <= LAST_COMPONENT_LIMIT_BYTES && !file.contains('/'));
            prop_assert_eq!(owners.insert(format!("{body}{META_SUFFIX}"), key.clone()), None);
            prop_assert_eq!(owners.insert(body, key), None);
        }
    }
}

use super::*;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

fn path(key: &[u8], folding: Folding) -> Vec<u8> {
    let mut out = Vec::new();
    path_into(key, Name::by_shape(shape(key, folding)), folding, &mut out);
    out
}

fn check(key: &str, expected: &str) {
    assert_eq!(
        path(key.as_bytes(), Folding::Exact),
        expected.as_bytes(),
        "{key}"
    );
}

#[test]
fn keys_that_cannot_be_a_path() {
    check("photos/", "_keys/k.photos%2F");
    check("", "_keys/k.");
    check(".", "_keys/k..");
    check("..", "_keys/k...");
    check("z//z", "_keys/k.z%2F%2Fz");
    check("/a", "_keys/k.%2Fa");
    check("a/../b", "_keys/k.a%2F..%2Fb");
    check("a\\b", "_keys/k.a%5Cb");
    check("a\0b", "_keys/k.a%00b");
    for name in [
        "_bucket.json",
        "KEYMAP.jsonl",
        "_orphans/x",
        "_incomplete_uploads",
        "_keys/k.a",
    ] {
        assert!(
            path(name.as_bytes(), Folding::Exact).starts_with(b"_keys/k._")
                || name == "KEYMAP.jsonl",
            "{name}"
        );
        assert_eq!(shape(name.as_bytes(), Folding::Exact), Shape::Impossible);
    }
    check("a/_bucket.json", "a/_bucket.json");
    check("a b~/\u{e9}", "a b~/\u{e9}");
    assert_eq!(path(b"a/\xff\n", Folding::Exact), b"a/\xff\n");
}

#[test]
fn a_name_that_would_be_a_sidecar_is_a_digest() {
    let key = b"z//z.elastickv-meta.json";
    let digest = HEXLOWER.encode(&Sha256::digest(key));
    assert_eq!(
        path(key, Folding::Exact),
        format!("_keys/h.{digest}").into_bytes()
    );
}

#[test]
fn lengths() {
    let shape = |key: &str| shape(key.as_bytes(), Folding::Exact);
    assert_eq!(shape(&"x".repeat(235)), Shape::Plain);
    assert_eq!(shape(&"x".repeat(236)), Shape::OverLong);
    assert_eq!(shape(&format!("{}/y", "x".repeat(255))), Shape::Plain);
    assert_eq!(shape(&format!("{}/y", "x".repeat(256))), Shape::OverLong);
    assert_eq!(shape(&format!("{}//y", "x".repeat(256))), Shape::Impossible);
    let deep = "d/".repeat(1023);
    assert_eq!(shape(&format!("{deep}ab")), Shape::Plain);
    assert_eq!(shape(&format!("{deep}abc")), Shape::OverLong);
    // 233 bytes and `k.` are the longest name; an escaped byte takes three.
    check(
        &format!("/{}", "x".repeat(230)),
        &format!("_keys/k.%2F{}", "x".repeat(230)),
    );
    assert!(
        path(format!("/{}", "x".repeat(231)).as_bytes(), Folding::Exact).starts_with(b"_keys/h.")
    );
}

#[test]
fn portable_names() {
    let is_plain = |key: &[u8]| shape(key, Folding::Portable) == Shape::Plain;
    assert!(is_plain(b"a/b"));
    for key in [
        b"con/a".as_slice(),
        b"a./b",
        b"a /b",
        b"\xff",
        b"_KEYS/x",
        b"keymap.JSONL",
    ] {
        assert!(!is_plain(key), "{}", key.escape_ascii());
        assert!(path(key, Folding::Portable).starts_with(b"_keys/h."));
    }
    assert!(path(b"photos/", Folding::Portable).starts_with(b"_keys/h."));
}

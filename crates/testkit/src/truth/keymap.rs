//! Reads `KEYMAP.jsonl`.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::{Findings, Tree};

/// The renames of one directory: name in the tree → kind and key.
pub(super) type Keymap = BTreeMap<Vec<u8>, (String, Vec<u8>)>;

/// Reads the renames of a directory. An absent file means none; an empty one is a finding, and so is
/// a line that says what another has said.
pub(super) fn read(tree: &Tree, dir: &str, findings: &mut Findings) -> Keymap {
    let path = format!("{dir}/KEYMAP.jsonl");
    let mut keymap = Keymap::new();
    let Some(text) = tree.bytes(&path) else {
        return keymap;
    };
    if text.last() != Some(&b'\n') {
        findings.add(
            path.as_bytes(),
            "does not end with a line feed, or is empty",
        );
    }
    for line in text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        match parse(line) {
            None => findings.add(path.as_bytes(), line.escape_ascii()),
            Some((encoded, kind, original)) => {
                if keymap.insert(encoded.clone(), (kind, original)).is_some() {
                    findings.add(&encoded, "is mapped twice");
                }
            }
        }
    }
    keymap
}

fn parse(line: &[u8]) -> Option<(Vec<u8>, String, Vec<u8>)> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let encoded = match text("encoded_b64") {
        Some(exact) => BASE64URL_NOPAD.decode(exact.as_bytes()).ok()?,
        None => text("encoded")?.as_bytes().to_vec(),
    };
    let original = BASE64URL_NOPAD.decode(text("original")?.as_bytes()).ok()?;
    Some((encoded, text("kind")?.to_owned(), original))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_wins() {
        let line = br#"{"encoded":"\ufffd.elastickv-leaf-data","original":"_w","kind":"s3-leaf-data","encoded_b64":"_y5lbGFzdGlja3YtbGVhZi1kYXRh"}"#;
        let expected = (
            b"\xff.elastickv-leaf-data".to_vec(),
            "s3-leaf-data".to_owned(),
            vec![0xff],
        );
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(br#"{"encoded":"a","kind":"b"}"#), None);
    }
}

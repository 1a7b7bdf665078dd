//! What `sha256sum -c CHECKSUMS` would check, and that the list is complete and in order.

use std::collections::BTreeMap;
use std::io::Read;

use sha2::{Digest, Sha256};

use super::{Findings, Tree};
use crate::hex::to_hex;

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let Some(text) = tree.bytes("CHECKSUMS") else {
        findings.add(b"CHECKSUMS", "is missing");
        return;
    };
    let listed = parse(&text, findings);
    for file in tree.files().iter().filter(|file| file.path != b"CHECKSUMS") {
        match listed.get(&file.path) {
            None => findings.add(&file.path, "is not in CHECKSUMS"),
            Some(digest) => {
                findings.expect(&file.path, "its SHA-256", &sha256(tree, &file.path), digest)
            }
        }
    }
    for path in listed.keys() {
        if tree
            .files()
            .binary_search_by(|file| file.path.cmp(path))
            .is_err()
        {
            findings.add(path, "is in CHECKSUMS and not in the tree");
        }
    }
}

fn parse(text: &[u8], findings: &mut Findings) -> BTreeMap<Vec<u8>, String> {
    let mut listed = BTreeMap::new();
    let mut previous: Option<Vec<u8>> = None;
    if text.last().is_some_and(|&last| last != b'\n') {
        findings.add(b"CHECKSUMS", "does not end with a line feed");
    }
    for line in text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let Some((digest, path)) = parse_line(line) else {
            findings.add(line, "is not a line of CHECKSUMS");
            continue;
        };
        if previous.as_ref().is_some_and(|previous| *previous >= path) {
            findings.add(&path, "is out of order in CHECKSUMS");
        }
        previous = Some(path.clone());
        listed.insert(path, digest);
    }
    listed
}

/// A leading backslash says that the path has escapes, as `sha256sum` writes them.
fn parse_line(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let (line, escaped) = match line.strip_prefix(b"\\") {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let (digest, path) = line.split_at_checked(64)?;
    let path = path.strip_prefix(b"  ")?;
    if !digest
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    let path = if escaped {
        unescape(path)?
    } else {
        path.to_vec()
    };
    Some((String::from_utf8(digest.to_vec()).ok()?, path))
}

fn unescape(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

fn sha256(tree: &Tree, path: &[u8]) -> String {
    let mut file = tree.open(path);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).expect("a listed file is readable");
        if read == 0 {
            return to_hex(&hasher.finalize());
        }
        hasher.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_in_front_means_escapes() {
        let digest = "a".repeat(64);
        let line = format!("\\{digest}  a\\nb\\\\c");
        assert_eq!(
            parse_line(line.as_bytes()),
            Some((digest.clone(), b"a\nb\\c".to_vec()))
        );
        let line = format!("{digest}  a\\nb");
        assert_eq!(
            parse_line(line.as_bytes()),
            Some((digest.clone(), b"a\\nb".to_vec()))
        );
        assert_eq!(parse_line(format!("\\{digest}  a\\x").as_bytes()), None);
        assert_eq!(parse_line(format!("{digest} a").as_bytes()), None);
    }
}

//! Names of files and the keys they stand for, written from the dump tree's document.

use sha2::{Digest, Sha256};

use crate::hex::to_hex;

const LONGEST: usize = 240;

/// Gives the segment that a key has in the tree.
pub(super) fn encode(raw: &[u8]) -> String {
    let text = percent(raw);
    if raw.len() > LONGEST
        || text.len() > LONGEST
        || looks_like_fallback(&text)
        || text.starts_with("b64.")
    {
        return fallback(raw);
    }
    text
}

/// Says whether the key behind a segment must be looked up.
pub(super) fn looks_like_fallback(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    bytes.len() >= 34 && bytes[..32].iter().all(u8::is_ascii_hexdigit) && &bytes[32..34] == b"__"
}

/// Percent-encodes everything but unreserved bytes; `~` is not among them.
pub(super) fn percent(raw: &[u8]) -> String {
    let mut out = String::new();
    for &byte in raw {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn fallback(raw: &[u8]) -> String {
    let digest = to_hex(&Sha256::digest(raw));
    format!("{}__{}", &digest[..32], percent(&raw[..raw.len().min(64)]))
}

/// Gives the key of a segment that is neither a fallback nor binary; `None` if it is not one.
pub(super) fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    // Only what the encoder would have written is a name.
    (encode(&out) == segment).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document's table; abbreviated results are given by their ends.
    #[test]
    fn the_documented_vectors() {
        let xs = "x".repeat(240);
        let ones = |count: usize, tail: &str| [vec![1; count], tail.as_bytes().to_vec()].concat();
        for (raw, length, start, end) in [
            (b"".to_vec(), 0, "", ""),
            (b"A-b_c.9".to_vec(), 7, "A-b_c.9", ""),
            (b"a/b".to_vec(), 5, "a%2Fb", ""),
            (b"a~b".to_vec(), 5, "a%7Eb", ""),
            (b"user:1".to_vec(), 8, "user%3A1", ""),
            ("é".as_bytes().to_vec(), 6, "%C3%A9", ""),
            (vec![0, 0xff], 6, "%00%FF", ""),
            (b"..".to_vec(), 2, "..", ""),
            (
                b"b64.".to_vec(),
                38,
                "0e3246de4838b88fa1b243cce26975b5__b64.",
                "",
            ),
            (
                b"b64.foo".to_vec(),
                41,
                "72ef1a090c013093607ce5a62f598cf4__b64.foo",
                "",
            ),
            (b"B64.foo".to_vec(), 7, "B64.foo", ""),
            (
                b"0123456789ABCDEF0123456789ABCDEF__x".to_vec(),
                69,
                "601bfe86e4c408111961665d9694b88c__0123456789ABCDEF0123456789ABCDEF__x",
                "",
            ),
            (
                b"0123456789abcdef0123456789abcde___x".to_vec(),
                35,
                "0123456789abcdef0123456789abcde___x",
                "",
            ),
            (xs.clone().into_bytes(), 240, "xxx", "xxx"),
            (
                format!("{xs}x").into_bytes(),
                98,
                "7dbf05774ebc8b0213e8f74d789e3447__xxx",
                "x",
            ),
            (ones(80, ""), 240, "%01", "%01"),
            (
                ones(81, ""),
                226,
                "60c285d83690be0345cc75ae7c286b6e__%01",
                "%01",
            ),
            (ones(79, "xxx"), 240, "%01", "%01xxx"),
            (
                ones(79, "xxxx"),
                226,
                "a206e440e6d35479609a08a5bda62312__%01",
                "%01",
            ),
        ] {
            let segment = encode(&raw);
            assert_eq!(segment.len(), length, "{segment}");
            assert!(
                segment.starts_with(start) && segment.ends_with(end),
                "{segment}"
            );
            let is_fallback = looks_like_fallback(&segment);
            assert_eq!(decode(&segment), (!is_fallback).then_some(raw), "{segment}");
        }
    }

    #[test]
    fn other_spellings_are_no_names() {
        for segment in ["%61", "%c3%a9", "a%", "a%2", "a b", "b64.AA"] {
            assert_eq!(decode(segment), None, "{segment}");
        }
    }
}

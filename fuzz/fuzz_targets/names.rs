//! Names: segments, object names and paths stand for one key each.
#![no_main]

use dump::name::{Position, Rule, decode, encode_into, fallback, looks_like_fallback, rule_of};
use dump::object_name::{Shape, escaped, hashed, shape};
use fsroot::RelPath;
use libfuzzer_sys::fuzz_target;

fn encoded(raw: &[u8], rule: Rule, position: Position) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(raw, rule, position, &mut out);
    out
}

fuzz_target!(|bytes: &[u8]| {
    let positions = [Position::File, Position::Directory];
    for rule in [Rule::Text, Rule::Binary] {
        for position in positions {
            let segment = encoded(bytes, rule, position);
            assert!(segment.len() <= 240);
            assert!(
                segment
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._%".contains(byte))
            );
            let back = decode(&segment, rule, position, |_| Some(bytes.to_vec()));
            assert_eq!(back.unwrap(), bytes);
            if !looks_like_fallback(&segment) {
                assert_eq!(rule_of(&segment), rule, "{segment:?}");
            }
            if position == Position::Directory {
                RelPath::new(segment).unwrap();
            }
            // Arbitrary bytes as a segment: what is accepted is what the name encodes to.
            if let Ok(name) = decode(bytes, rule, position, |_| None) {
                assert_eq!(encoded(&name, rule, position), bytes);
            }
            let known = decode(bytes, rule, position, |_| Some(b"a".to_vec()));
            if known.is_ok() && looks_like_fallback(bytes) {
                assert_eq!(bytes, fallback(b"a").as_bytes());
            }
        }
    }
    let name = escaped(bytes);
    assert!(name.starts_with("_keys/") && name.len() <= 235 + 6);
    assert!(!name.ends_with(".elastickv-meta.json"));
    RelPath::new(name).unwrap();
    RelPath::new(hashed(bytes)).unwrap();
    let path = RelPath::new(bytes);
    if shape(bytes) == Shape::Plain {
        assert_eq!(path.as_ref().unwrap().as_bytes(), bytes);
    }
    if let Ok(path) = &path {
        let harmless = |part: &[u8]| !part.is_empty() && part != b"." && part != b"..";
        assert!(path.components().all(harmless));
        assert!(!bytes.contains(&0));
    }
    // Two keys never share a name below `_keys/`.
    let mut other = bytes.to_vec();
    other.push(b'x');
    assert_ne!(escaped(bytes), escaped(&other));
    assert_ne!(
        encoded(bytes, Rule::Text, Position::File),
        encoded(&other, Rule::Text, Position::File)
    );
});

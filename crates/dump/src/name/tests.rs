use super::{
    DecodeError, MAX_SEGMENT_BYTES, Position, Rule, Segment, SegmentKind, decode, encode_binary,
    encode_directory, encode_text, fallback, rule_of,
};
use proptest::prelude::*;

fn check_text(raw: &[u8], length: usize, expected: &str) {
    check(encode_text(raw), length, expected);
}

fn check_binary(raw: &[u8], length: usize, expected: &str) {
    check(encode_binary(raw), length, expected);
}

/// `…` in `expected` stands for any text, as in the tables of the format description.
fn check(segment: Segment, length: usize, expected: &str) {
    assert_eq!(segment.text.len(), length, "{expected}");
    let (start, end) = expected.split_once('…').unwrap_or((expected, ""));
    assert!(
        segment.text.starts_with(start) && segment.text.ends_with(end),
        "{} is not {expected}",
        segment.text
    );
    let hashed = segment.text.len() >= 34
        && segment.text.as_bytes()[..32]
            .iter()
            .all(u8::is_ascii_hexdigit)
        && &segment.text.as_bytes()[32..34] == b"__";
    assert_eq!(segment.kind == SegmentKind::Fallback, hashed, "{expected}");
}

#[test]
fn text_rule_vectors() {
    check_text(b"", 0, "");
    check_text(b"abc", 3, "abc");
    check_text(b"A-b_c.9", 7, "A-b_c.9");
    check_text(b"a/b", 5, "a%2Fb");
    check_text(b"a b", 5, "a%20b");
    check_text(b"a~b", 5, "a%7Eb");
    check_text(b"a%b", 5, "a%25b");
    check_text(b"user:1", 8, "user%3A1");
    check_text(&[0xc3, 0xa9], 6, "%C3%A9");
    check_text(&[0x00, 0xff], 6, "%00%FF");
    check_text(b".", 1, ".");
    check_text(b"..", 2, "..");
    check_text(b"b64.", 38, "0e3246de4838b88fa1b243cce26975b5__b64.");
    check_text(b"b64.foo", 41, "72ef1a090c013093607ce5a62f598cf4__b64.foo");
    check_text(b"B64.foo", 7, "B64.foo");
    check_text(
        b"0123456789abcdef0123456789abcdef_x",
        34,
        "0123456789abcdef0123456789abcdef_x",
    );
    check_text(
        b"0123456789abcdef0123456789abcdef__x",
        69,
        "c6adf9bb73b31df7b339106a031c285a__0123456789abcdef0123456789abcdef__x",
    );
    check_text(
        b"0123456789ABCDEF0123456789ABCDEF__x",
        69,
        "601bfe86e4c408111961665d9694b88c__0123456789ABCDEF0123456789ABCDEF__x",
    );
    check_text(
        b"0123456789abcdef0123456789abcde___x",
        35,
        "0123456789abcdef0123456789abcde___x",
    );
    check_text(&[b'x'; 240], 240, &"x".repeat(240));
    check_text(
        &[b'x'; 241],
        98,
        &format!("7dbf05774ebc8b0213e8f74d789e3447__{}", "x".repeat(64)),
    );
    check_text(&[1; 80], 240, &"%01".repeat(80));
    check_text(
        &[1; 81],
        226,
        "60c285d83690be0345cc75ae7c286b6e__%01%01%01%…%01%01%01%01",
    );
    check_text(
        &[&[1; 79][..], b"xxx"].concat(),
        240,
        &format!("{}xxx", "%01".repeat(79)),
    );
    check_text(
        &[&[1; 79][..], b"xxxx"].concat(),
        226,
        "a206e440e6d35479609a08a5bda62312__%01%01%01%…%01%01%01%01",
    );
}

#[test]
fn segment_examples_of_the_s3_description() {
    check_text(b"a b/c~", 12, "a%20b%2Fc%7E");
    check_text(b"b64.x", 39, "261e3e281e06e9789437999358e26046__b64.x");
    check_text(
        &[b'a'; 241],
        98,
        &format!("ec6e326ef29fe322b62111584194c54e__{}", "a".repeat(64)),
    );
}

#[test]
fn binary_rule_vectors() {
    check_binary(b"", 4, "b64.");
    check_binary(&[0x00], 6, "b64.AA");
    check_binary(&[0x01, 0x02], 7, "b64.AQI");
    check_binary(&[0xff, 0xfe, 0xfd, 0xfc], 10, "b64.__79_A");
    check_binary(
        &[0xab; 177],
        240,
        "b64.q6urq6urq6urq6urq6urq6urq6urq6urq6urq6ur…q6urq6urq6ur",
    );
    check_binary(
        &[0xab; 178],
        226,
        "99b90308721044313205e10921447b79__%AB%AB%AB%…%AB%AB%AB%AB",
    );
}

#[test]
fn names_that_are_no_directory_take_the_fallback_there() {
    for (raw, expected) in [
        ("", "e3b0c44298fc1c149afbf4c8996fb924__"),
        (".", "cdb4ee2aea69cc6a83331bbe96dc2caa__."),
        ("..", "5ec1f7e700f37c3d0b2981d04855fc34__.."),
    ] {
        let segment = encode_directory(raw.as_bytes());
        assert_eq!(segment.kind, SegmentKind::Fallback);
        assert!(segment.text.ends_with(expected), "{}", segment.text);
        assert_eq!(encode_text(raw.as_bytes()).kind, SegmentKind::Plain);
    }
    assert_eq!(encode_directory(b"...").text, "...");
}

fn check_refused(segment: &str, rule: Rule, expected: DecodeError) {
    assert_eq!(
        decode(segment.as_bytes(), rule, Position::File, |_| None),
        Err(expected),
        "{segment}"
    );
}

#[test]
fn only_canonical_segments_are_read() {
    for segment in [
        "%61", "%c3%a9", "a b", "%", "%4", "a/b", "é", "b64.AQI", "b64.",
    ] {
        check_refused(segment, Rule::Text, DecodeError::NotCanonical);
    }
    for segment in [
        "b64.AB", "b64.AA==", "b64.A", "b64.A\nA", "B64.AA", "AA", "b64.+/",
    ] {
        check_refused(segment, Rule::Binary, DecodeError::NotCanonical);
    }
    check_refused(
        &"x".repeat(241),
        Rule::Text,
        DecodeError::TooLong { length_bytes: 241 },
    );
    check_refused(
        "0123456789abcdef0123456789abcdef__x",
        Rule::Text,
        DecodeError::UnknownFallback,
    );
    // The upper-case shape is a fallback, too, and nothing has it.
    let upper = decode(
        b"0123456789ABCDEF0123456789ABCDEF__x",
        Rule::Text,
        Position::File,
        |_| Some(b"x".to_vec()),
    );
    assert_eq!(upper, Err(DecodeError::ForeignFallback));
}

#[test]
fn dot_directories_are_read_only_in_their_fallback_form() {
    for raw in [&b""[..], b".", b".."] {
        assert_eq!(
            decode(raw, Rule::Text, Position::Directory, |_| None),
            Err(DecodeError::NotCanonical)
        );
        assert_eq!(
            decode(raw, Rule::Text, Position::File, |_| None).as_deref(),
            Ok(raw)
        );
        let segment = encode_directory(raw).text;
        assert_eq!(
            decode(segment.as_bytes(), Rule::Text, Position::Directory, |_| {
                Some(raw.to_vec())
            })
            .as_deref(),
            Ok(raw)
        );
    }
}

#[test]
fn the_fallback_of_any_name_is_read() {
    let segment = fallback(b"A");
    assert_eq!(
        decode(segment.as_bytes(), Rule::Text, Position::File, |_| Some(
            b"A".to_vec()
        )),
        Ok(b"A".to_vec())
    );
}

/// Bytes that bring out the special cases: long names, hex digits, the separators and prefixes.
fn raw_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        prop::string::bytes_regex("(?s-u)(b64\\.)?[0-9a-fA-F]{31,33}_{1,3}.{0,4}").unwrap(),
        prop::collection::vec(prop::sample::select(b"ab.%_~\x01".to_vec()), 75..245),
        prop::string::bytes_regex("(b64\\.|\\.{0,3})[a-z]{0,3}").unwrap(),
    ]
}

proptest! {
    #[test]
    fn every_name_fits_and_comes_back(raw in raw_name(), binary in any::<bool>(), directory in any::<bool>()) {
        let rule = if binary { Rule::Binary } else { Rule::Text };
        let position = if directory { Position::Directory } else { Position::File };
        let mut segment = Vec::new();
        let kind = super::encode_into(&raw, rule, position, &mut segment);
        prop_assert!(segment.len() <= MAX_SEGMENT_BYTES);
        prop_assert!(segment.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'/'));
        prop_assert!(!directory || !matches!(&segment[..], b"" | b"." | b".."));
        let known = raw.clone();
        let back = decode(&segment, rule, position, move |_| Some(known));
        prop_assert_eq!(back.as_ref(), Ok(&raw));
        if kind == SegmentKind::Plain {
            let alone = decode(&segment, rule, position, |_| None);
            prop_assert_eq!(alone.as_ref(), Ok(&raw));
            prop_assert_eq!(rule_of(&segment), rule);
        }
    }

    #[test]
    fn different_names_have_different_segments(first in raw_name(), second in raw_name()) {
        prop_assert_eq!(first == second, encode_text(&first) == encode_text(&second));
        prop_assert_eq!(first == second, encode_binary(&first) == encode_binary(&second));
    }

    #[test]
    fn whatever_is_read_encodes_to_itself(segment in prop::string::bytes_regex("(?s-u)(b64\\.)?([a-z%.]|%[0-9a-fA-F]{2}|.){0,8}").unwrap(),
                                          directory in any::<bool>()) {
        let position = if directory { Position::Directory } else { Position::File };
        let rule = rule_of(&segment);
        if let Ok(raw) = decode(&segment, rule, position, |_| None) {
            let mut again = Vec::new();
            super::encode_into(&raw, rule, position, &mut again);
            prop_assert_eq!(again, segment);
        }
    }
}

use super::*;

fn string(document: &[u8]) -> Result<String, JsonFault> {
    let mut reader = Reader::new(document);
    let text = reader.string()?;
    reader.end().map(|()| text)
}

fn skip(document: &[u8]) -> Result<(), JsonFault> {
    let mut reader = Reader::new(document);
    reader.skip()?;
    reader.end()
}

#[test]
fn strings() {
    for (document, expected) in [
        (br#""plain""#.as_slice(), "plain"),
        (br#" "" "#, ""),
        (
            br#""\"\\\/\b\f\n\r\t\u0041\u00e9""#,
            "\"\\/\x08\x0c\n\r\tA\u{e9}",
        ),
        (br#""\ud83d\ude00""#, "\u{1f600}"),
        (br#""\ud83d""#, "\u{fffd}"),
        (br#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (br#""\ud83dA""#, "\u{fffd}A"),
        (br#""\ud83d\u0041""#, "\u{fffd}A"),
        (br#""\ud83d\n""#, "\u{fffd}\n"),
        (b"\"a\xff\xe2\x82b\"", "a\u{fffd}\u{fffd}\u{fffd}b"),
        (b"\"\xff\\n\"", "\u{fffd}\n"),
        (b"null", ""),
    ] {
        assert_eq!(
            string(document).as_deref(),
            Ok(expected),
            "{}",
            document.escape_ascii()
        );
    }
    for document in [
        b"".as_slice(),
        b"\"",
        b"\"\\\"",
        b"\"\n\"",
        br#""\x""#,
        br#""\u12""#,
        br#""\u12g4""#,
        br#""\ud83d\u1""#,
        b"1",
        b"\"a\" b",
        b"nul",
    ] {
        assert!(string(document).is_err(), "{}", document.escape_ascii());
    }
}

#[test]
fn integers_are_plain_and_in_range() {
    let u64 = |text: &str| Reader::new(text.as_bytes()).u64();
    let i64 = |text: &str| Reader::new(text.as_bytes()).i64();
    assert_eq!(u64("18446744073709551615"), Ok(u64::MAX));
    assert_eq!(u64("0"), Ok(0));
    assert_eq!(u64("null"), Ok(0));
    assert_eq!(i64("-9223372036854775808"), Ok(i64::MIN));
    assert_eq!(i64("-0"), Ok(0));
    for text in [
        "18446744073709551616",
        "-1",
        "1.0",
        "1e3",
        "\"1\"",
        "true",
        "",
        "+1",
    ] {
        assert!(u64(text).is_err(), "{text}");
    }
    for text in ["9223372036854775808", "1.5", "1E1", "[]", "-"] {
        assert!(i64(text).is_err(), "{text}");
    }
    // `01` is the number 0 and then something that does not belong there.
    let mut reader = Reader::new(b"01");
    assert_eq!(reader.u64(), Ok(0));
    assert!(reader.end().is_err());
}

#[test]
fn skipping_checks_the_grammar() {
    for document in [
        r#"{"a":[1,-2.5e+3,{"b":null}],"c":true}"#,
        " [ ] ",
        "{ }",
        "[[],{},[[]],\"x\"]",
        "0",
    ] {
        assert_eq!(skip(document.as_bytes()), Ok(()), "{document}");
    }
    for document in [
        "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "[1 2]", "[}", "{]", "[", "{\"a\":1", "1.", "1e",
        "--1", "tru", "{} {}", "]", "{,}", "[,]",
    ] {
        assert!(skip(document.as_bytes()).is_err(), "{document}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert_eq!(skip(&nested(MAX_DEPTH)), Ok(()));
    assert!(skip(&nested(MAX_DEPTH + 2)).is_err());
}

#[test]
fn names_match_in_any_case() {
    assert!(names("ETag", "etag"));
    assert!(names("Part\u{17f}", "parts"));
    assert!(names("\u{212a}ey", "key"));
    assert!(!names("\u{e9}tag", "etag"));
    assert!(!names("etag ", "etag"));
}

use super::{Escape, NotANumber, Style, Writer, float_into, lossy, string_into};
use proptest::prelude::*;
use serde_json::Value;

fn check_string(value: &[u8], escape: Escape, expected: &str) {
    let mut out = Vec::new();
    string_into(value, escape, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn strings_are_escaped_as_the_format_says() {
    check_string(b"", Escape::Html, r#""""#);
    check_string(b"a\"b\\c/", Escape::Plain, r#""a\"b\\c/""#);
    check_string(b"\x08\x0c\n\r\t", Escape::Plain, r#""\b\f\n\r\t""#);
    check_string(
        b"\x00\x0b\x1f\x7f",
        Escape::Plain,
        "\"\\u0000\\u000b\\u001f\x7f\"",
    );
    check_string(
        "é\u{2028}\u{2029}\u{1f600}".as_bytes(),
        Escape::Plain,
        "\"é\\u2028\\u2029\u{1f600}\"",
    );
    check_string(b"<a>&b", Escape::Html, r#""\u003ca\u003e\u0026b""#);
    check_string(b"<a>&b", Escape::Plain, r#""<a>&b""#);
}

#[test]
fn each_invalid_byte_is_replaced_and_a_real_replacement_character_stays() {
    check_string(b"\xff", Escape::Html, r#""\ufffd""#);
    // A cut-off three-byte character and an encoded surrogate are one invalid byte after the other.
    check_string(b"\xe2\x82a", Escape::Html, r#""\ufffd\ufffda""#);
    check_string(b"\xed\xa0\x80", Escape::Html, r#""\ufffd\ufffd\ufffd""#);
    check_string(b"\xf0\x9f\x98", Escape::Html, r#""\ufffd\ufffd\ufffd""#);
    check_string("\u{fffd}".as_bytes(), Escape::Html, "\"\u{fffd}\"");
    assert_eq!(lossy(b"a\xffb\xe2\x82"), "a\u{fffd}b\u{fffd}\u{fffd}");
}

fn check_float(value: f64, expected: &str) {
    let mut out = Vec::new();
    float_into(value, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn floats_take_the_documented_forms() {
    check_float(0.0, "0");
    check_float(-0.0, "-0");
    check_float(1.0, "1");
    check_float(-1.5, "-1.5");
    check_float(0.000_001, "0.000001");
    check_float(0.000_000_999, "9.99e-7");
    check_float(1e-7, "1e-7");
    check_float(1e20, "100000000000000000000");
    check_float(1e21, "1e+21");
    check_float(123_456_789_012_345_680_000.0, "123456789012345680000");
    check_float(f64::MAX, "1.7976931348623157e+308");
    check_float(5e-324, "5e-324");
    check_float(0.1, "0.1");
    check_float(f64::INFINITY, "\"+inf\"");
    check_float(f64::NEG_INFINITY, "\"-inf\"");
    assert_eq!(float_into(f64::NAN, &mut Vec::new()), Err(NotANumber));
}

/// A document with every kind of value, empty and nested containers.
fn sample(style: Style, escape: Escape) -> String {
    let mut out = Vec::new();
    let mut json = Writer::new(&mut out, style, escape);
    json.begin_object();
    json.name("empty array");
    json.begin_array();
    json.end_array();
    json.name("empty object");
    json.begin_object();
    json.end_object();
    json.name("nested");
    json.begin_array();
    json.integer(u64::MAX);
    json.integer(-1);
    json.begin_object();
    json.name("a<b");
    json.bytes(b"\xff\xfe");
    json.end_object();
    json.bytes(b"text");
    json.float(1.5).unwrap();
    json.null();
    json.boolean(true);
    json.end_array();
    json.name("last");
    json.string("x");
    json.end_object();
    String::from_utf8(out).unwrap()
}

#[test]
fn indented_layout() {
    assert_eq!(
        sample(Style::Indented, Escape::Html),
        r#"{
  "empty array": [],
  "empty object": {},
  "nested": [
    18446744073709551615,
    -1,
    {
      "a\u003cb": {
        "base64": "__4"
      }
    },
    "text",
    1.5,
    null,
    true
  ],
  "last": "x"
}"#
    );
}

#[test]
fn compact_layout() {
    assert_eq!(
        sample(Style::Compact, Escape::Plain),
        concat!(
            r#"{"empty array":[],"empty object":{},"nested":[18446744073709551615,-1,"#,
            r#"{"a<b":{"base64":"__4"}},"text",1.5,null,true],"last":"x"}"#
        )
    );
}

#[test]
fn a_nan_leaves_no_trace() {
    let mut out = Vec::new();
    let mut json = Writer::new(&mut out, Style::Compact, Escape::Plain);
    json.begin_array();
    json.integer(1);
    assert_eq!(json.float(f64::NAN), Err(NotANumber));
    json.end_array();
    assert_eq!(out, b"[1]");
}

/// Writes a parsed document again.
fn rewrite(value: &Value, json: &mut Writer<'_>) {
    match value {
        Value::Null => json.null(),
        Value::Bool(value) => json.boolean(*value),
        Value::String(value) => json.string(value),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(value), _, _) => json.integer(value),
            (_, Some(value), _) => json.integer(value),
            (_, _, value) => json.float(value.unwrap()).unwrap(),
        },
        Value::Array(items) => {
            json.begin_array();
            items.iter().for_each(|item| rewrite(item, json));
            json.end_array();
        }
        Value::Object(members) => {
            json.begin_object();
            for (name, member) in members {
                json.name(name);
                rewrite(member, json);
            }
            json.end_object();
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn another_parser_reads_back_what_was_meant(value in any_value(), html in any::<bool>(), compact in any::<bool>()) {
        let escape = if html { Escape::Html } else { Escape::Plain };
        let style = if compact { Style::Compact } else { Style::Indented };
        let mut out = Vec::new();
        rewrite(&value, &mut Writer::new(&mut out, style, escape));
        prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), value.clone());
        if style == Style::Indented && !html && !out.windows(5).any(|bytes| bytes == b"\\u202") {
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string_pretty(&value).unwrap());
        }
    }

    #[test]
    fn any_bytes_make_a_valid_string(value in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut out = Vec::new();
        string_into(&value, Escape::Html, &mut out);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), lossy(&value));
    }

    #[test]
    fn any_float_reads_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let mut out = Vec::new();
        if value.is_finite() {
            float_into(value, &mut out).unwrap();
            prop_assert_eq!(std::str::from_utf8(&out).unwrap().parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}

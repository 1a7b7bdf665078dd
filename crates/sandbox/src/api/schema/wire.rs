//! The binary encoding that Go clients send their typed objects in: read into the same JSON everything else works on.
//!
//! `wire.txt` is made by `distil_wire.py` from the types of a Kubernetes release.

use std::collections::HashMap;
use std::sync::OnceLock;

use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::clock;

const FIELDS: &str = include_str!("wire.txt");

/// Content type of the encoding.
pub(in crate::api) const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every encoded object begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Messages nest no deeper in any type there is; a deeper one is made up.
const DEPTH: usize = 64;

struct Field {
    name: &'static str,
    of: &'static str,
}

type Types = HashMap<&'static str, HashMap<u64, Field>>;

fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut types = Types::new();
        let mut current = "";
        for line in FIELDS.lines() {
            match line.strip_prefix(' ') {
                None => current = line,
                Some(field) => {
                    let mut parts = field.split(' ');
                    let number = parts.next().and_then(|number| number.parse().ok());
                    if let (Some(number), Some(name), Some(of)) =
                        (number, parts.next(), parts.next())
                    {
                        types
                            .entry(current)
                            .or_default()
                            .insert(number, Field { name, of });
                    }
                }
            }
        }
        types
    })
}

/// Reads an encoded object into JSON with `apiVersion` and `kind`. `None` is bytes that are no such object.
pub(in crate::api) fn decode(bytes: &[u8]) -> Option<Value> {
    let mut envelope = Reader {
        rest: bytes.strip_prefix(MAGIC)?,
    };
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    while let Some((number, wire)) = envelope.next()? {
        match (number, wire) {
            (1, Wire::Bytes(meta)) => {
                let mut meta = Reader { rest: meta };
                while let Some((number, wire)) = meta.next()? {
                    match (number, wire) {
                        (1, Wire::Bytes(text)) => api_version = text_of(text)?,
                        (2, Wire::Bytes(text)) => kind = text_of(text)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let package = package_of(&api_version, &kind);
    let mut object = message(&format!("{package}.{kind}"), raw, DEPTH)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Some(Value::Object(object))
}

fn package_of(api_version: &str, kind: &str) -> String {
    if kind == "DeleteOptions" {
        return "io.k8s.apimachinery.pkg.apis.meta.v1".to_owned();
    }
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let short = match group.split('.').next() {
        None | Some("") => "core",
        Some(short) => short,
    };
    format!("io.k8s.api.{short}.v1")
}

/// Reads a message. Fields that are empty and not optional are left out, as their JSON leaves them out.
fn message(of: &str, bytes: &[u8], depth: usize) -> Option<Map<String, Value>> {
    let empty = HashMap::new();
    let fields = types().get(of).unwrap_or(&empty);
    let depth = depth.checked_sub(1)?;
    let mut object = Map::new();
    let mut reader = Reader { rest: bytes };
    while let Some((number, wire)) = reader.next()? {
        let Some(field) = fields.get(&number) else {
            continue;
        };
        if field.name == "-" {
            if let Wire::Bytes(bytes) = wire {
                object.extend(message(field.of.trim_start_matches('?'), bytes, depth)?);
            }
        } else if let Some(of) = field.of.strip_prefix("[]") {
            let value = value(of, wire, depth)?;
            let list = object
                .entry(field.name)
                .or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut()?.push(value);
        } else if let Some(of) = field.of.strip_prefix("{}") {
            let (key, value) = entry(of, wire, depth)?;
            let map = object
                .entry(field.name)
                .or_insert_with(|| Value::Object(Map::new()));
            map.as_object_mut()?.insert(key, value);
        } else if let Some(of) = field.of.strip_prefix('?') {
            object.insert(field.name.to_owned(), value(of, wire, depth)?);
        } else {
            let value = value(field.of, wire, depth)?;
            if !is_empty(&value) {
                object.insert(field.name.to_owned(), value);
            }
        }
    }
    Some(object)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_i64() == Some(0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.is_empty(),
    }
}

fn entry(of: &str, wire: Wire<'_>, depth: usize) -> Option<(String, Value)> {
    let Wire::Bytes(bytes) = wire else {
        return None;
    };
    let mut reader = Reader { rest: bytes };
    let mut key = String::new();
    let mut found = value(of, Wire::Bytes(&[]), depth).unwrap_or(Value::Null);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Bytes(text)) => key = text_of(text)?,
            (2, wire) => found = value(of, wire, depth)?,
            _ => {}
        }
    }
    Some((key, found))
}

fn value(of: &str, wire: Wire<'_>, depth: usize) -> Option<Value> {
    Some(match (of, wire) {
        ("bool", Wire::Number(number)) => (number != 0).into(),
        ("int", Wire::Number(number)) => signed(number).into(),
        ("double", Wire::Number(bits)) => f64::from_bits(bits).into(),
        ("string", Wire::Bytes(text)) => text_of(text)?.into(),
        ("bytes", Wire::Bytes(bytes)) => BASE64.encode(bytes).into(),
        ("quantity", Wire::Bytes(bytes)) => first_text(1, bytes)?.into(),
        ("time" | "microtime", Wire::Bytes(bytes)) => time(bytes, of == "microtime")?,
        ("intorstring", Wire::Bytes(bytes)) => int_or_string(bytes)?,
        ("raw", Wire::Bytes(bytes)) => {
            serde_json::from_str(&first_text(1, bytes)?).unwrap_or(Value::Null)
        }
        ("items", Wire::Bytes(bytes)) => texts(1, bytes)?.into(),
        (of, Wire::Bytes(bytes)) => Value::Object(message(of, bytes, depth)?),
        _ => return None,
    })
}

/// Numbers travel as their two's complement.
fn signed(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}

fn text_of(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn texts(wanted: u64, bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader { rest: bytes };
    let mut found = Vec::new();
    while let Some((number, wire)) = reader.next()? {
        if let (true, Wire::Bytes(text)) = (number == wanted, wire) {
            found.push(text_of(text)?);
        }
    }
    Some(found)
}

fn first_text(wanted: u64, bytes: &[u8]) -> Option<String> {
    Some(texts(wanted, bytes)?.into_iter().next().unwrap_or_default())
}

fn time(bytes: &[u8], has_micros: bool) -> Option<Value> {
    let mut reader = Reader { rest: bytes };
    let (mut seconds, mut nanos) = (0, 0);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Number(number)) => seconds = signed(number),
            (2, Wire::Number(number)) => nanos = i32::try_from(signed(number)).ok()?,
            _ => {}
        }
    }
    if (seconds, nanos) == (0, 0) {
        return Some(Value::Null);
    }
    let time = Timestamp::new(seconds, nanos).ok()?;
    Some(
        if has_micros {
            clock::micros(time)
        } else {
            clock::seconds(time)
        }
        .into(),
    )
}

fn int_or_string(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: bytes };
    let (mut is_text, mut number_found, mut text) = (false, 0, String::new());
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Number(kind)) => is_text = kind != 0,
            (2, Wire::Number(number)) => number_found = signed(number),
            (3, Wire::Bytes(bytes)) => text = text_of(bytes)?,
            _ => {}
        }
    }
    Some(if is_text {
        text.into()
    } else {
        number_found.into()
    })
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the next field: the outer `None` is malformed, the inner one the end.
    fn next(&mut self) -> Option<Option<(u64, Wire<'a>)>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Number(u32::from_le_bytes(self.take(4)?.try_into().ok()?).into()),
            _ => return None,
        };
        Some(Some((tag >> 3, wire)))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::decode;

    /// What kubectl 1.35.4 sends for `kubectl create configmap x --from-literal=a=1`.
    const CONFIG_MAP: &[u8] = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x1b\x0a\x11\x0a\x01x\x12\0\x1a\0\x22\0\x2a\x002\x008\0B\0\x12\x06\x0a\x01a\x12\x011\x1a\0\x22\0";

    #[test]
    fn an_object_of_kubectl_is_read() {
        assert_eq!(
            decode(CONFIG_MAP).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"},
            })
        );
    }

    /// The two files come from different descriptions of the same types, so each finds what the other lacks.
    #[test]
    fn every_published_field_has_a_number() {
        for (name, node) in &super::super::schema().types {
            let numbered = names(name);
            let published = node
                .get("properties")
                .and_then(serde_json::Value::as_object)
                .into_iter()
                .flatten();
            for (field, _) in published {
                let is_known = numbered.contains(field)
                    || name.ends_with("List")
                    || matches!(field.as_str(), "apiVersion" | "kind");
                assert!(is_known, "{name}.{field}");
            }
        }
    }

    fn names(of: &str) -> Vec<String> {
        let fields = super::types()
            .get(of)
            .into_iter()
            .flat_map(|fields| fields.values());
        fields
            .flat_map(|field| {
                if field.name == "-" {
                    names(field.of)
                } else {
                    vec![field.name.to_owned()]
                }
            })
            .collect()
    }

    #[test]
    fn no_prefix_of_it_panics() {
        for end in 0..CONFIG_MAP.len() {
            let _: Option<serde_json::Value> = decode(&CONFIG_MAP[..end]);
        }
        assert_eq!(
            decode(b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            None
        );
        assert_eq!(decode(b"{}"), None);
    }
}

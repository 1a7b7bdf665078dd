//! From the bytes of a body to an object of the expected kind.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::Failure;

use super::schema;

/// What to do about unknown and duplicate fields: the `fieldValidation` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Validation {
    /// They are dropped silently.
    Ignore,
    /// They are dropped, and the answer carries warnings. What a real server does unless told otherwise.
    #[default]
    Warn,
    /// They are refused.
    Strict,
}

impl Validation {
    /// Reads the parameter.
    #[must_use]
    pub(super) fn read(text: Option<&str>) -> Self {
        match text {
            Some("Ignore") => Self::Ignore,
            Some("Strict") => Self::Strict,
            _ => Self::Warn,
        }
    }
}

/// An object that was read, with the warnings its reader wants.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The object, with `apiVersion` and `kind`.
    pub object: Value,
    /// Sentences for `Warning` headers.
    pub warnings: Vec<String>,
}

/// Reads an object of a kind from JSON.
pub(super) fn decode(
    group: &str,
    kind: &str,
    bytes: &[u8],
    validation: Validation,
) -> Result<Decoded, Failure> {
    let (object, duplicates) = parse(bytes).map_err(|error| {
        let text: String = String::from_utf8_lossy(bytes).chars().take(1024).collect();
        let why = if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() };
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: \
             {why} ({text})"
        ))
    })?;
    let duplicates = duplicates
        .into_iter()
        .map(|path| format!("duplicate field \"{path}\""))
        .collect();
    typed(group, kind, object, duplicates, validation)
}

/// Holds an object against its kind: right kind, right types, no unknown fields. `complaints` are those found already.
pub(super) fn typed(
    group: &str,
    kind: &str,
    mut object: Value,
    mut complaints: Vec<String>,
    validation: Validation,
) -> Result<Decoded, Failure> {
    let api_version = if group.is_empty() {
        "v1".to_owned()
    } else {
        format!("{group}/v1")
    };
    if !object.is_object() {
        return Err(Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: json: \
             cannot unmarshal into Go value of type struct"
        )));
    }
    for (field, expected) in [("apiVersion", api_version.as_str()), ("kind", kind)] {
        match object.get(field).and_then(Value::as_str) {
            None | Some("") => object[field] = expected.into(),
            Some(found) if found == expected => {}
            Some(_) => return Err(other_kind(&object, kind)),
        }
    }
    let cannot_be_handled = |why: &str| {
        Failure::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: {why}"
        ))
    };
    let checked = schema::check(group, kind, &mut object).map_err(|why| cannot_be_handled(&why))?;
    complaints.extend(
        checked
            .unknown
            .into_iter()
            .map(|path| format!("unknown field \"{path}\"")),
    );
    match validation {
        Validation::Ignore => complaints.clear(),
        Validation::Warn => {}
        Validation::Strict if complaints.is_empty() => {}
        Validation::Strict => {
            return Err(cannot_be_handled(&format!(
                "strict decoding error: {}",
                complaints.join(", ")
            )));
        }
    }
    Ok(Decoded {
        object,
        warnings: complaints,
    })
}

fn other_kind(object: &Value, wanted: &str) -> Failure {
    let found = object.get("kind").and_then(Value::as_str).unwrap_or(wanted);
    let api_version = object
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or("v1");
    let version = api_version.rsplit('/').next().unwrap_or("v1");
    Failure::bad_request(format!(
        "{found} in version \"{version}\" cannot be handled as a {wanted}: no kind \"{wanted}\" is registered for version \
         \"{api_version}\""
    ))
}

/// Parses JSON and lists the fields that occur twice, which plain parsing would hide.
pub(super) fn parse(bytes: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let duplicates = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Node {
        path: String::new(),
        duplicates: &duplicates,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, duplicates.into_inner()))
}

struct Node<'a> {
    path: String,
    duplicates: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let path = if self.path.is_empty() {
                key.clone()
            } else {
                format!("{}.{key}", self.path)
            };
            let value = access.next_value_seed(Node {
                path: path.clone(),
                duplicates: self.duplicates,
            })?;
            if map.insert(key, value).is_some() {
                self.duplicates.borrow_mut().push(path);
            }
        }
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        let child = |index: usize| Node {
            path: format!("{}[{index}]", self.path),
            duplicates: self.duplicates,
        };
        while let Some(value) = access.next_element_seed(child(values.len()))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Validation, decode};

    fn refusal(body: &str) -> String {
        let failure = decode("", "ConfigMap", body.as_bytes(), Validation::Strict).unwrap_err();
        assert_eq!(failure.code, 400);
        failure.message
    }

    #[test]
    fn refusals_are_worded_as_real_servers_word_them() {
        let cases = [
            (
                r#"{"metadata":{"name":"x4","bogus":1}}"#,
                "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \
                 \"metadata.bogus\"",
            ),
            (
                r#"{"metadata":{"name":"x5"},"data":{"a":"1"},"data":{"b":"1"}}"#,
                "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \
                 \"data\"",
            ),
            (
                r#"{"metadata":"#,
                "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse \
                 error: unexpected end of JSON input ({\"metadata\":)",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(refusal(body), expected);
        }
    }

    #[test]
    fn unless_told_otherwise_unknown_fields_are_dropped_with_a_warning() {
        let decoded = decode("", "ConfigMap", br#"{"dota":{}}"#, Validation::read(None)).unwrap();
        assert_eq!(decoded.warnings, ["unknown field \"dota\""]);
        assert!(decoded.object.get("dota").is_none());
    }
}

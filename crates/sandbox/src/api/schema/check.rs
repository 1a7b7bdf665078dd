//! Holding an object against its type: unknown fields are taken out and named, wrong types are refused.

use serde_json::Value;

use super::{Schema, schema};

/// What was found in an object whose types are right.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Paths of unknown fields, in the order of the object; they are gone from it.
    pub unknown: Vec<String>,
}

/// Checks an object of a kind in place. Nulls and unknown fields are taken out, as decoding into a struct does. Fails with the
/// sentence of the server's decoder when a value has the wrong type.
pub(crate) fn check(group: &str, kind: &str, object: &mut Value) -> Result<Checked, String> {
    let mut checked = Checked::default();
    if let Some(node) = schema().kind(group, kind) {
        let mut place = Place {
            schema: schema(),
            kind,
            path: String::new(),
            unknown: &mut checked.unknown,
        };
        place.visit(node, object)?;
    }
    Ok(checked)
}

struct Place<'a> {
    schema: &'static Schema,
    kind: &'a str,
    path: String,
    unknown: &'a mut Vec<String>,
}

impl Place<'_> {
    fn visit(&mut self, node: &Value, value: &mut Value) -> Result<(), String> {
        let field = node;
        let node = self.schema.resolve(field);
        if let Some(properties) = node.get("properties").and_then(Value::as_object) {
            return self.visit_object(properties, value);
        }
        match node.get("type").and_then(Value::as_str) {
            Some("object") => self.visit_map(node, value),
            Some("array") => self.visit_array(node, value),
            Some("string") => self.visit_string(node, value),
            Some("integer") => self.expect(
                value.is_i64() || value.is_u64() || is_whole(value),
                value,
                "int",
            ),
            Some("number") => self.expect(value.is_number(), value, "float64"),
            Some("boolean") => self.expect(value.is_boolean(), value, "bool"),
            _ => Ok(()),
        }
    }

    fn visit_object(
        &mut self,
        properties: &serde_json::Map<String, Value>,
        value: &mut Value,
    ) -> Result<(), String> {
        let kind = self.kind;
        let Some(object) = value.as_object_mut() else {
            return Err(self.mismatch(value, kind));
        };
        object.retain(|_, value| !value.is_null());
        let names: Vec<String> = object.keys().cloned().collect();
        for name in names {
            let inside = self.enter(&name);
            match (properties.get(&name), object.get_mut(&name)) {
                (Some(node), Some(value)) => self.visit(node, value)?,
                _ => {
                    self.unknown.push(self.path.clone());
                    object.remove(&name);
                }
            }
            self.path.truncate(inside);
        }
        Ok(())
    }

    fn visit_map(&mut self, node: &Value, value: &mut Value) -> Result<(), String> {
        let Some(values) = node.get("additionalProperties") else {
            return Ok(());
        };
        let Some(object) = value.as_object_mut() else {
            return Err(self.mismatch(value, "map"));
        };
        for (key, value) in object.iter_mut() {
            if value.is_null() && values.get("type").is_some_and(|of| of == "string") {
                *value = "".into();
            }
            // The decoder's message names the field, not the key.
            let inside = if values.get("type").is_some() {
                self.path.len()
            } else {
                self.enter(key)
            };
            self.visit(values, value)?;
            self.path.truncate(inside);
        }
        Ok(())
    }

    fn visit_array(&mut self, node: &Value, value: &mut Value) -> Result<(), String> {
        let Some(items) = node.get("items") else {
            return Ok(());
        };
        let Some(array) = value.as_array_mut() else {
            return Err(self.mismatch(value, "slice"));
        };
        for (index, value) in array.iter_mut().enumerate() {
            let inside = self.path.len();
            self.path.push_str(&format!("[{index}]"));
            self.visit(items, value)?;
            self.path.truncate(inside);
        }
        Ok(())
    }

    fn visit_string(&mut self, node: &Value, value: &mut Value) -> Result<(), String> {
        let is_number_too = node
            .get("format")
            .is_some_and(|format| format == "int-or-string")
            || node.as_object().is_some_and(|node| node.len() == 1) && self.is_quantity(value);
        self.expect(
            value.is_string() || is_number_too && value.is_number(),
            value,
            "string",
        )
    }

    /// Quantities are published as plain strings and taken as numbers too.
    fn is_quantity(&self, value: &Value) -> bool {
        let quantities = [
            "limits",
            "requests",
            "capacity",
            "allocatable",
            "hard",
            "used",
            "sizeLimit",
            "divisor",
        ];
        value.is_number() && self.path.split('.').any(|part| quantities.contains(&part))
    }

    fn expect(&self, is_right: bool, value: &Value, wanted: &str) -> Result<(), String> {
        if is_right {
            Ok(())
        } else {
            Err(self.mismatch(value, wanted))
        }
    }

    fn mismatch(&self, value: &Value, wanted: &str) -> String {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let path: String = self
            .path
            .split('.')
            .map(|part| part.split('[').next().unwrap_or(part))
            .collect::<Vec<_>>()
            .join(".");
        format!(
            "json: cannot unmarshal {found} into Go struct field {}.{path} of type {wanted}",
            self.kind
        )
    }

    fn enter(&mut self, name: &str) -> usize {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        before
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check;

    #[test]
    fn unknown_fields_are_named_and_taken_out() {
        let mut pod = json!({
            "metadata": {"name": "p", "bogus": 1},
            "spec": {"containers": [{"name": "c", "imagee": "x", "resources": {"limits": {"cpu": 1}}}]},
        });
        let found = check("", "Pod", &mut pod).unwrap();
        assert_eq!(
            found.unknown,
            ["metadata.bogus", "spec.containers[0].imagee"]
        );
        assert_eq!(
            pod,
            json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": 1}}}]}})
        );
    }

    #[test]
    fn wrong_types_are_refused_with_the_words_of_a_real_server() {
        let mut map = json!({"metadata": {"name": "x3"}, "data": {"a": 5}});
        assert_eq!(
            check("", "ConfigMap", &mut map).unwrap_err(),
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
        );
    }
}

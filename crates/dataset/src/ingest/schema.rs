//! The document's shape as JSON Schema, for editors and for other tools.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::conditions::{self, Condition, SOURCES};
use super::shape::{DOCUMENT, Object, Others, Shape};
use crate::task::Task;

/// The SHA-256 of the ingestor's own schema file with which ours agrees on every verdict.
pub const AGREES_WITH_SHA256: &str =
    "ba02b18b25509c5691508120af16dd2cf073115e7afbfe5550a9da4ee73ca842";

/// Gives the JSON Schema of the document (draft-07), ending with a line feed.
pub fn schema() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{:#}\n", document()))
}

fn document() -> Value {
    let mut schema = object(&DOCUMENT);
    let mut rules = vec![one_source()];
    rules.extend(Task::ALL.map(task));
    let head = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": format!("Agrees on every verdict with the ingestor's own schema file of SHA-256 {AGREES_WITH_SHA256}."),
        "title": "Ingest document",
        "description": "Describes one dataset to the ingestor.",
        "allOf": rules,
    });
    schema.extend(head.as_object().cloned().unwrap_or_default());
    Value::Object(schema)
}

fn one_source() -> Value {
    let alternatives = SOURCES.map(|key| json!({ "required": [key] }));
    json!({ "description": "There is one source, and only one.", "oneOf": alternatives })
}

fn task(task: Task) -> Value {
    let mut then = Map::new();
    let mut required = Vec::new();
    let mut properties = Map::new();
    for condition in conditions::of(task) {
        match condition {
            Condition::Requires(keys) => required.extend(keys),
            Condition::RequiresWithin(key, keys) => {
                constrain(&mut properties, key, "required", json!(keys))
            }
            Condition::Mapping(key) => constrain(&mut properties, key, "type", json!("object")),
            Condition::Forbids(key) => {
                then.insert("not".to_owned(), json!({ "required": [key] }));
            }
        }
    }
    then.insert("required".to_owned(), json!(required));
    if !properties.is_empty() {
        then.insert("properties".to_owned(), Value::Object(properties));
    }
    json!({
        "if": { "properties": { "category": { "const": task.id() } }, "required": ["category"] },
        "then": then,
    })
}

fn constrain(properties: &mut Map<String, Value>, key: &str, keyword: &str, value: Value) {
    let entry = properties.entry(key).or_insert_with(|| json!({}));
    if let Some(schema) = entry.as_object_mut() {
        schema.insert(keyword.to_owned(), value);
    }
}

fn object(object: &Object) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    let properties: Map<String, Value> = object
        .fields
        .iter()
        .map(|field| (field.key.to_owned(), described(&field.shape, field.about)))
        .collect();
    schema.insert("properties".to_owned(), Value::Object(properties));
    let required: Vec<_> = object.required().collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if object.others == Others::Refused {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    if let Some(when) = &object.when {
        let mut condition = Map::new();
        condition.insert(when.key.to_owned(), json!({ "const": when.is }));
        schema.insert(
            "if".to_owned(),
            json!({ "properties": condition, "required": [when.key] }),
        );
        schema.insert("then".to_owned(), json!({ "required": [when.needs] }));
    }
    schema
}

fn described(shape: &Shape, about: &str) -> Value {
    let mut schema = self::shape(shape);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), json!(about));
    }
    schema
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Constant(text) => json!({ "const": text }),
        Shape::Choice(texts) => json!({ "type": "string", "enum": texts }),
        Shape::Task => json!({ "type": "string", "enum": Task::ALL.map(Task::id) }),
        Shape::Name => json!({ "type": "string", "minLength": 1 }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Count => json!({ "type": "integer", "minimum": 1 }),
        Shape::Size => {
            json!({ "type": "array", "items": self::shape(&Shape::Count), "minItems": 2, "maxItems": 2 })
        }
        Shape::List(items) => json!({ "type": "array", "items": self::shape(items) }),
        Shape::Columns => {
            json!({ "type": "object", "minProperties": 1, "additionalProperties": { "type": "string" } })
        }
        Shape::Object(object) => Value::Object(self::object(object)),
        Shape::Anything => json!({ "type": "object" }),
        Shape::NameOr(object) => {
            json!({ "oneOf": [self::shape(&Shape::Name), Value::Object(self::object(object))] })
        }
    }
}

//! A small interpreter of the part of JSON Schema that the ingestor's schema uses. It is slow and simple, and counts for every
//! keyword how often it held and how often it failed. `jsonschema` vouches for its verdicts.

use std::collections::BTreeMap;

use serde_json::Value;

/// How often a keyword held and failed, by its place in the schema.
pub(crate) type Counts = BTreeMap<String, [u64; 2]>;

/// A keyword of a schema that can fail.
#[derive(Clone, Debug)]
pub(crate) struct Keyword {
    /// Its place in the schema, as a JSON pointer.
    pub(crate) at: String,
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: Value,
    /// Keys down to the values that it is about. An item of an array is `0`, a value of any key `*`.
    pub(crate) path: Vec<String>,
    /// The tasks whose documents it is about; empty for all.
    pub(crate) tasks: Vec<String>,
}

/// Keywords that say nothing about an instance.
const SILENT: [&str; 5] = ["$schema", "$id", "title", "description", "default"];

/// Says whether an instance is valid, and counts.
pub(crate) fn evaluate(schema: &Value, instance: &Value, at: &str, counts: &mut Counts) -> bool {
    let mut valid = true;
    for (name, value) in schema.as_object().expect("schemas are objects") {
        let at = format!("{at}/{name}");
        let outcome = keyword(name, value, schema, instance, &at, counts);
        if let Some(held) = outcome {
            counts.entry(at).or_default()[usize::from(!held)] += 1;
            valid &= held;
        }
    }
    valid
}

/// Gives a keyword's outcome, or nothing if it does not speak about such an instance.
fn keyword(
    name: &str,
    value: &Value,
    schema: &Value,
    instance: &Value,
    at: &str,
    counts: &mut Counts,
) -> Option<bool> {
    let limit = || value.as_u64().expect("limits are whole numbers") as usize;
    match name {
        name if SILENT.contains(&name) => None,
        "type" => Some(is_a(value.as_str().expect("one type"), instance)),
        "const" => Some(instance == value),
        "enum" => Some(value.as_array().expect("a list").contains(instance)),
        "minLength" => instance
            .as_str()
            .map(|text| text.chars().count() >= limit()),
        "minimum" => instance
            .as_f64()
            .map(|number| number >= value.as_f64().expect("a number")),
        "minItems" => instance.as_array().map(|items| items.len() >= limit()),
        "maxItems" => instance.as_array().map(|items| items.len() <= limit()),
        "minProperties" => instance.as_object().map(|object| object.len() >= limit()),
        "required" => instance
            .as_object()
            .map(|object| strings(value).all(|key| object.contains_key(key))),
        "properties" => all(instance.as_object()?.iter().filter_map(|(key, item)| {
            value
                .get(key)
                .map(|schema| evaluate(schema, item, &format!("{at}/{key}"), counts))
        })),
        "additionalProperties" if value == &Value::Bool(true) => None,
        "additionalProperties" => {
            let known = |key: &String| {
                schema
                    .get("properties")
                    .is_some_and(|known| known.get(key).is_some())
            };
            all(instance
                .as_object()?
                .iter()
                .filter(|(key, _)| !known(key))
                .map(|(_, item)| match value {
                    Value::Bool(_) => false,
                    schema => evaluate(schema, item, at, counts),
                }))
        }
        "items" => all(instance
            .as_array()?
            .iter()
            .map(|item| evaluate(value, item, at, counts))),
        "allOf" => all(branches(value, instance, at, counts).into_iter()),
        "oneOf" => Some(
            branches(value, instance, at, counts)
                .into_iter()
                .filter(|valid| *valid)
                .count()
                == 1,
        ),
        "not" => Some(!evaluate(value, instance, at, &mut Counts::new())),
        "if" => {
            let applies = evaluate(value, instance, at, &mut Counts::new());
            counts.entry(at.to_owned()).or_default()[usize::from(!applies)] += 1;
            None
        }
        "then" => {
            let applies = evaluate(&schema["if"], instance, at, &mut Counts::new());
            applies.then(|| evaluate(value, instance, at, counts))
        }
        unknown => panic!("{at}: the keyword {unknown} is not understood"),
    }
}

/// Evaluates everything, also after the first failure, so that everything is counted.
fn all(outcomes: impl Iterator<Item = bool>) -> Option<bool> {
    Some(outcomes.fold(true, |all, one| all & one))
}

fn branches(value: &Value, instance: &Value, at: &str, counts: &mut Counts) -> Vec<bool> {
    let schemas = value.as_array().expect("a list");
    schemas
        .iter()
        .enumerate()
        .map(|(i, schema)| evaluate(schema, instance, &format!("{at}/{i}"), counts))
        .collect()
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|text| text.as_str().expect("text"))
}

/// Says whether an instance is of a type. A number without a fraction is an integer, however it is written.
pub(crate) fn is_a(kind: &str, instance: &Value) -> bool {
    match kind {
        "object" => instance.is_object(),
        "array" => instance.is_array(),
        "string" => instance.is_string(),
        "integer" => instance
            .as_f64()
            .is_some_and(|number| number.fract() == 0.0),
        unknown => panic!("the type {unknown} is not understood"),
    }
}

/// Lists every keyword that can fail, conditions included.
pub(crate) fn keywords(schema: &Value) -> Vec<Keyword> {
    let mut found = Vec::new();
    walk(schema, "", &[], &[], &mut found);
    found
}

fn walk(schema: &Value, at: &str, path: &[String], tasks: &[String], found: &mut Vec<Keyword>) {
    let object = schema.as_object().expect("schemas are objects");
    let tasks = match object
        .get("if")
        .map(|condition| &condition["properties"]["category"])
    {
        Some(Value::Object(category)) => tasks_of(category),
        _ => tasks.to_vec(),
    };
    for (name, value) in object {
        let at = format!("{at}/{name}");
        let step = |key: &str| [path, &[key.to_owned()]].concat();
        match name.as_str() {
            name if SILENT.contains(&name) => continue,
            "properties" => {
                for (key, schema) in value.as_object().expect("schemas by key") {
                    walk(schema, &format!("{at}/{key}"), &step(key), &tasks, found);
                }
                continue;
            }
            "items" => {
                walk(value, &at, &step("0"), &tasks, found);
                continue;
            }
            "additionalProperties" if value.is_object() => {
                walk(value, &at, &step("*"), &tasks, found);
                continue;
            }
            "additionalProperties" if value == &Value::Bool(true) => continue,
            "allOf" | "oneOf" => {
                for (i, schema) in value.as_array().expect("a list").iter().enumerate() {
                    walk(schema, &format!("{at}/{i}"), path, &tasks, found);
                }
                if name == "allOf" {
                    continue;
                }
            }
            "then" => {
                walk(value, &at, path, &tasks, found);
                continue;
            }
            _ => {}
        }
        found.push(Keyword {
            at,
            name: name.clone(),
            value: value.clone(),
            path: path.to_vec(),
            tasks: tasks.clone(),
        });
    }
}

fn tasks_of(category: &serde_json::Map<String, Value>) -> Vec<String> {
    match (category.get("const"), category.get("enum")) {
        (Some(Value::String(task)), None) => vec![task.clone()],
        (None, Some(tasks)) => strings(tasks).map(str::to_owned).collect(),
        other => panic!("a condition on tasks is not understood: {other:?}"),
    }
}

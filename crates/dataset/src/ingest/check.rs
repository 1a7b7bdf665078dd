//! Nodes against the document's shape and the task's conditions.

use super::conditions::{self, Condition, SOURCES};
use super::node::{Key, Kind, Node, Value};
use super::shape::{DOCUMENT, Object, Others, Shape};
use super::violation::{Violation, quoted};
use crate::task::Task;

/// Finds everything that the schema has against a document, in no order.
pub(super) fn check(root: &Node) -> Vec<Violation> {
    let mut found = Vec::new();
    object(&DOCUMENT, root, "", &mut found);
    found.extend(source(root));
    if let Some(task) = task(root) {
        for condition in conditions::of(task) {
            found.extend(unmet(&condition, task, root));
        }
    }
    found
}

/// Reads the task that a document names, if it names one properly.
pub(super) fn task(root: &Node) -> Option<Task> {
    root.get("category")
        .and_then(Node::text)
        .and_then(|id| Task::parse(id).ok())
}

/// Extends a path by a key or a position.
pub(super) fn below(path: &str, segment: impl std::fmt::Display) -> String {
    match path.is_empty() {
        true => segment.to_string(),
        false => format!("{path}.{segment}"),
    }
}

fn value(shape: &Shape, node: &Node, path: &str, found: &mut Vec<Violation>) {
    match shape {
        Shape::Constant(text) => found.extend(constant(text, node, path)),
        Shape::Choice(texts) => choice(texts, node, path, found),
        Shape::Task => choice(&Task::ALL.map(Task::id), node, path, found),
        Shape::Name => name(node, path, found),
        Shape::Text => found.extend(wants(node, Kind::Text, path)),
        Shape::Count => count(node, path, found),
        Shape::Size => size(node, path, found),
        Shape::List(items) => list(items, node, path, found),
        Shape::Columns => columns(node, path, found),
        Shape::Object(shape) => object(shape, node, path, found),
        Shape::Anything => mapping(node, path, found),
        Shape::NameOr(shape) => name_or(shape, node, path, found),
    }
}

fn wants(node: &Node, kind: Kind, path: &str) -> Option<Violation> {
    (node.kind() != kind).then(|| Violation::of_type(path, node.place, node.kind(), kind.name()))
}

fn constant(text: &str, node: &Node, path: &str) -> Option<Violation> {
    let message = || format!("value must be '{text}'");
    (node.text() != Some(text)).then(|| {
        Violation::new(
            "ingest.constant",
            path,
            node.place,
            message(),
            format!("'{text}'"),
        )
    })
}

fn choice(texts: &[&str], node: &Node, path: &str, found: &mut Vec<Violation>) {
    found.extend(wants(node, Kind::Text, path));
    if !node.text().is_some_and(|text| texts.contains(&text)) {
        found.push(Violation::not_one_of(path, node.place, texts));
    }
}

fn name(node: &Node, path: &str, found: &mut Vec<Violation>) {
    found.extend(wants(node, Kind::Text, path));
    if node.text() == Some("") {
        found.push(Violation::bound(path, node.place, "minLength", 0, 1));
    }
}

fn count(node: &Node, path: &str, found: &mut Vec<Violation>) {
    match node.value {
        Value::Number(number) => {
            if number.fract() != 0.0 {
                found.push(Violation::of_type(
                    path,
                    node.place,
                    Kind::Number,
                    "integer",
                ));
            }
            if number < 1.0 {
                found.push(Violation::bound(path, node.place, "minimum", number, 1));
            }
        }
        _ => found.push(Violation::of_type(path, node.place, node.kind(), "integer")),
    }
}

fn size(node: &Node, path: &str, found: &mut Vec<Violation>) {
    list(&Shape::Count, node, path, found);
    let length = node.items().len();
    if node.kind() == Kind::Sequence && length != 2 {
        let keyword = if length < 2 { "minItems" } else { "maxItems" };
        found.push(Violation::bound(path, node.place, keyword, length, 2));
    }
}

fn list(items: &Shape, node: &Node, path: &str, found: &mut Vec<Violation>) {
    found.extend(wants(node, Kind::Sequence, path));
    for (position, item) in node.items().iter().enumerate() {
        value(items, item, &below(path, position), found);
    }
}

fn columns(node: &Node, path: &str, found: &mut Vec<Violation>) {
    mapping(node, path, found);
    if node.kind() == Kind::Mapping && node.entries().is_empty() {
        found.push(Violation::bound(path, node.place, "minProperties", 0, 1));
    }
    for entry in node.entries() {
        value(
            &Shape::Text,
            &entry.value,
            &below(path, &entry.key.text),
            found,
        );
    }
}

/// Every key has to be text; what keys are called is up to the caller.
fn mapping(node: &Node, path: &str, found: &mut Vec<Violation>) {
    found.extend(wants(node, Kind::Mapping, path));
    let odd = node
        .entries()
        .iter()
        .map(|entry| &entry.key)
        .filter(|key| key.kind != Kind::Text);
    found.extend(odd.map(|key| {
        let Key {
            text, kind, place, ..
        } = key;
        let message = format!("the key '{text}' is of type {}: quote it", kind.name());
        Violation::new(
            "ingest.key",
            path,
            *place,
            message,
            "a quoted key".to_owned(),
        )
    }));
}

fn object(shape: &Object, node: &Node, path: &str, found: &mut Vec<Violation>) {
    mapping(node, path, found);
    if node.kind() != Kind::Mapping {
        return;
    }
    found.extend(missing(node, path, shape.required()));
    if let Some(when) = &shape.when
        && node.get(when.key).and_then(Node::text) == Some(when.is)
    {
        found.extend(missing(node, path, [when.needs]));
    }
    let mut unknown = Vec::new();
    for entry in node
        .entries()
        .iter()
        .filter(|entry| entry.key.kind == Kind::Text)
    {
        match shape.field(&entry.key.text) {
            Some(field) => value(&field.shape, &entry.value, &below(path, field.key), found),
            None => unknown.push(&entry.key),
        }
    }
    if shape.others == Others::Refused {
        found.extend(refused(shape, unknown, path));
    }
}

fn missing(
    node: &Node,
    path: &str,
    keys: impl IntoIterator<Item = &'static str>,
) -> Option<Violation> {
    let keys: Vec<_> = keys
        .into_iter()
        .filter(|key| node.get(key).is_none())
        .collect();
    (!keys.is_empty()).then(|| Violation::missing(path, node.place, &keys))
}

fn refused(shape: &Object, unknown: Vec<&Key>, path: &str) -> Option<Violation> {
    let place = unknown.iter().map(|key| key.place).min()?;
    let mut names: Vec<_> = unknown.iter().map(|key| key.text.as_str()).collect();
    names.sort_unstable();
    let known: Vec<_> = shape.fields.iter().map(|field| field.key).collect();
    let message = format!("additional properties {} not allowed", quoted(&names));
    Some(Violation::new(
        "ingest.unknown-key",
        path,
        place,
        message,
        format!("only {}", quoted(&known)),
    ))
}

/// Either form will do. If neither does, both are explained, except that an empty name only needs a name.
fn name_or(shape: &Object, node: &Node, path: &str, found: &mut Vec<Violation>) {
    let (mut as_name, mut as_object) = (Vec::new(), Vec::new());
    name(node, path, &mut as_name);
    object(shape, node, path, &mut as_object);
    if as_name.is_empty() || as_object.is_empty() {
        return;
    }
    if node.text() == Some("") {
        let needed = "a column name is needed".to_owned();
        found.push(Violation::new(
            "ingest.label-name",
            path,
            node.place,
            needed,
            "a column name".to_owned(),
        ));
    } else {
        found.append(&mut as_name);
        found.append(&mut as_object);
    }
}

fn source(root: &Node) -> Option<Violation> {
    let mut present = SOURCES.iter().filter_map(|key| root.entry(key));
    let [first, second] = SOURCES;
    let (place, message) = match (present.next(), present.next()) {
        (Some(_), None) => return None,
        (None, _) => (
            root.place,
            format!("exactly one of '{first}' and '{second}' is needed"),
        ),
        (Some(a), Some(b)) => {
            let message = format!("'{first}' and '{second}' exclude each other: keep one of them");
            (a.key.place.max(b.key.place), message)
        }
    };
    let expected = format!("one of {}", quoted(&SOURCES));
    Some(Violation::new(
        "ingest.source",
        "",
        place,
        message,
        expected,
    ))
}

fn unmet(condition: &Condition, task: Task, root: &Node) -> Option<Violation> {
    match condition {
        Condition::Requires(keys) => missing(root, "", keys.iter().copied()),
        Condition::RequiresWithin(key, keys) => {
            let node = root.get(key).filter(|node| node.kind() == Kind::Mapping)?;
            missing(node, key, keys.iter().copied())
        }
        // An empty name has been explained already.
        Condition::Mapping(key) => root
            .get(key)
            .filter(|node| node.text() != Some(""))
            .and_then(|node| wants(node, Kind::Mapping, key)),
        Condition::Forbids(key) => root.entry(key).map(|entry| {
            let message = format!("the task '{task}' takes no {key}: remove '{key}'");
            Violation::new(
                "ingest.forbidden",
                "",
                entry.key.place,
                message,
                format!("no '{key}'"),
            )
        }),
    }
}

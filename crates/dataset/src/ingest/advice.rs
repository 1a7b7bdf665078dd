//! What a valid document may still come to grief over, in the cluster or with some ingestors.

use std::collections::HashMap;

use super::Place;
use super::check::{below, task};
use super::node::{Entry, Kind, Node, Value};
use crate::age::{Age, RefusedBy};
use crate::names;
use crate::sql_type::{RESERVED_COLUMNS, SqlType};
use crate::task::{Field, Label, Link, Need, Task};

/// Something that no schema forbids and that is likely not what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Which rule, in kebab-case, `ingest.unused` for example.
    pub id: &'static str,
    /// Keys and positions down to the value, joined with dots.
    pub path: String,
    /// Where it stands, or what it is missing from.
    pub place: Place,
    /// What is odd, and what to do.
    pub message: String,
    /// The ages of ingestors that refuse it.
    pub refused_by: RefusedBy,
}

impl Warning {
    /// Says whether ingestors of an age refuse the document for it.
    pub fn is_error_for(&self, age: Age) -> bool {
        self.refused_by.includes(age)
    }

    fn new(
        id: &'static str,
        path: impl Into<String>,
        place: Place,
        refused_by: RefusedBy,
        message: impl Into<String>,
    ) -> Warning {
        Warning {
            id,
            path: path.into(),
            place,
            message: message.into(),
            refused_by,
        }
    }
}

/// Finds it, sorted by path, then message.
pub(super) fn advise(root: &Node) -> Vec<Warning> {
    let mut found = Vec::new();
    retyped(root, "", &mut found);
    found.extend(inert(root));
    found.extend(table(root));
    found.extend(content_hash(root));
    columns(root, &mut found);
    if let Some(task) = task(root) {
        found.extend(unused(root, task));
        found.extend(bucket(root, task));
        found.extend(mask_column(root, task));
        found.extend(undeclared_label(root, task));
    }
    found.sort_by(|a, b| (&a.path, &a.message).cmp(&(&b.path, &b.message)));
    found
}

fn retyped(node: &Node, path: &str, found: &mut Vec<Warning>) {
    let warn = |path: &str, place: Place, kind: Kind| {
        let message = format!(
            "the ingestor reads YAML 1.1 and takes this for a value of type {}: quote it if it is text",
            kind.name()
        );
        Warning::new("ingest.retyped", path, place, RefusedBy::All, message)
    };
    found.extend(node.retyped.map(|kind| warn(path, node.place, kind)));
    for (position, item) in node.items().iter().enumerate() {
        retyped(item, &below(path, position), found);
    }
    for Entry { key, value } in node.entries() {
        let path = below(path, &key.text);
        found.extend(key.retyped.map(|kind| warn(&path, key.place, kind)));
        retyped(value, &path, found);
    }
}

fn inert(root: &Node) -> impl Iterator<Item = Warning> + '_ {
    let spec = root.get("spec");
    ["validators", "sidecars", "processors"]
        .into_iter()
        .filter_map(move |key| {
            let place = spec?.entry(key)?.key.place;
            Some(Warning::new(
                "ingest.inert",
                below("spec", key),
                place,
                RefusedBy::None,
                format!("'{key}' is accepted and does nothing"),
            ))
        })
}

fn table(root: &Node) -> Option<Warning> {
    let node = root.get("table")?;
    let name = node.text()?;
    if name.starts_with('_') {
        let message = "older ingestors refuse a table name that begins with an underscore";
        Some(Warning::new(
            "table.underscore-first",
            "table",
            node.place,
            RefusedBy::Older,
            message,
        ))
    } else if names::is_sql_keyword(name) {
        let message = format!("'{name}' is a reserved word of MySQL 8");
        Some(Warning::new(
            "table.keyword",
            "table",
            node.place,
            RefusedBy::None,
            message,
        ))
    } else {
        None
    }
}

fn content_hash(root: &Node) -> Option<Warning> {
    let strategy = root.get("data_id")?.get("strategy")?;
    let message =
        "older ingestors do not know the strategy 'content_hash'; under it, equal rows become one";
    (strategy.text() == Some("content_hash")).then(|| {
        Warning::new(
            "ingest.content-hash",
            "data_id.strategy",
            strategy.place,
            RefusedBy::Older,
            message,
        )
    })
}

fn unused(root: &Node, task: Task) -> impl Iterator<Item = Warning> + '_ {
    let fields = Field::ALL
        .into_iter()
        .filter(move |field| task.need(*field) == Need::Unused);
    fields.filter_map(move |field| {
        let place = root.entry(field.key())?.key.place;
        let message = format!("the task '{task}' makes no use of '{}'", field.key());
        Some(Warning::new(
            "ingest.unused",
            field.key(),
            place,
            RefusedBy::None,
            message,
        ))
    })
}

/// Classes that become codes are still classes, but nobody can tell which.
fn bucket(root: &Node, task: Task) -> Option<Warning> {
    let policy = root.get("label")?.get("policy")?;
    let odd = policy.text() == Some("bucket") && task.contract().label != Label::WithPolicy;
    let message =
        format!("the classes of '{task}' become anonymous codes under the policy 'bucket'");
    odd.then(|| {
        Warning::new(
            "ingest.bucket",
            "label.policy",
            policy.place,
            RefusedBy::None,
            message,
        )
    })
}

fn mask_column(root: &Node, task: Task) -> Option<Warning> {
    let column = task
        .contract()
        .directories
        .iter()
        .find_map(|directory| match directory.link {
            Link::MaskOf { column } => Some(column),
            Link::Filename | Link::Stem => None,
        })?;
    let declared = root
        .get("schema")
        .is_some_and(|schema| schema.get(column).is_some());
    let message = format!(
        "the ingestor wants '{column}: VARCHAR(255)' in 'schema', though its own schema does not say so"
    );
    (!declared).then(|| {
        Warning::new(
            "ingest.mask-column",
            "schema",
            root.place,
            RefusedBy::All,
            message,
        )
    })
}

fn undeclared_label(root: &Node, task: Task) -> Option<Warning> {
    if task.need(Field::Schema) != Need::Required {
        return None;
    }
    let label = root.get("label")?;
    let node = label.get("column").unwrap_or(label);
    let name = node.text().filter(|name| !name.is_empty())?;
    let schema = root
        .get("schema")
        .filter(|schema| !schema.entries().is_empty())?;
    let message = format!("the label's column '{name}' is not declared in 'schema'");
    schema.get(name).is_none().then(|| {
        Warning::new(
            "ingest.label-column",
            "label",
            node.place,
            RefusedBy::All,
            message,
        )
    })
}

/// Columns that the schema allows and the making of the table does not.
fn columns(root: &Node, found: &mut Vec<Warning>) {
    const MAX_COLUMNS: usize = 4000;
    let Some(schema) = root.get("schema") else {
        return;
    };
    if schema.entries().len() > MAX_COLUMNS {
        let message = format!(
            "a table has {MAX_COLUMNS} columns at most, these are {}",
            schema.entries().len()
        );
        found.push(Warning::new(
            "csv.column-name",
            "schema",
            schema.place,
            RefusedBy::All,
            message,
        ));
    }
    let mut seen = HashMap::new();
    for Entry { key, value } in schema.entries() {
        let path = below("schema", &key.text);
        let mut warn = |id, place, refused_by, message: String| {
            found.push(Warning::new(id, &*path, place, refused_by, message))
        };
        let lower = key.text.to_lowercase();
        if key.text.is_empty() {
            warn(
                "csv.column-name",
                key.place,
                RefusedBy::All,
                "a column needs a name".to_owned(),
            );
        }
        if key.text.chars().count() > 64 {
            warn(
                "csv.column-name",
                key.place,
                RefusedBy::All,
                "a column's name has 64 characters at most".to_owned(),
            );
        }
        if RESERVED_COLUMNS.contains(&lower.as_str()) {
            warn(
                "schema.reserved",
                key.place,
                RefusedBy::All,
                format!("the platform keeps the name '{lower}' for itself"),
            );
        }
        if let Some(first) = seen.insert(lower, key.place) {
            let message =
                format!("the database ignores case, so this is the column of {first} again");
            warn("csv.column-name", key.place, RefusedBy::All, message);
        }
        if let Value::Text(text) = &value.value {
            column_type(text, value.place, &mut warn);
        }
    }
}

fn column_type(
    text: &str,
    place: Place,
    warn: &mut impl FnMut(&'static str, Place, RefusedBy, String),
) {
    let Some(kind) = SqlType::parse(text) else {
        return;
    };
    match kind.word {
        "VARCHAR" | "CHAR" if kind.length.is_none() => {
            warn(
                "schema.length",
                place,
                RefusedBy::All,
                format!("{} needs a length, such as {}(255)", kind.word, kind.word),
            );
        }
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "BLOB" | "LONGBLOB" => {
            warn(
                "schema.small-type",
                place,
                RefusedBy::Older,
                format!("older ingestors cannot check values of type {}", kind.word),
            );
        }
        _ => {}
    }
}

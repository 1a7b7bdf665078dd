//! Violations that the ingestor's schema does not know of, though every ingestor refuses the document for them later.

use super::check::below;
use super::node::Node;
use super::violation::Violation;
use crate::names::{TABLE_MAX_BYTES, is_identifier};
use crate::sql_type::{ACCEPTED, SqlType};

/// Finds them.
pub(super) fn check(root: &Node) -> Vec<Violation> {
    table(root).into_iter().chain(types(root)).collect()
}

/// The schema takes any text for a table, `../../etc` too.
fn table(root: &Node) -> Option<Violation> {
    let node = root.get("table")?;
    // An empty one has been reported.
    let name = node.text().filter(|name| !name.is_empty())?;
    let expected = "a letter or underscore, then letters, digits and underscores, 63 bytes at most";
    let violation = |id, message| {
        Some(Violation::new(
            id,
            "table",
            node.place,
            message,
            expected.to_owned(),
        ))
    };
    if name.len() > TABLE_MAX_BYTES {
        violation(
            "table.length",
            format!(
                "the name has {} bytes, more than {TABLE_MAX_BYTES}",
                name.len()
            ),
        )
    } else if !is_identifier(name) {
        violation(
            "table.pattern",
            format!(
                "'{name}' cannot be a table name: only letters, digits and underscores are allowed"
            ),
        )
    } else {
        None
    }
}

fn types(root: &Node) -> impl Iterator<Item = Violation> + '_ {
    let columns = root.get("schema").map(Node::entries).unwrap_or_default();
    columns.iter().filter_map(|entry| {
        let text = entry
            .value
            .text()
            .filter(|text| SqlType::parse(text).is_none())?;
        let expected = format!("one of {}", ACCEPTED.join(", "));
        let message = format!("'{text}' is not an accepted SQL type");
        Some(Violation::new(
            "schema.type",
            &below("schema", &entry.key.text),
            entry.value.place,
            message,
            expected,
        ))
    })
}

//! The members of the JSON result.

use dataset::ingest::{Document, Intent};
use dataset::payload::Payload;
use dataset::rule::Severity;
use dataset::{Report, ScratchError};
use serde_json::{Map, Value, json};

use super::settled::Settled;

/// Everything that a check found out, except for the findings themselves.
pub(in crate::dataset) fn members(
    report: &Report,
    settled: &Settled,
    document: Option<&Document>,
) -> Result<Map<String, Value>, ScratchError> {
    let facts = &report.facts;
    let summary = report.summary.as_ref();
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    set("path", json!(settled.path));
    set("table", json!(settled.table));
    set("task", json!(settled.task));
    let intent = report.settings.as_ref().and_then(|it| it.intent);
    set("intent", json!(intent.map(Intent::name)));
    set("files", json!(summary.map_or(0, |summary| summary.files)));
    set("bytes", json!(summary.map_or(0, |summary| summary.bytes)));
    set("manifest", json!(summary.map(|summary| &summary.manifest)));
    set(
        "directories",
        summary.map_or(Value::Null, |summary| {
            let counts = summary.directories.iter();
            counts
                .map(|(name, count)| (name.clone(), json!(count)))
                .collect()
        }),
    );
    set(
        "is_bucket",
        json!(summary.is_some_and(|summary| summary.is_bucket)),
    );
    set("rows", json!(facts.rows));
    set(
        "columns",
        json!(facts.columns.iter().map(|name| &**name).collect::<Vec<_>>()),
    );
    set("label_column", json!(facts.label_column.as_deref()));
    set("time_column", json!(facts.time_column.as_deref()));
    set("groups", json!(facts.groups));
    set("extension", json!(facts.extension));
    set(
        "target_size",
        json!(facts.target_size.map(|size| [size.width, size.height])),
    );
    set("schema", schema(report));
    set("classes", classes(report));
    set("errors", json!(report.findings.total(Severity::Error)));
    set("warnings", json!(report.findings.total(Severity::Warning)));
    set("notes", json!(report.findings.total(Severity::Note)));
    let listed = report.payload.as_deref().map(payload).transpose()?;
    set("payload", listed.unwrap_or_default());
    set("document", json!(document.map(Document::yaml)));
    Ok(members)
}

fn schema(report: &Report) -> Value {
    let Some(schema) = &report.facts.schema else {
        return Value::Null;
    };
    let columns = schema.columns.iter();
    let columns = columns.map(|column| json!({ "name": &*column.name, "type": column.sql_type }));
    let names =
        |names: &[std::sync::Arc<str>]| names.iter().map(|name| json!(&**name)).collect::<Value>();
    json!({
        "inferred": schema.is_inferred,
        "columns": columns.collect::<Value>(),
        "reserved": names(&schema.reserved),
        "empty": names(&schema.empty),
        "identifiers": names(&schema.identifiers),
    })
}

fn classes(report: &Report) -> Value {
    let Some(distribution) = &report.facts.distribution else {
        return Value::Null;
    };
    let listed = distribution.classes.iter();
    let listed = listed.map(|(class, count)| json!({ "class": class, "count": count }));
    json!({
        "distinct": distribution.distinct,
        "at_least": distribution.at_least,
        "listed": listed.collect::<Value>(),
    })
}

fn payload(payload: &Payload) -> Result<Value, ScratchError> {
    let mut entries = Vec::with_capacity(payload.len());
    for entry in payload.entries() {
        let entry = entry?;
        entries.push(json!({
            "path": entry.archive_path.to_string(),
            "size_bytes": entry.size_bytes,
            "sha256": entry.sha256_hex(),
        }));
    }
    Ok(json!({ "total_bytes": payload.total_bytes(), "entries": entries }))
}

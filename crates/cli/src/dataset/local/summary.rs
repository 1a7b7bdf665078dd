//! What was found out about a dataset, in two columns.

use std::borrow::Cow;
use std::fmt::Write;

use dataset::ingest::final_prefix;
use dataset::labels::Distribution;
use dataset::size::{amount, human_bytes};
use dataset::task::{Family, Label};
use dataset::{Report, Schema, Settings, Summary, shown_name};

use super::bars;
use super::settled::Settled;
use crate::output::{Style, printable};

/// Columns of a table that are listed.
const SHOWN_COLUMNS: usize = 20;

/// Classes that are listed.
const SHOWN_CLASSES: usize = 10;

/// How the summary is drawn.
#[derive(Clone, Copy)]
pub(in crate::dataset) struct Drawing {
    /// Its colours.
    pub(in crate::dataset) style: Style,
    /// Whether classes get bars.
    pub(in crate::dataset) bars: bool,
}

/// Describes the dataset. Empty when nothing was found to describe.
pub(in crate::dataset) fn describe(report: &Report, settled: &Settled, drawing: Drawing) -> String {
    let (Some(settings), Some(summary)) = (&report.settings, &report.summary) else {
        return String::new();
    };
    let mut text = heading("Local dataset", drawing.style);
    local(report, settings, summary, settled, &mut text);
    text.push_str(&heading("Ingest settings", drawing.style));
    settings_lines(report, settings, settled, &mut text);
    if let Some(schema) = &report.facts.schema {
        text.push_str(&heading("Columns", drawing.style));
        schema_lines(schema, report, &summary.manifest, &mut text);
    }
    if let Some(distribution) = &report.facts.distribution {
        text.push_str(&heading("Classes", drawing.style));
        let rows = report.facts.rows.unwrap_or(0);
        class_lines(distribution, rows, drawing, &mut text);
    }
    text
}

fn heading(title: &str, style: Style) -> String {
    format!("{}\n", style.strong(title))
}

fn line(text: &mut String, what: &str, says: &str) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "  {:<12} {}", printable(what), printable(says));
}

fn local(
    report: &Report,
    settings: &Settings,
    summary: &Summary,
    settled: &Settled,
    text: &mut String,
) {
    line(text, "root", &settled.path);
    if summary.is_bucket {
        line(text, "kind", "a decoded S3 bucket");
    }
    let rows = report.facts.rows.map(|rows| amount(rows, "row"));
    let rows = rows.unwrap_or_else(|| "not readable".to_owned());
    match settings.task.family() {
        Family::Tabular => {
            line(text, "data CSV", &format!("{}, {rows}", summary.manifest));
            line(text, "columns", &report.facts.columns.len().to_string());
        }
        Family::Image | Family::Text => line(text, &summary.manifest, &rows),
    }
    let extension = report.facts.extension.as_deref();
    for (index, (name, count)) in summary.directories.iter().enumerate() {
        let kind = extension.filter(|_| index == 0);
        let kind = kind.map(|kind| format!(", {kind}")).unwrap_or_default();
        let size = report.facts.target_size.filter(|_| index == 0);
        let size = size.map(|size| format!(", {size}")).unwrap_or_default();
        line(
            text,
            name,
            &format!("{}{kind}{size}", amount(*count, "file")),
        );
    }
    if let Some(groups) = report.facts.groups {
        line(text, "sequences", &groups.to_string());
    }
    let total = format!(
        "{}, {}",
        human_bytes(summary.bytes),
        amount(summary.files, "file")
    );
    line(text, "total size", &total);
}

fn settings_lines(report: &Report, settings: &Settings, settled: &Settled, text: &mut String) {
    line(text, "name", &settled.table);
    line(text, "task", settings.task.id());
    if let Some(intent) = settings.intent {
        line(text, "intent", intent.name());
    }
    let label = report.facts.label_column.as_deref();
    if let Some(label) = label.or(settings.label_column.as_deref()) {
        let policy = settings.label_policy.as_deref().unwrap_or("bucket");
        let label = match settings.task.contract().label {
            Label::WithPolicy => format!("{label} ({policy})"),
            _ => label.to_owned(),
        };
        line(text, "label column", &label);
    }
    if let Some(time) = &report.facts.time_column {
        line(text, "time column", time);
    }
    if let Ok(destination) = final_prefix(&settled.table) {
        line(text, "destination", &destination);
    }
}

fn schema_lines(schema: &Schema, report: &Report, manifest: &str, text: &mut String) {
    let header = &report.facts.columns;
    let mut unnamed = (0..header.len())
        .filter(|index| header.get(*index).is_some_and(|name| name.is_empty()))
        .map(|index| shown_name(header, index));
    for column in schema.columns.iter().take(SHOWN_COLUMNS) {
        let name = match column.name.is_empty() {
            true => unnamed.next().unwrap_or_default(),
            false => Cow::Borrowed(&*column.name),
        };
        line(text, &name, &column.sql_type);
    }
    if let Some(more) = schema.columns.len().checked_sub(SHOWN_COLUMNS + 1) {
        let _infallible = writeln!(text, "  … and {} more", more + 1);
    }
    if !schema.is_inferred {
        return;
    }
    let mut say = |names: &[std::sync::Arc<str>], what: &str| {
        if !names.is_empty() {
            let _infallible = writeln!(text, "  {what}: {}", printable(&names.join(", ")));
        }
    };
    say(
        &schema.reserved,
        "left out, because the platform keeps these names for itself",
    );
    say(&schema.empty, "without any value");
    say(
        &schema.identifiers,
        "look like identifiers; declare codes as VARCHAR",
    );
    let count = amount(schema.columns.len() as u64, "type");
    let _infallible = writeln!(
        text,
        "  {count} inferred from {}; --schema or --schema-file declares others",
        printable(manifest)
    );
}

fn class_lines(distribution: &Distribution, rows: u64, drawing: Drawing, text: &mut String) {
    let shown = distribution.classes.iter().take(SHOWN_CLASSES);
    let shown: Vec<_> = shown
        .map(|(class, count)| (class.as_str(), *count))
        .collect();
    text.push_str(&bars::chart(&shown, rows, drawing.bars));
    let at_least = if distribution.at_least {
        "at least "
    } else {
        ""
    };
    let more = distribution.distinct.saturating_sub(shown.len() as u64);
    let distinct = match distribution.distinct {
        1 => "1 class".to_owned(),
        count => format!("{count} classes"),
    };
    let more = match more {
        0 => String::new(),
        more => format!(", {more} of them not shown"),
    };
    let _infallible = writeln!(text, "  {at_least}{distinct}{more}");
}

//! Which fields of the ingest document a task needs, as far as its row says so.

use super::{Contract, Family, Flag, FlagNeed, Label, Task};

/// Names a top-level field of the ingest document whose presence depends on the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the field of its name")]
pub enum Field {
    Images,
    Annotations,
    Masks,
    Texts,
    Sequences,
    Schema,
    Label,
    TimeColumn,
    TargetSize,
    NumberOfKeypoints,
}

/// What a task makes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The document is invalid without it.
    Required,
    /// It may be there, and does something.
    Optional,
    /// It may be there, and nothing reads it.
    Unused,
    /// The document is invalid with it.
    Forbidden,
}

impl Field {
    /// All of them, in the order in which a document carries them.
    pub const ALL: [Field; 10] = [
        Field::Images,
        Field::Annotations,
        Field::Masks,
        Field::Texts,
        Field::Sequences,
        Field::Schema,
        Field::Label,
        Field::TimeColumn,
        Field::TargetSize,
        Field::NumberOfKeypoints,
    ];

    /// Gives the key in the document.
    pub fn key(self) -> &'static str {
        match self {
            Field::Images => "images",
            Field::Annotations => "annotations",
            Field::Masks => "masks",
            Field::Texts => "texts",
            Field::Sequences => "sequences",
            Field::Schema => "schema",
            Field::Label => "label",
            Field::TimeColumn => "time_column",
            Field::TargetSize => "target_size",
            Field::NumberOfKeypoints => "number_of_keypoints",
        }
    }
}

impl Task {
    /// Says what the task makes of a field.
    pub fn need(self, field: Field) -> Need {
        let row = self.contract();
        match field {
            Field::Images | Field::Annotations | Field::Masks | Field::Texts | Field::Sequences => {
                directory(row, field)
            }
            Field::Schema => schema(row),
            Field::Label if row.label == Label::Forbidden => Need::Forbidden,
            Field::Label => Need::Required,
            Field::TimeColumn => flag(self, Flag::TimeColumn),
            Field::TargetSize => target_size(row),
            Field::NumberOfKeypoints => flag(self, Flag::NumberOfKeypoints),
        }
    }
}

fn directory(row: &Contract, field: Field) -> Need {
    match row
        .directories
        .iter()
        .any(|directory| directory.field == field)
    {
        true => Need::Required,
        false => Need::Unused,
    }
}

/// Text tasks and segmentation check declared columns, but no document is invalid for want of them.
fn schema(row: &Contract) -> Need {
    match row.family {
        Family::Tabular => Need::Required,
        Family::Text => Need::Optional,
        Family::Image if row.columns.iter().any(|column| column.name == "mask_id") => {
            Need::Optional
        }
        Family::Image => Need::Unused,
    }
}

/// Every image task takes a size, but only the one without a default for it insists on the top level.
fn target_size(row: &Contract) -> Need {
    match flag(row.task, Flag::NumberOfKeypoints) {
        Need::Required => Need::Required,
        _ => flag(row.task, Flag::TargetSize),
    }
}

fn flag(task: Task, flag: Flag) -> Need {
    match flag.need(task) {
        Some(FlagNeed::Required) => Need::Required,
        Some(FlagNeed::Default(_)) => Need::Optional,
        None => Need::Unused,
    }
}

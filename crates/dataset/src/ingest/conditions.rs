//! What a document must have because of its task. Read from the registry, by the published schema and the validator alike.

use crate::task::{Field, Label, Need, Task};

/// One thing that a task asks of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// These keys must be there. Keys that belong together are missed together.
    Requires(Vec<&'static str>),
    /// The mapping at the first key must have the other keys.
    RequiresWithin(&'static str, Vec<&'static str>),
    /// The value at this key must be a mapping and not text.
    Mapping(&'static str),
    /// This key must not be there.
    Forbids(&'static str),
}

/// Keys of the document of which there must be exactly one.
pub(super) const SOURCES: [&str; 2] = ["csv", "json"];

/// Lists what a task asks for, in the order of the fields.
pub(super) fn of(task: Task) -> Vec<Condition> {
    let row = task.contract();
    let mut conditions = Vec::new();
    let (sizes, others): (Vec<_>, Vec<_>) = fields(task, Need::Required)
        .partition(|field| matches!(field, Field::TargetSize | Field::NumberOfKeypoints));
    conditions.extend(
        others
            .into_iter()
            .map(|field| Condition::Requires(vec![field.key()])),
    );
    if !sizes.is_empty() {
        conditions.push(Condition::Requires(
            sizes.into_iter().map(Field::key).collect(),
        ));
    }
    if let Some(grouping) = row.grouping {
        let columns = vec![grouping.group_column, grouping.time_column];
        conditions.push(Condition::RequiresWithin(Field::Schema.key(), columns));
    }
    if row.label == Label::WithPolicy {
        conditions.push(Condition::Mapping(Field::Label.key()));
        conditions.push(Condition::RequiresWithin(
            Field::Label.key(),
            vec!["column", "policy"],
        ));
    }
    conditions.extend(fields(task, Need::Forbidden).map(|field| Condition::Forbids(field.key())));
    conditions
}

fn fields(task: Task, need: Need) -> impl Iterator<Item = Field> {
    Field::ALL
        .into_iter()
        .filter(move |field| task.need(*field) == need)
}

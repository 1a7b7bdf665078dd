//! Documents made from flags and data.

use super::paths::staged_prefix;
use super::shape::DOCUMENT;
use super::write::{self, Item};
use super::{NotADocument, Violation, validate};
use crate::task::{Family, Field, Label, Link, Need, Task};

/// What is known of a dataset before it is sent. What the task has no use for is left out of the document.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The task.
    pub task: Task,
    /// The table's name.
    pub table: String,
    /// Whether models learn from the data.
    pub intent: Intent,
    /// The label's column as the header spells it. Tasks whose labels are elsewhere can do without.
    pub label_column: Option<String>,
    /// What leaves the cluster of a label, where that is asked; `bucket` if absent.
    pub label_policy: Option<Policy>,
    /// Columns with their SQL types, in the order of the header.
    pub schema: Vec<(String, String)>,
    /// The column with the time until the event.
    pub time_column: Option<String>,
    /// Width and height of every image.
    pub target_size: Option<[u32; 2]>,
    /// Smallest width and height of an image.
    pub min_size: Option<[u32; 2]>,
    /// Keypoints of each image.
    pub number_of_keypoints: Option<u32>,
    /// The one extension of the data files, with its dot and in lower case.
    pub extension: Option<String>,
}

/// What the data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Intent {
    /// Learning.
    #[default]
    Train,
    /// Testing what was learned.
    Test,
}

/// What leaves the cluster of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// Its value.
    Passthrough,
    /// One of 64 anonymous codes in its place. Their order means nothing.
    #[default]
    Bucket,
}

/// A valid document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    item: Item,
    yaml: String,
}

/// Says why no valid document comes of what is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Something is missing, or has a value that no document may have.
    #[error("the document made from the flags and the data breaks {} of the format's rules", .0.len())]
    Invalid(Vec<Violation>),
    /// The document is too large to be read again.
    #[error("the document made from the flags and the data cannot be read")]
    Unreadable(#[source] NotADocument),
}

impl Facts {
    /// Begins with the least that has to be known.
    pub fn new(task: Task, table: impl Into<String>) -> Facts {
        Facts {
            task,
            table: table.into(),
            intent: Intent::default(),
            label_column: None,
            label_policy: None,
            schema: Vec::new(),
            time_column: None,
            target_size: None,
            min_size: None,
            number_of_keypoints: None,
            extension: None,
        }
    }
}

impl Intent {
    /// Reads the word of the command line and of the document.
    pub fn parse(text: &str) -> Option<Intent> {
        [Intent::Train, Intent::Test]
            .into_iter()
            .find(|intent| intent.name() == text)
    }

    /// Gives that word.
    pub fn name(self) -> &'static str {
        match self {
            Intent::Train => "train",
            Intent::Test => "test",
        }
    }
}

impl Policy {
    /// Reads the word of the command line and of the document.
    pub fn parse(text: &str) -> Option<Policy> {
        [Policy::Passthrough, Policy::Bucket]
            .into_iter()
            .find(|policy| policy.name() == text)
    }

    /// Gives that word.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Passthrough => "passthrough",
            Policy::Bucket => "bucket",
        }
    }
}

impl Document {
    /// Writes the document of a dataset, and judges what was written.
    ///
    /// The same facts always give the same bytes. Columns keep their order, as the table is made in it.
    ///
    /// # Errors
    /// When something is missing that the task needs, or cannot be in a document.
    pub fn synthesise(facts: &Facts) -> Result<Document, Unsound> {
        let item = Item::Mapping(fields(facts));
        let yaml = write::yaml(&item);
        let violations = validate(yaml.as_bytes())
            .map_err(Unsound::Unreadable)?
            .violations;
        match violations.is_empty() {
            true => Ok(Document { item, yaml }),
            false => Err(Unsound::Invalid(violations)),
        }
    }

    /// Gives the document as YAML: the very bytes that were judged, and are to be sent.
    pub fn yaml(&self) -> &str {
        &self.yaml
    }

    /// Writes the document as JSON, ending with a line feed.
    pub fn json(&self) -> String {
        write::json(&self.item)
    }
}

type Entry = (String, Item);

fn fields(facts: &Facts) -> Vec<Entry> {
    let row = facts.task.contract();
    let constant = |key| match DOCUMENT.field(key).map(|field| &field.shape) {
        Some(super::shape::Shape::Constant(text)) => Some(entry(key, Item::text(*text))),
        _ => None,
    };
    let mut fields: Vec<Entry> = ["apiVersion", "kind"]
        .into_iter()
        .filter_map(constant)
        .collect();
    fields.extend([
        entry("category", Item::text(row.id)),
        entry("table", Item::text(&facts.table)),
        entry("intent", Item::text(facts.intent.name())),
    ]);
    // Without a safe name there are no paths, and the judgement will say why.
    if let Ok(prefix) = staged_prefix(&facts.table) {
        fields.push(entry(
            "csv",
            Item::text(format!("{prefix}/{}", row.family.manifest())),
        ));
        fields.extend(row.directories.iter().map(|directory| {
            entry(
                directory.field.key(),
                Item::text(format!("{prefix}/{}/", directory.name)),
            )
        }));
    }
    fields.extend(schema(facts));
    fields.extend(label(facts));
    fields.extend(top_level(facts));
    fields.extend(file_options(facts).map(|options| {
        entry(
            "spec",
            Item::Mapping(vec![entry("file_options", Item::Mapping(options))]),
        )
    }));
    fields
}

fn entry(key: &str, item: Item) -> Entry {
    (key.to_owned(), item)
}

/// Tables declare their columns; manifests only the column that names masks, which the ingestor insists on.
fn schema(facts: &Facts) -> Option<Entry> {
    let row = facts.task.contract();
    let columns: Vec<Entry> = match row.family {
        Family::Tabular => facts
            .schema
            .iter()
            .map(|(name, kind)| entry(name, Item::text(kind)))
            .collect(),
        Family::Image | Family::Text => row
            .directories
            .iter()
            .filter_map(|directory| match directory.link {
                Link::MaskOf { column } => Some(entry(column, Item::text("VARCHAR(255)"))),
                Link::Filename | Link::Stem => None,
            })
            .collect(),
    };
    (!columns.is_empty()).then(|| entry(Field::Schema.key(), Item::Mapping(columns)))
}

fn label(facts: &Facts) -> Option<Entry> {
    let column = facts
        .label_column
        .as_deref()
        .filter(|column| !column.is_empty());
    let item = match facts.task.contract().label {
        Label::Forbidden => return None,
        Label::Elsewhere => Item::text(column.unwrap_or("label")),
        Label::Column => Item::text(column?),
        Label::WithPolicy => Item::Mapping(vec![
            entry("column", Item::text(column?)),
            entry(
                "policy",
                Item::text(facts.label_policy.unwrap_or_default().name()),
            ),
        ]),
    };
    Some(entry(Field::Label.key(), item))
}

fn top_level(facts: &Facts) -> impl Iterator<Item = Entry> {
    let wanted = |field: Field, item: Option<Item>, needs: &[Need]| {
        item.filter(|_| needs.contains(&facts.task.need(field)))
            .map(|item| entry(field.key(), item))
    };
    let time = facts.time_column.as_ref().map(Item::text);
    [
        wanted(Field::TimeColumn, time, &[Need::Optional, Need::Required]),
        // Where it is not required here, it goes to the file options, which win over this.
        wanted(
            Field::TargetSize,
            facts.target_size.map(Item::Size),
            &[Need::Required],
        ),
        wanted(
            Field::NumberOfKeypoints,
            facts.number_of_keypoints.map(Item::Count),
            &[Need::Required],
        ),
    ]
    .into_iter()
    .flatten()
}

/// Defaults of these have changed from one ingestor to the next, so all that is known is said.
fn file_options(facts: &Facts) -> Option<Vec<Entry>> {
    let family = facts.task.family();
    let image = |size: Option<[u32; 2]>| size.filter(|_| family == Family::Image).map(Item::Size);
    let target =
        image(facts.target_size).filter(|_| facts.task.need(Field::TargetSize) != Need::Required);
    let extension = facts
        .extension
        .as_ref()
        .filter(|_| family != Family::Tabular)
        .map(Item::text);
    let options: Vec<Entry> = [
        ("extension", extension),
        ("target_size", target),
        ("min_size", image(facts.min_size)),
    ]
    .into_iter()
    .filter_map(|(key, item)| Some(entry(key, item?)))
    .collect();
    (!options.is_empty()).then_some(options)
}

//! The task registry: one row for each of the sixteen tasks.
//!
//! Layout, flags, columns, rules, the ingest document, help texts and `docs/tasks.md` are all read from these rows. A new task is
//! a new row; nothing else in this crate matches on a task to find out what it looks like.

mod document;
mod flag;
mod reference;
mod registry;
mod rules;

use std::fmt;

pub use document::{Field, Need};
pub use flag::{Flag, FlagNeed, FlagUse};
pub use reference::reference;

/// Names one of the sixteen task categories, in the order in which help texts and pickers list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    missing_docs,
    reason = "the variants are the ids; their rows in the registry describe them"
)]
pub enum Task {
    ImageClassification,
    ObjectDetection,
    KeypointDetection,
    TextClassification,
    MaskedLanguageModeling,
    TabularClassification,
    TabularRegression,
    TimeSeriesForecasting,
    TimeSeriesClassification,
    TimeToEventPrediction,
    CausalLanguageModeling,
    Seq2seq,
    TokenClassification,
    SentencePairClassification,
    Embeddings,
    SemanticSegmentation,
}

/// Decides the shape of folder and document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// One CSV file of data; no directories.
    Tabular,
    /// `labels.csv` and a directory of images.
    Image,
    /// `labels.csv` and a directory of texts.
    Text,
}

/// One row of the registry: everything that is particular to a task.
#[derive(Debug)]
pub struct Contract {
    /// The task this row is about.
    pub task: Task,
    /// The `category` of the ingest document and the value of `--task`.
    pub id: &'static str,
    /// What pickers show.
    pub display_name: &'static str,
    /// What the task is for, as half a sentence.
    pub purpose: &'static str,
    /// The family it belongs to.
    pub family: Family,
    /// Data directories beside the manifest, the one the manifest's rows name first; empty for tables.
    pub directories: &'static [Directory],
    /// Columns with a fixed name and meaning.
    pub columns: &'static [Column],
    /// Where the label is and how the document names it.
    pub label: Label,
    /// Whether fewer than two distinct labels are refused.
    pub classes: Classes,
    /// Structure of the text files, where there is one.
    pub record: Option<Record>,
    /// Rows that belong together, where they do.
    pub grouping: Option<Grouping>,
    /// Flags that only some tasks take. Flags of every task are not listed.
    pub flags: &'static [FlagUse],
    /// Ids of the rules applied here, in groups that tasks share.
    pub rules: &'static [&'static [&'static str]],
    /// What nobody can know before the data is in the cluster, in groups that tasks share.
    pub cluster_only: &'static [&'static [&'static str]],
}

/// A directory that a layout needs, with the document field that names it.
#[derive(Debug)]
pub struct Directory {
    /// Its name on disk, in lower case.
    pub name: &'static str,
    /// The document field that carries its path.
    pub field: Field,
    /// Accepted extensions with their dot, in lower case. Files with others are not sent.
    pub extensions: &'static [&'static str],
    /// How its files and the manifest's rows find each other.
    pub link: Link,
}

/// How the files of a directory belong to rows or to other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The manifest's `filename` column names them.
    Filename,
    /// Each has the stem of a file in the first directory, and the reverse.
    Stem,
    /// Each is called `<stem of an image>_mask.png`, and the named column repeats the name.
    MaskOf {
        /// The manifest column that names the mask.
        column: &'static str,
    },
}

/// A column with a fixed name.
#[derive(Debug)]
pub struct Column {
    /// The name, or its default where a flag may change it.
    pub name: &'static str,
    /// Whether other spellings of the name are found.
    pub lookup: Lookup,
    /// What its cells hold, as half a sentence.
    pub holds: &'static str,
}

/// How a column name is matched with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Surrounding blanks are ignored, case is not.
    Exact,
    /// An exact cell wins, otherwise blanks and case are ignored.
    Loose,
}

/// Where a task's label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// There is none, and the document must not name one.
    Forbidden,
    /// A manifest column, named in the document by a string.
    Column,
    /// Other files carry the labels. The document must name a column all the same, which need not exist.
    Elsewhere,
    /// A table column with a policy, named in the document by an object.
    WithPolicy,
}

/// Whether a task needs several classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classes {
    /// Any number of distinct values will do.
    Any,
    /// One class alone is refused.
    AtLeastTwo,
}

/// Structure of a text file: tab-separated fields on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Field names in order.
    pub fields: &'static [&'static str],
    /// How many of them must be there.
    pub min_fields: usize,
    /// Whether other texts are refused, or just raw text.
    pub enforced: bool,
}

/// Rows that form one sample together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// The column that names the group.
    pub group_column: &'static str,
    /// The column that orders a group's rows.
    pub time_column: &'static str,
    /// What a group is called, in the plural.
    pub count_unit: &'static str,
}

/// Says why a task id was not understood. The message quotes it and lists all supported ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownTask {
    /// No task was given.
    #[error("no task is given; supported are {}", supported())]
    Missing,
    /// The id means nothing.
    #[error("'{id}' is not a task; supported are {}", supported())]
    Unrecognised {
        /// What was given.
        id: String,
    },
    /// The id is known from older documents, and was never loaded properly by anything.
    #[error("'{id}' is not supported: {reason}; supported are {}", supported())]
    Unsupported {
        /// What was given.
        id: String,
        /// Why it never worked.
        reason: &'static str,
    },
}

/// Ids that once were valid in documents, with the reason why they are refused.
const UNSUPPORTED: &[(&str, &str)] = &[(
    "instance_segmentation",
    "ingestors registered such data without copying a single file, and later removed the task",
)];

impl Task {
    /// All tasks, in registry order.
    pub const ALL: [Task; 16] = [
        Task::ImageClassification,
        Task::ObjectDetection,
        Task::KeypointDetection,
        Task::TextClassification,
        Task::MaskedLanguageModeling,
        Task::TabularClassification,
        Task::TabularRegression,
        Task::TimeSeriesForecasting,
        Task::TimeSeriesClassification,
        Task::TimeToEventPrediction,
        Task::CausalLanguageModeling,
        Task::Seq2seq,
        Task::TokenClassification,
        Task::SentencePairClassification,
        Task::Embeddings,
        Task::SemanticSegmentation,
    ];

    /// Finds the task with this id. Ids are lower case; nothing is trimmed.
    pub fn parse(id: &str) -> Result<Task, UnknownTask> {
        if id.is_empty() {
            return Err(UnknownTask::Missing);
        }
        if let Some(task) = Task::ALL.into_iter().find(|task| task.id() == id) {
            return Ok(task);
        }
        let id = id.to_owned();
        match UNSUPPORTED.iter().find(|(known, _)| *known == id) {
            Some(&(_, reason)) => Err(UnknownTask::Unsupported { id, reason }),
            None => Err(UnknownTask::Unrecognised { id }),
        }
    }

    /// Gives the task's row of the registry.
    pub fn contract(self) -> &'static Contract {
        registry::row(self)
    }

    /// Gives the task's id.
    pub fn id(self) -> &'static str {
        self.contract().id
    }

    /// Gives the family.
    pub fn family(self) -> Family {
        self.contract().family
    }

    /// Says whether the task learns from the data itself and has no label.
    pub fn is_self_supervised(self) -> bool {
        self.contract().label == Label::Forbidden
    }

    /// Iterates over the ids of the rules that apply to the task, shared ones first.
    pub fn rules(self) -> impl Iterator<Item = &'static str> {
        self.contract()
            .rules
            .iter()
            .flat_map(|group| group.iter().copied())
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Family {
    /// All families, in picker order.
    pub const ALL: [Family; 3] = [Family::Tabular, Family::Image, Family::Text];

    /// Gives the family's name, as output and help texts spell it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Tabular => "tabular",
            Family::Image => "image",
            Family::Text => "text",
        }
    }

    /// Gives the name under which the manifest is sent, and which file-bearing tasks need it to have on disk.
    pub fn manifest(self) -> &'static str {
        "labels.csv"
    }

    /// Iterates over the family's tasks in registry order.
    pub fn tasks(self) -> impl Iterator<Item = Task> {
        Task::ALL
            .into_iter()
            .filter(move |task| task.family() == self)
    }
}

fn supported() -> String {
    Task::ALL.map(Task::id).join(", ")
}

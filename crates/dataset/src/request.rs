//! What the user asked for, and what it means.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;

use crate::age::Age;
use crate::csv::RECORD_MAX_BYTES;
use crate::finding::{Findings, Place};
use crate::ingest::Intent;
use crate::names;
use crate::rule::Rule;
use crate::size::Size;
use crate::tabular::{self, Schema};
use crate::task::{Flag, FlagNeed, Task};

/// The largest file that is sent unless a flag says otherwise.
pub const FILE_MAX_BYTES: u64 = 500 << 20;

/// The largest dataset that is sent unless a flag says otherwise.
pub const TOTAL_MAX_BYTES: u64 = 1 << 30;

/// Memory that a list of files may take unless somebody says otherwise: enough for the names of 100,000 files. There are two for
/// each data directory, names and what is known of the files, and up to three more while rules look names up in them.
pub const LIST_MEMORY_BYTES: usize = 4 << 20;

/// A check as typed. Values are not interpreted yet; what is wrong with them is a finding.
#[derive(Clone, Debug)]
pub struct Request {
    /// `--task`.
    pub task: String,
    /// `--table`; not checked if absent.
    pub table: Option<String>,
    /// `--intent`; learning if absent.
    pub intent: Option<String>,
    /// `--label-column`.
    pub label_column: Option<String>,
    /// `--target-size`.
    pub target_size: Option<String>,
    /// `--min-size`.
    pub min_size: Option<String>,
    /// `--number-of-keypoints`.
    pub number_of_keypoints: Option<String>,
    /// `--schema`.
    pub schema: Option<String>,
    /// The schema file, which wins over the flag.
    pub schema_file: Option<PathBuf>,
    /// `--label-policy`.
    pub label_policy: Option<String>,
    /// `--time-column`.
    pub time_column: Option<String>,
    /// `--stage-tokenizer`.
    pub stage_tokenizer: bool,
    /// `--for-ingestor`.
    pub for_ingestor: Option<Age>,
    /// Largest file.
    pub file_max_bytes: u64,
    /// Largest dataset.
    pub total_max_bytes: u64,
    /// Largest record of the manifest that is kept in memory.
    pub record_max_bytes: u64,
    /// Whether to hash what will be sent.
    pub payload: bool,
    /// Whether all findings are wanted, however many; see [`Findings::keep_all`].
    pub all_findings: bool,
    /// Today in UTC.
    pub today: Date,
    /// Where temporary files go when the memory is not enough.
    pub scratch_dir: PathBuf,
    /// Memory that one list of files may take before it goes into a temporary file.
    pub list_memory_bytes: usize,
}

/// What a request means, without what is wrong with it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The task.
    pub task: Task,
    /// What the data is for; `None` if what was given means nothing, which is a finding.
    pub intent: Option<Intent>,
    /// The label column as typed or by default; none for tasks without label.
    pub label_column: Option<String>,
    /// Size that all images must have; that of the first one if absent.
    pub target_size: Option<Size>,
    /// Floor for image sizes.
    pub min_size: Option<Size>,
    /// Keypoints per image; not checked if absent.
    pub number_of_keypoints: Option<u32>,
    /// Declared columns; inferred if absent.
    pub schema: Option<Schema>,
    /// `passthrough` or `bucket`.
    pub label_policy: Option<String>,
    /// The time column as typed.
    pub time_column: Option<String>,
    /// The extension of the data files, with its dot; that of the first file if absent.
    pub extension: Option<String>,
    /// Whether `tokenizer.json` is sent.
    pub stage_tokenizer: bool,
    /// Largest record of the manifest that is kept in memory.
    pub record_max_bytes: u64,
    /// Whose warnings are errors.
    pub for_ingestor: Option<Age>,
    /// Today in UTC.
    pub today: Date,
    /// Where temporary files go.
    pub scratch_dir: PathBuf,
    /// Memory that one list of files may take before it goes into a temporary file.
    pub list_memory_bytes: usize,
}

impl Request {
    /// Asks for a task's check with no flag given.
    pub fn new(task: &str, today: Date, scratch_dir: PathBuf) -> Request {
        Request {
            task: task.to_owned(),
            table: None,
            intent: None,
            label_column: None,
            target_size: None,
            min_size: None,
            number_of_keypoints: None,
            schema: None,
            schema_file: None,
            label_policy: None,
            time_column: None,
            stage_tokenizer: false,
            for_ingestor: None,
            file_max_bytes: FILE_MAX_BYTES,
            total_max_bytes: TOTAL_MAX_BYTES,
            record_max_bytes: RECORD_MAX_BYTES,
            payload: false,
            all_findings: false,
            today,
            scratch_dir,
            list_memory_bytes: LIST_MEMORY_BYTES,
        }
    }

    /// Says which flags that only some tasks take are given.
    fn given(&self, flag: Flag) -> bool {
        let text = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
        match flag {
            Flag::TargetSize => text(&self.target_size),
            Flag::MinSize => text(&self.min_size),
            Flag::Schema => text(&self.schema) || self.schema_file.is_some(),
            Flag::LabelPolicy => text(&self.label_policy),
            Flag::TimeColumn => text(&self.time_column),
            Flag::NumberOfKeypoints => text(&self.number_of_keypoints),
            Flag::LabelColumn => text(&self.label_column),
            Flag::StageTokenizer => self.stage_tokenizer,
        }
    }

    /// Judges what does not depend on the task.
    pub(crate) fn check_table(&self, findings: &mut Findings) {
        if let Some(table) = &self.table {
            names::check_table(table, findings);
        }
    }

    /// Interprets the request. All that is wrong with it is in `findings`.
    pub(crate) fn resolve(&self, task: Task, findings: &mut Findings) -> Settings {
        for flag in Flag::ALL {
            self.check_use(flag, task, findings);
        }
        let takes = |flag: Flag| flag.need(task).is_some() && self.given(flag);
        let size = |flag: Flag, value: &Option<String>, findings: &mut Findings| {
            let value = value.as_deref().filter(|_| takes(flag))?;
            let size = Size::parse(value);
            if size.is_none() {
                bad_value(
                    flag,
                    value,
                    "two positive numbers such as 512x512, width first",
                    findings,
                );
            }
            size
        };
        Settings {
            task,
            intent: self.intent(findings),
            label_column: self.label_column(task),
            target_size: size(Flag::TargetSize, &self.target_size, findings),
            min_size: size(Flag::MinSize, &self.min_size, findings),
            number_of_keypoints: match takes(Flag::NumberOfKeypoints) {
                true => self.keypoints(findings),
                false => None,
            },
            schema: match takes(Flag::Schema) {
                true => self.schema(findings),
                false => None,
            },
            label_policy: match takes(Flag::LabelPolicy) {
                true => self.policy(findings),
                false => None,
            },
            time_column: self.time_column.clone().filter(|_| takes(Flag::TimeColumn)),
            extension: None,
            stage_tokenizer: takes(Flag::StageTokenizer),
            record_max_bytes: self.record_max_bytes,
            for_ingestor: self.for_ingestor,
            today: self.today,
            scratch_dir: self.scratch_dir.clone(),
            list_memory_bytes: self.list_memory_bytes,
        }
    }

    fn intent(&self, findings: &mut Findings) -> Option<Intent> {
        let value = self.intent.as_deref().filter(|value| !value.is_empty());
        let Some(value) = value else {
            return Some(Intent::default());
        };
        let intent = Intent::parse(value);
        if intent.is_none() {
            let message =
                format!("--intent does not understand '{value}'; expected is train or test.");
            findings.add(Rule::FlagValue, Place::nowhere(), message);
        }
        intent
    }

    fn check_use(&self, flag: Flag, task: Task, findings: &mut Findings) {
        match (flag.need(task), self.given(flag)) {
            (None, true) => {
                let why = match flag {
                    Flag::LabelColumn => ", which learns from the text itself",
                    _ => "",
                };
                let message = format!("{} is not used by {task}{why}.", flag.name());
                let remedy = format!("Leave {} out.", flag.name());
                findings.add_remedied(Rule::FlagUnused, Place::nowhere(), message, remedy);
            }
            (Some(FlagNeed::Required), false) => {
                let message = format!("{task} needs {}.", flag.name());
                let remedy = format!(
                    "Pass {} {}. {}",
                    flag.name(),
                    flag.value_name(),
                    flag.help()
                );
                findings.add_remedied(Rule::FlagMissing, Place::nowhere(), message, remedy);
            }
            _ => {}
        }
    }

    fn label_column(&self, task: Task) -> Option<String> {
        match (Flag::LabelColumn.need(task)?, &self.label_column) {
            (_, Some(column)) if !column.is_empty() => Some(column.clone()),
            (FlagNeed::Default(default), _) => Some(default.to_owned()),
            (FlagNeed::Required, _) => None,
        }
    }

    fn keypoints(&self, findings: &mut Findings) -> Option<u32> {
        let value = self.number_of_keypoints.as_deref()?;
        let count = value.trim().parse().ok().filter(|count| *count > 0);
        if count.is_none() {
            bad_value(
                Flag::NumberOfKeypoints,
                value,
                "a positive whole number",
                findings,
            );
        }
        count
    }

    fn policy(&self, findings: &mut Findings) -> Option<String> {
        let policy = self.label_policy.clone()?;
        if !matches!(policy.as_str(), "passthrough" | "bucket") {
            bad_value(
                Flag::LabelPolicy,
                &policy,
                "passthrough or bucket",
                findings,
            );
            return None;
        }
        Some(policy)
    }

    fn schema(&self, findings: &mut Findings) -> Option<Schema> {
        match (&self.schema_file, &self.schema) {
            (Some(path), _) => tabular::read_file(path, findings),
            (None, Some(value)) => tabular::read_flag(value, findings),
            (None, None) => None,
        }
    }
}

impl Settings {
    /// Makes the settings of a check without flags.
    pub fn new(task: Task, today: Date, scratch_dir: PathBuf) -> Settings {
        Request::new(task.id(), today, scratch_dir).resolve(task, &mut Findings::new(None, None))
    }

    /// Declares the columns of a table, names with types.
    pub fn declare<'a>(&mut self, columns: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let columns = columns.into_iter().map(|(name, sql_type)| tabular::Column {
            name: Arc::from(name),
            sql_type: sql_type.to_owned(),
        });
        self.schema = Some(Schema {
            columns: columns.collect(),
            ..Schema::default()
        });
    }
}

fn bad_value(flag: Flag, value: &str, expected: &str, findings: &mut Findings) {
    let message = format!(
        "{} does not understand '{value}'; expected is {expected}.",
        flag.name()
    );
    findings.add(Rule::FlagValue, Place::nowhere(), message);
}

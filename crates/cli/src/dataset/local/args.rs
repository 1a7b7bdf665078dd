//! What `dataset check` and `dataset push` take alike, and what the library is asked for.

use std::path::PathBuf;

use dataset::Request;
use dataset::age::Age;
use jiff::civil::Date;

use crate::size;

/// The library's limits as somebody would type them.
const FILE_MAX: &str = "500MiB";
const TOTAL_MAX: &str = "1GiB";
const RECORD_MAX: &str = "16MiB";

/// A dataset, what it is to become, and how strictly it is judged.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// The folder; for a table also the .csv file itself
    #[arg(value_name = "PATH")]
    pub(super) path: Option<PathBuf>,

    /// Name of the table that the dataset is to become
    #[arg(long, value_name = "TABLE")]
    pub(super) table: Option<String>,

    /// The same as --table, and wins over it
    #[arg(long, value_name = "TABLE")]
    pub(in crate::dataset) name: Option<String>,

    /// The task, as docs/tasks.md lists them
    #[arg(long, value_name = "TASK")]
    pub(super) task: Option<String>,

    /// The same as --task, which wins over it
    #[arg(long, value_name = "TASK")]
    pub(super) category: Option<String>,

    /// What the data is for: train or test
    #[arg(long, value_name = "INTENT", default_value = "train")]
    pub(super) intent: String,

    #[command(flatten)]
    pub(super) shape: Shape,

    /// Largest file to send, in bytes or with KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = FILE_MAX)]
    max_file_size: u64,

    /// Largest dataset to send, in bytes or with KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = TOTAL_MAX)]
    max_total_size: u64,

    /// Largest record of the CSV file to hold in memory, in bytes or with KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = RECORD_MAX)]
    max_record_size: u64,

    /// Treat what ingestors of this age refuse as errors: older, newer or newest
    #[arg(long, value_name = "AGE", value_parser = age)]
    for_ingestor: Option<Age>,

    /// Treat warnings as errors
    #[arg(long)]
    pub(in crate::dataset) strict: bool,

    /// Never ask, even on a terminal
    #[arg(long)]
    pub(in crate::dataset) no_input: bool,

    /// Folder for temporary files
    #[arg(long, value_name = "DIR")]
    scratch_dir: Option<PathBuf>,
}

/// Flags that only some tasks take.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Shape {
    /// The column with the label
    #[arg(long, value_name = "COLUMN")]
    pub(super) label_column: Option<String>,

    /// Size that all images must have, WIDTHxHEIGHT; otherwise that of the first one
    #[arg(long, value_name = "WxH")]
    pub(super) target_size: Option<String>,

    /// Smallest size of an image, WIDTHxHEIGHT
    #[arg(long, value_name = "WxH")]
    pub(super) min_size: Option<String>,

    /// Keypoints of each image
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(super) number_of_keypoints: Option<String>,

    /// Types of the table's columns, COLUMN:TYPE,COLUMN:TYPE; otherwise they are inferred
    #[arg(long, value_name = "SCHEMA")]
    pub(super) schema: Option<String>,

    /// The same from a YAML file with one `column: TYPE` a line
    #[arg(long, value_name = "FILE", conflicts_with = "schema")]
    pub(super) schema_file: Option<PathBuf>,

    /// What leaves the cluster of a numeric label: passthrough, or bucket for one of 64 anonymous codes
    #[arg(long, value_name = "POLICY")]
    pub(super) label_policy: Option<String>,

    /// The column with the time until the event
    #[arg(long, value_name = "COLUMN")]
    pub(super) time_column: Option<String>,

    /// Send tokenizer.json, which older ingestors want
    #[arg(long)]
    pub(super) stage_tokenizer: bool,
}

impl Args {
    /// The table, of whose two spellings the newer one wins.
    pub(super) fn table(&self) -> Option<&str> {
        self.name.as_deref().or(self.table.as_deref())
    }

    /// The task, likewise.
    pub(super) fn task(&self) -> Option<&str> {
        self.task.as_deref().or(self.category.as_deref())
    }

    /// What the library is asked for. What is missing is empty, and a finding.
    pub(super) fn lower(&self, payload: bool, today: Date, temporary: PathBuf) -> Request {
        let scratch_dir = self.scratch_dir.clone().unwrap_or(temporary);
        let shape = self.shape.clone();
        Request {
            table: Some(self.table().unwrap_or_default().to_owned()),
            intent: Some(self.intent.clone()),
            label_column: shape.label_column,
            target_size: shape.target_size,
            min_size: shape.min_size,
            number_of_keypoints: shape.number_of_keypoints,
            schema: shape.schema,
            schema_file: shape.schema_file,
            label_policy: shape.label_policy,
            time_column: shape.time_column,
            stage_tokenizer: shape.stage_tokenizer,
            for_ingestor: self.for_ingestor,
            file_max_bytes: self.max_file_size,
            total_max_bytes: self.max_total_size,
            record_max_bytes: self.max_record_size,
            payload,
            ..Request::new(self.task().unwrap_or_default(), today, scratch_dir)
        }
    }
}

/// Reads an age of ingestors.
pub(crate) fn age(text: &str) -> Result<Age, String> {
    Age::parse(text).ok_or_else(|| "expected older, newer or newest".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_library() {
        assert_eq!(size::parse(FILE_MAX), Ok(dataset::FILE_MAX_BYTES));
        assert_eq!(size::parse(TOTAL_MAX), Ok(dataset::TOTAL_MAX_BYTES));
        assert_eq!(size::parse(RECORD_MAX), Ok(dataset::RECORD_MAX_BYTES));
    }
}

//! Flags that only some tasks take.

use super::Task;

/// Names a flag that is refused where the task has no use for it. The order is that in which offenders are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is the flag of its name, described in one place by `help`"
)]
pub enum Flag {
    TargetSize,
    MinSize,
    Schema,
    LabelPolicy,
    TimeColumn,
    NumberOfKeypoints,
    LabelColumn,
    StageTokenizer,
}

/// A flag in a task's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagUse {
    /// The flag.
    pub flag: Flag,
    /// Whether the task can do without it.
    pub need: FlagNeed,
}

/// Whether a flag must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagNeed {
    /// Its absence is an error.
    Required,
    /// Its absence means the value given here, in words.
    Default(&'static str),
}

impl Flag {
    /// All flags, in the order in which misplaced ones are reported.
    pub const ALL: [Flag; 8] = [
        Flag::TargetSize,
        Flag::MinSize,
        Flag::Schema,
        Flag::LabelPolicy,
        Flag::TimeColumn,
        Flag::NumberOfKeypoints,
        Flag::LabelColumn,
        Flag::StageTokenizer,
    ];

    /// Gives the flag as typed, with its dashes.
    pub fn name(self) -> &'static str {
        match self {
            Flag::TargetSize => "--target-size",
            Flag::MinSize => "--min-size",
            Flag::Schema => "--schema",
            Flag::LabelPolicy => "--label-policy",
            Flag::TimeColumn => "--time-column",
            Flag::NumberOfKeypoints => "--number-of-keypoints",
            Flag::LabelColumn => "--label-column",
            Flag::StageTokenizer => "--stage-tokenizer",
        }
    }

    /// Gives the placeholder of its value; empty for a switch.
    pub fn value_name(self) -> &'static str {
        match self {
            Flag::TargetSize | Flag::MinSize => "WxH",
            Flag::Schema => "COLUMN:TYPE,...",
            Flag::LabelPolicy => "POLICY",
            Flag::TimeColumn | Flag::LabelColumn => "COLUMN",
            Flag::NumberOfKeypoints => "N",
            Flag::StageTokenizer => "",
        }
    }

    /// Says in one sentence what the flag does.
    pub fn help(self) -> &'static str {
        match self {
            Flag::TargetSize => "Width and height that every image must have; nothing is resized.",
            Flag::MinSize => "Smallest width and height an image may have.",
            Flag::Schema => "SQL types of the table's columns, instead of inferred ones.",
            Flag::LabelPolicy => {
                "What leaves the cluster of a label: its value (passthrough), or one of 64 anonymous codes in its place (bucket)."
            }
            Flag::TimeColumn => "The column with the time until the event.",
            Flag::NumberOfKeypoints => "How many keypoints each image has.",
            Flag::LabelColumn => "The column with the label.",
            Flag::StageTokenizer => {
                "Sends `tokenizer.json` too, which only older ingestors look for."
            }
        }
    }

    /// Finds the flag in a task's row.
    pub fn need(self, task: Task) -> Option<FlagNeed> {
        task.contract()
            .flags
            .iter()
            .find(|used| used.flag == self)
            .map(|used| used.need)
    }

    /// Iterates over the tasks that take the flag, in registry order.
    pub fn tasks(self) -> impl Iterator<Item = Task> {
        Task::ALL
            .into_iter()
            .filter(move |task| self.need(*task).is_some())
    }
}

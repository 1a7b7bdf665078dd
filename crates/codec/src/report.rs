use std::collections::BTreeMap;

use crate::counts::Counts;
use crate::family::Family;
use crate::redis::RedisReport;
use crate::s3;

/// What a decode run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The inputs, in the order in which they were given.
    pub inputs: Vec<InputReport>,
    /// Where every row went.
    pub counts: Counts,
    /// What became of the Redis keys.
    pub redis: RedisReport,
    /// What became of the S3 keyspace.
    pub s3: s3::Report,
    /// Unknown rows by the first component of their keys, escaped: visible rows and bytes of their bodies.
    pub unknown: BTreeMap<String, (u64, u64)>,
    /// Locks of unresolved transactions, and how many of them have a commit record.
    pub locks: (u64, u64),
    /// Everything that the snapshot holds and the tree does not.
    pub left_out: Vec<LeftOutPart>,
    /// Files of the tree, manifest and checksums not counted.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
}

impl Report {
    /// Says whether everything that was selected is in the tree.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.left_out.is_empty()
    }
}

/// One input of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputReport {
    /// Its name.
    pub name: String,
    /// Raft index: as given, by the file's name, or by its content, in this order.
    pub index: Option<u64>,
    /// The store's commit watermark, hybrid logical clock.
    pub last_commit_ts: u64,
    /// The verified CRC32C, if the file has a footer.
    pub crc32c: Option<u32>,
    /// Rows of any kind.
    pub rows: u64,
}

/// A part that a run left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutPart {
    /// Family, adapter or prefix.
    pub what: String,
    /// Why, as a stable word.
    pub reason: &'static str,
    /// Rows, keys or objects.
    pub count: u64,
}

impl LeftOutPart {
    /// A family that cannot be decoded yet.
    pub(crate) fn not_decoded(family: Family, rows: u64) -> LeftOutPart {
        LeftOutPart {
            what: family.name().to_owned(),
            reason: "not-decoded-yet",
            count: rows,
        }
    }
}

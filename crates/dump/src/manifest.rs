//! `MANIFEST.json`: what the tree is, where it came from, and what it leaves out.
//!
//! Invariants:
//! * A reader refuses a newer `format_version` before it interprets anything else.
//! * A writer checks the same rules as a reader, so no tree has a manifest that we would refuse.
//! * 64-bit values are JSON integers and exact, also beyond 2^53.

mod read;
mod write;

pub use read::Invalid;

use jiff::Timestamp;

/// Reserved name of the file, in the root of the tree.
pub const FILE_NAME: &str = "MANIFEST.json";

/// The only version of the format so far.
///
/// It goes up when a reader of the current version would misread a tree; members that such a reader may ignore do not count.
pub const FORMAT_VERSION: u32 = 1;

/// A manifest is read into memory; larger ones are refused. A scope list of 100,000 tables has about 26 MiB at most.
pub const SIZE_LIMIT_BYTES: u64 = 64 << 20;

/// The contents of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// How the dump came about.
    pub origin: Origin,
    /// Build that produced the dump, in the words of its maker; empty if unknown.
    pub elastickv_version: String,
    /// The cluster's name as the user gave it; empty if not given.
    pub cluster_id: String,
    /// Raft index of the snapshot; 0 if unknown.
    pub snapshot_index: u64,
    /// Commit timestamp of the snapshot (hybrid logical clock); 0 if unknown.
    pub last_commit_ts: u64,
    /// When the dump was made.
    pub wall_time: Timestamp,
    /// Which adapters were on, and what they found.
    pub adapters: Adapters,
    /// Switches that change what a tree contains.
    pub exclusions: Exclusions,
    /// How the tree is written down.
    pub conventions: Conventions,
    /// How DynamoDB items are laid out.
    pub dynamodb_layout: DynamodbLayout,
    /// The program that wrote the tree.
    pub producer: Option<Producer>,
    /// Number and size of the files; [`TreeWriter::finish`](crate::tree::TreeWriter::finish) fills it in.
    pub totals: Option<Totals>,
    /// What the tree leaves out of what the snapshot holds; absent from a complete dump.
    pub partial: Option<Partial>,
}

/// How a dump came about: from files, or from a running cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Decoded from snapshot files (`phase0-snapshot-decode`).
    Snapshot(Source),
    /// Read from a running cluster (`phase1-live-pinned`).
    Live(Live),
}

/// The files a dump was decoded from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The inputs in the order in which they were read. One, unless several groups of a cluster were joined; none if unknown.
    pub files: Vec<SourceFile>,
}

/// One input file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name without directories, which are nobody's business but the user's; `-` for standard input.
    pub name: String,
    /// The CRC32C in its footer, if there was one and it was right.
    pub crc32c: Option<u32>,
    /// Raft index of this file; 0 if unknown.
    pub snapshot_index: u64,
    /// Commit timestamp of this file; 0 if unknown.
    pub last_commit_ts: u64,
}

/// The point at which a running cluster was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Timestamp of the reads; not 0.
    pub read_ts: u64,
    /// SHA-256 of the token that held the versions, as the producer wrote it; may be empty.
    pub pin_token_sha256: String,
}

/// The adapters: absent is switched off, present is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapters {
    /// Table directories.
    pub dynamodb: Option<Scopes<String>>,
    /// Bucket directories.
    pub s3: Option<Scopes<String>>,
    /// Database numbers.
    pub redis: Option<Scopes<u32>>,
    /// Queue directories.
    pub sqs: Option<Scopes<String>>,
}

/// What an adapter found, by the names of the directories in the tree, so that a lost one can be noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scopes<T> {
    /// The producer did not list them.
    #[default]
    Unlisted,
    /// These and no others, in ascending order.
    Listed(Vec<T>),
}

/// Switches that change what a tree contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five independent switches of the file format"
)]
pub struct Exclusions {
    /// Records of unfinished uploads are in the tree.
    pub include_incomplete_uploads: bool,
    /// Chunks without an object, and stale generations, are in the tree.
    pub include_orphans: bool,
    /// Message visibility was kept.
    pub preserve_sqs_visibility: bool,
    /// Side records of queues are in the tree.
    pub include_sqs_side_records: bool,
    /// S3 keys that end like a sidecar were renamed.
    pub rename_s3_collisions: bool,
}

/// How a tree is written down. The values of another producer may differ where a reader can do without knowing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conventions {
    /// Form of CHECKSUMS.
    pub checksum_format: String,
    /// The longest segment; not 0.
    pub key_segment_max_bytes: u32,
    /// Suffix of S3 sidecars.
    pub s3_meta_suffix: String,
    /// What happens where an S3 key is a leaf and a directory.
    pub s3_collision_strategy: String,
}

impl Default for Conventions {
    /// Returns the values that describe our own trees.
    fn default() -> Conventions {
        Conventions {
            checksum_format: "sha256sum".to_owned(),
            key_segment_max_bytes: 240,
            s3_meta_suffix: crate::object_name::META_SUFFIX.to_owned(),
            s3_collision_strategy: "leaf-data-suffix".to_owned(),
        }
    }
}

/// How DynamoDB items are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DynamodbLayout {
    /// One file per item (`per-item`).
    #[default]
    PerItem,
    /// Many items per file (`jsonl`).
    Jsonl,
}

/// The program that wrote a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Number and size of a tree's regular files, MANIFEST.json and CHECKSUMS not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub files: u64,
    /// Sum of their sizes.
    pub bytes: u64,
}

/// What a partial dump leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// The parts, in the order in which they are to be shown.
    pub left_out: Vec<LeftOut>,
    /// Path of the machine-readable report from the root of the tree, if there is one.
    pub report: Option<String>,
}

/// One part that a dump leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The family or prefix of the keys.
    pub family: String,
    /// Why, as a stable word.
    pub reason: String,
    /// How many rows or objects.
    pub count: u64,
}

impl Manifest {
    /// Starts a manifest of a dump made from snapshot files, with nothing known about it but the time.
    pub fn of_snapshot(source: Source, wall_time: Timestamp) -> Manifest {
        Manifest {
            origin: Origin::Snapshot(source),
            elastickv_version: String::new(),
            cluster_id: String::new(),
            snapshot_index: 0,
            last_commit_ts: 0,
            wall_time,
            adapters: Adapters::default(),
            exclusions: Exclusions::default(),
            conventions: Conventions::default(),
            dynamodb_layout: DynamodbLayout::default(),
            producer: None,
            totals: None,
            partial: None,
        }
    }

    /// Reads a manifest, checking the version before anything else.
    pub fn from_json(text: &[u8]) -> Result<Manifest, Invalid> {
        read::manifest(text)
    }

    /// Returns the file's contents, or why a reader would refuse them.
    pub fn to_json(&self) -> Result<Vec<u8>, Invalid> {
        read::check(self)?;
        Ok(write::manifest(self))
    }
}

const CHECKSUM_ALGORITHM: &str = "sha256";
const ENCODED_FILENAME_CHARSET: &str = "rfc3986-unreserved-plus-percent";
const PHASE_SNAPSHOT: &str = "phase0-snapshot-decode";
const PHASE_LIVE: &str = "phase1-live-pinned";

impl Origin {
    fn phase(&self) -> &'static str {
        match self {
            Origin::Snapshot(_) => PHASE_SNAPSHOT,
            Origin::Live(_) => PHASE_LIVE,
        }
    }
}

impl DynamodbLayout {
    fn as_str(self) -> &'static str {
        match self {
            DynamodbLayout::PerItem => "per-item",
            DynamodbLayout::Jsonl => "jsonl",
        }
    }
}

#[cfg(test)]
mod tests;

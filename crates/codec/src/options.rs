use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use snapshot::FooterPolicy;

use crate::family::Adapter;
use crate::s3;

/// Everything that a decode run is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which adapters' rows are decoded.
    pub adapters: Adapters,
    /// Which tables, buckets, databases and queues are decoded.
    pub scope: Scope,
    /// When a footer is due.
    pub footer: FooterPolicy,
    /// What happens to rows with an unknown key prefix.
    pub unknown: UnknownRows,
    /// Whether rows with an unknown key prefix are written as they are.
    pub raw: RawRows,
    /// What happens when one key or object cannot be decoded.
    pub on_bad: OnBad,
    /// Redis keys whose expiry is at or before this Unix time in milliseconds are not written.
    pub drop_expired_at_ms: Option<u64>,
    /// Whether keys without any known prefix are taken for very old Redis strings.
    pub bare_strings: BareStrings,
    /// Which file names have to keep apart.
    pub names: Names,
    /// The S3 adapter's own switches.
    pub s3: s3::Settings,
    /// Where what does not fit in memory is sorted; files there have no name.
    pub scratch: PathBuf,
    /// Copied to the manifest.
    pub cluster_id: Option<String>,
    /// Raft index to state in the manifest instead of the one found.
    pub index: Option<u64>,
    /// The manifest's time.
    pub wall_time: jiff::Timestamp,
    /// The producer's name and version, for the manifest.
    pub producer: (String, String),
}

impl Options {
    /// Says whether rows of an adapter are decoded: it is selected, and no scope rules all of it out.
    #[must_use]
    pub fn selects(&self, adapter: Adapter) -> bool {
        // There is one Redis database, number 0; the other adapters look at names row by row.
        let in_scope = |names: &BTreeSet<Vec<u8>>| {
            adapter != Adapter::Redis || names.contains(b"0".as_slice())
        };
        self.adapters.contains(adapter) && self.scope.of(adapter).is_none_or(in_scope)
    }

    /// Says whether keys without any known prefix are decoded as Redis strings.
    pub(crate) fn takes_bare_strings(&self) -> bool {
        self.bare_strings == BareStrings::Decode && self.selects(Adapter::Redis)
    }
}

/// A set of adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adapters {
    /// Tables and items.
    pub dynamodb: bool,
    /// Buckets and objects.
    pub s3: bool,
    /// Redis keys.
    pub redis: bool,
    /// Queues and messages.
    pub sqs: bool,
}

impl Adapters {
    /// All of them.
    pub const ALL: Adapters = Adapters {
        dynamodb: true,
        s3: true,
        redis: true,
        sqs: true,
    };

    /// None of them.
    pub const NONE: Adapters = Adapters {
        dynamodb: false,
        s3: false,
        redis: false,
        sqs: false,
    };

    /// Says whether an adapter is in the set.
    #[must_use]
    pub fn contains(self, adapter: Adapter) -> bool {
        match adapter {
            Adapter::DynamoDb => self.dynamodb,
            Adapter::S3 => self.s3,
            Adapter::Redis => self.redis,
            Adapter::Sqs => self.sqs,
        }
    }
}

/// Names to which an adapter is limited: tables, buckets, Redis databases (decimal), queues.
///
/// An adapter that is not listed is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(pub BTreeMap<Adapter, BTreeSet<Vec<u8>>>);

impl Scope {
    /// Returns the names to which `adapter` is limited.
    #[must_use]
    pub fn of(&self, adapter: Adapter) -> Option<&BTreeSet<Vec<u8>>> {
        self.0.get(&adapter)
    }
}

/// What happens to rows with an unknown key prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownRows {
    /// They are counted and shown, and the run ends as incomplete.
    #[default]
    Report,
    /// They are counted and shown.
    Ignore,
    /// Decoding stops before anything is written.
    Refuse,
}

/// Whether rows with an unknown key prefix are written as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RawRows {
    /// They are not.
    #[default]
    Drop,
    /// They go to `_raw/rows.jsonl`, key and body included.
    Write,
}

/// What happens when one key or object cannot be decoded, or a whole family cannot be yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBad {
    /// The run fails.
    #[default]
    Stop,
    /// It is left out, listed in a report, and the run ends as incomplete.
    LeaveOut,
}

/// Whether keys without any known prefix are taken for very old Redis strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareStrings {
    /// They are unknown rows: data of the raw key-value API looks the same.
    #[default]
    Unknown,
    /// They are strings, unless the same key exists in a newer form.
    Decode,
}

/// Which file names have to keep apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// Those that the destination's own file system would mix up.
    #[default]
    Native,
    /// Those that any common file system would mix up or refuse.
    Portable,
}

use crate::family::Family;
use crate::s3;

/// Something worth telling that does not stop the work.
///
/// Every event has a stable name and named fields; text and JSON output show the same ones.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A valid snapshot without rows, as every node writes one when it is initialised.
    EmptySnapshot {
        /// Name of the input.
        input: String,
    },
    /// The index in the file's name lies below the last index applied to its content.
    IndexMismatch {
        /// Name of the input.
        input: String,
        /// The index by its name.
        named: u64,
        /// The index by its content.
        applied: u64,
    },
    /// Rows with an unknown key prefix.
    UnknownRows {
        /// The first component of their keys, escaped; empty for keys without one.
        prefix: String,
        /// How many visible ones.
        rows: u64,
        /// Bytes of their bodies.
        bytes: u64,
    },
    /// Visible data that is left out because it cannot be decoded yet.
    NotDecoded {
        /// The family.
        family: Family,
        /// Its visible rows.
        rows: u64,
    },
    /// Encrypted rows that do not matter for the output.
    EncryptedRows {
        /// How many, of any version.
        rows: u64,
    },
    /// Locks of transactions that were not resolved when the snapshot was taken.
    UnresolvedLocks {
        /// How many.
        locks: u64,
        /// How many of them have a commit record in the same input, so that a live reader would see their write.
        committed: u64,
    },
    /// Expiry rows without any key they belong to.
    RedisOrphanTtl {
        /// How many.
        count: u64,
        /// The first key, escaped.
        example: String,
    },
    /// Expiry rows of keys whose type is not decoded yet.
    RedisTtlNotDecoded {
        /// The family of the keys.
        family: Family,
        /// How many.
        count: u64,
    },
    /// A string that starts like a header but is not one; it was kept whole.
    RedisLegacyHeader {
        /// How many.
        count: u64,
        /// The first key, escaped.
        example: String,
    },
    /// A key that exists as several types; the one that a server would show was written.
    RedisSeveralTypes {
        /// The key, escaped.
        key: String,
        /// The type that counts.
        shown: &'static str,
        /// The type that does not.
        hidden: &'static str,
    },
    /// Names that a file system would mix up took their fallback form.
    NamesKeptApart {
        /// The adapter.
        adapter: &'static str,
        /// How many.
        count: u64,
    },
    /// Nothing of a name that the run was limited to is in the input.
    ScopeNotFound {
        /// The adapter.
        adapter: &'static str,
        /// Bucket or database, escaped.
        name: String,
    },
    /// One key or object was left out.
    LeftOut {
        /// The adapter.
        adapter: &'static str,
        /// Bucket or database, escaped.
        container: String,
        /// Key, escaped.
        key: String,
        /// Stable id of what is wrong.
        id: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Something about S3.
    S3(s3::Event),
}

/// Value of a field of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

impl From<u64> for FieldValue {
    fn from(value: u64) -> Self {
        FieldValue::Number(value)
    }
}

impl From<&str> for FieldValue {
    fn from(value: &str) -> Self {
        FieldValue::Text(value.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(value: String) -> Self {
        FieldValue::Text(value)
    }
}

impl Event {
    /// Returns the stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::EmptySnapshot { .. } => "snapshot_empty",
            Event::IndexMismatch { .. } => "snapshot_index_mismatch",
            Event::UnknownRows { .. } => "unknown_rows",
            Event::NotDecoded { .. } => "family_not_decoded",
            Event::EncryptedRows { .. } => "encrypted_rows",
            Event::UnresolvedLocks { .. } => "txn_unresolved_locks",
            Event::RedisOrphanTtl { .. } => "redis_orphan_ttl",
            Event::RedisTtlNotDecoded { .. } => "redis_ttl_not_decoded",
            Event::RedisLegacyHeader { .. } => "redis_legacy_header",
            Event::RedisSeveralTypes { .. } => "redis_several_types",
            Event::NamesKeptApart { .. } => "names_kept_apart",
            Event::ScopeNotFound { .. } => "scope_not_found",
            Event::LeftOut { .. } => "left_out",
            Event::S3(event) => event.name(),
        }
    }

    /// Returns the fields in their fixed order.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, FieldValue)> {
        match self.clone() {
            Event::EmptySnapshot { input } => vec![("input", input.into())],
            Event::IndexMismatch {
                input,
                named,
                applied,
            } => {
                vec![
                    ("input", input.into()),
                    ("named", named.into()),
                    ("applied", applied.into()),
                ]
            }
            Event::UnknownRows {
                prefix,
                rows,
                bytes,
            } => {
                vec![
                    ("prefix", prefix.into()),
                    ("rows", rows.into()),
                    ("bytes", bytes.into()),
                ]
            }
            Event::NotDecoded { family, rows } => {
                vec![("family", family.name().into()), ("rows", rows.into())]
            }
            Event::EncryptedRows { rows } => vec![("rows", rows.into())],
            Event::UnresolvedLocks { locks, committed } => {
                vec![("locks", locks.into()), ("committed", committed.into())]
            }
            Event::RedisOrphanTtl { count, example }
            | Event::RedisLegacyHeader { count, example } => {
                vec![("count", count.into()), ("example", example.into())]
            }
            Event::RedisTtlNotDecoded { family, count } => {
                vec![("family", family.name().into()), ("count", count.into())]
            }
            Event::RedisSeveralTypes { key, shown, hidden } => {
                vec![
                    ("key", key.into()),
                    ("shown", shown.into()),
                    ("hidden", hidden.into()),
                ]
            }
            Event::ScopeNotFound { adapter, name } => {
                vec![
                    ("adapter", (*adapter).into()),
                    ("name", name.clone().into()),
                ]
            }
            Event::NamesKeptApart { adapter, count } => {
                vec![("adapter", adapter.into()), ("count", count.into())]
            }
            Event::LeftOut {
                adapter,
                container,
                key,
                id,
                reason,
            } => vec![
                ("adapter", adapter.into()),
                ("container", container.into()),
                ("key", key.into()),
                ("id", id.into()),
                ("reason", reason.into()),
            ],
            Event::S3(event) => event.fields(),
        }
    }
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading the input for the first time.
    Survey,
    /// Writing files.
    Write,
    /// Reading what is left and checking the footer.
    Verify,
}

/// How far a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The phase.
    pub phase: Phase,
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes in all, as far as known.
    pub total_bytes: u64,
}

/// Told what a run finds and how far it is; asked whether it should go on.
///
/// Called from several threads, progress at most once per window of 1 MiB or batch of files.
pub trait Observer: Sync {
    /// Takes an event.
    fn event(&self, event: Event);

    /// Takes the progress of the current phase.
    fn progress(&self, progress: Progress);

    /// Says whether the run should stop as soon as it can.
    fn is_cancelled(&self) -> bool;
}

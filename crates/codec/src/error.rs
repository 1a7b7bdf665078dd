use std::fmt;
use std::io;

use crate::family::Family;
use crate::s3;

/// Where in the input something is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Name of the input.
    pub input: String,
    /// Byte offset of the entry.
    pub offset: Option<u64>,
    /// Number of the entry, from 0.
    pub entry: Option<u64>,
    /// The key, bytes outside printable ASCII escaped.
    pub key: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.input)?;
        if let Some(entry) = self.entry {
            write!(f, ", entry {entry}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", offset {offset}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", key {key}")?;
        }
        Ok(())
    }
}

/// Escapes a key for messages, cut after 200 bytes.
#[must_use]
pub(crate) fn escaped(key: &[u8]) -> String {
    const SHOWN: usize = 200;
    match key.get(..SHOWN) {
        Some(head) if key.len() > SHOWN => {
            format!("{}… ({} bytes)", head.escape_ascii(), key.len())
        }
        _ => key.escape_ascii().to_string(),
    }
}

/// Why a snapshot was not decoded or inspected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is damaged or of another kind.
    #[error("{input}")]
    Snapshot {
        /// Name of the input.
        input: String,
        /// What is wrong, and where.
        #[source]
        error: snapshot::Error,
    },
    /// The token that the node put beside the file belongs to other content.
    #[error("{input} has checksum {footer:08x}, but its token says {token:08x}")]
    TokenMismatch {
        /// Name of the input.
        input: String,
        /// The checksum in the token.
        token: u32,
        /// The file's verified checksum.
        footer: u32,
    },
    /// A file was changed while it was read.
    #[error("{input} changed while it was read")]
    Changed {
        /// Name of the input.
        input: String,
    },
    /// Visible rows of a selected adapter are encrypted.
    #[error("{} encrypted; the first is {place}", if *rows == 1 { "1 visible row is".to_owned() } else { format!("{rows} visible rows are") })]
    Encrypted {
        /// How many.
        rows: u64,
        /// The first of them.
        place: Place,
    },
    /// The snapshot holds visible data that this program cannot decode yet.
    #[error(
        "the snapshot holds data that cannot be decoded yet: {}",
        list(families)
    )]
    NotDecoded {
        /// Families and their visible rows.
        families: Vec<(Family, u64)>,
    },
    /// Rows with an unknown key prefix, in a run that refuses them.
    #[error("{} an unknown key prefix; the first is {place}", have(*rows))]
    UnknownRows {
        /// How many.
        rows: u64,
        /// The first of them.
        place: Place,
    },
    /// Two inputs hold the same rows.
    #[error("{first} and {second} are snapshots of the same Raft group: both hold the key {key}")]
    SameGroup {
        /// Name of one input.
        first: String,
        /// Name of the other.
        second: String,
        /// A key that both hold, escaped.
        key: String,
    },
    /// A Redis row that cannot be what it claims to be.
    #[error("{place}: {what}")]
    Redis {
        /// What is wrong.
        what: RedisError,
        /// Where.
        place: Place,
    },
    /// Something in the S3 keyspace.
    #[error(transparent)]
    S3(Box<s3::Error>),
    /// The tree could not be written.
    #[error(transparent)]
    Dump(#[from] dump::Error),
    /// Scratch files could not be written or read.
    #[error(transparent)]
    Spill(#[from] spill::Error),
    /// The operating system refused something.
    #[error("cannot read {input}")]
    Io {
        /// Name of the input.
        input: String,
        /// What it said.
        #[source]
        error: io::Error,
    },
    /// The observer asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// A record in one of the program's own scratch files is not what was put there.
    #[error("a scratch record is damaged ({0})")]
    Scratch(&'static str),
    /// A worker thread ended without a result.
    #[error("a worker thread panicked")]
    Worker,
}

/// What is wrong with a Redis row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// A HyperLogLog's header is cut.
    #[error("the value's header is cut after {length} bytes")]
    HllHeader {
        /// Length of the value.
        length: u64,
    },
    /// A row of the expiry index is not eight bytes long.
    #[error("an expiry of {length} bytes instead of 8")]
    TtlLength {
        /// Length of the value.
        length: u64,
    },
}

fn list(families: &[(Family, u64)]) -> String {
    let items: Vec<String> = families
        .iter()
        .map(|(family, rows)| {
            let unit = if *rows == 1 { "row" } else { "rows" };
            format!("{} ({rows} {unit})", family.name())
        })
        .collect();
    items.join(", ")
}

fn have(rows: u64) -> String {
    match rows {
        1 => "1 row has".to_owned(),
        rows => format!("{rows} rows have"),
    }
}

impl From<s3::Error> for Error {
    fn from(error: s3::Error) -> Self {
        Error::S3(Box::new(error))
    }
}

impl Error {
    /// Returns a stable id if the error concerns one key or object only, so that a partial run can go on without it.
    pub(crate) fn left_out_id(&self) -> Option<&'static str> {
        match self {
            Error::Redis { what, .. } => Some(what.id()),
            Error::S3(error) => error.left_out_id(),
            _ => None,
        }
    }
}

impl RedisError {
    /// Returns the stable id.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            RedisError::HllHeader { .. } => "redis.invalid-hll",
            RedisError::TtlLength { .. } => "redis.invalid-ttl",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: impl Into<Error>, expected: &str) {
        assert_eq!(error.into().to_string(), expected);
    }

    #[test]
    fn one_is_not_several() {
        let unknown = |rows| Error::UnknownRows {
            rows,
            place: Place::default(),
        };
        check(unknown(1), "1 row has an unknown key prefix; the first is ");
        check(
            unknown(2),
            "2 rows have an unknown key prefix; the first is ",
        );
        let families = |rows| list(&[(Family::Sqs, rows)]);
        assert!(families(1).ends_with("(1 row)") && families(2).ends_with("(2 rows)"));
        let refused = |count| {
            s3::Error::from(s3::Fault::RefusedKeys {
                keys: vec!["b/k".to_owned()],
                count,
            })
        };
        check(refused(1), "1 key cannot be a path: b/k");
        check(refused(2), "2 keys cannot be a path: b/k");
        let collision = |count| {
            s3::Error::from(s3::Fault::SuffixCollision {
                keys: vec!["b/k".to_owned()],
                count,
            })
        };
        let rest = "in .elastickv-meta.json, which is reserved for sidecars: b/k";
        check(collision(1), &format!("1 key ends {rest}"));
        check(collision(2), &format!("2 keys end {rest}"));
    }
}

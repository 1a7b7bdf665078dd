//! The native store stream `EKVPBBL1`.

use super::row::{Operational, Row};

/// A native stream under construction; entries stay in the order they were added unless sorted.
#[derive(Clone, Debug, Default)]
pub struct Native {
    last_commit_ts: u64,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Native {
    /// Starts a stream with the commit timestamp of its header.
    pub fn new(last_commit_ts: u64) -> Native {
        Native {
            last_commit_ts,
            entries: Vec::new(),
        }
    }

    /// Adds a version of a key.
    pub fn row(self, row: Row) -> Native {
        self.raw(row.stream_key(), row.stream_value())
    }

    /// Adds several versions.
    pub fn rows(self, rows: impl IntoIterator<Item = Row>) -> Native {
        rows.into_iter().fold(self, Native::row)
    }

    /// Adds a row of the store's own.
    pub fn operational(self, row: Operational) -> Native {
        let (key, value) = row.key_value();
        self.raw(key, value)
    }

    /// Adds the three `_meta_…` rows that practically every real file has.
    pub fn meta_rows(self, applied_index: u64) -> Native {
        let last_commit_ts = self.last_commit_ts;
        // A node sets the watermark to half an hour ago as soon as it starts.
        let watermark = last_commit_ts.saturating_sub(super::hlc(30 * 60 * 1000, 0));
        self.operational(Operational::AppliedIndex(applied_index))
            .operational(Operational::LastCommitTs(last_commit_ts))
            .operational(Operational::MinRetainedTs(watermark))
    }

    /// Adds an entry as it stands, valid or not.
    pub fn raw(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Native {
        self.entries.push((key.into(), value.into()));
        self
    }

    /// Puts the entries into the order in which a node writes them.
    pub fn sorted(mut self) -> Native {
        self.entries.sort();
        self
    }

    /// Gives the entries so far.
    pub fn entries(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.entries
    }

    /// Gives the bytes of the stream: layer C alone.
    pub fn build(&self) -> Vec<u8> {
        let mut out = b"EKVPBBL1".to_vec();
        out.extend(self.last_commit_ts.to_le_bytes());
        for (key, value) in &self.entries {
            entry(key, value, &mut out);
        }
        out
    }
}

/// Appends one framed entry.
pub fn entry(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    for part in [key, value] {
        out.extend((part.len() as u64).to_le_bytes());
        out.extend_from_slice(part);
    }
}

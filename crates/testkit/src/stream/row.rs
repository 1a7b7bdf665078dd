//! One row of a store: user key, version, envelope and body.

/// One version of one key, before it is framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key without its version suffix.
    pub user_key: Vec<u8>,
    /// The commit timestamp of this version.
    pub commit_ts: u64,
    /// The flags byte: bit 0 tombstone, bits 1 and 2 encryption, the others reserved.
    pub flags: u8,
    /// When the version stops being visible, on the hybrid logical clock; 0 for never.
    pub expire_at: u64,
    /// The value without its envelope.
    pub body: Vec<u8>,
}

impl Row {
    /// Makes a live version in clear text that never expires.
    pub fn live(user_key: impl Into<Vec<u8>>, commit_ts: u64, body: impl Into<Vec<u8>>) -> Row {
        Row {
            user_key: user_key.into(),
            commit_ts,
            flags: 0,
            expire_at: 0,
            body: body.into(),
        }
    }

    /// Makes a version that says the key was deleted.
    pub fn tombstone(user_key: impl Into<Vec<u8>>, commit_ts: u64) -> Row {
        Row {
            flags: 1,
            ..Row::live(user_key, commit_ts, [])
        }
    }

    /// Sets the flags byte as it stands, valid or not.
    pub fn with_flags(self, flags: u8) -> Row {
        Row { flags, ..self }
    }

    /// Sets the version's own expiry.
    pub fn with_expire_at(self, expire_at: u64) -> Row {
        Row { expire_at, ..self }
    }

    /// Gives the key as the stream frames it: user key, then the inverted timestamp, big endian.
    pub fn stream_key(&self) -> Vec<u8> {
        [self.user_key.as_slice(), &inverted(self.commit_ts)].concat()
    }

    /// Gives the value as the stream frames it: flags, expiry (little endian), body.
    pub fn stream_value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(9 + self.body.len());
        value.push(self.flags);
        value.extend(self.expire_at.to_le_bytes());
        value.extend_from_slice(&self.body);
        value
    }
}

/// Gives the version suffix of a stream key, which sorts newer versions first.
pub fn inverted(commit_ts: u64) -> [u8; 8] {
    (!commit_ts).to_be_bytes()
}

/// A row that the store keeps for itself, without version suffix and envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operational {
    /// `_meta_applied_index`: the last Raft index that changed the store.
    AppliedIndex(u64),
    /// `_meta_last_commit_ts`: equals the header of the stream.
    LastCommitTs(u64),
    /// `_meta_min_retained_ts`: the compaction watermark.
    MinRetainedTs(u64),
    /// `_meta_pending_min_retained_ts`: the watermark of a compaction that is under way.
    PendingMinRetainedTs(u64),
    /// `!encryption|writers|…`: which epochs a node wrote with an encryption key.
    EncryptionWriter {
        /// The encryption key's id.
        key_id: u32,
        /// The short node id, in the row's key.
        node: u16,
        /// The full node id, in the row's value.
        full_node: u64,
        /// First and last epoch.
        epochs: (u16, u16),
    },
}

impl Operational {
    /// Gives key and value as the stream frames them.
    pub fn key_value(self) -> (Vec<u8>, Vec<u8>) {
        let meta = |name: &str, value: u64| (name.into(), value.to_le_bytes().to_vec());
        match self {
            Operational::AppliedIndex(value) => meta("_meta_applied_index", value),
            Operational::LastCommitTs(value) => meta("_meta_last_commit_ts", value),
            Operational::MinRetainedTs(value) => meta("_meta_min_retained_ts", value),
            Operational::PendingMinRetainedTs(value) => {
                meta("_meta_pending_min_retained_ts", value)
            }
            Operational::EncryptionWriter {
                key_id,
                node,
                full_node,
                epochs,
            } => {
                let mut key = b"!encryption|writers|".to_vec();
                key.extend(key_id.to_be_bytes());
                key.push(b'|');
                key.extend(node.to_be_bytes());
                let mut value = full_node.to_be_bytes().to_vec();
                value.extend(epochs.0.to_be_bytes());
                value.extend(epochs.1.to_be_bytes());
                (key, value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_row_has_the_documented_lengths() {
        let (key, value) = Operational::EncryptionWriter {
            key_id: 7,
            node: 3,
            full_node: 9,
            epochs: (1, 2),
        }
        .key_value();
        assert_eq!((key.len(), value.len()), (27, 12));
    }
}

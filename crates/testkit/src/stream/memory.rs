//! The stream of the in-memory store, `EKVMVCC2`.

/// One version of a key in an [`MemoryStream`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The commit timestamp.
    pub ts: u64,
    /// Whether this version is a deletion.
    pub tombstone: bool,
    /// The version's own expiry on the hybrid logical clock; 0 for never.
    pub expire_at: u64,
    /// The bare body.
    pub value: Vec<u8>,
}

impl Version {
    /// Makes a live version that never expires.
    pub fn live(ts: u64, value: impl Into<Vec<u8>>) -> Version {
        Version {
            ts,
            tombstone: false,
            expire_at: 0,
            value: value.into(),
        }
    }

    /// Makes a deletion.
    pub fn tombstone(ts: u64) -> Version {
        Version {
            tombstone: true,
            ..Version::live(ts, [])
        }
    }
}

/// An `EKVMVCC2` stream under construction.
#[derive(Clone, Debug)]
pub struct MemoryStream {
    version: u32,
    last_commit_ts: u64,
    min_retained_ts: u64,
    keys: Vec<(Vec<u8>, Vec<Version>)>,
}

impl MemoryStream {
    /// Starts a stream of format version 1.
    pub fn new(last_commit_ts: u64, min_retained_ts: u64) -> MemoryStream {
        MemoryStream {
            version: 1,
            last_commit_ts,
            min_retained_ts,
            keys: Vec::new(),
        }
    }

    /// Claims another format version.
    pub fn with_version(self, version: u32) -> MemoryStream {
        MemoryStream { version, ..self }
    }

    /// Adds a key with its versions, which a node writes in ascending order of time.
    pub fn key(mut self, user_key: impl Into<Vec<u8>>, versions: Vec<Version>) -> MemoryStream {
        self.keys.push((user_key.into(), versions));
        self
    }

    /// Gives the bytes of the stream, its checksum included.
    pub fn build(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        rest.extend(self.last_commit_ts.to_le_bytes());
        rest.extend(self.min_retained_ts.to_le_bytes());
        for (key, versions) in &self.keys {
            rest.extend((key.len() as u64).to_le_bytes());
            rest.extend_from_slice(key);
            rest.extend((versions.len() as u64).to_le_bytes());
            for version in versions {
                rest.extend(version.ts.to_le_bytes());
                rest.push(u8::from(version.tombstone));
                rest.extend(version.expire_at.to_le_bytes());
                rest.extend((version.value.len() as u64).to_le_bytes());
                rest.extend_from_slice(&version.value);
            }
        }
        let mut out = b"EKVMVCC2".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(crc32fast::hash(&rest).to_le_bytes());
        out.extend(rest);
        out
    }
}

//! What is sent.

use std::fs::File;
use std::sync::Arc;

use dataset::payload::Payload;
use fsroot::{RelPath, Root};

/// Files with sizes and digests that are known before they are sent.
///
/// Paths are unique, none lies below another. Entries are numbered from 0.
pub trait Source: Send + Sync {
    /// Tells how many files there are.
    fn len(&self) -> usize;

    /// Tells whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Describes a file; `None` beyond the last.
    fn file(&self, index: usize) -> Option<SourceFile<'_>>;

    /// Opens a file at its start, if it is still what was hashed. The error says what became of it, as half a sentence.
    fn open(&self, index: usize) -> Result<File, String>;
}

/// A file of a [`Source`].
#[derive(Clone, Copy, Debug)]
pub struct SourceFile<'a> {
    /// Where it goes.
    pub path: &'a RelPath,
    /// Its size.
    pub size_bytes: u64,
    /// Digest of its content.
    pub sha256: &'a [u8; 32],
}

/// A checked dataset and the directory that it is read from.
#[derive(Debug)]
pub struct PayloadSource {
    payload: Arc<Payload>,
    root: Root,
}

impl PayloadSource {
    /// Takes a payload, which may have other owners too, and the root that its sources are below.
    pub fn new(payload: impl Into<Arc<Payload>>, root: Root) -> Self {
        Self {
            payload: payload.into(),
            root,
        }
    }
}

impl Source for PayloadSource {
    fn len(&self) -> usize {
        self.payload.entries.len()
    }

    fn file(&self, index: usize) -> Option<SourceFile<'_>> {
        self.payload.entries.get(index).map(|entry| SourceFile {
            path: &entry.archive_path,
            size_bytes: entry.size_bytes,
            sha256: &entry.sha256,
        })
    }

    fn open(&self, index: usize) -> Result<File, String> {
        match self.payload.entries.get(index) {
            Some(entry) => entry.open(&self.root),
            None => Err("is not part of the payload".to_owned()),
        }
    }
}

//! What is sent.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use dataset::payload::Payload;
use fsroot::{RelPath, Root};

use super::TransferError;

/// Files with sizes and digests that are known before they are sent.
///
/// Paths are unique, none lies below another. Files are numbered from 0. The list need not be in memory, which is why asking for
/// anything of it may fail; several threads ask, each mostly for one file after the other.
pub trait Source: Send + Sync {
    /// Tells how many files there are.
    fn len(&self) -> usize;

    /// Tells whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the sum of all sizes.
    fn total_bytes(&self) -> u64;

    /// Describes a file; `None` beyond the last.
    fn file(&self, index: usize) -> Result<Option<SourceFile>, TransferError>;

    /// Opens a file at its start, if it is still what was hashed. [`TransferError::SourceChanged`] says what became of it.
    fn open(&self, index: usize) -> Result<File, TransferError>;

    /// Finds the number of the file with a path.
    fn find(&self, path: &[u8]) -> Result<Option<usize>, TransferError>;

    /// Lists all numbers, one range behind the other, in the order of the manifest: that of the bytes of the paths as
    /// `sha256sum` writes them.
    fn in_manifest_order(&self) -> Vec<Range<usize>>;
}

/// A file of a [`Source`].
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Where it goes.
    pub path: RelPath,
    /// Its size.
    pub size_bytes: u64,
    /// Digest of its content.
    pub sha256: [u8; 32],
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
        self.payload.len()
    }

    fn total_bytes(&self) -> u64 {
        self.payload.total_bytes()
    }

    fn file(&self, index: usize) -> Result<Option<SourceFile>, TransferError> {
        let entry = self.payload.entry(index)?;
        Ok(entry.map(|entry| SourceFile {
            path: entry.archive_path,
            size_bytes: entry.size_bytes,
            sha256: entry.sha256,
        }))
    }

    fn open(&self, index: usize) -> Result<File, TransferError> {
        let changed = |path, what| TransferError::SourceChanged { path, what };
        match self.payload.entry(index)? {
            Some(entry) => {
                let opened = entry.open(&self.root);
                opened.map_err(|what| changed(entry.archive_path.to_string(), what))
            }
            None => Err(changed(
                format!("file {index}"),
                "is not part of the payload".to_owned(),
            )),
        }
    }

    fn find(&self, path: &[u8]) -> Result<Option<usize>, TransferError> {
        Ok(self.payload.find(path)?)
    }

    fn in_manifest_order(&self) -> Vec<Range<usize>> {
        self.payload.in_manifest_order()
    }
}

//! What will be sent: every file with its size and digest, in a fixed order.

mod freeze;
mod recent;

use std::fs::File;
use std::ops::Range;

use fsroot::{RelPath, Root};

use crate::ScratchError;
use crate::digest::{Digest, open_unchanged};
use crate::escape::escaped;
pub use crate::escape::{escaped as escaped_name, is_escaped};
use crate::layout::{DataFile, Files, Stamp};
pub(crate) use freeze::freeze;
use recent::Recent;

/// A dataset as it will arrive.
///
/// Files are numbered from 0 in the order of sending: the manifest, the first data directory, the others by name, extra files.
/// The list of them is the check's, and may be on disk; what it takes in memory does not grow with the number of files but for a
/// byte or two each.
#[derive(Debug)]
pub struct Payload {
    parts: Vec<Part>,
    len: usize,
    total_bytes: u64,
    recent: Recent,
}

/// Neighbours in the order of sending.
#[derive(Debug)]
struct Part {
    /// The number of the first one.
    start: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// One file.
    Single(Entry),
    /// All files of a directory, whose path is given.
    Directory(RelPath, Files),
}

/// A file of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it goes. The manifest is `labels.csv` whatever it is called here.
    pub archive_path: RelPath,
    /// Where it is, from the dataset's root.
    pub source: RelPath,
    /// Its size.
    pub size_bytes: u64,
    /// Digest of its content.
    pub sha256: Digest,
    stamp: Stamp,
}

impl Entry {
    /// Writes the digest as people compare it: 64 lower-case hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.sha256)
    }

    /// Opens the file for sending, if it is still what was hashed. The error says what became of it, as half a sentence.
    pub fn open(&self, root: &Root) -> Result<File, String> {
        open_unchanged(root, &self.source, self.stamp).map(|open| open.file)
    }
}

impl Payload {
    /// Puts parts together, in the order of sending.
    fn of(contents: Vec<Content>) -> Result<Payload, ScratchError> {
        let mut payload = Payload {
            parts: Vec::with_capacity(contents.len()),
            len: 0,
            total_bytes: 0,
            recent: Recent::default(),
        };
        for content in contents {
            let start = payload.len;
            payload.len += content.len();
            match &content {
                Content::Single(entry) => payload.total_bytes += entry.size_bytes,
                Content::Directory(_, files) => files.each_size(|_, bytes| {
                    payload.total_bytes += bytes;
                    Ok(())
                })?,
            }
            payload.parts.push(Part { start, content });
        }
        Ok(payload)
    }

    /// Tells how many files there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the sum of all sizes.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Describes a file by its number; `None` beyond the last. Several threads may ask, each for one after the other.
    ///
    /// # Errors
    /// When the list cannot be read back from disk.
    pub fn entry(&self, index: usize) -> Result<Option<Entry>, ScratchError> {
        let Some(part) = self.part(index) else {
            return Ok(None);
        };
        match &part.content {
            Content::Single(entry) => Ok((index == part.start).then(|| entry.clone())),
            content => self
                .recent
                .entry(index, part.start, |range| content.read(range)),
        }
    }

    /// Describes every file, in the order of sending.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, ScratchError>> + '_ {
        (0..self.len).filter_map(|index| self.entry(index).transpose())
    }

    /// Finds the number of the file that goes to a path.
    ///
    /// # Errors
    /// When the list cannot be read back from disk.
    pub fn find(&self, archive_path: &[u8]) -> Result<Option<usize>, ScratchError> {
        for part in &self.parts {
            match &part.content {
                Content::Single(entry) if entry.archive_path.as_bytes() == archive_path => {
                    return Ok(Some(part.start));
                }
                Content::Single(_) => {}
                Content::Directory(path, files) => {
                    let below = archive_path.strip_prefix(path.as_bytes());
                    if let Some(name) = below.and_then(|below| below.strip_prefix(b"/")) {
                        let found = files.finder().find(name)?;
                        return Ok(found.map(|found| part.start + found));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Lists all numbers in the order that a manifest has: that of the bytes of the escaped paths. Each range is in that order.
    pub fn in_manifest_order(&self) -> Vec<Range<usize>> {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_cached_key(|part| match &part.content {
            Content::Single(entry) => escaped(entry.archive_path.as_bytes()).into_owned(),
            Content::Directory(path, _) => [&escaped(path.as_bytes()), &b"/"[..]].concat(),
        });
        let ranges = parts.iter();
        ranges
            .map(|part| part.start..part.start + part.content.len())
            .collect()
    }

    fn part(&self, index: usize) -> Option<&Part> {
        let behind = self.parts.partition_point(|part| part.start <= index);
        let part = self.parts.get(behind.checked_sub(1)?)?;
        (index - part.start < part.content.len()).then_some(part)
    }
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Content::Single(_) => 1,
            Content::Directory(_, files) => files.len(),
        }
    }

    /// Describes files of a directory by their numbers in it.
    fn read(&self, range: Range<usize>) -> Result<Vec<Entry>, ScratchError> {
        match self {
            Content::Single(entry) => Ok(vec![entry.clone()]),
            Content::Directory(path, files) => {
                let files = files.read(range.start, range.len())?;
                Ok(files.iter().filter_map(|file| entry(path, file)).collect())
            }
        }
    }
}

/// Describes a file of a directory.
fn entry(directory: &RelPath, file: &DataFile) -> Option<Entry> {
    // What is in the list is a name, or it would have been refused.
    let archive_path = directory.join(&file.name).ok()?;
    let stamp = file.stamp.unwrap_or_default();
    Some(Entry {
        source: file.stored.clone().unwrap_or_else(|| archive_path.clone()),
        archive_path,
        size_bytes: stamp.size_bytes,
        sha256: file.digest.unwrap_or_default(),
        stamp,
    })
}

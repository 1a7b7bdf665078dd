//! The manifest of a payload: what `sha256sum -c` reads, sorted by name.

use std::borrow::Cow;
use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use super::Source;

/// A payload's files in the order of their names, and the digest of its manifest.
#[derive(Debug)]
pub(super) struct Listing {
    /// Numbers of the files, sorted by their names as the manifest has them.
    sorted: Vec<u32>,
    /// Digest of the manifest, in hexadecimal.
    pub(super) manifest_sha256: String,
    /// Sum of all sizes.
    pub(super) total_bytes: u64,
}

impl Listing {
    /// Sorts and hashes.
    pub(super) fn of(source: &dyn Source) -> Self {
        let mut sorted: Vec<u32> = (0..u32::try_from(source.len()).unwrap_or(u32::MAX)).collect();
        sorted.sort_unstable_by(|one, other| {
            let path = |index: u32| path(source, index);
            escaped(path(*one)).cmp(&escaped(path(*other)))
        });
        let mut hasher = Sha256::new();
        let mut total_bytes = 0;
        for index in &sorted {
            if let Some(file) = source.file(*index as usize) {
                hasher.update(line(file.path.as_bytes(), file.sha256));
                total_bytes += file.size_bytes;
            }
        }
        Self {
            sorted,
            manifest_sha256: data_encoding::HEXLOWER.encode(&hasher.finalize()),
            total_bytes,
        }
    }

    /// Writes the manifest.
    pub(super) fn text(&self, source: &dyn Source) -> Vec<u8> {
        let files = self
            .sorted
            .iter()
            .filter_map(|index| source.file(*index as usize));
        files
            .flat_map(|file| line(file.path.as_bytes(), file.sha256))
            .collect()
    }

    /// Finds the number of the file with that path.
    pub(super) fn find(&self, source: &dyn Source, wanted: &[u8]) -> Option<u32> {
        let wanted = escaped(wanted);
        let order = |index: &u32| -> Ordering { escaped(path(source, *index)).cmp(&wanted) };
        let place = self.sorted.binary_search_by(order).ok()?;
        self.sorted.get(place).copied()
    }
}

fn path(source: &dyn Source, index: u32) -> &[u8] {
    source
        .file(index as usize)
        .map_or(&[], |file| file.path.as_bytes())
}

/// A line of the manifest, newline included.
pub(super) fn line(path: &[u8], sha256: &[u8; 32]) -> Vec<u8> {
    let mut line = Vec::with_capacity(path.len() + 68);
    if is_escaped(path) {
        line.push(b'\\');
    }
    line.extend_from_slice(data_encoding::HEXLOWER.encode(sha256).as_bytes());
    line.extend_from_slice(b"  ");
    line.extend_from_slice(&escaped(path));
    line.push(b'\n');
    line
}

/// Tells whether the hash programs do not agree on how a name is shown.
pub(super) fn is_odd(path: &[u8]) -> bool {
    is_escaped(path) || path.contains(&b'\r')
}

/// Tells whether a name cannot stand on a line as it is.
fn is_escaped(path: &[u8]) -> bool {
    path.iter().any(|byte| matches!(byte, b'\n' | b'\\'))
}

/// The name as it stands in the manifest.
pub(super) fn escaped(path: &[u8]) -> Cow<'_, [u8]> {
    if !is_escaped(path) {
        return path.into();
    }
    let mut text = Vec::with_capacity(path.len() + 8);
    for byte in path {
        match byte {
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'\n' => text.extend_from_slice(b"\\n"),
            other => text.push(*other),
        }
    }
    text.into()
}

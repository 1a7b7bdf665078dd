//! What will be sent: every file with its size and digest, in a fixed order.

use std::fs::File;

use fsroot::{RelPath, Root};

use crate::digest::{Buffer, Digest, changed, hash, open_unchanged};
use crate::finding::Findings;
use crate::layout::{Layout, Stamp};
use crate::observe::{Observer, Stopped};
use crate::parallel::map_ordered_with;
use crate::task::Contract;

/// A dataset as it will arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The files in the order of sending: the manifest, the first data directory, the others by name, extra files.
    pub entries: Vec<Entry>,
    /// Sum of all sizes.
    pub total_bytes: u64,
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

/// Lists everything that will be sent, and hashes on all cores what no rule has hashed while it read.
///
/// `None` if a file is not what it was when it was checked; each such file is a finding under its own name.
pub(crate) fn freeze(
    layout: &Layout,
    contract: &Contract,
    with_tokenizer: bool,
    observer: &dyn Observer,
    findings: &mut Findings,
) -> Result<Option<Payload>, Stopped> {
    let files = list(layout, contract, with_tokenizer);
    let mut digests = Vec::with_capacity(files.len());
    let work = |buffer: &mut Buffer, index: usize| {
        let file = &files[index];
        match file.digest {
            Some(digest) => Ok(digest),
            None => hash(&layout.root, &file.source, file.stamp, buffer),
        }
    };
    map_ordered_with(observer, files.len(), work, |index, result| {
        if let Err(what) = &result {
            changed(files[index].source.to_string(), what, findings);
        }
        digests.push(result.ok());
    })?;
    let entries = files.into_iter().zip(digests).map(|(file, digest)| {
        Some(Entry {
            archive_path: file.archive_path,
            source: file.source,
            size_bytes: file.stamp.size_bytes,
            sha256: digest?,
            stamp: file.stamp,
        })
    });
    let entries: Option<Vec<_>> = entries.collect();
    Ok(entries.map(|entries| Payload {
        total_bytes: entries.iter().map(|entry| entry.size_bytes).sum(),
        entries,
    }))
}

/// A file that will be sent.
struct Sent {
    archive_path: RelPath,
    source: RelPath,
    stamp: Stamp,
    digest: Option<Digest>,
}

/// Lists the files in the order of sending.
fn list(layout: &Layout, contract: &Contract, with_tokenizer: bool) -> Vec<Sent> {
    let mut files = Vec::new();
    let mut add = |archive_path, source, stamp, digest| {
        files.push(Sent {
            archive_path,
            source,
            stamp,
            digest,
        });
    };
    let manifest = &layout.manifest;
    if let Ok(path) = RelPath::new(contract.family.manifest()) {
        add(path, manifest.stored.clone(), manifest.stamp, None);
    }
    let mut directories: Vec<_> = contract.directories.iter().collect();
    if let Some(others) = directories.get_mut(1..) {
        others.sort_by_key(|directory| directory.name);
    }
    for directory in directories
        .iter()
        .filter_map(|wanted| layout.directory(wanted.name))
    {
        for file in &directory.files {
            let path = RelPath::new(&directory.name).and_then(|path| path.join(&file.name));
            if let Ok(path) = path {
                let source = file.stored.clone().unwrap_or_else(|| path.clone());
                let stamp = file.stamp.unwrap_or_default();
                add(path, source, stamp, file.digest.get().copied());
            }
        }
    }
    if let Some(tokenizer) = layout.tokenizer.as_ref().filter(|_| with_tokenizer)
        && let Ok(path) = RelPath::new("tokenizer.json")
    {
        add(path, tokenizer.stored.clone(), tokenizer.stamp, None);
    }
    files
}

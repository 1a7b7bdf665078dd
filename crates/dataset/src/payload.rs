//! What will be sent: every file with its size and digest, in a fixed order.

use std::fs::File;
use std::io::Read;

use fsroot::{RelPath, Root};
use sha2::{Digest, Sha256};

use crate::finding::{Findings, Place};
use crate::layout::{Layout, Stamp, cause};
use crate::observe::{Observer, Stopped, go_on};
use crate::parallel::map_ordered;
use crate::rule::Rule;
use crate::task::Contract;

/// Read at once while hashing.
const BUFFER_BYTES: usize = 256 << 10;

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
    pub sha256: [u8; 32],
    stamp: Stamp,
}

impl Entry {
    /// Writes the digest as people compare it: 64 lower-case hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.sha256)
    }

    /// Opens the file for sending, if it is still what was hashed. The error says what became of it, as half a sentence.
    pub fn open(&self, root: &Root) -> Result<File, String> {
        open_unchanged(root, &self.source, self.stamp)
    }
}

/// Hashes everything that will be sent, on all cores.
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
    let mut entries = Vec::with_capacity(files.len());
    let mut sound = true;
    let work = |index: usize| {
        let (_, source, stamp) = &files[index];
        match observer.is_cancelled() {
            true => Err("was not hashed".to_owned()),
            false => hash(&layout.root, source, *stamp),
        }
    };
    map_ordered(files.len(), work, |index, result| {
        let (archive_path, source, stamp) = files[index].clone();
        match result {
            Ok(sha256) => entries.push(Entry {
                archive_path,
                source,
                size_bytes: stamp.size_bytes,
                sha256,
                stamp,
            }),
            Err(what) => {
                sound = false;
                let shown = source.to_string();
                let message = format!("{shown} {what}.");
                findings.add(Rule::FileChanged, Place::file(shown), message);
            }
        }
    });
    go_on(observer)?;
    Ok(sound.then(|| Payload {
        total_bytes: entries.iter().map(|entry| entry.size_bytes).sum(),
        entries,
    }))
}

/// Lists archive path, source and stamp of every file in the order of sending.
fn list(
    layout: &Layout,
    contract: &Contract,
    with_tokenizer: bool,
) -> Vec<(RelPath, RelPath, Stamp)> {
    let mut files = Vec::new();
    let manifest = &layout.manifest;
    if let Ok(path) = RelPath::new(contract.family.manifest()) {
        files.push((path, manifest.stored.clone(), manifest.stamp));
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
                files.push((path, source, file.stamp));
            }
        }
    }
    if let Some(tokenizer) = layout.tokenizer.as_ref().filter(|_| with_tokenizer)
        && let Ok(path) = RelPath::new("tokenizer.json")
    {
        files.push((path, tokenizer.stored.clone(), tokenizer.stamp));
    }
    files
}

fn hash(root: &Root, source: &RelPath, stamp: Stamp) -> Result<[u8; 32], String> {
    let mut file = open_unchanged(root, source, stamp)?;
    let mut hasher = Sha256::new();
    // A small file needs no large buffer, and there are many of those.
    let room = usize::try_from(stamp.size_bytes)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let mut buffer = vec![0; room.min(BUFFER_BYTES)];
    let mut length = 0u64;
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(|error| format!("cannot be read: {error}"))?;
        if read == 0 {
            break;
        }
        length += read as u64;
        if length > stamp.size_bytes {
            return Err("grew while it was read".to_owned());
        }
        hasher.update(&buffer[..read]);
        // The buffer of a small file has room for one byte more, so that this was the end; asking again would cost as much as
        // the reading did.
        if length == stamp.size_bytes && read < buffer.len() {
            break;
        }
    }
    if length < stamp.size_bytes {
        return Err("shrank while it was read".to_owned());
    }
    Ok(hasher.finalize().into())
}

/// Opens first and asks the handle afterwards, so that nothing can be exchanged in between.
fn open_unchanged(root: &Root, source: &RelPath, stamp: Stamp) -> Result<File, String> {
    let open = match root.open_file(source) {
        Ok(open) => open,
        Err(fsroot::Error::NotFound { .. }) => return Err("vanished".to_owned()),
        Err(fsroot::Error::SymlinkRefused { .. }) => return Err("became a link".to_owned()),
        Err(fsroot::Error::NotRegular { kind, .. }) => return Err(format!("became a {kind}")),
        Err(error) => return Err(format!("cannot be opened any more: {}", cause(&error))),
    };
    let now = Stamp::of(&open.meta);
    if now == stamp {
        return Ok(open.file);
    }
    Err(match now.size_bytes.cmp(&stamp.size_bytes) {
        std::cmp::Ordering::Greater => "grew since it was checked",
        std::cmp::Ordering::Less => "shrank since it was checked",
        std::cmp::Ordering::Equal => "changed since it was checked",
    }
    .to_owned())
}

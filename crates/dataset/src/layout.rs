//! What is on disk and will be sent: the manifest and the data directories of a dataset.

mod bucket;
mod directory;
mod manifest;
mod near_miss;
mod root;

use std::sync::{Arc, OnceLock};

use fsroot::{Metadata, RelPath, Root};

use crate::digest::Digest;
use crate::finding::{Findings, Place};
use crate::request::Settings;
use crate::rule::Rule;
use crate::task::{Contract, Family};

use bucket::Bucket;
pub(crate) use root::open_root;

/// The files of a dataset, found but not read.
#[derive(Debug)]
pub struct Layout {
    /// The directory that everything lies in.
    pub(crate) root: Root,
    /// The CSV file.
    pub(crate) manifest: ManifestFile,
    /// Data directories in registry order.
    pub(crate) directories: Vec<DataDirectory>,
    /// `tokenizer.json`, where there is one beside texts.
    pub(crate) tokenizer: Option<ManifestFile>,
    /// Whether the folder is a decoded S3 bucket.
    pub(crate) is_bucket: bool,
}

/// A file at the top of the dataset.
#[derive(Clone, Debug)]
pub(crate) struct ManifestFile {
    /// Where it is, from the root.
    pub(crate) stored: RelPath,
    /// What messages call it.
    pub(crate) shown: Arc<str>,
    /// What it was when it was found.
    pub(crate) stamp: Stamp,
}

/// A data directory, open, with its files in byte order of their names.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    /// Its name.
    pub(crate) name: String,
    /// A handle on it. Absent where a decoded bucket keeps all its files elsewhere.
    pub(crate) handle: Option<Root>,
    /// Its files.
    pub(crate) files: Vec<DataFile>,
    /// Names of entries that would be files of it, were they not links or special files. Each of them is a finding already.
    pub(crate) refused: Vec<Box<[u8]>>,
}

/// A file of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    /// Its name.
    pub(crate) name: Box<[u8]>,
    /// Where it is from the root, if a decoded bucket keeps it under another name.
    pub(crate) stored: Option<RelPath>,
    /// What it was when it was first looked at.
    pub(crate) stamp: Option<Stamp>,
    /// The digest of its content, if a rule that read it was asked for that as well.
    pub(crate) digest: OnceLock<Digest>,
}

impl DataFile {
    fn new(name: Box<[u8]>, stored: Option<RelPath>) -> DataFile {
        DataFile {
            name,
            stored,
            stamp: None,
            digest: OnceLock::new(),
        }
    }
}

/// What identifies a file's content without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its size.
    pub(crate) size_bytes: u64,
    mtime_ns: i64,
    file: (u64, u64),
}

impl Stamp {
    /// Takes the stamp of an open file.
    pub(crate) fn of(meta: &Metadata) -> Stamp {
        Stamp {
            size_bytes: meta.size_bytes,
            mtime_ns: meta.mtime_ns,
            file: (meta.dev, meta.ino),
        }
    }
}

impl Layout {
    /// Finds a task's files below `root`.
    ///
    /// Everything that is not as it should be is a finding. `None` if there is no manifest to read; a data directory that cannot
    /// be used is empty.
    pub(crate) fn discover(
        root: Root,
        bare_csv: Option<RelPath>,
        settings: &Settings,
        findings: &mut Findings,
    ) -> Option<Layout> {
        let contract = settings.task.contract();
        let bucket = Bucket::recognise(&root, findings);
        let mut hidden = Vec::new();
        let mut top = directory::top(&root, bucket.as_ref(), &mut hidden, findings)?;
        let manifest = manifest::find(&root, bare_csv, contract, &top, bucket.as_ref(), findings);
        let directories: Vec<_> = contract
            .directories
            .iter()
            .map(|wanted| {
                let bucket = bucket.as_ref();
                directory::find(&root, wanted, contract, &top, bucket, &mut hidden, findings)
            })
            .collect();
        let tokenizer = match contract.family {
            Family::Text => manifest::tokenizer(&root, &top),
            _ => None,
        };
        if contract.family != Family::Tabular {
            let is_sent = |name: &[u8]| settings.stage_tokenizer && name == b"tokenizer.json";
            top.retain(|entry| !is_sent(&entry.name));
            directory::note_ignored(contract, &top, findings);
        }
        note_hidden(&hidden, findings);
        Some(Layout {
            root,
            manifest: manifest?,
            directories,
            tokenizer,
            is_bucket: bucket.is_some(),
        })
    }

    /// Finds a task's manifest below `root`, and nothing else.
    pub(crate) fn manifest(
        root: &Root,
        bare_csv: Option<RelPath>,
        contract: &Contract,
        findings: &mut Findings,
    ) -> Option<ManifestFile> {
        let bucket = Bucket::recognise(root, findings);
        let top = directory::top(root, bucket.as_ref(), &mut Vec::new(), findings)?;
        manifest::find(root, bare_csv, contract, &top, bucket.as_ref(), findings)
    }

    /// Takes the files of a folder as they are: all regular files of every directory, whatever their names.
    ///
    /// For folders whose layout is known to be sound, as those of the conformance suite.
    pub fn without_discovery(root: Root, manifest: RelPath) -> Result<Layout, fsroot::Error> {
        let stamp = Stamp::of(&root.stat(&manifest)?.1);
        let mut directories = Vec::new();
        for entry in root.entries()? {
            let entry = entry?;
            if entry.kind == fsroot::Kind::Directory
                && let Ok(path) = RelPath::new(&entry.name)
            {
                directories.push(directory::everything(&root, &path)?);
            }
        }
        Ok(Layout {
            manifest: ManifestFile {
                shown: manifest.to_string().into(),
                stored: manifest,
                stamp,
            },
            root,
            directories,
            tokenizer: None,
            is_bucket: false,
        })
    }

    /// Finds a data directory by its name.
    pub(crate) fn directory(&self, name: &str) -> Option<&DataDirectory> {
        self.directories
            .iter()
            .find(|directory| directory.name == name)
    }

    /// Gives the directory that the manifest's rows name, the first one of the task.
    pub(crate) fn primary(&self, contract: &Contract) -> Option<&DataDirectory> {
        self.directory(contract.directories.first()?.name)
    }

    /// Counts the files that will be sent.
    pub(crate) fn file_count(&self) -> u64 {
        let listed = self.directories.iter();
        1 + listed
            .map(|directory| directory.files.len() as u64)
            .sum::<u64>()
    }
}

impl DataDirectory {
    /// Says whether nothing is in it, which is a finding already: what rows and other directories miss in it is not worth telling.
    pub(crate) fn is_vacant(&self) -> bool {
        self.files.is_empty() && self.refused.is_empty()
    }

    /// Lists the names of all files, those that are refused included.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        let files = self.files.iter().map(|file| &*file.name);
        files.chain(self.refused.iter().map(|name| &**name))
    }

    /// Names a file for messages.
    pub(crate) fn shown(&self, file: &DataFile) -> String {
        format!("{}/{}", self.name, show(&file.name))
    }

    /// Opens a file. No link is followed, and only regular files are opened.
    pub(crate) fn open(
        &self,
        root: &Root,
        file: &DataFile,
    ) -> Result<fsroot::OpenFile, fsroot::Error> {
        match (&file.stored, &self.handle) {
            (Some(stored), _) => root.open_file(stored),
            (None, Some(handle)) => handle.open_file(&single(&file.name)?),
            (None, None) => Err(not_found(&file.name)),
        }
    }

    /// Asks for a file's attributes without opening it.
    pub(crate) fn stat(&self, root: &Root, file: &DataFile) -> Result<Metadata, fsroot::Error> {
        let (_, meta) = match (&file.stored, &self.handle) {
            (Some(stored), _) => root.stat(stored)?,
            (None, Some(handle)) => handle.stat(&single(&file.name)?)?,
            (None, None) => return Err(not_found(&file.name)),
        };
        Ok(meta)
    }
}

fn single(name: &[u8]) -> Result<RelPath, fsroot::Error> {
    RelPath::new(name).map_err(|_| not_found(name))
}

fn not_found(name: &[u8]) -> fsroot::Error {
    fsroot::Error::NotFound {
        path: show(name).into(),
    }
}

/// Gives a name for messages; what is not UTF-8 becomes `\xNN`.
pub(crate) fn show(name: &[u8]) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// Gives the text after the last dot with the dot, in lower case; `None` without a dot.
pub(crate) fn extension(name: &[u8]) -> Option<String> {
    Some(show(raw_extension(name)?).to_lowercase())
}

/// Says whether a name has one of these extensions, each with its dot and in lower case.
pub(crate) fn has_extension(name: &[u8], extensions: &[&str]) -> bool {
    raw_extension(name).is_some_and(|found| {
        extensions
            .iter()
            .any(|extension| found.eq_ignore_ascii_case(extension.as_bytes()))
    })
}

/// Gives the text after the last dot with the dot, as it is.
pub(crate) fn raw_extension(name: &[u8]) -> Option<&[u8]> {
    let dot = memchr::memrchr(b'.', name)?;
    name.get(dot..)
}

/// Gives the name without its extension.
pub(crate) fn stem(name: &[u8]) -> &[u8] {
    let dot = name.iter().rposition(|byte| *byte == b'.');
    &name[..dot.unwrap_or(name.len())]
}

/// Says that something cannot be opened, in the words of the system.
pub(crate) fn unreadable(place: &str, error: &fsroot::Error, findings: &mut Findings) {
    let message = format!("{place} cannot be opened: {}.", cause(error));
    let rule = match error {
        fsroot::Error::SymlinkRefused { .. } => Rule::EntryLink,
        fsroot::Error::NotRegular { .. } => Rule::EntrySpecial,
        _ => Rule::EntryUnreadable,
    };
    findings.add(rule, Place::file(place), message);
}

/// Gives the innermost cause, which is what a person can act on.
pub(crate) fn cause(error: &fsroot::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn note_hidden(hidden: &[String], findings: &mut Findings) {
    let Some(first) = hidden.first() else {
        return;
    };
    let message = match hidden.len() {
        1 => format!("`{first}` is left out because its name begins with a dot."),
        count => format!(
            "{count} entries whose name begins with a dot are left out, for instance `{first}`."
        ),
    };
    findings.add_many(
        Rule::EntryHidden,
        Place::file(first.as_str()),
        hidden.len() as u64,
        message,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_follow_the_last_dot() {
        assert_eq!(extension(b"B.JPG").as_deref(), Some(".jpg"));
        assert_eq!(extension(b"photo.2024").as_deref(), Some(".2024"));
        assert_eq!(extension(b"README"), None);
        assert_eq!(stem(b"photo.2024.jpg"), b"photo.2024");
        assert_eq!(stem(b"README"), b"README");
    }

    #[test]
    fn names_that_are_not_text_can_be_shown() {
        assert_eq!(show(b"caf\xe9.jpg"), "caf\\xe9.jpg");
    }
}

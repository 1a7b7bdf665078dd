//! What is on disk and will be sent: the manifest and the data directories of a dataset.

mod bucket;
mod census;
mod directory;
mod files;
mod hidden;
mod manifest;
mod near_miss;
mod room;
mod root;
mod stamp;
mod twins;

use std::sync::Arc;

use fsroot::{Metadata, RelPath, Root};
use spill::Table;

use crate::finding::{Findings, Place};
use crate::request::Settings;
use crate::rule::Rule;
use crate::task::{Contract, Family};

use bucket::Bucket;
pub(crate) use files::{DataFile, Files, Finder};
use hidden::Hidden;
pub(crate) use room::Room;
pub(crate) use root::open_root;
pub(crate) use stamp::Stamp;

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
    /// Where long lists go.
    pub(crate) room: Room,
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

/// A data directory, open, with the list of its files.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    /// Its name.
    pub(crate) name: String,
    /// A handle on it. Absent where a decoded bucket keeps all its files elsewhere.
    pub(crate) handle: Option<Root>,
    /// Its files.
    pub(crate) files: Files,
    /// Names of entries that would be files of it, were they not links or special files. Each of them is a finding already.
    pub(crate) refused: Table,
}

/// A data directory without the list of its files, for reading them while the list changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folder<'a> {
    name: &'a str,
    handle: Option<&'a Root>,
    /// The dataset's root.
    root: &'a Root,
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
    ) -> Result<Option<Layout>, spill::Error> {
        let contract = settings.task.contract();
        let room = Room::new(&settings.scratch_dir, settings.list_memory_bytes);
        let bucket = Bucket::recognise(&root, findings);
        let mut hidden = Hidden::default();
        let Some(mut top) = directory::top(&root, bucket.as_ref(), &mut hidden, findings) else {
            return Ok(None);
        };
        let manifest = manifest::find(&root, bare_csv, contract, &top, bucket.as_ref(), findings);
        let search = directory::Search {
            root: &root,
            contract,
            top: &top,
            bucket: bucket.as_ref(),
            room: &room,
        };
        let directories: Result<Vec<_>, _> = contract
            .directories
            .iter()
            .map(|wanted| search.find(wanted, &mut hidden, findings))
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
        hidden.note(findings);
        let directories = directories?;
        let is_bucket = bucket.is_some();
        Ok(manifest.map(|manifest| Layout {
            root,
            manifest,
            directories,
            tokenizer,
            is_bucket,
            room,
        }))
    }

    /// Finds a task's manifest below `root`, and nothing else.
    pub(crate) fn manifest(
        root: &Root,
        bare_csv: Option<RelPath>,
        contract: &Contract,
        findings: &mut Findings,
    ) -> Option<ManifestFile> {
        let bucket = Bucket::recognise(root, findings);
        let top = directory::top(root, bucket.as_ref(), &mut Hidden::default(), findings)?;
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
            room: Room::memory(),
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

    /// Gives the same to whoever notes something of its files, and the root beside it.
    pub(crate) fn primary_mut(
        &mut self,
        contract: &Contract,
    ) -> Option<(&Root, &mut DataDirectory)> {
        let name = contract.directories.first()?.name;
        let mut directories = self.directories.iter_mut();
        let directory = directories.find(|directory| directory.name == name)?;
        Some((&self.root, directory))
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

    /// Gives the names of all files, those that are refused included.
    pub(crate) fn each_name<E: From<spill::Error>>(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.files.each_name(|_, name| take(name))?;
        self.each_refused(take)
    }

    /// Gives the names of those that are refused.
    pub(crate) fn each_refused<E: From<spill::Error>>(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut refused = self.refused.lookup();
        for number in 0..self.refused.len() {
            if let Some((name, _)) = refused.get(number)? {
                take(name)?;
            }
        }
        Ok(())
    }

    /// Names a file for messages.
    pub(crate) fn shown(&self, name: &[u8]) -> String {
        shown_in(&self.name, name)
    }

    /// Takes the directory and the list of its files apart.
    pub(crate) fn apart<'a>(&'a mut self, root: &'a Root) -> (Folder<'a>, &'a mut Files) {
        let folder = Folder {
            name: &self.name,
            handle: self.handle.as_ref(),
            root,
        };
        (folder, &mut self.files)
    }

    /// Gives the directory without the list.
    pub(crate) fn folder<'a>(&'a self, root: &'a Root) -> Folder<'a> {
        Folder {
            name: &self.name,
            handle: self.handle.as_ref(),
            root,
        }
    }
}

impl Folder<'_> {
    /// Names a file for messages.
    pub(crate) fn shown(&self, file: &DataFile) -> String {
        shown_in(self.name, &file.name)
    }

    /// Opens a file. No link is followed, and only regular files are opened.
    pub(crate) fn open(&self, file: &DataFile) -> Result<fsroot::OpenFile, fsroot::Error> {
        match (&file.stored, self.handle) {
            (Some(stored), _) => self.root.open_file(stored),
            (None, Some(handle)) => handle.open_file(&single(&file.name)?),
            (None, None) => Err(not_found(&file.name)),
        }
    }

    /// Asks for a file's attributes without opening it.
    pub(crate) fn stat(&self, file: &DataFile) -> Result<Metadata, fsroot::Error> {
        let (_, meta) = match (&file.stored, self.handle) {
            (Some(stored), _) => self.root.stat(stored)?,
            (None, Some(handle)) => handle.stat(&single(&file.name)?)?,
            (None, None) => return Err(not_found(&file.name)),
        };
        Ok(meta)
    }
}

fn shown_in(directory: &str, name: &[u8]) -> String {
    format!("{directory}/{}", show(name))
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

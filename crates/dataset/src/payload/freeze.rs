//! Making the payload of what was found: everything that is not hashed yet is hashed.

use fsroot::{RelPath, Root};

use super::{Content, Entry, Payload};
use crate::digest::{Buffer, changed, hash};
use crate::finding::Findings;
use crate::layout::{DataDirectory, DataFile, Layout, ManifestFile};
use crate::observe::{Observer, Stopped};
use crate::task::Contract;

/// Lists everything that will be sent, and hashes on all cores what no rule has hashed while it read.
///
/// `None` if a file is not what it was when it was checked; each such file is a finding under its own name.
pub(crate) fn freeze(
    layout: Layout,
    contract: &Contract,
    with_tokenizer: bool,
    observer: &dyn Observer,
    findings: &mut Findings,
) -> Result<Option<Payload>, Stopped> {
    let mut freezing = Freezing {
        root: &layout.root,
        observer,
        findings,
        contents: Vec::new(),
        is_whole: true,
    };
    freezing.single(contract.family.manifest(), &layout.manifest);
    let primary = contract.directories.first().map(|wanted| wanted.name);
    let wanted = |directory: &DataDirectory| {
        let mut all = contract.directories.iter();
        all.any(|wanted| wanted.name == directory.name)
    };
    let mut directories = layout.directories;
    directories.retain(wanted);
    directories.sort_by_key(|directory| {
        let is_primary = Some(directory.name.as_str()) == primary;
        (!is_primary, directory.name.clone())
    });
    for directory in directories {
        freezing.directory(directory)?;
    }
    if let Some(tokenizer) = layout.tokenizer.as_ref().filter(|_| with_tokenizer) {
        freezing.single("tokenizer.json", tokenizer);
    }
    let Freezing {
        contents, is_whole, ..
    } = freezing;
    match is_whole {
        true => Ok(Some(Payload::of(contents)?)),
        false => Ok(None),
    }
}

/// A payload in the making.
struct Freezing<'a> {
    root: &'a Root,
    observer: &'a dyn Observer,
    findings: &'a mut Findings,
    contents: Vec<Content>,
    /// Whether every file so far is what it was.
    is_whole: bool,
}

impl Freezing<'_> {
    fn single(&mut self, path: &str, file: &ManifestFile) {
        let Ok(archive_path) = RelPath::new(path) else {
            return;
        };
        match hash(self.root, &file.stored, file.stamp, &mut Buffer::default()) {
            Ok(sha256) => self.contents.push(Content::Single(Entry {
                archive_path,
                source: file.stored.clone(),
                size_bytes: file.stamp.size_bytes,
                sha256,
                stamp: file.stamp,
            })),
            Err(what) => self.changed(&file.stored, &what),
        }
    }

    fn directory(&mut self, directory: DataDirectory) -> Result<(), Stopped> {
        let Ok(path) = RelPath::new(&directory.name) else {
            return Ok(());
        };
        let mut files = directory.files;
        let root = self.root;
        let source = |file: &DataFile| match &file.stored {
            Some(stored) => Ok(stored.clone()),
            None => path.join(&file.name),
        };
        let work = |buffer: &mut Buffer, file: &DataFile| {
            if let Some(digest) = file.digest {
                return Ok(digest);
            }
            match source(file) {
                Ok(source) => hash(root, &source, file.stamp.unwrap_or_default(), buffer),
                Err(invalid) => Err(format!("cannot be sent: {invalid}")),
            }
        };
        files.visit(self.observer, Buffer::default, work, |file, result| {
            match result {
                Ok(digest) => file.digest = Some(digest),
                Err(what) => {
                    if let Ok(source) = source(file) {
                        self.changed(&source, &what);
                    }
                }
            }
            Ok(())
        })?;
        self.contents.push(Content::Directory(path, files));
        Ok(())
    }

    fn changed(&mut self, source: &RelPath, what: &str) {
        self.is_whole = false;
        changed(source.to_string(), what, self.findings);
    }
}

//! Listing the top of a dataset and its data directories.

use std::collections::BTreeMap;

use fsroot::{Kind, RelPath, Root};
use spill::{Sorted, Sorter, Table};

use super::bucket::Bucket;
use super::census::{Census, Extensions, counted};
use super::files::FilesWriter;
use super::hidden::Hidden;
use super::near_miss::near_miss;
use super::room::Room;
use super::{DataDirectory, Files, has_extension, show, twins, unreadable};
use crate::csv::listed;
use crate::escape::{escaped, unescaped};
use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::size::amount;
use crate::task::{Contract, Directory};

/// A name in a directory, as the dataset has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Box<[u8]>,
    pub(super) kind: Kind,
    /// Where it is from the root, if a decoded bucket keeps it under another name.
    pub(super) stored: Option<RelPath>,
}

/// Subdirectories of a data directory that are looked into for files one level too deep.
const NESTED_LOOKED_INTO: usize = 100;

/// Lists the top of the dataset, without hidden names and a bucket's own files.
pub(super) fn top(
    root: &Root,
    bucket: Option<&Bucket>,
    hidden: &mut Hidden,
    findings: &mut Findings,
) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let listed = each(root, "", bucket, hidden, |entry| {
        entries.push(entry);
        Ok(())
    });
    match listed {
        Ok(()) => entries.sort_by(|one, other| one.name.cmp(&other.name)),
        Err(Unlisted::Scratch(_)) => {}
        Err(Unlisted::Directory(error)) => {
            let place = root.path().display().to_string();
            let message = format!(
                "The dataset folder cannot be listed: {}.",
                super::cause(&error)
            );
            findings.add(Rule::RootUnreadable, Place::file(place), message);
            return None;
        }
    }
    if bucket.is_some() {
        entries.retain(|entry| !Bucket::is_own(&entry.name));
    }
    Some(entries)
}

/// Where data directories are looked for.
pub(super) struct Search<'a> {
    pub(super) root: &'a Root,
    pub(super) contract: &'a Contract,
    pub(super) top: &'a [Entry],
    pub(super) bucket: Option<&'a Bucket>,
    pub(super) room: &'a Room,
}

impl Search<'_> {
    /// Finds a data directory and lists its files. What is wrong with it is a finding, and leaves it empty.
    pub(super) fn find(
        &self,
        wanted: &Directory,
        hidden: &mut Hidden,
        findings: &mut Findings,
    ) -> Result<DataDirectory, spill::Error> {
        let &Search {
            root,
            contract,
            top,
            bucket,
            room,
        } = self;
        let mut directory = DataDirectory {
            name: wanted.name.to_owned(),
            handle: None,
            files: Files::none()?,
            refused: Table::empty(),
        };
        let mut entries = room.sorter();
        let listed = match open(root, wanted, contract, top, findings) {
            Some(handle) => {
                let listed = each(&handle, wanted.name, bucket, hidden, |entry| {
                    entry.push_to(&mut entries)
                });
                directory.handle = Some(handle);
                listed
            }
            None => {
                let elsewhere = bucket.map(|bucket| bucket.elsewhere(wanted.name));
                let elsewhere = elsewhere.filter(|entries| !entries.is_empty());
                let Some(elsewhere) = elsewhere else {
                    return Ok(directory);
                };
                let pushed = elsewhere
                    .iter()
                    .try_for_each(|entry| entry.push_to(&mut entries));
                pushed.map_err(Unlisted::Scratch)
            }
        };
        match listed {
            Ok(()) => accept(&mut directory, wanted, entries.finish()?, room, findings)?,
            Err(Unlisted::Directory(error)) => unreadable(wanted.name, &error, findings),
            Err(Unlisted::Scratch(error)) => return Err(error),
        }
        Ok(directory)
    }
}

/// Lists all files of a directory, without rules and in memory.
pub(super) fn everything(root: &Root, path: &RelPath) -> Result<DataDirectory, fsroot::Error> {
    let handle = root.open_dir(path)?;
    let mut names = Vec::new();
    for entry in handle.entries()? {
        let entry = entry?;
        if entry.kind != Kind::Directory {
            names.push(escaped(&entry.name).into_owned());
        }
    }
    names.sort_unstable();
    let list = || {
        let mut files = FilesWriter::new(&Room::memory());
        names.iter().try_for_each(|name| files.push(name, None))?;
        files.finish()
    };
    let files = list().map_err(|error| fsroot::Error::Io {
        operation: "list",
        path: handle.path().to_owned(),
        source: std::io::Error::other(error),
    })?;
    Ok(DataDirectory {
        name: show(path.as_bytes()),
        handle: Some(handle),
        files,
        refused: Table::empty(),
    })
}

/// Mentions what lies at the top and is not sent.
pub(super) fn note_ignored(contract: &Contract, top: &[Entry], findings: &mut Findings) {
    let ignored: Vec<_> = top
        .iter()
        .filter(|entry| !is_used(contract, &entry.name))
        .collect();
    let Some(first) = ignored.first() else {
        return;
    };
    let names: Vec<_> = ignored.iter().map(|entry| show(&entry.name)).collect();
    let message = format!(
        "Not used by this task and not sent: {}.",
        listed(names.iter().map(String::as_str))
    );
    findings.add_many(
        Rule::EntryIgnored,
        Place::file(show(&first.name)),
        ignored.len() as u64,
        message,
    );
}

/// Says whether a name at the top is one that the task needs.
pub(super) fn is_used(contract: &Contract, name: &[u8]) -> bool {
    let mut directories = contract.directories.iter();
    name == contract.family.manifest().as_bytes()
        || directories.any(|directory| directory.name.as_bytes() == name)
}

fn open(
    root: &Root,
    wanted: &Directory,
    contract: &Contract,
    top: &[Entry],
    findings: &mut Findings,
) -> Option<Root> {
    let path = RelPath::new(wanted.name).ok()?;
    let place = Place::file(wanted.name);
    match root.stat(&path) {
        Ok((Kind::Directory, _)) => {}
        Ok((kind, _)) => {
            let message = format!("{} is a {kind}, not a real directory.", wanted.name);
            let remedy = match kind {
                Kind::Symlink => format!(
                    "Make it a real directory: `cp -rL` copies what {} points at.",
                    wanted.name
                ),
                _ => format!(
                    "Move it away, and make {}/ a directory with the files.",
                    wanted.name
                ),
            };
            findings.add_remedied(Rule::DirectoryKind, place, message, remedy);
            return None;
        }
        Err(fsroot::Error::NotFound { .. }) => {
            let message = format!("There is no directory {}/ in the folder.", wanted.name);
            let needed = |name: &str| is_used(contract, name.as_bytes());
            let could_be = top.iter().filter(|entry| entry.kind != Kind::File);
            match near_miss(wanted.name, needed, could_be) {
                Some(other) => {
                    let remedy = format!("Rename {other} to {}.", wanted.name);
                    findings.add_remedied(Rule::DirectoryMissing, place, message, remedy);
                }
                None => findings.add(Rule::DirectoryMissing, place, message),
            }
            return None;
        }
        Err(error) => {
            unreadable(wanted.name, &error, findings);
            return None;
        }
    }
    match root.open_dir(&path) {
        Ok(handle) => Some(handle),
        Err(error) => {
            unreadable(wanted.name, &error, findings);
            None
        }
    }
}

/// Why a directory was not listed to its end.
enum Unlisted {
    Directory(fsroot::Error),
    Scratch(spill::Error),
}

impl From<fsroot::Error> for Unlisted {
    fn from(error: fsroot::Error) -> Unlisted {
        Unlisted::Directory(error)
    }
}

/// Gives the entries of a directory as they come, with a bucket's renames undone and its own files left out.
fn each(
    handle: &Root,
    name: &str,
    bucket: Option<&Bucket>,
    hidden: &mut Hidden,
    mut take: impl FnMut(Entry) -> Result<(), spill::Error>,
) -> Result<(), Unlisted> {
    for entry in handle.entries()? {
        let entry = entry?;
        if entry.name.starts_with(b".") {
            hidden.add(name, &entry.name);
            continue;
        }
        if bucket.is_some_and(|bucket| bucket.hides(name, &entry.name)) {
            continue;
        }
        take(Entry {
            name: entry.name.into(),
            kind: entry.kind,
            stored: None,
        })
        .map_err(Unlisted::Scratch)?;
    }
    let elsewhere = bucket.map(|bucket| bucket.elsewhere(name));
    for entry in elsewhere.unwrap_or_default() {
        take(entry).map_err(Unlisted::Scratch)?;
    }
    Ok(())
}

impl Entry {
    /// Adds the entry under its escaped name.
    fn push_to(&self, sorter: &mut Sorter) -> Result<(), spill::Error> {
        let mut value = vec![self.kind.to_byte()];
        value.extend(self.stored.iter().flat_map(RelPath::as_bytes));
        sorter.push(&escaped(&self.name), &value)
    }

    fn read(key: &[u8], value: &[u8]) -> Entry {
        let (kind, stored) = value.split_first().unwrap_or((&u8::MAX, &[]));
        Entry {
            name: unescaped(key).into(),
            kind: Kind::from_byte(*kind).unwrap_or(Kind::Device),
            // An empty path is none.
            stored: RelPath::new(stored).ok(),
        }
    }
}

/// Takes the files with accepted extensions, and says what is wrong with the rest.
fn accept(
    directory: &mut DataDirectory,
    wanted: &Directory,
    mut entries: Sorted,
    room: &Room,
    findings: &mut Findings,
) -> Result<(), spill::Error> {
    let mut census = Census::default();
    let mut files = FilesWriter::new(room);
    let mut refused = room.writer();
    while let Some((key, value)) = entries.next()? {
        let entry = Entry::read(key, value);
        if entry.kind == Kind::Directory {
            if census.subdirectories.len() < NESTED_LOOKED_INTO {
                census.subdirectories.push(entry.name);
            }
            continue;
        }
        if !has_extension(&entry.name, wanted.extensions) {
            census.others.count(&entry.name);
            continue;
        }
        match refusal(&entry) {
            None => {
                census.accepted.count(&entry.name);
                census.has_unusual |= twins::is_unusual(&entry.name);
                files.push(key, entry.stored.as_ref())?;
            }
            Some((rule, what)) => {
                let shown = format!("{}/{}", wanted.name, show(&entry.name));
                let message = format!("{shown} {what}");
                findings.add(rule, Place::file(shown), message);
                refused.push(&entry.name, b"")?;
            }
        }
    }
    directory.files = files.finish()?;
    directory.refused = refused.finish()?;
    let others = census.others.by_name();
    let nested = nested(directory, wanted, &census.subdirectories);
    if directory.is_vacant() {
        no_files(wanted, &others, nested.first(), findings);
    } else {
        note_others(wanted, &others, findings);
    }
    note_nested(wanted, nested, findings);
    mixed_types(wanted, &census.accepted, findings);
    match census.has_unusual {
        true => twins::note(directory, room, findings),
        false => Ok(()),
    }
}

/// Says why an entry with an accepted extension is not sent: the rule, and the end of a sentence.
fn refusal(entry: &Entry) -> Option<(Rule, String)> {
    match entry.kind {
        // What the file system lists is a name; what a bucket's key map says need not be.
        Kind::File if entry.stored.is_some() && RelPath::new(&entry.name).is_err() => Some((
            Rule::EntryUnreadable,
            "cannot be sent: no file's name has more than 255 bytes.".to_owned(),
        )),
        Kind::File => None,
        Kind::Symlink => Some((Rule::EntryLink, "is a symbolic link.".to_owned())),
        kind => Some((
            Rule::EntrySpecial,
            format!("is a {kind}, not a regular file."),
        )),
    }
}

fn note_nested(wanted: &Directory, nested: Vec<(String, u64)>, findings: &mut Findings) {
    for (subdirectory, count) in nested {
        let path = format!("{}/{subdirectory}", wanted.name);
        let message = format!(
            "{path}/ holds {} not sent, because only {}/ itself is read.",
            amount(count, "file"),
            wanted.name
        );
        let remedy = format!("Move them up: mv {path}/* {}/.", wanted.name);
        findings.add_remedied(Rule::EntryNested, Place::file(path), message, remedy);
    }
}

fn no_files(
    wanted: &Directory,
    others: &BTreeMap<String, u64>,
    nested: Option<&(String, u64)>,
    findings: &mut Findings,
) {
    let accepted = wanted.extensions.join(", ");
    let message = match others.is_empty() {
        true => format!(
            "{}/ holds no file with an accepted extension ({accepted}).",
            wanted.name
        ),
        false => format!(
            "{}/ holds no file with an accepted extension ({accepted}), only {}.",
            wanted.name,
            counted(others)
        ),
    };
    let place = Place::file(wanted.name);
    match nested {
        Some((subdirectory, _)) => {
            let remedy = format!(
                "Move the files up: mv {0}/{subdirectory}/* {0}/.",
                wanted.name
            );
            findings.add_remedied(Rule::NoFiles, place, message, remedy);
        }
        None => findings.add(Rule::NoFiles, place, message),
    }
}

fn note_others(wanted: &Directory, others: &BTreeMap<String, u64>, findings: &mut Findings) {
    if others.is_empty() {
        return;
    }
    let message = format!(
        "{}/ holds files with other extensions, which are not sent: {}.",
        wanted.name,
        counted(others)
    );
    let count = others.values().sum();
    findings.add_many(Rule::EntryIgnored, Place::file(wanted.name), count, message);
}

/// All files of a directory must have one extension. `.jpg` and `.jpeg` are two.
fn mixed_types(wanted: &Directory, accepted: &Extensions, findings: &mut Findings) {
    let extensions = accepted.by_name();
    if extensions.len() > 1 {
        let message = format!(
            "{}/ mixes file types: {}.",
            wanted.name,
            counted(&extensions)
        );
        findings.add(Rule::FileMixedTypes, Place::file(wanted.name), message);
    }
}

/// Lists subdirectories that hold accepted files, with their number.
fn nested(
    directory: &DataDirectory,
    wanted: &Directory,
    subdirectories: &[Box<[u8]>],
) -> Vec<(String, u64)> {
    let Some(handle) = &directory.handle else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for name in subdirectories {
        let listing = RelPath::new(name)
            .ok()
            .and_then(|path| handle.open_dir(&path).ok());
        let Some(subdirectory) = listing else {
            continue;
        };
        let Ok(entries) = subdirectory.entries() else {
            continue;
        };
        let is_accepted =
            |name: &[u8]| !name.starts_with(b".") && has_extension(name, wanted.extensions);
        let count = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.kind == Kind::File && is_accepted(&entry.name))
            .count() as u64;
        if count > 0 {
            found.push((show(name), count));
        }
    }
    found
}

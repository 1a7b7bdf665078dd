//! Listing the top of a dataset and its data directories.

use std::collections::{BTreeMap, HashMap};

use fsroot::{Kind, RelPath, Root};

use super::bucket::Bucket;
use super::near_miss::near_miss;
use super::{DataDirectory, DataFile, extension, has_extension, raw_extension, show, unreadable};
use crate::csv::{header_fold, listed};
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
    hidden: &mut Vec<String>,
    findings: &mut Findings,
) -> Option<Vec<Entry>> {
    let listed = list(root, "", bucket, hidden);
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => {
            let place = root.path().display().to_string();
            let message = format!(
                "The dataset folder cannot be listed: {}.",
                super::cause(&error)
            );
            findings.add(Rule::RootUnreadable, Place::file(place), message);
            return None;
        }
    };
    if bucket.is_some() {
        entries.retain(|entry| !Bucket::is_own(&entry.name));
    }
    Some(entries)
}

/// Finds a data directory and lists its files. What is wrong with it is a finding, and leaves it empty.
pub(super) fn find(
    root: &Root,
    wanted: &Directory,
    contract: &Contract,
    top: &[Entry],
    bucket: Option<&Bucket>,
    hidden: &mut Vec<String>,
    findings: &mut Findings,
) -> DataDirectory {
    let mut directory = DataDirectory {
        name: wanted.name.to_owned(),
        handle: None,
        files: Vec::new(),
        refused: Vec::new(),
    };
    match open(root, wanted, contract, top, findings) {
        Some(handle) => directory.handle = Some(handle),
        None if bucket.is_some_and(|bucket| bucket.has_elsewhere(wanted.name)) => {}
        None => return directory,
    }
    let entries = match &directory.handle {
        Some(handle) => list(handle, wanted.name, bucket, hidden),
        None => Ok(bucket
            .map(|bucket| bucket.elsewhere(wanted.name))
            .unwrap_or_default()),
    };
    match entries {
        Ok(entries) => accept(&mut directory, wanted, entries, findings),
        Err(error) => unreadable(wanted.name, &error, findings),
    }
    twins(&directory, findings);
    directory
}

/// Lists all files of a directory, without rules.
pub(super) fn everything(root: &Root, path: &RelPath) -> Result<DataDirectory, fsroot::Error> {
    let handle = root.open_dir(path)?;
    let mut files = Vec::new();
    for entry in handle.entries()? {
        let entry = entry?;
        if entry.kind != Kind::Directory {
            files.push(DataFile::new(entry.name.into(), None));
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(DataDirectory {
        name: show(path.as_bytes()),
        handle: Some(handle),
        files,
        refused: Vec::new(),
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

/// Lists a directory in byte order, with a bucket's renames undone and its own files left out.
fn list(
    handle: &Root,
    name: &str,
    bucket: Option<&Bucket>,
    hidden: &mut Vec<String>,
) -> Result<Vec<Entry>, fsroot::Error> {
    let mut entries = Vec::new();
    for entry in handle.entries()? {
        let entry = entry?;
        if entry.name.starts_with(b".") {
            let shown = show(&entry.name);
            hidden.push(match name {
                "" => shown,
                _ => format!("{name}/{shown}"),
            });
            continue;
        }
        entries.push(Entry {
            name: entry.name.into(),
            kind: entry.kind,
            stored: None,
        });
    }
    if let Some(bucket) = bucket {
        entries.retain(|entry| !bucket.hides(name, &entry.name));
        entries.extend(bucket.elsewhere(name));
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Takes the files with accepted extensions, and says what is wrong with the rest.
fn accept(
    directory: &mut DataDirectory,
    wanted: &Directory,
    entries: Vec<Entry>,
    findings: &mut Findings,
) {
    let nested = nested(directory, wanted, &entries);
    let DataDirectory { files, refused, .. } = directory;
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    for entry in entries {
        if entry.kind == Kind::Directory {
            continue;
        }
        if !has_extension(&entry.name, wanted.extensions) {
            let extension =
                extension(&entry.name).unwrap_or_else(|| "without extension".to_owned());
            *others.entry(extension).or_default() += 1;
            continue;
        }
        let shown = || format!("{}/{}", wanted.name, show(&entry.name));
        match entry.kind {
            // What the file system lists is a name; what a bucket's key map says need not be.
            Kind::File if entry.stored.is_some() && RelPath::new(&entry.name).is_err() => {
                let shown = shown();
                let message =
                    format!("{shown} cannot be sent: no file's name has more than 255 bytes.");
                findings.add(Rule::EntryUnreadable, Place::file(shown), message);
                refused.push(entry.name);
            }
            Kind::File => files.push(DataFile::new(entry.name, entry.stored)),
            Kind::Symlink => {
                let shown = shown();
                let message = format!("{shown} is a symbolic link.");
                findings.add(Rule::EntryLink, Place::file(shown), message);
                refused.push(entry.name);
            }
            kind => {
                let shown = shown();
                let message = format!("{shown} is a {kind}, not a regular file.");
                findings.add(Rule::EntrySpecial, Place::file(shown), message);
                refused.push(entry.name);
            }
        }
    }
    if files.is_empty() && refused.is_empty() {
        no_files(wanted, &others, nested.first(), findings);
    } else {
        note_others(wanted, &others, findings);
    }
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
    mixed_types(wanted, files, findings);
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
fn mixed_types(wanted: &Directory, files: &[DataFile], findings: &mut Findings) {
    let first = files.first().and_then(|file| raw_extension(&file.name));
    let is_first = |file: &DataFile| {
        let pair = raw_extension(&file.name).zip(first);
        pair.is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    if files.iter().all(is_first) {
        return;
    }
    let mut extensions: BTreeMap<String, u64> = BTreeMap::new();
    for file in files {
        if let Some(extension) = extension(&file.name) {
            *extensions.entry(extension).or_default() += 1;
        }
    }
    if extensions.len() > 1 {
        let message = format!(
            "{}/ mixes file types: {}.",
            wanted.name,
            counted(&extensions)
        );
        findings.add(Rule::FileMixedTypes, Place::file(wanted.name), message);
    }
}

/// Writes `.gif ×3, .webp ×1`.
fn counted(extensions: &BTreeMap<String, u64>) -> String {
    let counted: Vec<_> = extensions
        .iter()
        .map(|(extension, count)| format!("{extension} ×{count}"))
        .collect();
    counted.join(", ")
}

/// Lists subdirectories that hold accepted files, with their number.
fn nested(directory: &DataDirectory, wanted: &Directory, entries: &[Entry]) -> Vec<(String, u64)> {
    let Some(handle) = &directory.handle else {
        return Vec::new();
    };
    let subdirectories = entries.iter().filter(|entry| entry.kind == Kind::Directory);
    let mut found = Vec::new();
    for entry in subdirectories.take(NESTED_LOOKED_INTO) {
        let listing = RelPath::new(&entry.name)
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
            found.push((show(&entry.name), count));
        }
    }
    found
}

/// Warns of names that many systems take for one.
fn twins(directory: &DataDirectory, findings: &mut Findings) {
    // Names that folding leaves as they are differ from each other, so that one with capitals is needed to make a pair.
    let is_folded = |file: &DataFile| {
        let unusual = |byte: &u8| byte.is_ascii_uppercase() || !byte.is_ascii();
        !file.name.iter().any(unusual)
    };
    if directory.files.iter().all(is_folded) {
        return;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, file) in directory.files.iter().enumerate() {
        let Ok(name) = std::str::from_utf8(&file.name) else {
            continue;
        };
        if let Some(first) = seen.insert(header_fold(name), index)
            && let Some(other) = directory.files.get(first)
        {
            let message = format!(
                "{} and {} differ only by case or Unicode form.",
                directory.shown(other),
                directory.shown(file)
            );
            findings.add(Rule::NameTwins, Place::file(directory.shown(file)), message);
        }
    }
}

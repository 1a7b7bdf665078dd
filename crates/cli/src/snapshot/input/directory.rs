//! A node's data directory: where its snapshots, their tokens and its log lie.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{token, unreadable};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};

const SNAPSHOTS: &str = "fsm-snap";

/// The folders of one Raft group, as far as they are there.
#[derive(Debug)]
pub(super) struct DataDirectory {
    /// `fsm-snap`.
    pub(super) snapshots: PathBuf,
    /// `snap`, with the tokens.
    pub(super) tokens: Option<PathBuf>,
    /// `wal`.
    pub(super) log: Option<PathBuf>,
}

/// A complete snapshot file.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The Raft index in its name.
    pub(super) index: u64,
    /// The file.
    pub(super) path: PathBuf,
}

impl DataDirectory {
    /// Recognises a data directory or its `fsm-snap` folder.
    pub(super) fn recognise(path: &Path) -> Result<Self, Failure> {
        // Through its real name, so that the folder above `fsm-snap` is the one that holds it.
        let path = &path
            .canonicalize()
            .map_err(|error| unreadable(path, &error))?;
        if path.join(SNAPSHOTS).is_dir() {
            return Ok(Self::of_base(path, path.join(SNAPSHOTS)));
        }
        let names = names_in(path)?;
        if path.file_name() == Some(OsStr::new(SNAPSHOTS)) {
            let base = path.parent().unwrap_or(path);
            return Ok(Self::of_base(base, path.clone()));
        }
        if names
            .iter()
            .any(|name| index_in(name).is_some() || is_temporary(name))
        {
            return Ok(Self {
                snapshots: path.clone(),
                tokens: None,
                log: None,
            });
        }
        Err(no_data_directory(path, &names))
    }

    /// The data directory around a file that lies where a node puts its snapshots.
    pub(super) fn around(file: &Path) -> Option<(Self, Candidate)> {
        let index = index_of(file)?;
        let path = file.canonicalize().ok()?;
        // A link to the file has a name of its own; what counts is where the file is.
        if index_of(&path) != Some(index) {
            return None;
        }
        let snapshots = path.parent()?;
        if snapshots.file_name() != Some(OsStr::new(SNAPSHOTS)) {
            return None;
        }
        let directory = Self::of_base(snapshots.parent()?, snapshots.to_owned());
        Some((directory, Candidate { index, path }))
    }

    fn of_base(base: &Path, snapshots: PathBuf) -> Self {
        let existing = |name: &str| Some(base.join(name)).filter(|path| path.is_dir());
        Self {
            snapshots,
            tokens: existing("snap"),
            log: existing("wal"),
        }
    }

    /// Every complete snapshot, newest first; at least one.
    pub(super) fn snapshots(&self) -> Result<Vec<Candidate>, Failure> {
        let names = names_in(&self.snapshots)?;
        let candidate = |name: &String| {
            let index = index_in(name)?;
            Some(Candidate {
                index,
                path: self.snapshots.join(name),
            })
        };
        let mut found: Vec<Candidate> = names.iter().filter_map(candidate).collect();
        found.sort_by_key(|candidate| std::cmp::Reverse(candidate.index));
        if found.is_empty() {
            return Err(self.no_snapshot(&names));
        }
        Ok(found)
    }

    /// The newest complete snapshot; says so if the node's own records speak of a newer one.
    pub(super) fn newest(&self, output: &Output) -> Result<Candidate, Failure> {
        let found = self.snapshots()?;
        let Some(newest) = found.into_iter().next() else {
            return Err(self.no_snapshot(&[]));
        };
        let recorded = token::newest_index(self)?;
        if let Some(recorded) = recorded.filter(|recorded| *recorded > newest.index) {
            let missing = Event::warning("newer_snapshot_missing")
                .with("index", newest.index)
                .with("recorded_index", recorded)
                .with("hint", "the node recorded a newer snapshot whose file is not there; what lies between is not in this one");
            output.event(&missing);
        }
        Ok(newest)
    }

    /// Says why there is nothing to read.
    fn no_snapshot(&self, names: &[String]) -> Failure {
        match token::inline(self) {
            Some(path) => inline_snapshot(&path),
            None => no_snapshot(&self.snapshots, names),
        }
    }
}

/// What stands in the place of a snapshot where the node was of an old version.
fn inline_snapshot(path: &Path) -> Failure {
    Failure::new(
        Exit::SnapshotDamaged,
        "input.inline-snapshot",
        "the node's snapshot lies inside a .snap file, as nodes of an old version kept it, which cannot be read yet",
    )
    .at("path", path.display().to_string())
    .remedy("Let a newer version of the node start on this directory and take a snapshot, which it puts into fsm-snap/, or look for one on another node of the group.")
}

/// The Raft index that a file name of a node's own tells: sixteen hexadecimal digits.
pub(super) fn index_of(path: &Path) -> Option<u64> {
    index_in(path.file_name()?.to_str()?)
}

fn index_in(name: &str) -> Option<u64> {
    hexadecimal(name.strip_suffix(".fsm")?)
}

/// Exactly sixteen lower-case hexadecimal digits, as nodes write them.
pub(super) fn hexadecimal(digits: &str) -> Option<u64> {
    let canonical = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 16 && digits.bytes().all(canonical))
        .then(|| u64::from_str_radix(digits, 16).ok())?
}

fn is_temporary(name: &str) -> bool {
    name.ends_with(".fsm.tmp") || name.ends_with(".tmp")
}

/// The names in a directory that are text; a node writes no others.
pub(super) fn names_in(directory: &Path) -> Result<Vec<String>, Failure> {
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(directory, &error))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn no_snapshot(directory: &Path, names: &[String]) -> Failure {
    let place = directory.display().to_string();
    if names.iter().any(|name| is_temporary(name)) {
        return Failure::new(
            Exit::LocalData,
            "input.only-unfinished",
            "the directory has only unfinished snapshots (.tmp)",
        )
        .at("path", place)
        .remedy("The node was stopped before its first snapshot was complete. Look for a snapshot on another node of the group.");
    }
    if names.iter().any(|name| name.ends_with(".fsm")) {
        return Failure::new(
            Exit::LocalData,
            "input.no-snapshot",
            "no file in the directory is named as a node names its snapshots",
        )
        .at("path", place)
        .remedy("Name the snapshot file itself.");
    }
    Failure::new(
        Exit::LocalData,
        "input.no-snapshot",
        "the directory has no snapshot",
    )
    .at("path", place)
    .remedy("The node has not taken one yet. Look for a snapshot on another node of the group.")
}

fn no_data_directory(path: &Path, names: &[String]) -> Failure {
    let is_group = |name: &&String| {
        let number = name
            .strip_prefix("group-")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        number && path.join(name).join(SNAPSHOTS).is_dir()
    };
    let groups: Vec<&str> = names.iter().filter(is_group).map(String::as_str).collect();
    let place = path.display().to_string();
    if !groups.is_empty() {
        let all: Vec<String> = groups
            .iter()
            .map(|group| path.join(group).display().to_string())
            .collect();
        return Failure::new(
            Exit::Usage,
            "input.several-groups",
            "the directory belongs to a node with several Raft groups, each with snapshots of its own",
        )
        .at("path", place)
        .remedy(format!("Give the groups' directories: {}", all.join(" ")));
    }
    if names.iter().any(|name| name == "wal" || name == "snap") {
        let directory = DataDirectory::of_base(path, path.join(SNAPSHOTS));
        if let Some(inline) = token::inline(&directory) {
            return inline_snapshot(&inline);
        }
        return Failure::new(
            Exit::LocalData,
            "input.no-snapshot",
            "the data directory has no fsm-snap folder",
        )
        .at("path", place)
        .remedy(
            "The node has not taken a snapshot yet. Look for one on another node of the group.",
        );
    }
    Failure::new(
        Exit::LocalData,
        "input.no-data-directory",
        "the directory is not a node's data directory",
    )
    .at("path", place)
    .remedy("Give the folder that holds fsm-snap/, or the snapshot file itself.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_sixteen_hexadecimal_digits() {
        let of = |name: &str| index_of(Path::new(name));
        assert_eq!(of("fsm-snap/0000000000000064.fsm"), Some(100));
        assert_eq!(of("00000000000004a2.fsm"), Some(1186));
        assert_eq!(of("00000000000004A2.fsm"), None);
        assert_eq!(of("64.fsm"), None);
        assert_eq!(of("+000000000000064.fsm"), None);
        assert_eq!(of("0000000000000064.fsm.tmp"), None);
    }
}

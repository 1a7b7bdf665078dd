//! Everything below a directory, in an order that lists can be merged with.

use std::cmp::Ordering;
use std::io;

use crate::{DirEntry, Error, Kind, RelPath, Root};

/// Visits everything below a [`Root`]: each directory before what is in it.
///
/// Files come in the byte order of their whole paths, the order of `LC_ALL=C sort`, so a walk can
/// be merged with a sorted list without sorting again. For that a directory takes its place as if
/// its name ended in a slash: `a.b`, then `a`, `a/x`. Symlinks are yielded and never followed.
///
/// Memory holds the names that remain to be visited in each open directory, not the tree. No
/// handle stays open between steps, so depth costs none.
///
/// A directory that cannot be read yields one error, and the walk goes on behind it.
#[derive(Debug)]
pub struct Walk<'a> {
    root: &'a Root,
    started: bool,
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    path: Option<RelPath>,
    /// Last first, so that the next one can be popped.
    remaining: Vec<DirEntry>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(root: &'a Root) -> Walk<'a> {
        Walk {
            root,
            started: false,
            levels: Vec::new(),
        }
    }

    fn descend(&mut self, path: Option<RelPath>) -> Result<(), Error> {
        let mut remaining = match &path {
            None => read_all(self.root)?,
            Some(path) => read_all(&self.root.open_dir(path)?)?,
        };
        remaining.sort_unstable_by(|one, other| compare(other, one));
        self.levels.push(Level { path, remaining });
        Ok(())
    }

    fn step(&mut self) -> Option<Result<(RelPath, Kind), Error>> {
        if !self.started {
            self.started = true;
            if let Err(error) = self.descend(None) {
                return Some(Err(error));
            }
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(entry) = level.remaining.pop() else {
                self.levels.pop();
                continue;
            };
            let path = match &level.path {
                None => RelPath::new(&entry.name),
                Some(parent) => parent.join(&entry.name),
            };
            return Some(match path {
                Ok(path) => Ok((path, entry.kind)),
                // A name longer than any file system we know, or with a slash: not from a disk.
                Err(invalid) => Err(Error::Io {
                    operation: "take a name from",
                    path: self.root.path().to_owned(),
                    source: io::Error::new(io::ErrorKind::InvalidData, invalid),
                }),
            });
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<(RelPath, Kind), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (path, kind) = match self.step()? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        if kind == Kind::Directory
            && let Err(error) = self.descend(Some(path.clone()))
        {
            return Some(Err(error));
        }
        Some(Ok((path, kind)))
    }
}

fn read_all(directory: &Root) -> Result<Vec<DirEntry>, Error> {
    directory.entries()?.collect()
}

/// Compares as if the names of directories ended in a slash.
fn compare(one: &DirEntry, other: &DirEntry) -> Ordering {
    let common = one.name.len().min(other.name.len());
    one.name
        .get(..common)
        .cmp(&other.name.get(..common))
        .then_with(|| beyond(one, common).cmp(beyond(other, common)))
}

fn beyond(entry: &DirEntry, common: usize) -> impl Iterator<Item = &u8> {
    let slash: &[u8] = match entry.kind {
        Kind::Directory => b"/",
        _ => b"",
    };
    entry
        .name
        .get(common..)
        .unwrap_or_default()
        .iter()
        .chain(slash)
}

//! Removing a directory with all that is in it, by handles.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::Kind;
use crate::platform::{self, Cause, Entries, Opening, Resolver};

/// Removes the directory `name` in `dir` with everything in it.
pub(crate) fn remove_dir_all(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    let handle = platform::open_child_dir(dir, name)?;
    remove_contents(handle.as_fd())?;
    drop(handle);
    platform::remove_dir(dir, name)
}

/// Removes everything in an open directory, which itself stays.
///
/// Symlinks are removed, never followed, and what is mounted inside is not entered, so removing
/// its mount point fails. Entries that vanish meanwhile are as good as removed. One handle is open
/// at a time, however deep the tree; memory holds the names that remain in each open directory.
pub(crate) fn remove_contents(base: BorrowedFd<'_>) -> io::Result<()> {
    let (_, meta) = platform::stat(base)?;
    let removal = Removal {
        base,
        device: meta.dev,
    };
    let mut above: Vec<Level> = Vec::new();
    let mut level = removal.level(platform::reopen_dir(base)?, Vec::new())?;
    loop {
        match level.remaining.pop() {
            Some((name, Kind::Directory)) => {
                if let Some(below) = removal.enter(&level, &name)? {
                    level.handle = None;
                    above.push(std::mem::replace(&mut level, below));
                }
            }
            Some((name, _)) => tolerate_absence(platform::unlink(level.handle()?, &name))?,
            None => {
                let Some(parent) = above.pop() else {
                    return Ok(());
                };
                let emptied = std::mem::replace(&mut level, parent);
                removal.leave(&mut level, &emptied)?;
            }
        }
    }
}

struct Removal<'a> {
    base: BorrowedFd<'a>,
    device: u64,
}

struct Level {
    /// Closed while a level below is worked on.
    handle: Option<OwnedFd>,
    /// Below the base, components separated by slashes; empty for the base.
    path: Vec<u8>,
    remaining: Vec<(Vec<u8>, Kind)>,
}

impl Level {
    fn handle(&self) -> io::Result<BorrowedFd<'_>> {
        let handle = self.handle.as_ref().map(AsFd::as_fd);
        handle.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn child_path(&self, name: &[u8]) -> Vec<u8> {
        if self.path.is_empty() {
            name.to_vec()
        } else {
            [&self.path, b"/".as_slice(), name].concat()
        }
    }
}

impl Removal<'_> {
    fn level(&self, handle: OwnedFd, path: Vec<u8>) -> io::Result<Level> {
        let (_, meta) = platform::stat(handle.as_fd())?;
        let remaining = if meta.dev == self.device {
            Entries::of(handle.as_fd())?.collect::<io::Result<_>>()?
        } else {
            Vec::new()
        };
        Ok(Level {
            handle: Some(handle),
            path,
            remaining,
        })
    }

    fn enter(&self, level: &Level, name: &[u8]) -> io::Result<Option<Level>> {
        match platform::open_child_dir(level.handle()?, name) {
            Ok(handle) => self.level(handle, level.child_path(name)).map(Some),
            Err(error) if platform::cause(&error) == Cause::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn leave(&self, level: &mut Level, emptied: &Level) -> io::Result<()> {
        let handle = if level.path.is_empty() {
            platform::reopen_dir(self.base)?
        } else {
            platform::open_beneath(Resolver::Kernel, self.base, &level.path, Opening::Directory)?
        };
        let name = crate::rel_path::split_last(&emptied.path).1;
        tolerate_absence(platform::remove_dir(handle.as_fd(), name))?;
        level.handle = Some(handle);
        Ok(())
    }
}

fn tolerate_absence(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if platform::cause(&error) == Cause::NotFound => Ok(()),
        other => other,
    }
}

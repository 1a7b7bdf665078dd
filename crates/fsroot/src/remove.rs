//! Removing a directory with all that is in it, by handles.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::Kind;
use crate::platform::{self, Cause};

/// Removes everything in an open directory, which itself stays.
///
/// Symlinks are removed, never followed, and what is mounted inside is not entered: removing its
/// mount point fails. Entries that vanish meanwhile are as good as removed. The handle of every
/// level is open at a time, so a tree deeper than the limit on open files is an error.
pub(crate) fn remove_contents(dir: BorrowedFd<'_>) -> io::Result<()> {
    let (_, meta) = platform::stat(dir)?;
    let mut levels: Vec<Level> = vec![Level::read(dir, meta.dev)?];
    let mut handles: Vec<(OwnedFd, Vec<u8>)> = Vec::new();
    while let Some(level) = levels.last_mut() {
        let at = handles.last().map_or(dir, |(handle, _)| handle.as_fd());
        match level.remaining.pop() {
            Some((name, Kind::Directory)) => {
                if let Some((handle, level)) = enter(at, &name, meta.dev)? {
                    handles.push((handle, name));
                    levels.push(level);
                }
            }
            Some((name, _)) => tolerate_absence(platform::unlink(at, &name))?,
            None => {
                levels.pop();
                if let Some((_, name)) = handles.pop() {
                    let at = handles.last().map_or(dir, |(handle, _)| handle.as_fd());
                    tolerate_absence(platform::remove_dir(at, &name))?;
                }
            }
        }
    }
    Ok(())
}

struct Level {
    remaining: Vec<(Vec<u8>, Kind)>,
}

impl Level {
    fn read(dir: BorrowedFd<'_>, device: u64) -> io::Result<Level> {
        let (_, meta) = platform::stat(dir)?;
        let remaining = if meta.dev == device {
            platform::Entries::of(dir)?.collect::<io::Result<_>>()?
        } else {
            Vec::new()
        };
        Ok(Level { remaining })
    }
}

fn enter(dir: BorrowedFd<'_>, name: &[u8], device: u64) -> io::Result<Option<(OwnedFd, Level)>> {
    let handle = match platform::open_child_dir(dir, name) {
        Ok(handle) => handle,
        Err(error) if platform::cause(&error) == Cause::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let level = Level::read(handle.as_fd(), device)?;
    Ok(Some((handle, level)))
}

fn tolerate_absence(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if platform::cause(&error) == Cause::NotFound => Ok(()),
        other => other,
    }
}

//! Giving a finished tree its name.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use super::destination::{Destination, Standing};
use super::replace;
use super::reserve::is_named;
use super::sync::sync_tree;
use super::tree::Staging;
use crate::platform::{self, Cause};
use crate::{Error, Metadata};

/// What publishing did.
#[derive(Debug)]
pub struct Published {
    /// The destination, as it was given.
    pub path: PathBuf,
    /// Something with content stood there and was replaced.
    pub replaced: bool,
    /// Where the old thing still lies because it could not be removed, and why it could not.
    ///
    /// The next run for the same destination tries again.
    pub left_behind: Option<(PathBuf, Error)>,
}

/// Whether a tree must be on stable storage before it gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Synced,
    Unsynced,
}

/// A failure, and whether what was staged can be removed.
///
/// It cannot where undoing a replacement failed half way: recovery then needs every piece.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) discardable: bool,
}

impl Failure {
    /// What was staged must stay where it is.
    pub(crate) fn keep(error: Error) -> Failure {
        Failure {
            error,
            discardable: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure {
            error,
            discardable: true,
        }
    }
}

pub(crate) fn publish_tree(
    staging: &Staging,
    standing: &Standing,
    durability: Durability,
) -> Result<Published, Failure> {
    set_root_mode(staging, standing)?;
    if durability == Durability::Synced {
        sync_tree(staging)?;
    }
    let left_behind = match standing {
        Standing::Full(old) => replace::replace(staging, old)?,
        Standing::Absent | Standing::Empty(_) => {
            appear(staging, standing)?;
            None
        }
    };
    Ok(Published {
        path: staging.destination.path.clone(),
        replaced: matches!(standing, Standing::Full(_)),
        left_behind,
    })
}

/// A directory that gives way hands its permissions on: who made it 0700 meant it.
fn set_root_mode(staging: &Staging, standing: &Standing) -> Result<(), Error> {
    let fail = |source| staging.destination.error("set the mode of", source);
    let (_, made) = platform::stat(staging.handle()).map_err(fail)?;
    let mode = match standing {
        Standing::Absent => staging.permissions.granted & 0o755,
        Standing::Empty(old) | Standing::Full(old) => old.mode & 0o777,
    };
    // The set-group-ID bit, which a new directory inherits from its parent, stays.
    platform::set_mode(staging.handle(), (made.mode & 0o7000) | mode).map_err(fail)
}

/// Takes a free name, or that of an empty directory.
fn appear(staging: &Staging, standing: &Standing) -> Result<(), Error> {
    let destination = &staging.destination;
    let from = &staging.reserved.name;
    match standing {
        Standing::Absent => rename_to_absent(destination, from),
        _ => platform::rename(destination.dir(), from, &destination.name),
    }
    .map_err(|source| rename_error(destination, source))?;
    confirm(staging).inspect_err(|error| {
        // What is not ours is not ours to rename.
        if !matches!(error, Error::DestinationChanged { .. }) {
            take_back(staging, standing);
        }
    })
}

/// Gives a directory the destination's name, if that is free.
pub(crate) fn rename_to_absent(destination: &Destination, from: &[u8]) -> io::Result<()> {
    match platform::rename_noreplace(destination.dir(), from, &destination.name) {
        // Without the flag, too, a directory replaces nothing but an empty directory.
        Err(error) if platform::cause(&error) == Cause::Unsupported => {
            platform::rename(destination.dir(), from, &destination.name)
        }
        answer => answer,
    }
}

/// Checks that it was our tree that got the name, and makes the name durable.
pub(crate) fn confirm(staging: &Staging) -> Result<(), Error> {
    let destination = &staging.destination;
    let ours = is_named(destination, &destination.name, &staging.reserved.handle)
        .map_err(|source| destination.error("examine", source))?;
    if !ours {
        return Err(destination.changed());
    }
    platform::sync_handle(destination.dir())
        .map_err(|source| destination.error("sync the directory of", source))
}

/// Best effort: if it fails, the new tree stands there, whole.
fn take_back(staging: &Staging, standing: &Standing) {
    let dir = staging.destination.dir();
    let name = &staging.destination.name;
    let _taken_back = platform::rename(dir, name, &staging.reserved.name)
        .and_then(|()| match standing {
            Standing::Empty(old) => restore_empty(dir, name, old),
            Standing::Absent | Standing::Full(_) => Ok(()),
        })
        .and_then(|()| platform::sync_handle(dir));
}

fn restore_empty(dir: BorrowedFd<'_>, name: &[u8], old: &Metadata) -> io::Result<()> {
    platform::make_dir(dir, name, 0o700)?;
    let handle = platform::open_child_dir(dir, name)?;
    platform::set_mode(handle.as_fd(), old.mode)
}

pub(crate) fn rename_error(destination: &Destination, source: io::Error) -> Error {
    match platform::cause(&source) {
        Cause::Exists | Cause::NotEmpty | Cause::NotADirectory => destination.exists(),
        Cause::OtherFileSystem => Error::OtherFileSystem {
            path: destination.path.clone(),
        },
        _ => destination.error("publish", source),
    }
}

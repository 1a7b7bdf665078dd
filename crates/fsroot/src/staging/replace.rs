//! Replacing a directory with content: at one moment where the file system can, else recoverably.
//!
//! Where two names cannot be exchanged there is a moment without a destination. A marker beside it
//! says so, for the next run to complete or undo what a dead run began:
//!
//! 1. The marker is made, locked and synced. The staged tree is whole and synced already.
//! 2. The old tree is renamed aside.
//! 3. The new tree is renamed to the destination, and the directory of both is synced.
//! 4. The old tree is removed, then the marker.
//!
//! The marker holds the new tree's file number. An old tree is removed only when that very tree
//! stands at the destination; see [`recover`](super::recover).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use super::destination::{Destination, stat_name};
use super::file::write_all;
use super::name::Role;
use super::publish::{Failure, confirm, rename_error, rename_to_absent};
use super::reserve::Reserved;
use super::tree::Staging;
use crate::platform::{self, Cause};
use crate::remove::remove_dir_all;
use crate::{Error, Metadata};

/// What could not be removed, and why.
pub(crate) type LeftBehind = Option<(PathBuf, Error)>;

/// Puts the staged tree in the place of the directory described by `old`, and removes that.
pub(crate) fn replace(staging: &Staging, old: &Metadata) -> Result<LeftBehind, Failure> {
    let destination = &staging.destination;
    let name = &staging.reserved.name;
    match platform::exchange(destination.dir(), name, &destination.name) {
        Ok(()) => after_exchange(staging, old),
        Err(error) => match platform::cause(&error) {
            Cause::Unsupported => TwoRenames::new(staging).run(old),
            Cause::NotFound => Err(destination.changed().into()),
            _ => Err(rename_error(destination, error).into()),
        },
    }
}

fn after_exchange(staging: &Staging, old: &Metadata) -> Result<LeftBehind, Failure> {
    let destination = &staging.destination;
    let name = &staging.reserved.name;
    let settled = expect_at(destination, name, old).and_then(|()| confirm(staging));
    if let Err(error) = settled {
        // If even this fails, the new tree stands there, whole.
        let _undone = platform::exchange(destination.dir(), name, &destination.name)
            .and_then(|()| platform::sync_handle(destination.dir()));
        return Err(error.into());
    }
    Ok(remove_old(destination, name))
}

/// Renamed first, then asked: whatever was renamed is what the answer is about.
fn expect_at(destination: &Destination, name: &[u8], old: &Metadata) -> Result<(), Error> {
    let found = stat_name(destination.dir(), name)
        .map_err(|source| destination.error("examine", source))?;
    if found.is_some_and(|(_, meta)| meta.is_same_file(old)) {
        Ok(())
    } else {
        Err(destination.changed())
    }
}

/// The new tree is published, so a failure here is no failure of publishing.
fn remove_old(destination: &Destination, name: &[u8]) -> LeftBehind {
    let path = destination.sibling_path(name);
    remove_dir_all(destination.dir(), name)
        .err()
        .map(|source| (path.clone(), Error::new("remove", &path, source)))
}

/// The replacement for file systems that cannot exchange names.
struct TwoRenames<'a> {
    staging: &'a Staging,
    destination: &'a Destination,
    aside: Vec<u8>,
    marker: Vec<u8>,
}

impl<'a> TwoRenames<'a> {
    fn new(staging: &'a Staging) -> TwoRenames<'a> {
        let Reserved {
            siblings, token, ..
        } = &staging.reserved;
        TwoRenames {
            staging,
            destination: &staging.destination,
            aside: siblings.name(Role::Replaced, siblings.form(), *token),
            marker: siblings.name(Role::Marker, siblings.form(), *token),
        }
    }

    fn run(&self, old: &Metadata) -> Result<LeftBehind, Failure> {
        // The marker's lock is held until the end of the function.
        let _marker = self.mark().map_err(|source| {
            self.unmark();
            self.destination.error("mark the replacement of", source)
        })?;
        self.move_aside(old)?;
        self.move_in()?;
        let left_behind = remove_old(self.destination, &self.aside);
        if left_behind.is_none() {
            self.unmark();
        }
        Ok(left_behind)
    }

    fn mark(&self) -> io::Result<OwnedFd> {
        let (_, staged) = platform::stat(self.staging.handle())?;
        let marker = platform::create_file(self.destination.dir(), &self.marker, 0o600)?;
        platform::lock(marker.as_fd())?;
        write_all(marker.as_fd(), marker_content(&staged).as_bytes())?;
        platform::sync_handle(marker.as_fd())?;
        platform::sync_handle(self.destination.dir())?;
        Ok(marker)
    }

    /// Best effort: a marker without an old tree set aside is removed by the next run.
    fn unmark(&self) {
        let _removed = platform::unlink(self.destination.dir(), &self.marker);
    }

    fn move_aside(&self, old: &Metadata) -> Result<(), Failure> {
        let dir = self.destination.dir();
        if let Err(source) = platform::rename(dir, &self.destination.name, &self.aside) {
            self.unmark();
            return Err(match platform::cause(&source) {
                Cause::NotFound => self.destination.changed().into(),
                _ => rename_error(self.destination, source).into(),
            });
        }
        expect_at(self.destination, &self.aside, old).map_err(|error| self.restore(error))
    }

    fn move_in(&self) -> Result<(), Failure> {
        if let Err(source) = rename_to_absent(self.destination, &self.staging.reserved.name) {
            return Err(self.restore(rename_error(self.destination, source)));
        }
        confirm(self.staging).map_err(|error| {
            let dir = self.destination.dir();
            match platform::rename(dir, &self.destination.name, &self.staging.reserved.name) {
                Ok(()) => self.restore(error),
                // The new tree stands there, and the next run finishes the rest.
                Err(_) => Failure::keep(error),
            }
        })
    }

    /// Gives the old tree its name back and returns `error` with what that leaves.
    fn restore(&self, error: Error) -> Failure {
        let dir = self.destination.dir();
        let restored = rename_to_absent(self.destination, &self.aside)
            .and_then(|()| platform::sync_handle(dir));
        match restored {
            Ok(()) => {
                self.unmark();
                error.into()
            }
            // The next run finds the marker and decides; it may need the new tree for that.
            Err(_) => Failure::keep(error),
        }
    }
}

/// What a marker holds: the file number of the tree that takes the destination's place.
///
/// Not the device number, which can differ after a restart.
pub(crate) fn marker_content(staged: &Metadata) -> String {
    format!("{}\n", staged.ino)
}

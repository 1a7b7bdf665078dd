//! A single file that nobody sees until it is whole.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::destination::Destination;
use super::file::write_all;
use super::publish::{Published, rename_error};
use super::recover::{Recovery, recover};
use super::reserve::{Reserved, Shape, is_named, reserve};
use super::tree::Existing;
use super::writer::Mode;
use crate::platform::{self, Cause};
use crate::{Error, Kind};

/// A single file being made beside its destination, visible under its name only when whole.
///
/// The same stage and publish as a [`StagedTree`](crate::StagedTree)'s, for one file.
#[derive(Debug)]
pub struct StagedOutput {
    destination: Destination,
    reserved: Reserved,
    existing: Existing,
    settled: bool,
}

impl StagedOutput {
    /// Begins a file for `destination`; what dead runs left for it is removed first.
    ///
    /// The destination must be absent, or with [`Existing::Replace`] a regular file.
    pub fn begin(
        destination: &Path,
        existing: Existing,
        mode: Mode,
    ) -> Result<(StagedOutput, Vec<Recovery>), Error> {
        let destination = Destination::open(destination)?;
        let recoveries = recover(&destination)?;
        check_standing(&destination, existing)?;
        let reserved = reserve(&destination, Shape::File { mode: mode.bits() })?;
        let output = StagedOutput {
            destination,
            reserved,
            existing,
            settled: false,
        };
        if mode == Mode::Private {
            platform::set_mode(output.handle(), mode.bits())
                .map_err(|source| output.destination.error("set the mode of", source))?;
        }
        Ok((output, recoveries))
    }

    /// Writes all of `bytes`; like [`io::Write::write_all`], but the error names the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        write_all(self.handle(), bytes).map_err(|source| self.destination.error("write", source))
    }

    /// Returns the destination as it was given.
    pub fn destination(&self) -> &Path {
        &self.destination.path
    }

    /// Syncs the file, gives it its name and syncs that.
    ///
    /// When this returns an error, the destination is what it was; only where a file was replaced
    /// and no more than syncing the name failed, the new file stands there, whole.
    pub fn publish(mut self) -> Result<Published, Error> {
        platform::sync_handle(self.handle())
            .map_err(|source| self.destination.error("sync", source))?;
        let replaced = self.take_name()?;
        self.settled = true;
        self.confirm().inspect_err(|error| {
            // What is not ours is not ours to remove.
            if !replaced && !matches!(error, Error::DestinationChanged { .. }) {
                let _removed = platform::unlink(self.destination.dir(), &self.destination.name);
            }
        })?;
        Ok(Published {
            path: self.destination.path.clone(),
            replaced,
            left_behind: None,
        })
    }

    /// Removes the staged file; the destination stays what it was.
    pub fn discard(mut self) -> Result<(), Error> {
        self.settled = true;
        platform::unlink(self.destination.dir(), &self.reserved.name).map_err(|source| {
            let path = self.destination.sibling_path(&self.reserved.name);
            Error::new("remove", &path, source)
        })
    }

    fn handle(&self) -> BorrowedFd<'_> {
        self.reserved.handle.as_fd()
    }

    fn take_name(&self) -> Result<bool, Error> {
        let dir = self.destination.dir();
        let (from, to) = (&self.reserved.name, &self.destination.name);
        let (renamed, replaced) = match self.existing {
            Existing::Replace => {
                let replaced = self.destination.stat()?.is_some();
                (platform::rename(dir, from, to), replaced)
            }
            Existing::Refuse => (rename_to_absent(&self.destination, from), false),
        };
        renamed.map_err(|source| rename_error(&self.destination, source))?;
        Ok(replaced)
    }

    fn confirm(&self) -> Result<(), Error> {
        let ours = is_named(
            &self.destination,
            &self.destination.name,
            &self.reserved.handle,
        )
        .map_err(|source| self.destination.error("examine", source))?;
        if !ours {
            return Err(self.destination.changed());
        }
        platform::sync_handle(self.destination.dir())
            .map_err(|source| self.destination.error("sync the directory of", source))
    }
}

impl io::Write for StagedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        platform::write(self.handle(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StagedOutput {
    fn drop(&mut self) {
        if !self.settled {
            let _removed = platform::unlink(self.destination.dir(), &self.reserved.name);
        }
    }
}

fn check_standing(destination: &Destination, existing: Existing) -> Result<(), Error> {
    let path = || destination.path.clone();
    match (destination.stat()?.map(|(kind, _)| kind), existing) {
        (None, _) | (Some(Kind::File), Existing::Replace) => Ok(()),
        (Some(Kind::File), Existing::Refuse) => Err(destination.exists()),
        (Some(Kind::Symlink), _) => Err(Error::SymlinkRefused { path: path() }),
        (Some(kind), _) => Err(Error::DestinationUnfit { path: path(), kind }),
    }
}

/// Takes a free name; unlike a directory's, a file's plain rename would replace another file.
fn rename_to_absent(destination: &Destination, from: &[u8]) -> io::Result<()> {
    let (dir, to) = (destination.dir(), &destination.name);
    match platform::rename_noreplace(dir, from, to) {
        Err(error) if platform::cause(&error) == Cause::Unsupported => {
            platform::link(dir, from, to)?;
            platform::unlink(dir, from).inspect_err(|_| {
                let _removed = platform::unlink(dir, to);
            })
        }
        answer => answer,
    }
}

//! A tree that nobody sees until it is whole.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::destination::{Destination, Standing};
use super::publish::{self, Durability, Published};
use super::recover::{Recovery, recover};
use super::reserve::{Reserved, Shape, is_named, reserve};
use super::writer::{StagedWriter, make_dirs};
use crate::case::{self, CaseBehaviour};
use crate::remove::remove_contents;
use crate::{Error, RelPath, Root, platform};

/// What publishing may do to a destination that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Only an empty directory gives way; anything else is [`Error::DestinationExists`].
    Refuse,
    /// A directory (or, for a [`StagedOutput`](crate::StagedOutput), a regular file) is replaced.
    Replace,
}

/// A directory tree being made beside its destination, visible under its name only when whole.
///
/// Until [`publish`](StagedTree::publish) the tree lies in a directory of mode 0700 named
/// `.<name>.longshore-staging.<digits>` beside the destination, locked by this process. A process
/// that dies leaves it there; the next [`begin`](StagedTree::begin) for the same destination finds
/// the lock free and removes it. Two living runs may stage for one destination; the first to
/// publish wins and the other fails.
///
/// Dropping discards, best effort; [`discard`](StagedTree::discard) reports what went wrong.
#[derive(Debug)]
pub struct StagedTree {
    staging: Arc<Staging>,
    standing: Standing,
    /// What the directory at the destination is replaced by has been decided; nothing to drop.
    settled: bool,
}

/// What writers share: where the tree is and how its entries are made.
#[derive(Debug)]
pub(crate) struct Staging {
    pub(crate) destination: Destination,
    pub(crate) reserved: Reserved,
    pub(crate) permissions: Permissions,
}

/// What the umask (or a default ACL) leaves of the permissions we ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permissions {
    /// Of the 0777 a new directory asks for.
    pub(crate) granted: u32,
}

impl Permissions {
    /// Tells whether a file asked for with 0600 gets 0600, as all but the oddest umasks allow.
    pub(crate) fn spare_the_owner(self) -> bool {
        self.granted & 0o600 == 0o600
    }
}

impl Staging {
    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.reserved.handle.as_fd()
    }

    /// Shows a path in the tree as it will be when published.
    pub(crate) fn shown(&self, path: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        self.destination
            .path
            .join(std::ffi::OsStr::from_bytes(path))
    }
}

impl StagedTree {
    /// Begins a tree for `destination`, whatever directory stands there if `existing` allows it.
    ///
    /// What dead runs left for this destination is cleaned up first and reported, see
    /// [`Recovery`]. The destination must be absent or an empty directory, or with
    /// [`Existing::Replace`] any directory that is not a mount point; its parent must exist.
    /// Callers that replace only certain directories use [`begin_if`](StagedTree::begin_if).
    pub fn begin(
        destination: &Path,
        existing: Existing,
    ) -> Result<(StagedTree, Vec<Recovery>), Error> {
        StagedTree::begin_if(destination, existing, |_| Ok(true))
    }

    /// Begins a tree; `may_replace` judges the directory with content that stands there.
    ///
    /// It is asked only under [`Existing::Replace`]. `Ok(false)` becomes
    /// [`Error::DestinationProtected`]. Publishing replaces the directory that was judged or fails
    /// with [`Error::DestinationChanged`]; what was put *into* it since is replaced with it.
    pub fn begin_if(
        destination: &Path,
        existing: Existing,
        may_replace: impl FnOnce(&Root) -> Result<bool, Error>,
    ) -> Result<(StagedTree, Vec<Recovery>), Error> {
        let destination = Destination::open(destination)?;
        let recoveries = recover(&destination)?;
        let standing = judge(&destination, existing, may_replace)?;
        let reserved = reserve(&destination, Shape::Directory)?;
        let permissions = match probe_permissions(reserved.handle.as_fd()) {
            Ok(permissions) => permissions,
            Err(source) => {
                let _removed = discard(&destination, &reserved);
                return Err(destination.error("create a directory for", source));
            }
        };
        let tree = StagedTree {
            staging: Arc::new(Staging {
                destination,
                reserved,
                permissions,
            }),
            standing,
            settled: false,
        };
        Ok((tree, recoveries))
    }

    /// Creates a directory and those above it, mode 0755 less the umask; existing ones stay.
    pub fn create_dir_all(&self, path: &RelPath) -> Result<(), Error> {
        make_dirs(&self.staging, path)
    }

    /// Makes a writer, one for each thread that writes.
    ///
    /// All of them must be dropped before [`publish`](StagedTree::publish).
    pub fn writer(&self) -> StagedWriter {
        StagedWriter::new(Arc::clone(&self.staging))
    }

    /// Opens the staged tree for reading back.
    pub fn root(&self) -> Result<Root, Error> {
        let handle = platform::reopen_dir(self.staging.handle())
            .map_err(|source| self.staging.destination.error("open directory", source))?;
        Ok(Root::from_handle(handle, self.destination().to_owned()))
    }

    /// Returns the destination as it was given.
    pub fn destination(&self) -> &Path {
        &self.staging.destination.path
    }

    /// Finds out which different names the file system takes for one, by trying it.
    pub fn case_behaviour(&self) -> Result<CaseBehaviour, Error> {
        case::probe(self.staging.handle())
            .map_err(|source| self.staging.destination.error("probe names in", source))
    }

    /// Syncs the tree, gives it its name and syncs that.
    ///
    /// When this returns `Ok`, the whole tree is on stable storage under its name. When it returns
    /// an error, the destination is what it was and the staged tree is discarded. The root gets
    /// mode 0755 less the umask, or that of the directory it replaces.
    pub fn publish(self) -> Result<Published, Error> {
        self.publish_as(Durability::Synced)
    }

    /// Gives the tree its name without waiting for stable storage.
    ///
    /// As [`publish`](StagedTree::publish), but after a power failure the tree can stand under its name with files
    /// that are empty or absent: for destinations that do not outlive the machine anyway.
    pub fn publish_unsynced(self) -> Result<Published, Error> {
        self.publish_as(Durability::Unsynced)
    }

    fn publish_as(mut self, durability: Durability) -> Result<Published, Error> {
        if Arc::strong_count(&self.staging) > 1 {
            return Err(Error::StillWriting {
                path: self.destination().to_owned(),
            });
        }
        let outcome = publish::publish_tree(&self.staging, &self.standing, durability);
        self.settled = !matches!(&outcome, Err(failure) if failure.discardable);
        outcome.map_err(|failure| failure.error)
    }

    /// Removes the staged tree; the destination stays what it was.
    pub fn discard(mut self) -> Result<(), Error> {
        self.settled = true;
        let Staging {
            destination,
            reserved,
            ..
        } = self.staging.as_ref();
        discard(destination, reserved).map_err(|source| {
            Error::new("remove", &destination.sibling_path(&reserved.name), source)
        })
    }
}

impl Drop for StagedTree {
    fn drop(&mut self) {
        if !self.settled {
            // What stays is dead by its lock, and the next run removes it.
            let _removed = discard(&self.staging.destination, &self.staging.reserved);
        }
    }
}

fn discard(destination: &Destination, reserved: &Reserved) -> std::io::Result<()> {
    // The handle stays with the tree wherever it is: never empty one that has been published.
    if is_named(destination, &reserved.name, &reserved.handle)? {
        remove_contents(reserved.handle.as_fd())?;
        platform::remove_dir(destination.dir(), &reserved.name)?;
    }
    Ok(())
}

fn judge(
    destination: &Destination,
    existing: Existing,
    may_replace: impl FnOnce(&Root) -> Result<bool, Error>,
) -> Result<Standing, Error> {
    let (standing, root) = destination.standing()?;
    if let Some(root) = root {
        match existing {
            Existing::Refuse => return Err(destination.exists()),
            Existing::Replace if !may_replace(&root)? => {
                return Err(Error::DestinationProtected {
                    path: destination.path.clone(),
                });
            }
            Existing::Replace => {}
        }
    }
    Ok(standing)
}

/// Asks the file system rather than the process: a default ACL takes the umask's place.
fn probe_permissions(staging: BorrowedFd<'_>) -> std::io::Result<Permissions> {
    const NAME: &[u8] = b"permissions";
    platform::make_dir(staging, NAME, 0o777)?;
    let (_, meta) = platform::stat_child(staging, NAME)?;
    platform::remove_dir(staging, NAME)?;
    Ok(Permissions {
        granted: meta.mode & 0o777,
    })
}

/// Keeps the handle type in one place for the cache.
pub(crate) type DirHandle = Arc<OwnedFd>;

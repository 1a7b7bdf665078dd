//! Getting a whole tree onto stable storage.

use std::os::fd::{AsFd, BorrowedFd};

use super::tree::Staging;
use crate::platform::{self, Cause, Opening, Resolver};
use crate::{Error, Kind, Root};

/// Syncs everything in the staged tree: with one call where that call speaks for it.
pub(crate) fn sync_tree(staging: &Staging) -> Result<(), Error> {
    match platform::sync_file_system(staging.handle()) {
        Err(error) if platform::cause(&error) == Cause::Unsupported => sync_each(staging),
        Err(error) => Err(staging.destination.error("sync", error)),
        Ok(()) => Ok(()),
    }
}

/// Syncs file by file and directory by directory.
fn sync_each(staging: &Staging) -> Result<(), Error> {
    let fail = |source| staging.destination.error("sync", source);
    let handle = platform::reopen_dir(staging.handle()).map_err(fail)?;
    let root = Root::from_handle(handle, staging.destination.path.clone());
    for entry in root.walk() {
        let (path, kind) = entry?;
        let opening = match kind {
            Kind::Directory => Opening::Directory,
            _ => Opening::File,
        };
        sync_one(root.handle(), path.as_bytes(), opening)
            .map_err(|source| Error::new("sync", &root.shown(&path), source))?;
    }
    platform::sync_handle(root.handle()).map_err(fail)
}

fn sync_one(root: BorrowedFd<'_>, path: &[u8], opening: Opening) -> std::io::Result<()> {
    let handle = platform::open_beneath(Resolver::Kernel, root, path, opening)?;
    platform::sync_handle(handle.as_fd())
}

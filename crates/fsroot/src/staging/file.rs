//! A file in a staged tree, written piece by piece.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::tree::{DirHandle, Staging};
use crate::{Error, RelPath, platform};

/// After this many bytes their writeback is started, so that the sync at the end waits for little.
const WRITEBACK_BYTES: u64 = 16 << 20;

/// A new file in a [`StagedTree`](crate::StagedTree), open for writing.
///
/// Writes go straight to the file; callers bring buffers worth a call. A file that is dropped
/// without [`close`](StagedFile::close) is removed again, since it is not whole.
#[derive(Debug)]
pub struct StagedFile {
    staging: Arc<Staging>,
    /// `None` means the root of the tree.
    dir: Option<DirHandle>,
    path: RelPath,
    file: OwnedFd,
    unhinted_bytes: u64,
    settled: bool,
}

impl StagedFile {
    pub(crate) fn new(
        staging: Arc<Staging>,
        dir: Option<DirHandle>,
        path: RelPath,
        file: OwnedFd,
    ) -> StagedFile {
        StagedFile {
            staging,
            dir,
            path,
            file,
            unhinted_bytes: 0,
            settled: false,
        }
    }

    /// Writes all of `bytes`; like [`io::Write::write_all`], but the error names the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        write_all(self.handle(), bytes).map_err(|source| self.error("write", source))?;
        self.hint(bytes.len());
        Ok(())
    }

    /// Returns the path within the tree.
    pub fn path(&self) -> &RelPath {
        &self.path
    }

    /// Keeps the file as written so far.
    ///
    /// Nothing is synced; publishing the tree does that for all files at once, and reports then
    /// what could not be stored.
    pub fn close(mut self) -> Result<(), Error> {
        self.settled = true;
        Ok(())
    }

    /// Removes the file from the tree.
    pub fn abandon(mut self) -> Result<(), Error> {
        self.settled = true;
        self.remove().map_err(|source| self.error("remove", source))
    }

    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn remove(&self) -> io::Result<()> {
        let dir = self
            .dir
            .as_ref()
            .map_or(self.staging.handle(), |handle| handle.as_fd());
        platform::unlink(dir, self.path.file_name())
    }

    fn hint(&mut self, written: usize) {
        self.unhinted_bytes += written as u64;
        if self.unhinted_bytes >= WRITEBACK_BYTES {
            self.unhinted_bytes = 0;
            platform::advise_written(self.file.as_fd());
        }
    }

    fn error(&self, operation: &'static str, source: io::Error) -> Error {
        Error::new(operation, &self.staging.shown(self.path.as_bytes()), source)
    }
}

impl io::Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = platform::write(self.handle(), bytes)?;
        self.hint(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.settled {
            let _removed = self.remove();
        }
    }
}

/// Writes everything, however little the system takes at a time.
#[inline]
pub(crate) fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = platform::write(file, bytes)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

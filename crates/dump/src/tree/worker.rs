//! One thread's share of the writing.

use fsroot::{Mode, RelPath, StagedWriter};
use sha2::{Digest as _, Sha256};
use spill::{Sorted, Sorter};

use super::TreeFile;
use crate::Error;
use crate::checksums::Digest;
use crate::manifest::Totals;

/// Writes files of a [`TreeWriter`](super::TreeWriter), for one thread.
///
/// Directories are made as they are needed. A second file of the same name is
/// [`fsroot::Error::AlreadyWritten`]. After an error the tree is fit only to be discarded, unless the error came from a [`TreeFile`] that
/// is then abandoned.
#[derive(Debug)]
pub struct TreeWorker {
    writer: StagedWriter,
    listed: Sorter,
    totals: Totals,
}

impl TreeWorker {
    pub(super) fn new(writer: StagedWriter, listed: Sorter) -> TreeWorker {
        TreeWorker {
            writer,
            listed,
            totals: Totals::default(),
        }
    }

    pub(super) fn into_parts(self) -> Result<(Sorted, Totals), Error> {
        Ok((self.listed.finish()?, self.totals))
    }

    /// Writes a whole file: the fast way for small ones.
    pub fn write(&mut self, path: &RelPath, bytes: &[u8]) -> Result<(), Error> {
        self.writer.write(path, Mode::Private, bytes)?;
        self.list(path, &Sha256::digest(bytes).into(), bytes_of(bytes.len()))
    }

    /// Begins a file that is hashed as it is written; [`finish`](TreeWorker::finish) it.
    pub fn create(&mut self, path: &RelPath) -> Result<TreeFile, Error> {
        Ok(TreeFile::hashed(self.writer.create(path, Mode::Private)?))
    }

    /// Begins a file that is hashed elsewhere; [`finish_with`](TreeWorker::finish_with) its digest.
    pub fn create_unhashed(&mut self, path: &RelPath) -> Result<TreeFile, Error> {
        Ok(TreeFile::unhashed(self.writer.create(path, Mode::Private)?))
    }

    /// Closes a file, lists it, and returns its digest.
    ///
    /// The file may have been begun by another worker of the same tree.
    pub fn finish(&mut self, file: TreeFile) -> Result<Digest, Error> {
        let digest = file.digest()?;
        self.finish_with(file, digest)?;
        Ok(digest)
    }

    /// Closes a file and lists it with a digest that the caller has computed over exactly the bytes that were written.
    pub fn finish_with(&mut self, file: TreeFile, digest: Digest) -> Result<(), Error> {
        let (file, size_bytes) = file.into_parts();
        let path = file.path().clone();
        file.close()?;
        self.list(&path, &digest, size_bytes)
    }

    /// Removes a file that was begun, as if it never had been. Its directories stay.
    pub fn abandon(&mut self, file: TreeFile) -> Result<(), Error> {
        Ok(file.into_parts().0.abandon()?)
    }

    /// Returns number and size of the files written so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn list(&mut self, path: &RelPath, digest: &Digest, size_bytes: u64) -> Result<(), Error> {
        self.listed.push(path.as_bytes(), digest)?;
        self.totals.files += 1;
        self.totals.bytes += size_bytes;
        Ok(())
    }
}

/// No buffer has more bytes than a `u64` counts.
pub(super) fn bytes_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

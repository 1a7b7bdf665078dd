//! A file of the tree, written piece by piece.

use std::io;

use fsroot::{RelPath, StagedFile};
use sha2::{Digest as _, Sha256};

use super::worker::bytes_of;
use crate::Error;
use crate::checksums::Digest;

/// A file that is being written; unbuffered, so callers bring buffers worth a system call.
///
/// Dropping it removes it from the tree.
#[derive(Debug)]
pub struct TreeFile {
    file: StagedFile,
    hasher: Option<Sha256>,
    size_bytes: u64,
}

impl TreeFile {
    pub(super) fn hashed(file: StagedFile) -> TreeFile {
        TreeFile {
            file,
            hasher: Some(Sha256::new()),
            size_bytes: 0,
        }
    }

    pub(super) fn unhashed(file: StagedFile) -> TreeFile {
        TreeFile {
            file,
            hasher: None,
            size_bytes: 0,
        }
    }

    /// Writes all of `bytes`; like [`io::Write::write_all`], but the error names the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.append(bytes)?;
        self.account(bytes);
        Ok(())
    }

    /// Returns the path within the tree.
    pub fn path(&self) -> &RelPath {
        self.file.path()
    }

    /// Returns how many bytes were written.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub(super) fn digest(&self) -> Result<Digest, Error> {
        match &self.hasher {
            Some(hasher) => Ok(hasher.clone().finalize().into()),
            None => Err(Error::NotHashed {
                path: self.path().clone(),
            }),
        }
    }

    pub(super) fn into_parts(self) -> (StagedFile, u64) {
        (self.file, self.size_bytes)
    }

    fn account(&mut self, written: &[u8]) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(written);
        }
        self.size_bytes += bytes_of(written.len());
    }
}

impl io::Write for TreeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.account(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

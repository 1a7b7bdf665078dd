use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use snapshot::ReadAt;
use snapshot::token::Token;

/// One snapshot to read.
pub struct Input {
    /// Name for messages and the manifest; never a path of the machine.
    pub name: String,
    /// The bytes.
    pub data: Box<dyn ReadAt>,
    /// Raft index, where the file's name tells it.
    pub index: Option<u64>,
    /// The token that a node put beside the file.
    pub token: Option<Token>,
    guard: Option<(File, Stamp)>,
}

/// What must not change while a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size_bytes: u64,
    modified: (i64, i64),
}

impl Input {
    /// Takes an open regular file. Changes to it during the run are noticed.
    ///
    /// # Errors
    ///
    /// If the file's metadata cannot be read.
    pub fn file(name: impl Into<String>, file: File) -> io::Result<Input> {
        let guard = Some((file.try_clone()?, stamp(&file)?));
        Ok(Input {
            name: name.into(),
            data: Box::new(file),
            index: None,
            token: None,
            guard,
        })
    }

    /// Takes bytes in memory.
    #[must_use]
    pub fn memory(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Input {
        Input {
            name: name.into(),
            data: Box::new(bytes.into()),
            index: None,
            token: None,
            guard: None,
        }
    }

    /// Says whether the file still is what it was when it was opened.
    pub(crate) fn is_unchanged(&self) -> io::Result<bool> {
        match &self.guard {
            None => Ok(true),
            Some((file, before)) => Ok(*before == stamp(file)?),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("name", &self.name)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

fn stamp(file: &File) -> io::Result<Stamp> {
    let metadata = file.metadata()?;
    Ok(Stamp {
        size_bytes: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}

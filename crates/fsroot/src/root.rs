//! Reading below a directory without wandering out of it.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::platform::{self, Cause, Opening, Resolver};
use crate::{Error, Kind, Metadata, RelPath, Walk};

/// A handle on a directory, through which what lies below it is read.
///
/// No symlink is followed anywhere below it, and nothing outside it can be reached. The handle
/// stays with the directory when that is renamed; the path in messages does not.
///
/// What lies below may be changed by others while it is read. Every answer is about the thing that
/// was opened, but two answers need not be about the same moment.
#[derive(Debug)]
pub struct Root {
    handle: OwnedFd,
    shown_as: PathBuf,
    resolver: Resolver,
}

/// A regular file, open for reading from its start, and what it was when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    /// The content.
    pub file: File,
    /// The attributes, asked of the open file.
    pub meta: Metadata,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name, as the file system stores it.
    pub name: Vec<u8>,
    /// What stood there when the directory was read.
    pub kind: Kind,
}

impl Root {
    /// Opens a directory by a path from outside; symlinks on it are followed, as the user meant.
    pub fn open_ambient(path: &Path) -> Result<Root, Error> {
        let handle = platform::open_dir_ambient(path)
            .map_err(|source| Error::new("open directory", path, source))?;
        Ok(Root::from_handle(handle, path.to_owned()))
    }

    pub(crate) fn from_handle(handle: OwnedFd, shown_as: PathBuf) -> Root {
        Root {
            handle,
            shown_as,
            resolver: Resolver::Kernel,
        }
    }

    /// Chooses who resolves paths; by default the kernel does where it can.
    pub fn with_resolver(self, resolver: Resolver) -> Root {
        Root { resolver, ..self }
    }

    /// Returns the path under which messages name this directory.
    pub fn path(&self) -> &Path {
        &self.shown_as
    }

    /// Opens a directory below this one.
    pub fn open_dir(&self, path: &RelPath) -> Result<Root, Error> {
        let handle = platform::open_beneath(
            self.resolver,
            self.handle(),
            path.as_bytes(),
            Opening::Directory,
        )
        .map_err(|source| self.error("open directory", path, source))?;
        Ok(Root {
            handle,
            shown_as: self.shown(path),
            resolver: self.resolver,
        })
    }

    /// Opens a regular file below this directory; anything else is an error.
    ///
    /// Opening does not block, even on a FIFO. The number of links is not judged here: a file with
    /// `meta.nlink` above 1 can be changed under another name.
    pub fn open_file(&self, path: &RelPath) -> Result<OpenFile, Error> {
        let handle =
            platform::open_beneath(self.resolver, self.handle(), path.as_bytes(), Opening::File)
                .map_err(|source| self.file_error(path, source))?;
        let (kind, meta) =
            platform::stat(handle.as_fd()).map_err(|source| self.error("examine", path, source))?;
        if kind != Kind::File {
            return Err(self.not_regular(path, kind));
        }
        Ok(OpenFile {
            file: File::from(handle),
            meta,
        })
    }

    /// Describes what stands at a path; a symlink there is described, not followed.
    pub fn stat(&self, path: &RelPath) -> Result<(Kind, Metadata), Error> {
        let (parent, name) = path.split_last();
        let answer = match parent {
            None => platform::stat_child(self.handle(), name),
            Some(parent) => {
                platform::open_beneath(self.resolver, self.handle(), parent, Opening::Handle)
                    .and_then(|dir| platform::stat_child(dir.as_fd(), name))
            }
        };
        answer.map_err(|source| self.error("examine", path, source))
    }

    /// Describes this directory itself.
    pub fn metadata(&self) -> Result<Metadata, Error> {
        platform::stat(self.handle())
            .map(|(_, meta)| meta)
            .map_err(|source| Error::new("examine", &self.shown_as, source))
    }

    /// Lists this directory, without `.` and `..`, in the order of the file system.
    pub fn entries(&self) -> Result<impl Iterator<Item = Result<DirEntry, Error>>, Error> {
        let fail = |source| Error::new("read directory", &self.shown_as, source);
        Ok(platform::Entries::of(self.handle())
            .map_err(fail)?
            .map(move |entry| {
                entry
                    .map(|(name, kind)| DirEntry { name, kind })
                    .map_err(fail)
            }))
    }

    /// Tells whether the directory has no entries.
    pub fn is_empty(&self) -> Result<bool, Error> {
        match self.entries()?.next() {
            None => Ok(true),
            Some(entry) => entry.map(|_| false),
        }
    }

    /// Visits everything below this directory, in byte order of the paths.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    pub(crate) fn shown(&self, path: &RelPath) -> PathBuf {
        self.shown_as.join(path.as_path())
    }

    fn error(&self, operation: &'static str, path: &RelPath, source: std::io::Error) -> Error {
        Error::new(operation, &self.shown(path), source)
    }

    /// Sockets and devices without a driver cannot even be opened; say what they are.
    fn file_error(&self, path: &RelPath, source: std::io::Error) -> Error {
        if platform::cause(&source) == Cause::NoDevice
            && let Ok((kind, _)) = self.stat(path)
            && kind != Kind::File
        {
            return self.not_regular(path, kind);
        }
        self.error("open file", path, source)
    }

    fn not_regular(&self, path: &RelPath, kind: Kind) -> Error {
        Error::NotRegular {
            path: self.shown(path),
            kind,
        }
    }
}

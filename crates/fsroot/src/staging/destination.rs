//! The place where something is to appear, and what stands there now.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::platform::{self, Cause};
use crate::{Error, Kind, Metadata, Root};

/// A name in an open directory; the directory stays the same one however it is renamed.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) parent: OwnedFd,
    pub(crate) name: Vec<u8>,
    pub(crate) path: PathBuf,
}

/// What stood at the destination when staging began, and therefore what publishing does there.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Nothing; nothing will be replaced.
    Absent,
    /// An empty directory; it gives way as long as it stays empty.
    Empty(Metadata),
    /// A directory with content, to be exchanged for the new one if it is still the same.
    Full(Metadata),
}

impl Destination {
    /// Opens the parent; symlinks on the way to it are followed, as the user typed them.
    pub(crate) fn open(path: &Path) -> Result<Destination, Error> {
        // `file_name` sees through a trailing slash; it is `None` for `..`, `/` and nothing.
        let name = path.file_name().ok_or_else(|| Error::DestinationUnnamed {
            path: path.to_owned(),
        })?;
        let parent_path = path.parent().unwrap_or(Path::new(""));
        let parent = platform::open_dir_ambient(parent_path)
            .map_err(|source| parent_error(parent_path, source))?;
        Ok(Destination {
            parent,
            name: name.as_bytes().to_vec(),
            path: path.to_owned(),
        })
    }

    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        self.parent.as_fd()
    }

    /// Names a sibling in messages.
    pub(crate) fn sibling_path(&self, name: &[u8]) -> PathBuf {
        self.path.with_file_name(std::ffi::OsStr::from_bytes(name))
    }

    pub(crate) fn error(&self, operation: &'static str, source: io::Error) -> Error {
        Error::new(operation, &self.path, source)
    }

    pub(crate) fn exists(&self) -> Error {
        Error::DestinationExists {
            path: self.path.clone(),
        }
    }

    pub(crate) fn changed(&self) -> Error {
        Error::DestinationChanged {
            path: self.path.clone(),
        }
    }

    /// Describes what stands at the name, or `None` if nothing does.
    pub(crate) fn stat(&self) -> Result<Option<(Kind, Metadata)>, Error> {
        stat_name(self.dir(), &self.name).map_err(|source| self.error("examine", source))
    }

    /// Finds out what stands at the name, as far as a directory is to go there.
    ///
    /// The handle comes with a directory that has content, for the caller to judge it by.
    pub(crate) fn standing(&self) -> Result<(Standing, Option<Root>), Error> {
        let Some((kind, _)) = self.stat()? else {
            return Ok((Standing::Absent, None));
        };
        match kind {
            Kind::Directory => self.standing_directory(),
            Kind::Symlink => Err(Error::SymlinkRefused {
                path: self.path.clone(),
            }),
            kind => Err(Error::DestinationUnfit {
                path: self.path.clone(),
                kind,
            }),
        }
    }

    fn standing_directory(&self) -> Result<(Standing, Option<Root>), Error> {
        let mounted = platform::is_mount_point(self.dir(), &self.name)
            .map_err(|source| self.error("examine", source))?;
        if mounted {
            return Err(Error::OtherFileSystem {
                path: self.path.clone(),
            });
        }
        let handle = platform::open_child_dir(self.dir(), &self.name)
            .map_err(|source| self.error("open directory", source))?;
        let root = Root::from_handle(handle, self.path.clone());
        let meta = root.metadata()?;
        if root.is_empty()? {
            Ok((Standing::Empty(meta), None))
        } else {
            Ok((Standing::Full(meta), Some(root)))
        }
    }
}

/// Describes what stands at a name, or `None` if nothing does.
pub(crate) fn stat_name(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Option<(Kind, Metadata)>> {
    match platform::stat_child(dir, name) {
        Ok(found) => Ok(Some(found)),
        Err(error) if platform::cause(&error) == Cause::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parent_error(parent: &Path, source: io::Error) -> Error {
    let path = if parent.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        parent.to_owned()
    };
    match platform::cause(&source) {
        Cause::NotFound => Error::ParentMissing { path },
        Cause::NotADirectory => Error::ParentNotADirectory { path },
        _ => Error::new("open directory", &path, source),
    }
}

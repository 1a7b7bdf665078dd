//! Writing many small files fast: known directories by handle, three calls a file.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::file::{StagedFile, write_all};
use super::tree::{DirHandle, Staging};
use crate::platform::{self, Cause};
use crate::rel_path::split_last;
use crate::{Error, RelPath};

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 0600, regardless of the umask.
    Private,
    /// 0666 less the umask.
    Shared,
}

impl Mode {
    pub(crate) fn bits(self) -> u32 {
        match self {
            Mode::Private => 0o600,
            Mode::Shared => 0o666,
        }
    }
}

/// Handles kept open by one writer. Decoding partitions its work by directory, so few suffice.
const CACHED_DIRS: usize = 64;

/// Creates files in a [`StagedTree`](crate::StagedTree), for one thread.
///
/// Missing directories are made on the way, mode 0755 less the umask. Files must be new: a second
/// one of the same name is [`Error::AlreadyWritten`]. Directories used last are kept open, so
/// writing beside the file before costs no lookup.
#[derive(Debug)]
pub struct StagedWriter {
    staging: Arc<Staging>,
    /// Most recently used first.
    cache: Vec<(Box<[u8]>, DirHandle)>,
}

impl StagedWriter {
    pub(crate) fn new(staging: Arc<Staging>) -> StagedWriter {
        StagedWriter {
            staging,
            cache: Vec::with_capacity(CACHED_DIRS),
        }
    }

    /// Creates a file and writes all of its content.
    ///
    /// After an error the file may exist in part; the tree is then fit only to be discarded.
    pub fn write(&mut self, path: &RelPath, mode: Mode, bytes: &[u8]) -> Result<(), Error> {
        let (parent, name) = path.split_last();
        let created = {
            let dir = self.directory(parent)?;
            platform::create_file(dir, name, mode.bits())
        };
        let file = created.map_err(|source| self.create_error(path, source))?;
        self.fix_mode(file.as_fd(), mode, path)?;
        write_all(file.as_fd(), bytes)
            .map_err(|source| Error::new("write", &self.staging.shown(path.as_bytes()), source))
        // Closing cannot be seen to fail from safe code. What it would report, a write that a
        // remote file system could not complete, the sync before publishing reports as well.
    }

    /// Creates a file for writing it piece by piece.
    pub fn create(&mut self, path: &RelPath, mode: Mode) -> Result<StagedFile, Error> {
        let (parent, name) = path.split_last();
        let dir = self.directory_handle(parent)?;
        let at = dir
            .as_ref()
            .map_or(self.staging.handle(), |handle| handle.as_fd());
        let file = platform::create_file(at, name, mode.bits())
            .map_err(|source| self.create_error(path, source))?;
        let file = StagedFile::new(Arc::clone(&self.staging), dir, path.clone(), file);
        self.fix_mode(file.handle(), mode, path)?;
        Ok(file)
    }

    fn fix_mode(&self, file: BorrowedFd<'_>, mode: Mode, path: &RelPath) -> Result<(), Error> {
        if mode == Mode::Private && !self.staging.permissions.spare_the_owner() {
            platform::set_mode(file, mode.bits()).map_err(|source| {
                Error::new(
                    "set the mode of",
                    &self.staging.shown(path.as_bytes()),
                    source,
                )
            })?;
        }
        Ok(())
    }

    fn create_error(&self, path: &RelPath, source: std::io::Error) -> Error {
        let shown = self.staging.shown(path.as_bytes());
        match platform::cause(&source) {
            Cause::Exists => Error::AlreadyWritten { path: shown },
            _ => Error::new("create", &shown, source),
        }
    }

    fn directory(&mut self, path: Option<&[u8]>) -> Result<BorrowedFd<'_>, Error> {
        let Some(path) = path else {
            return Ok(self.staging.handle());
        };
        self.look_up(path)?;
        Ok(self
            .cache
            .first()
            .map_or(self.staging.handle(), |(_, handle)| handle.as_fd()))
    }

    fn directory_handle(&mut self, path: Option<&[u8]>) -> Result<Option<DirHandle>, Error> {
        match path {
            None => Ok(None),
            Some(path) => {
                self.look_up(path)?;
                Ok(self.cache.first().map(|(_, handle)| Arc::clone(handle)))
            }
        }
    }

    /// Brings the handle of `path` to the front of the cache.
    fn look_up(&mut self, path: &[u8]) -> Result<(), Error> {
        match self.cached(path) {
            Some(0) => {}
            Some(position) => self
                .cache
                .get_mut(..=position)
                .unwrap_or_default()
                .rotate_right(1),
            None => {
                let handle = self.make_and_open(path)?;
                self.cache.truncate(CACHED_DIRS - 1);
                self.cache.insert(0, (path.into(), handle));
            }
        }
        Ok(())
    }

    fn cached(&self, path: &[u8]) -> Option<usize> {
        self.cache.iter().position(|(known, _)| &**known == path)
    }

    /// Goes down from the deepest directory that is open already.
    fn make_and_open(&self, path: &[u8]) -> Result<DirHandle, Error> {
        let mut known = split_last(path).0;
        let mut handle = None;
        while let Some(ancestor) = known {
            if let Some(position) = self.cached(ancestor) {
                handle = self.cache.get(position).map(|(_, open)| Arc::clone(open));
                break;
            }
            known = split_last(ancestor).0;
        }
        let below = known.map_or(0, |ancestor| ancestor.len() + 1);
        open_or_make(&self.staging, handle, path, below)
    }
}

/// Creates the directories of `path` from byte `below` on, starting in `from` or the tree's root.
fn open_or_make(
    staging: &Staging,
    from: Option<DirHandle>,
    path: &[u8],
    below: usize,
) -> Result<DirHandle, Error> {
    let fail = |source| Error::new("create directory", &staging.shown(path), source);
    let mut current = from;
    for name in path.get(below..).unwrap_or_default().split(|&b| b == b'/') {
        let at = current
            .as_ref()
            .map_or(staging.handle(), |handle| handle.as_fd());
        match platform::make_dir(at, name, 0o755) {
            Err(error) if platform::cause(&error) != Cause::Exists => return Err(fail(error)),
            _ => {}
        }
        let next = platform::open_child_handle(at, name).map_err(fail)?;
        current = Some(Arc::new(next));
    }
    current.ok_or_else(|| Error::NotFound {
        path: staging.shown(path),
    })
}

/// Makes a directory and those above it.
pub(crate) fn make_dirs(staging: &Staging, path: &RelPath) -> Result<(), Error> {
    open_or_make(staging, None, path.as_bytes(), 0).map(|_handle| ())
}

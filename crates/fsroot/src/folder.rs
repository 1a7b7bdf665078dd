//! Folders that hold what is published and are none of it themselves.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use crate::Error;
use crate::platform::{self, Cause, Lock};
use crate::staging::destination::Destination;

/// What only its owner may look into.
const PRIVATE_DIR: u32 = 0o700;

/// Makes a directory and those above it that are missing, each for its owner only. One that exists stays as it is.
///
/// Symlinks on the way are followed, as the user meant.
pub fn make_private_dirs_ambient(path: &Path) -> Result<(), Error> {
    let answer = make_private_dir(path);
    let Err(Error::ParentMissing { .. }) = answer else {
        return answer;
    };
    if let Some(parent) = path.parent() {
        make_private_dirs_ambient(parent)?;
    }
    make_private_dir(path)
}

fn make_private_dir(path: &Path) -> Result<(), Error> {
    let folder = Destination::open(path)?;
    match platform::make_dir(folder.dir(), &folder.name, PRIVATE_DIR) {
        Err(error) if platform::cause(&error) == Cause::Exists => {
            // Only a directory will do; this says what else stands there.
            platform::open_dir_ambient(path)
                .map(drop)
                .map_err(|source| folder.error("open directory", source))
        }
        answer => answer.map_err(|source| folder.error("make directory", source)),
    }
}

/// The lock of a directory, until it is dropped or its process ends, however it does.
///
/// It holds against other processes and other locks of this one that go through here; it does not keep anybody from writing.
#[derive(Debug)]
pub struct FolderLock {
    _handle: OwnedFd,
}

/// Whether the lock of a directory could be had.
#[derive(Debug)]
pub enum FolderLocking {
    /// It is ours.
    Taken(FolderLock),
    /// Somebody alive has it.
    Held,
    /// The file system has no such locks.
    Unsupported,
}

/// Asks for the exclusive lock of a directory, without waiting.
pub fn lock_folder_ambient(path: &Path) -> Result<FolderLocking, Error> {
    let handle = platform::open_dir_ambient(path)
        .map_err(|source| Error::new("open directory", path, source))?;
    let lock = platform::lock(handle.as_fd()).map_err(|source| Error::new("lock", path, source))?;
    Ok(match lock {
        Lock::Taken => FolderLocking::Taken(FolderLock { _handle: handle }),
        Lock::Held => FolderLocking::Held,
        Lock::Unsupported => FolderLocking::Unsupported,
    })
}

/// Removes an empty directory; one with content stays and is an error.
///
/// For a folder that was made for trees of which none was published. Symlinks on the way to its parent are followed, a
/// symlink in its place is not.
pub fn remove_empty_dir_ambient(path: &Path) -> Result<(), Error> {
    let folder = Destination::open(path)?;
    platform::remove_dir(folder.dir(), &folder.name)
        .map_err(|source| folder.error("remove", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_directory_goes() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("file"), "x").unwrap();
        assert!(remove_empty_dir_ambient(&folder).is_err());
        std::fs::remove_file(folder.join("file")).unwrap();
        remove_empty_dir_ambient(&folder).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn missing_directories_are_made_for_their_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c");
        make_private_dirs_ambient(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        make_private_dirs_ambient(&path).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
        assert!(make_private_dirs_ambient(&path.join("file")).is_err());
        assert!(make_private_dirs_ambient(&path.join("file/d")).is_err());
    }

    #[test]
    fn a_folder_has_one_lock() {
        let root = tempfile::tempdir().unwrap();
        let first = lock_folder_ambient(root.path()).unwrap();
        assert!(matches!(first, FolderLocking::Taken(_)));
        let second = lock_folder_ambient(root.path()).unwrap();
        assert!(matches!(second, FolderLocking::Held));
        drop(first);
        let third = lock_folder_ambient(root.path()).unwrap();
        assert!(matches!(third, FolderLocking::Taken(_)));
    }
}

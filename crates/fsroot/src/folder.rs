//! Folders that hold published trees and are none themselves.

use std::path::Path;

use crate::Error;
use crate::platform;
use crate::staging::destination::Destination;

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
}

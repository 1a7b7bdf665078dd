//! Files without a name, for what does not fit in memory.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::Error;
use crate::platform::{self, Cause};
use crate::staging::name::{Role, Siblings, Token};

/// Creates a temporary file in `dir` that has no name and vanishes with its last handle.
///
/// Mode 0600, open for reading and writing. Symlinks on the way to `dir` are followed. Where the
/// file system cannot make nameless files, the name exists for a moment.
pub fn scratch_file(dir: &Path) -> Result<File, Error> {
    let made = match platform::anonymous_file_ambient(dir) {
        // Kernels without the flag take it for a directory opened for writing.
        Err(error)
            if matches!(
                platform::cause(&error),
                Cause::Unsupported | Cause::IsADirectory
            ) =>
        {
            create_and_unlink(dir)
        }
        answer => answer,
    };
    made.map(File::from)
        .map_err(|source| Error::new("create a scratch file in", dir, source))
}

fn create_and_unlink(dir: &Path) -> std::io::Result<OwnedFd> {
    let dir = platform::open_dir_ambient(dir)?;
    let siblings = Siblings::of(b"scratch");
    let name = siblings.name(Role::Staging, siblings.form(), Token::random());
    let file = platform::create_file(dir.as_fd(), &name, 0o600)?;
    platform::unlink(dir.as_fd(), &name)?;
    Ok(file)
}

//! Making a sibling that is recognisably ours and recognisably alive.
//!
//! A living run holds the exclusive lock of its staging directory or file. Whoever gets that lock
//! knows the run is dead, because locks end with the process however it ends.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::destination::{Destination, stat_name};
use super::name::{Role, Siblings, Token};
use crate::Error;
use crate::platform::{self, Cause, Lock};

/// A sibling of the destination: locked, empty, and nobody else's.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) handle: OwnedFd,
    pub(crate) name: Vec<u8>,
    pub(crate) siblings: Siblings,
    pub(crate) token: Token,
}

/// What kind of sibling to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Directory,
    File {
        /// Permission bits before the umask.
        mode: u32,
    },
}

/// Losing a race this often in a row is no race.
const ATTEMPTS: u32 = 32;

/// Makes the staging sibling of a destination.
pub(crate) fn reserve(destination: &Destination, shape: Shape) -> Result<Reserved, Error> {
    let mut siblings = Siblings::of(&destination.name);
    let mut refusal = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..ATTEMPTS {
        let token = Token::random();
        let name = siblings.name(Role::Staging, siblings.form(), token);
        match try_reserve(destination, &name, shape) {
            Ok(Some(handle)) => {
                return Ok(Reserved {
                    handle,
                    name,
                    siblings,
                    token,
                });
            }
            Ok(None) => {}
            Err(error) => match platform::cause(&error) {
                Cause::Exists => refusal = error,
                Cause::NameTooLong if siblings.shorten() => refusal = error,
                _ => return Err(destination.error("create a staging place for", error)),
            },
        }
    }
    Err(destination.error("create a staging place for", refusal))
}

/// Returns `None` if a sweeping run saw the new sibling before it was locked, and removed it.
fn try_reserve(
    destination: &Destination,
    name: &[u8],
    shape: Shape,
) -> io::Result<Option<OwnedFd>> {
    let handle = make(destination, name, shape)?;
    let locked = platform::lock(handle.as_fd());
    let kept = locked.and_then(|lock| match lock {
        Lock::Held => Ok(false),
        Lock::Taken | Lock::Unsupported => is_named(destination, name, &handle),
    });
    match kept {
        Ok(true) => Ok(Some(handle)),
        Ok(false) => Ok(None),
        Err(error) => {
            remove(destination, name, shape);
            Err(error)
        }
    }
}

fn make(destination: &Destination, name: &[u8], shape: Shape) -> io::Result<OwnedFd> {
    match shape {
        Shape::File { mode } => platform::create_file(destination.dir(), name, mode),
        Shape::Directory => {
            platform::make_dir(destination.dir(), name, 0o700)?;
            platform::open_child_dir(destination.dir(), name)
                .inspect_err(|_| remove(destination, name, shape))
        }
    }
}

/// Best effort: what stays is dead by its lock, and the next run removes it.
fn remove(destination: &Destination, name: &[u8], shape: Shape) {
    let _removed = match shape {
        Shape::Directory => platform::remove_dir(destination.dir(), name),
        Shape::File { .. } => platform::unlink(destination.dir(), name),
    };
}

/// Tells whether the name still leads to what the handle is open on.
pub(crate) fn is_named(
    destination: &Destination,
    name: &[u8],
    handle: &OwnedFd,
) -> io::Result<bool> {
    let (_, ours) = platform::stat(handle.as_fd())?;
    let named = stat_name(destination.dir(), name)?;
    Ok(named.is_some_and(|(_, there)| there.is_same_file(&ours)))
}

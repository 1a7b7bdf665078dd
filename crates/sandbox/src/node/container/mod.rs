//! Containers as local processes.
//!
//! A container is a set of tools, directories at mount paths, an environment and a working directory; what runs in it runs in a
//! process group of its own. Where user and mount namespaces are allowed the container has a root of its own and mount paths are
//! real. Elsewhere each argument that equals a mount path, or begins with one and a slash, is rewritten to the directory behind
//! it; nothing inside a longer string is.
//!
//! This isolates nothing: what runs in a container can do what the user who started the sandbox can do.

mod create;
mod keeper;
mod rewrite;
mod spawn;
mod tools;

pub use create::{Container, Mount, Spec};
pub use keeper::{Keeper, MARKER, are_namespaces_allowed};
pub use spawn::{Attach, Group, Started};
pub use tools::{Toolbox, Tools};

use std::io;
use std::path::PathBuf;

/// How mount paths are brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mounts {
    /// Real where namespaces are allowed, rewritten elsewhere.
    #[default]
    Auto,
    /// Real, or an error.
    Real,
    /// Rewritten.
    Rewritten,
}

/// Why a container or a process in it cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// A program that the sandbox itself needs is not installed.
    #[error("{0} is not installed, and the sandbox needs it")]
    ToolMissing(&'static str),
    /// The command is not among the image's tools.
    #[error("exec: {0:?}: executable file not found in $PATH")]
    NotFound(String),
    /// A container needs a command; the images here bring none.
    #[error("no command specified")]
    NoCommand,
    /// Nothing can be mounted over the machine's own directories.
    #[error("mount path {0} lies below the image's own directories")]
    MountPath(String),
    /// Namespaces were demanded and are not allowed.
    #[error("user and mount namespaces are not allowed here: {0}")]
    NoNamespaces(String),
    /// The root could not be built.
    #[error("the container's file system could not be built: {0}")]
    Holder(String),
    /// The system refused.
    #[error("cannot {what} {path}")]
    System {
        /// The attempt.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The container is not there any more.
    #[error("container is not running")]
    Stopped,
}

impl ContainerError {
    pub(crate) fn system(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { what, path, source }
    }
}

#[cfg(test)]
mod tests;

//! Files, safely: the only crate of the product that changes any.
//!
//! Everything that is written goes through one sequence, **stage → verify → publish** or discard:
//! it is made beside its destination under a name nobody looks at, checked there, and becomes
//! visible by a rename.
//!
//! # What it knows
//!
//! - [`RelPath`]: names from strangers become paths only through it.
//! - [`Root`]: reading below a directory without wandering out of it.
//! - [`StagedTree`] with its [`StagedWriter`]s, and [`StagedOutput`] for a single file.
//! - [`scratch_file`]: room on disk for what does not fit in memory.
//!
//! # What it does not know
//!
//! What the files are for, which directories may be replaced (callers judge, see
//! [`StagedTree::begin_if`]), what to tell the user, the environment, and the time.
//!
//! # Invariants
//!
//! - Every system call that changes a file is made in `platform`, one file for each system.
//! - No symlink is followed below a root or a destination's parent, whatever changes meanwhile.
//! - A destination is the old thing or the new one, whole, at every moment and after every fault.
//! - What a dead run left is recognised by a free lock, never by its age or its process number.

mod case;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(not(feature = "faults"))]
#[path = "no_faults.rs"]
mod faults;
mod folder;
mod metadata;
mod platform;
mod rel_path;
mod remove;
mod root;
mod scratch;
mod staging;
mod walk;

pub use case::CaseBehaviour;
pub use error::Error;
pub use folder::{
    FolderLock, FolderLocking, lock_folder_ambient, make_private_dirs_ambient,
    remove_empty_dir_ambient,
};
pub use metadata::{Kind, Metadata};
pub use platform::Resolver;
pub use rel_path::{COMPONENT_MAX_BYTES, InvalidPath, RelPath};
pub use root::{DirEntry, OpenFile, Root};
pub use scratch::scratch_file;
pub use staging::file::StagedFile;
pub use staging::output::StagedOutput;
pub use staging::publish::Published;
pub use staging::recover::{LeftReason, Recovery, recover_ambient};
pub use staging::tree::{Existing, StagedTree};
pub use staging::writer::{Mode, StagedWriter};
pub use walk::Walk;

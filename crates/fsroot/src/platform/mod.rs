//! The system calls, and the only place that makes any.
//!
//! A platform is one file that provides the functions listed in the `pub(crate) use` below, all of
//! them thin: one call each, interrupted calls repeated, answers returned as they are. What an
//! answer means is decided here once ([`cause`]), so that no error number appears elsewhere.
//!
//! Names given to these functions are single components unless a function says otherwise, and no
//! function follows a symlink unless its name ends in `_ambient`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::{
    Entries, advise_written, anonymous_file_ambient, cause, create_file, effective_user, exchange,
    is_mount_point, link, lock, make_dir, open_beneath, open_child_dir, open_child_handle,
    open_dir_ambient, remove_dir, rename, rename_noreplace, reopen_dir, set_mode, stat, stat_child,
    sync_file_system, sync_handle, unlink, write,
};

/// What to open below a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A directory whose entries can be read and that can be synced and locked.
    Directory,
    /// A handle on a directory that serves only to reach what is in it.
    Handle,
    /// A file for reading; never waits for a FIFO's other end.
    File,
}

/// Who resolves a path of several components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// One call in which the kernel refuses symlinks and anything that leads out (`openat2`).
    ///
    /// Where the kernel does not know the call or a filter forbids it, [`Resolver::Walk`] steps in
    /// silently; where it does know it, this is the faster one.
    Kernel,
    /// One component at a time, each opened from the handle of the one before.
    Walk,
}

/// Whether an advisory lock could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// It is ours until the handle is closed.
    Taken,
    /// A living process has it.
    Held,
    /// The file system has no such locks.
    Unsupported,
}

/// What the system's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    DiskFull,
    NotFound,
    Exists,
    NotEmpty,
    Symlink,
    NotADirectory,
    IsADirectory,
    NameTooLong,
    /// The file system or the kernel cannot do this at all.
    Unsupported,
    /// A mount point, or a name that crosses file systems.
    OtherFileSystem,
    /// No process is at the other end: a socket, or a device without a driver.
    NoDevice,
    Other,
}

//! Linux, through rustix: no libc, no unsafe code here.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RawMode, RenameFlags, ResolveFlags, Stat,
    StatxAttributes, StatxFlags,
};
use rustix::io::{Errno, retry_on_intr};

use super::{Cause, Lock, Opening, Resolver};
use crate::faults;
use crate::{Kind, Metadata};

/// `openat2` answers EAGAIN when a rename elsewhere raced with it; this many in a row is no race.
const RACE_RETRIES: u32 = 128;

/// Cleared when the kernel turned out not to have `openat2`, or a filter to forbid it.
static KERNEL_RESOLVES: AtomicBool = AtomicBool::new(true);

pub(crate) fn open_dir_ambient(path: &Path) -> io::Result<OwnedFd> {
    faults::step("open directory")?;
    // `Path` takes "" for a path without components; the system wants a name.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| {
        rustix::fs::openat(CWD, path, flags, Mode::empty())
    })?)
}

/// Opens `path`, one or more components, below `dir`.
pub(crate) fn open_beneath(
    resolver: Resolver,
    dir: BorrowedFd<'_>,
    path: &[u8],
    opening: Opening,
) -> io::Result<OwnedFd> {
    faults::step("open")?;
    // A single name leads nowhere else, and the kernel is quicker when it need not make sure of that.
    if !path.contains(&b'/') {
        return Ok(open_child(dir, path, opening)?);
    }
    if resolver == Resolver::Kernel && KERNEL_RESOLVES.load(Ordering::Relaxed) {
        match open_by_kernel(dir, path, opening) {
            // EPERM comes from system call filters older than the call, but from files as well:
            // only where the walk gets through it was the filter.
            Err(refusal @ (Errno::NOSYS | Errno::PERM)) => {
                let opened = open_by_walk(dir, path, opening);
                if refusal == Errno::NOSYS || opened.is_ok() {
                    KERNEL_RESOLVES.store(false, Ordering::Relaxed);
                }
                return Ok(opened?);
            }
            // The walk has no limit on the whole path's length, and makes no race.
            Err(Errno::NAMETOOLONG | Errno::AGAIN) => {}
            answer => return Ok(answer?),
        }
    }
    Ok(open_by_walk(dir, path, opening)?)
}

fn open_by_kernel(dir: BorrowedFd<'_>, path: &[u8], opening: Opening) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut answer = Err(Errno::AGAIN);
    for _ in 0..RACE_RETRIES {
        answer = retry_on_intr(|| {
            rustix::fs::openat2(dir, path, open_flags(opening), Mode::empty(), resolve)
        });
        if !matches!(answer, Err(Errno::AGAIN)) {
            break;
        }
    }
    answer
}

fn open_by_walk(dir: BorrowedFd<'_>, path: &[u8], opening: Opening) -> Result<OwnedFd, Errno> {
    let mut held: Option<OwnedFd> = None;
    let mut rest = path;
    loop {
        let at = held.as_ref().map_or(dir, AsFd::as_fd);
        let Some(slash) = rest.iter().position(|&byte| byte == b'/') else {
            return open_child(at, rest, opening);
        };
        let (component, tail) = rest.split_at(slash);
        held = Some(open_child(at, component, Opening::Handle)?);
        rest = tail.get(1..).unwrap_or_default();
    }
}

fn open_child(dir: BorrowedFd<'_>, name: &[u8], opening: Opening) -> Result<OwnedFd, Errno> {
    let flags = open_flags(opening) | OFlags::NOFOLLOW;
    let opened = retry_on_intr(|| rustix::fs::openat(dir, name, flags, Mode::empty()));
    match opened {
        // With O_DIRECTORY a symlink is merely "not a directory"; say which, as openat2 does.
        Err(Errno::NOTDIR) => match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if kind_of(&stat) == Kind::Symlink => Err(Errno::LOOP),
            _ => Err(Errno::NOTDIR),
        },
        answer => answer,
    }
}

fn open_flags(opening: Opening) -> OFlags {
    OFlags::CLOEXEC
        | match opening {
            Opening::Directory => OFlags::RDONLY | OFlags::DIRECTORY,
            Opening::Handle => OFlags::PATH | OFlags::DIRECTORY,
            // Non-blocking, or a FIFO without a writer would hold us for ever.
            Opening::File => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
        }
}

/// Opens a directory anew by its handle, with a reading position of its own.
pub(crate) fn reopen_dir(dir: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    faults::step("open directory")?;
    Ok(open_child(dir, b".", Opening::Directory)?)
}

pub(crate) fn open_child_dir(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    faults::step("open directory")?;
    Ok(open_child(dir, name, Opening::Directory)?)
}

pub(crate) fn open_child_handle(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    faults::step("open directory")?;
    Ok(open_child(dir, name, Opening::Handle)?)
}

/// Creates a regular file that must not exist, for writing.
#[inline]
pub(crate) fn create_file(dir: BorrowedFd<'_>, name: &[u8], mode: u32) -> io::Result<OwnedFd> {
    faults::step("create file")?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| {
        rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(mode))
    })?)
}

/// Creates a file that has no name and never gets one.
pub(crate) fn anonymous_file_ambient(dir: &Path) -> io::Result<OwnedFd> {
    faults::step("create scratch file")?;
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::EXCL | OFlags::CLOEXEC;
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    Ok(retry_on_intr(|| {
        rustix::fs::openat(CWD, dir, flags, Mode::from_raw_mode(0o600))
    })?)
}

pub(crate) fn make_dir(dir: BorrowedFd<'_>, name: &[u8], mode: u32) -> io::Result<()> {
    faults::step("create directory")?;
    Ok(retry_on_intr(|| {
        rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(mode))
    })?)
}

/// Writes some of `bytes` and returns how many.
#[inline]
pub(crate) fn write(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let bytes = faults::write(bytes)?;
    Ok(retry_on_intr(|| rustix::io::write(file, bytes))?)
}

/// Starts writing out what was written so far, without waiting; a hint that may have no effect.
pub(crate) fn advise_written(file: BorrowedFd<'_>) {
    // DONTNEED starts writeback of dirty pages and drops only clean ones.
    let _ignored = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

pub(crate) fn stat(handle: BorrowedFd<'_>) -> io::Result<(Kind, Metadata)> {
    faults::step("stat")?;
    Ok(describe(&retry_on_intr(|| rustix::fs::fstat(handle))?))
}

pub(crate) fn stat_child(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<(Kind, Metadata)> {
    faults::step("stat")?;
    let stat = retry_on_intr(|| rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW))?;
    Ok(describe(&stat))
}

/// Tells whether `name` in `dir` is the root of a mounted file system.
pub(crate) fn is_mount_point(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<bool> {
    faults::step("stat")?;
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    if let Ok(answer) = rustix::fs::statx(dir, name, flags, StatxFlags::TYPE)
        && answer
            .stx_attributes_mask
            .contains(StatxAttributes::MOUNT_ROOT)
    {
        return Ok(answer.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    }
    // Kernels before 5.8 do not say; a bind mount of the same file system then stays unnoticed
    // until the rename fails with EBUSY.
    let parent = rustix::fs::fstat(dir)?;
    let child = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(parent.st_dev != child.st_dev)
}

pub(crate) fn unlink(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    faults::step("remove file")?;
    Ok(retry_on_intr(|| {
        rustix::fs::unlinkat(dir, name, AtFlags::empty())
    })?)
}

pub(crate) fn remove_dir(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    faults::step("remove directory")?;
    Ok(retry_on_intr(|| {
        rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)
    })?)
}

/// Creates a second name for a file, which must be free.
pub(crate) fn link(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> io::Result<()> {
    faults::step("link")?;
    Ok(retry_on_intr(|| {
        rustix::fs::linkat(dir, from, dir, to, AtFlags::empty())
    })?)
}

/// Renames within `dir`, replacing a file by a file or an empty directory by a directory.
pub(crate) fn rename(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> io::Result<()> {
    faults::step("rename")?;
    Ok(retry_on_intr(|| rustix::fs::renameat(dir, from, dir, to))?)
}

/// Renames within `dir`, replacing nothing.
pub(crate) fn rename_noreplace(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> io::Result<()> {
    faults::step("rename without replacing")?;
    rename_with(dir, from, to, RenameFlags::NOREPLACE)
}

/// Lets two names within `dir` change places at one moment.
pub(crate) fn exchange(dir: BorrowedFd<'_>, one: &[u8], other: &[u8]) -> io::Result<()> {
    faults::step("exchange")?;
    rename_with(dir, one, other, RenameFlags::EXCHANGE)
}

fn rename_with(dir: BorrowedFd<'_>, from: &[u8], to: &[u8], flags: RenameFlags) -> io::Result<()> {
    Ok(retry_on_intr(|| {
        rustix::fs::renameat_with(dir, from, dir, to, flags)
    })?)
}

pub(crate) fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

pub(crate) fn set_mode(handle: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    faults::step("set mode")?;
    Ok(retry_on_intr(|| {
        rustix::fs::fchmod(handle, Mode::from_raw_mode(mode))
    })?)
}

/// Asks for the exclusive lock of an open file, without waiting.
pub(crate) fn lock(handle: BorrowedFd<'_>) -> io::Result<Lock> {
    let answer = faults::step("lock").and_then(|()| {
        let exclusive = FlockOperation::NonBlockingLockExclusive;
        Ok(retry_on_intr(|| rustix::fs::flock(handle, exclusive))?)
    });
    let Err(error) = answer else {
        return Ok(Lock::Taken);
    };
    match Errno::from_io_error(&error) {
        Some(Errno::WOULDBLOCK) => Ok(Lock::Held),
        // EBADF: NFS makes a byte-range lock of it, which a directory cannot be opened for.
        Some(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::BADF | Errno::INVAL) => {
            Ok(Lock::Unsupported)
        }
        _ => Err(error),
    }
}

/// Waits until everything written to the file system of `handle` is on stable storage.
///
/// Fails with [`Cause::Unsupported`] where this call would not speak for the data: network and
/// user-space file systems report a failed write only to the file's own `fsync`.
pub(crate) fn sync_file_system(handle: BorrowedFd<'_>) -> io::Result<()> {
    faults::step("sync file system")?;
    if is_remote(handle)? {
        return Err(Errno::OPNOTSUPP.into());
    }
    Ok(retry_on_intr(|| rustix::fs::syncfs(handle))?)
}

/// Numbers from `linux/magic.h` and the file systems' own headers.
fn is_remote(handle: BorrowedFd<'_>) -> io::Result<bool> {
    const FUSE: u32 = 0x6573_5546;
    const NFS: u32 = 0x6969;
    const SMB: u32 = 0x517b;
    const CIFS: u32 = 0xff53_4d42;
    const SMB2: u32 = 0xfe53_4d42;
    const V9FS: u32 = 0x0102_1997;
    const CEPH: u32 = 0x00c3_6400;
    const AFS: u32 = 0x5346_414f;
    let magic = rustix::fs::fstatfs(handle)?.f_type as u32;
    Ok([FUSE, NFS, SMB, CIFS, SMB2, V9FS, CEPH, AFS].contains(&magic))
}

/// Waits until one file or directory is on stable storage.
pub(crate) fn sync_handle(handle: BorrowedFd<'_>) -> io::Result<()> {
    faults::step("sync")?;
    match retry_on_intr(|| rustix::fs::fsync(handle)) {
        // Some file systems have nothing to sync in a directory and say so this way.
        Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        answer => Ok(answer?),
    }
}

/// The names in a directory, as the kernel orders them.
pub(crate) struct Entries {
    dir: rustix::fs::Dir,
}

impl Entries {
    /// Starts at the beginning, whatever else was read through `dir` before.
    pub(crate) fn of(dir: BorrowedFd<'_>) -> io::Result<Entries> {
        faults::step("read directory")?;
        Ok(Entries {
            dir: rustix::fs::Dir::read_from(dir)?,
        })
    }
}

impl Iterator for Entries {
    type Item = io::Result<(Vec<u8>, Kind)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.dir.read()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error.into())),
            };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            return match self.kind(&entry) {
                // Removed since the kernel listed it; as if it had never been listed.
                Err(Errno::NOENT) => continue,
                Err(error) => Some(Err(error.into())),
                Ok(kind) => Some(Ok((name.to_vec(), kind))),
            };
        }
    }
}

impl Entries {
    fn kind(&self, entry: &rustix::fs::DirEntry) -> Result<Kind, Errno> {
        match entry.file_type() {
            // Some file systems leave the type out of their listings.
            FileType::Unknown => {
                let name = entry.file_name();
                let stat = rustix::fs::statat(self.dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
                Ok(kind_of(&stat))
            }
            known => Ok(kind(known)),
        }
    }
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => Kind::Device,
    }
}

fn kind_of(stat: &Stat) -> Kind {
    kind(FileType::from_raw_mode(stat.st_mode as RawMode))
}

fn describe(stat: &Stat) -> (Kind, Metadata) {
    let mtime_ns = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    let metadata = Metadata {
        size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
        // The width of this field depends on the processor.
        nlink: stat.st_nlink as _,
        dev: stat.st_dev,
        ino: stat.st_ino,
        mtime_ns: i64::try_from(mtime_ns).unwrap_or(if mtime_ns < 0 { i64::MIN } else { i64::MAX }),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
    };
    (kind_of(stat), metadata)
}

pub(crate) fn cause(error: &io::Error) -> Cause {
    let Some(errno) = Errno::from_io_error(error) else {
        return Cause::Other;
    };
    match errno {
        Errno::NOSPC | Errno::DQUOT => Cause::DiskFull,
        Errno::NOENT => Cause::NotFound,
        Errno::EXIST => Cause::Exists,
        Errno::NOTEMPTY => Cause::NotEmpty,
        Errno::LOOP => Cause::Symlink,
        Errno::NOTDIR => Cause::NotADirectory,
        Errno::ISDIR => Cause::IsADirectory,
        Errno::NAMETOOLONG => Cause::NameTooLong,
        Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL => Cause::Unsupported,
        Errno::XDEV | Errno::BUSY => Cause::OtherFileSystem,
        Errno::NXIO | Errno::NODEV => Cause::NoDevice,
        _ => Cause::Other,
    }
}

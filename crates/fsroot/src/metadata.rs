//! What stands at a name.

use std::fmt;

/// What kind of thing a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link, whatever it points at.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix-domain socket.
    Socket,
    /// A character or block device, or a kind the system did not name.
    Device,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::Directory,
        Kind::File,
        Kind::Symlink,
        Kind::Fifo,
        Kind::Socket,
        Kind::Device,
    ];

    /// Returns the byte that stands for it in records of scratch files. It means nothing to another version of the program.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        let place = (0..).zip(Self::ALL).find(|(_, kind)| *kind == self);
        place.map_or(u8::MAX, |(byte, _)| byte)
    }

    /// Reads what [`Kind::to_byte`] returned; `None` for any other byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Directory => "directory",
            Kind::File => "regular file",
            Kind::Symlink => "symlink",
            Kind::Fifo => "named pipe",
            Kind::Socket => "socket",
            Kind::Device => "device",
        })
    }
}

/// The attributes of a file or directory at the time it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Length of a regular file's content.
    pub size_bytes: u64,
    /// Number of names of the file; more than one means another name can change the content.
    pub nlink: u64,
    /// File system the file is on.
    pub dev: u64,
    /// Number of the file within its file system.
    pub ino: u64,
    /// Last change of the content, in nanoseconds since 1970; saturates outside 1677–2262.
    pub mtime_ns: i64,
    /// Permission bits, `0o7777` at most; the kind is not among them.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
}

impl Metadata {
    /// Tells whether both describe one and the same file.
    pub fn is_same_file(&self, other: &Metadata) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }
}

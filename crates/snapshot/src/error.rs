use std::{fmt, io};

/// What is wrong with a snapshot, and where.
///
/// `offset` counts bytes from the start of the file, `entry` counts entries from 0.
#[derive(Debug)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Byte offset in the file.
    pub offset: u64,
    /// Number of the entry, where one had been reached.
    pub entry: Option<u64>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.kind, self.offset)?;
        match self.entry {
            Some(entry) => write!(f, ", entry {entry}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

/// The kinds of damage, and of files that are not a readable snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ends inside the named part.
    #[error("input ends inside the {inside}")]
    Truncated {
        /// The part that is cut.
        inside: &'static str,
    },
    /// The file starts with an FSM header of a version this program does not know.
    #[error("unknown FSM header version {version:#04x}")]
    UnknownHeaderVersion {
        /// The eighth byte of the magic.
        version: u8,
    },
    /// A version 2 FSM header states a payload length outside 16 to 1024.
    #[error("FSM header states a payload of {length} bytes, allowed are 16 to 1024")]
    HeaderLength {
        /// The stated length.
        length: u16,
    },
    /// No store stream starts with these bytes.
    #[error("not a store stream: it starts with {found:02x?}")]
    BadMagic {
        /// The bytes where a magic was expected.
        found: [u8; 8],
    },
    /// The file is the timestamp oracle of Raft group 0; it holds no user data.
    #[error(
        "this is the timestamp oracle of Raft group 0 (ceiling {ceiling_ms} ms), which holds no user data"
    )]
    Oracle {
        /// The oracle's ceiling, Unix milliseconds.
        ceiling_ms: u64,
    },
    /// The store stream is an SST bundle.
    #[error("the store stream is an SST bundle, which cannot be read yet")]
    SstBundle,
    /// The store stream is an SST bundle, and not what its writer put there.
    #[error("the SST bundle is damaged: {0}")]
    SstBundleDamaged(&'static str),
    /// The file is a snapshot token, not a snapshot.
    #[error("this is a snapshot token, not a snapshot")]
    Token,
    /// The file is an archive or compressed.
    #[error("the file is packed ({format})")]
    Packed {
        /// Name of the format.
        format: &'static str,
    },
    /// A key length above the limit.
    #[error(
        "key length {length} exceeds the limit of {} bytes",
        crate::limits::MAX_STREAM_KEY_BYTES
    )]
    KeyTooLarge {
        /// The stated length.
        length: u64,
    },
    /// A value length above the limit.
    #[error(
        "value length {length} exceeds the limit of {} bytes",
        crate::limits::MAX_STREAM_VALUE_BYTES
    )]
    ValueTooLarge {
        /// The stated length.
        length: u64,
    },
    /// A key too short to carry a version suffix.
    #[error("key of {length} bytes is shorter than its version suffix")]
    KeyTooShort {
        /// The key's length.
        length: usize,
    },
    /// A value too short to carry an envelope.
    #[error("value of {length} bytes is shorter than its envelope")]
    ValueTooShort {
        /// The value's length.
        length: u64,
    },
    /// Flag bits whose meaning is not defined.
    #[error("value flags {flags:#04x} use reserved bits")]
    ReservedFlags {
        /// The flags byte.
        flags: u8,
    },
    /// A row's stream key is lower than the one before it.
    #[error("rows are not in key order")]
    OutOfOrder,
    /// Two rows have the same stream key.
    #[error("two rows have the same stream key")]
    DuplicateRow,
    /// A streaming store stream of a version this program does not know.
    #[error("unknown streaming store version {version}")]
    StreamingVersion {
        /// The stated version.
        version: u32,
    },
    /// A key of a streaming store stream with no or too many versions.
    #[error(
        "{count} versions of one key, allowed are 1 to {}",
        crate::limits::MAX_STREAMING_VERSIONS
    )]
    VersionCount {
        /// The stated count.
        count: u64,
    },
    /// Versions of one key in a streaming store stream that do not ascend.
    #[error("versions of one key do not ascend")]
    VersionOrder,
    /// The checksum inside a streaming store stream does not match.
    #[error("store checksum is {stored:08x}, but the content has {computed:08x}")]
    StreamingChecksum {
        /// The checksum in the file.
        stored: u32,
        /// The checksum of the content.
        computed: u32,
    },
    /// The CRC32C footer is missing although one is due.
    #[error("the CRC32C footer is missing")]
    FooterMissing,
    /// The last four bytes are not the CRC32C of what is before them.
    #[error("footer is {stored:08x}, but the content has {computed:08x}")]
    FooterMismatch {
        /// The footer in the file.
        stored: u32,
        /// The checksum of the content.
        computed: u32,
    },
    /// Bytes that were read twice differ.
    #[error("the file changed while it was read")]
    Changed,
    /// The input could not be read.
    #[error("cannot read")]
    Io(#[source] io::Error),
}

impl ErrorKind {
    pub(crate) fn at(self, offset: u64) -> Error {
        Error {
            kind: self,
            offset,
            entry: None,
        }
    }

    pub(crate) fn at_entry(self, offset: u64, entry: u64) -> Error {
        Error {
            kind: self,
            offset,
            entry: Some(entry),
        }
    }
}

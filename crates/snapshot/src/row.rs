use crate::error::ErrorKind;
use crate::limits::{ENVELOPE_BYTES, VERSION_SUFFIX_BYTES};

/// A row that the store keeps for itself: no version suffix, no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operational {
    /// Last Raft index that changed the store; a lower bound for the snapshot's index.
    AppliedIndex(u64),
    /// The store's commit watermark; equals the one in the stream's header.
    LastCommitTs(u64),
    /// Compaction watermark.
    MinRetainedTs(u64),
    /// Watermark of a compaction in progress.
    PendingMinRetainedTs(u64),
    /// Entry of the encryption writer registry.
    EncryptionWriter,
}

/// How a body is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// As it is.
    Clear,
    /// Inside an encryption envelope; unreadable without the data-encryption key.
    Encrypted,
}

/// One version of a user key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MvccRow<'a> {
    /// The key without its version suffix.
    pub user_key: &'a [u8],
    /// Commit timestamp, hybrid logical clock.
    pub commit_ts: u64,
    /// True for a version that is a deletion.
    pub tombstone: bool,
    /// Whether the body is readable.
    pub encryption: Encryption,
    /// Hybrid logical clock timestamp from which on the version is invisible; 0 for never.
    pub expire_at: u64,
    /// The body, or as much of it as was kept.
    pub body: &'a [u8],
    /// Length of the whole body.
    pub body_bytes: u64,
    /// Offset of the body in the file.
    pub body_offset: u64,
}

/// A row of a native store stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row<'a> {
    /// Kept by the store for itself.
    Operational(Operational),
    /// A version of a user key.
    Mvcc(MvccRow<'a>),
}

const WRITERS_PREFIX: &[u8] = b"!encryption|writers|";
const WRITERS_KEY_BYTES: usize = 27;
const WRITERS_VALUE_BYTES: usize = 12;

/// Recognises an operational row by its whole key and the exact length of its value.
///
/// Anything else is a version of a user key, even if its key begins alike.
#[inline]
pub(crate) fn operational(key: &[u8], value: &[u8]) -> Option<Operational> {
    if key.starts_with(b"_meta_") {
        let number = u64::from_le_bytes(value.try_into().ok()?);
        return match key {
            b"_meta_applied_index" => Some(Operational::AppliedIndex(number)),
            b"_meta_last_commit_ts" => Some(Operational::LastCommitTs(number)),
            b"_meta_min_retained_ts" => Some(Operational::MinRetainedTs(number)),
            b"_meta_pending_min_retained_ts" => Some(Operational::PendingMinRetainedTs(number)),
            _ => None,
        };
    }
    let shaped = key.len() == WRITERS_KEY_BYTES
        && key.starts_with(WRITERS_PREFIX)
        && key.get(WRITERS_PREFIX.len() + 4) == Some(&b'|')
        && value.len() == WRITERS_VALUE_BYTES;
    shaped.then_some(Operational::EncryptionWriter)
}

/// What the envelope of a value says.
pub(crate) struct Envelope {
    pub(crate) tombstone: bool,
    pub(crate) encryption: Encryption,
    pub(crate) expire_at: u64,
}

/// Reads flags and expiry. Reserved bits fail before the encryption state, that before the tombstone.
#[inline(always)]
pub(crate) fn envelope(value: &[u8]) -> Result<Envelope, ErrorKind> {
    let short = || ErrorKind::ValueTooShort {
        length: value.len() as u64,
    };
    let (head, _) = value
        .split_first_chunk::<ENVELOPE_BYTES>()
        .ok_or_else(short)?;
    let [flags, expire_at @ ..] = *head;
    let encryption = match (flags >> 3, (flags >> 1) & 0b11) {
        (0, 0b00) => Encryption::Clear,
        (0, 0b01) => Encryption::Encrypted,
        _ => return Err(ErrorKind::ReservedFlags { flags }),
    };
    Ok(Envelope {
        // A deletion is always in clear text: what is marked as both counts as encrypted, so that nobody guesses.
        tombstone: flags == 1,
        encryption,
        expire_at: u64::from_le_bytes(expire_at),
    })
}

/// Splits a stream key into user key and commit timestamp.
#[inline(always)]
pub(crate) fn split_key(key: &[u8]) -> Result<(&[u8], u64), ErrorKind> {
    let (user_key, suffix) = key
        .split_last_chunk::<VERSION_SUFFIX_BYTES>()
        .ok_or(ErrorKind::KeyTooShort { length: key.len() })?;
    Ok((user_key, !u64::from_be_bytes(*suffix)))
}

//! Every limit of the format, with the reason for its value.

/// Bytes of the version suffix behind each user key.
pub const VERSION_SUFFIX_BYTES: usize = 8;

/// Bytes of the envelope in front of each body: one of flags, eight of expiry.
pub const ENVELOPE_BYTES: usize = 9;

/// The longest user key a node stores: 1 MiB.
pub const MAX_USER_KEY_BYTES: u64 = 1 << 20;

/// The longest stream key: a user key and its version suffix. Equality is legal.
pub const MAX_STREAM_KEY_BYTES: u64 = MAX_USER_KEY_BYTES + VERSION_SUFFIX_BYTES as u64;

/// The longest body a node stores: 256 MiB.
pub const MAX_BODY_BYTES: u64 = 256 << 20;

/// What encryption adds to a body: version, flags, key id, nonce and tag.
pub const ENCRYPTION_OVERHEAD_BYTES: u64 = 34;

/// The longest stream value: body, envelope and encryption overhead. Equality is legal.
pub const MAX_STREAM_VALUE_BYTES: u64 =
    MAX_BODY_BYTES + ENVELOPE_BYTES as u64 + ENCRYPTION_OVERHEAD_BYTES;

/// Shortest payload of a version 2 FSM header: the two fields every reader knows.
pub const MIN_FSM_HEADER_PAYLOAD: u16 = 16;

/// Longest payload of a version 2 FSM header a node accepts.
pub const MAX_FSM_HEADER_PAYLOAD: u16 = 1024;

/// Most versions of one key in a streaming store stream.
pub const MAX_STREAMING_VERSIONS: u64 = 1 << 20;

/// Greatest plausible Unix time in milliseconds: commit timestamps keep 48 bits of it.
pub const MAX_PHYSICAL_MS: u64 = (1 << 48) - 1;

/// Bytes read at once. A window stays in the second-level cache while it is checksummed and cut.
pub const WINDOW_BYTES: usize = 1 << 20;

/// First read after a body was left unread: enough for the next entry's key, little enough not to read the next body.
pub const PROBE_BYTES: usize = 4 << 10;

/// Least number of unread bytes that make leaving a body unread worth a jump in the file.
pub const MIN_GAP_BYTES: u64 = 64 << 10;

/// Most gaps of one file. Larger files get a larger least gap, so that the ledger stays within a few MiB.
pub const MAX_GAPS: u64 = 1 << 18;

//! Which file holds which object.
//!
//! An object's key is its path, `/` being the separator, unless that is impossible or another file is in the way:
//!
//! * A key that cannot be a path, or not safely, lies below `_keys/` under a name that encodes the whole key.
//! * A key that ends like a sidecar gets `.user-data` appended (only on request), and a key that other keys need as a directory
//!   gets `.elastickv-leaf-data`.
//! * What still collides then goes to `_keys/` as well, both sides of it.
//!
//! The first rule looks at one key alone and is here; the others look at all plain keys of a bucket and are in [`conflicts`]. Every rule
//! depends only on the *set* of keys, never on their order.

pub(super) mod conflicts;
pub(super) mod folding;

use data_encoding::HEXLOWER;
use dump::name::percent;
use sha2::{Digest, Sha256};

use folding::Folding;

/// Ending of the file that describes a body.
pub(super) const SIDECAR_SUFFIX: &[u8] = b".elastickv-meta.json";
/// Ending of a body whose key is also a directory.
pub(super) const LEAF_SUFFIX: &[u8] = b".elastickv-leaf-data";
/// Ending of a body whose key ends like a sidecar.
pub(super) const USER_DATA_SUFFIX: &[u8] = b".user-data";
/// Directory of the keys that cannot be a path.
pub(super) const KEYS_DIRECTORY: &[u8] = b"_keys";

/// Names at the top of a bucket's directory that are not objects.
const RESERVED: [&[u8]; 5] = [
    b"_bucket.json",
    b"KEYMAP.jsonl",
    b"_orphans",
    b"_incomplete_uploads",
    KEYS_DIRECTORY,
];

const MAX_SEGMENT_BYTES: usize = 255;
/// Leaves room for the sidecar's ending.
pub(super) const MAX_LAST_SEGMENT_BYTES: usize = MAX_SEGMENT_BYTES - SIDECAR_SUFFIX.len();
/// Longest path of a body, counted from the bucket's directory. With the sidecar's ending, and with a thousand bytes left for
/// where the tree lies, it stays below the kernel's 4096.
pub(super) const MAX_PATH_BYTES: usize = 3072 - SIDECAR_SUFFIX.len();

/// Tells whether a key can be its own path, judged by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// It can.
    Plain,
    /// It is only too long for that.
    TooLong,
    /// It cannot.
    NotAPath,
}

/// The name of a body, relative to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// The key itself.
    Natural,
    /// The key and [`LEAF_SUFFIX`].
    Leaf,
    /// The key and [`USER_DATA_SUFFIX`].
    UserData,
    /// Below `_keys/`.
    Escaped,
    /// Below `_keys/`, for its length only.
    EscapedTooLong,
}

impl Name {
    /// Returns the name that the key's shape alone demands.
    pub(super) fn by_shape(shape: Shape) -> Name {
        match shape {
            Shape::Plain => Name::Natural,
            Shape::TooLong => Name::EscapedTooLong,
            Shape::NotAPath => Name::Escaped,
        }
    }

    /// Returns what is appended to the key; `None` below `_keys/`.
    pub(super) fn suffix(self) -> Option<&'static [u8]> {
        match self {
            Name::Natural => Some(b""),
            Name::Leaf => Some(LEAF_SUFFIX),
            Name::UserData => Some(USER_DATA_SUFFIX),
            Name::Escaped | Name::EscapedTooLong => None,
        }
    }

    /// Returns the word for the bucket's `KEYMAP.jsonl`; `None` if the path is the key.
    pub(super) fn keymap_kind(self) -> Option<dump::keymap::Kind> {
        match self {
            Name::Natural => None,
            Name::Leaf => Some(dump::keymap::Kind::S3LeafData),
            Name::UserData => Some(dump::keymap::Kind::MetaSuffixRename),
            Name::Escaped => Some(dump::keymap::Kind::S3KeyEscaped),
            Name::EscapedTooLong => Some(dump::keymap::Kind::ShaFallback),
        }
    }

    /// Packs the name into a sorter's record.
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Name::Natural => 0,
            Name::Leaf => 1,
            Name::UserData => 2,
            Name::Escaped => 3,
            Name::EscapedTooLong => 4,
        }
    }

    /// Unpacks what [`Name::to_byte`] packed.
    pub(super) fn from_byte(byte: u8) -> Option<Name> {
        [
            Name::Natural,
            Name::Leaf,
            Name::UserData,
            Name::Escaped,
            Name::EscapedTooLong,
        ]
        .into_iter()
        .find(|name| name.to_byte() == byte)
    }
}

/// Judges a key by itself.
pub(super) fn shape(key: &[u8], folding: Folding) -> Shape {
    if !is_path(key) || is_reserved(key, folding) || !folding.takes(key) {
        return Shape::NotAPath;
    }
    if fits(key.len(), last_segment_bytes(key))
        && key
            .split(|&byte| byte == b'/')
            .all(|s| s.len() <= MAX_SEGMENT_BYTES)
    {
        Shape::Plain
    } else {
        Shape::TooLong
    }
}

/// Tells whether a body's path of this length, with a last segment of this length, leaves room for its sidecar.
pub(super) fn fits(path_bytes: usize, last_segment_bytes: usize) -> bool {
    path_bytes <= MAX_PATH_BYTES && last_segment_bytes <= MAX_LAST_SEGMENT_BYTES
}

pub(super) fn last_segment_bytes(key: &[u8]) -> usize {
    key.rsplit(|&byte| byte == b'/')
        .next()
        .map_or(0, <[u8]>::len)
}

/// Appends the path of an object's body, from the bucket's directory.
pub(super) fn path_into(key: &[u8], name: Name, folding: Folding, out: &mut Vec<u8>) {
    match name.suffix() {
        Some(suffix) => {
            out.extend_from_slice(key);
            out.extend_from_slice(suffix);
        }
        None => {
            out.extend_from_slice(KEYS_DIRECTORY);
            out.push(b'/');
            escaped_into(key, folding, out);
        }
    }
}

/// Appends the name below `_keys/`: `k.` and the percent-encoded key, or `h.` and its digest where that is too long, would be taken for a
/// sidecar, or could meet another name in another case.
fn escaped_into(key: &[u8], folding: Folding, out: &mut Vec<u8>) {
    let start = out.len();
    if folding == Folding::Exact && key.len() <= MAX_LAST_SEGMENT_BYTES {
        out.extend_from_slice(b"k.");
        percent::encode_into(key, out);
        let name = out.get(start..).unwrap_or_default();
        if name.len() <= MAX_LAST_SEGMENT_BYTES && !name.ends_with(SIDECAR_SUFFIX) {
            return;
        }
        out.truncate(start);
    }
    out.extend_from_slice(b"h.");
    out.extend_from_slice(HEXLOWER.encode(&Sha256::digest(key)).as_bytes());
}

fn is_path(key: &[u8]) -> bool {
    !key.iter().any(|byte| matches!(byte, 0 | b'\\'))
        && key
            .split(|&byte| byte == b'/')
            .all(|segment| !matches!(segment, b"" | b"." | b".."))
}

fn is_reserved(key: &[u8], folding: Folding) -> bool {
    let first = key.split(|&byte| byte == b'/').next().unwrap_or_default();
    RESERVED.iter().any(|reserved| match folding {
        Folding::Exact => first == *reserved,
        Folding::Portable => first.eq_ignore_ascii_case(reserved),
    })
}

#[cfg(test)]
mod tests;

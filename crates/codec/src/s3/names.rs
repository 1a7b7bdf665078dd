//! Which file holds which object.
//!
//! An object's key is its path, `/` being the separator, unless that is impossible or another file is in the way:
//!
//! * A key that cannot be a path, or not safely, or that ends like a sidecar, lies below `_keys/` under a name that encodes the whole key.
//! * A key that ends like a sidecar gets `.user-data` appended instead on request, and a key that other keys need as a directory
//!   gets `.elastickv-leaf-data`.
//! * What still collides then goes to `_keys/` as well, both sides of it.
//!
//! The first rule looks at one key alone and is here; the others look at all plain keys of a bucket and are in [`conflicts`]. Every rule
//! depends only on the *set* of keys, never on their order.

pub(super) mod conflicts;
pub(super) mod folding;

use dump::keymap;
use dump::object_name::{self, Shape};

use folding::Folding;

/// Names at the top of a bucket's directory that are not objects.
const RESERVED: [&str; 5] = [
    object_name::BUCKET_FILE,
    keymap::FILE_NAME,
    object_name::ORPHANS_DIRECTORY,
    object_name::INCOMPLETE_UPLOADS_DIRECTORY,
    object_name::KEYS_DIRECTORY,
];

/// Ending of the file that describes a body.
pub(super) const SIDECAR_SUFFIX: &[u8] = object_name::META_SUFFIX.as_bytes();
/// Ending of a body whose key is also a directory.
pub(super) const LEAF_SUFFIX: &[u8] = object_name::LEAF_SUFFIX.as_bytes();
/// Ending of a body whose key ends like a sidecar.
pub(super) const USER_DATA_SUFFIX: &[u8] = object_name::USER_DATA_SUFFIX.as_bytes();
/// Longest last segment of a path; leaves room for the sidecar's ending.
const MAX_LAST_SEGMENT_BYTES: usize = object_name::LAST_COMPONENT_LIMIT_BYTES;

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
            Shape::OverLong => Name::EscapedTooLong,
            Shape::Impossible => Name::Escaped,
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

/// Tells whether a key is its own path where all names are told apart.
pub(super) fn is_plain(key: &[u8]) -> bool {
    object_name::shape(key) == Shape::Plain
}

/// Judges a key by itself.
pub(super) fn shape(key: &[u8], folding: Folding) -> Shape {
    match object_name::shape(key) {
        Shape::Impossible => Shape::Impossible,
        _ if folding == Folding::Portable && is_reserved_somewhere(key) => Shape::Impossible,
        _ if !folding.takes(key) => Shape::Impossible,
        shape => shape,
    }
}

/// Tells whether a last segment of this length leaves room for the sidecar.
pub(super) fn fits(last_segment_bytes: usize) -> bool {
    last_segment_bytes <= MAX_LAST_SEGMENT_BYTES
}

pub(super) fn last_segment_bytes(key: &[u8]) -> usize {
    key.rsplit(|&byte| byte == b'/')
        .next()
        .map_or(0, <[u8]>::len)
}

/// Appends the path of an object's body, from the bucket's directory.
pub(super) fn path_into(key: &[u8], name: Name, folding: Folding, out: &mut Vec<u8>) {
    match (name.suffix(), folding) {
        (Some(suffix), _) => {
            out.extend_from_slice(key);
            out.extend_from_slice(suffix);
        }
        (None, Folding::Exact) => out.extend_from_slice(object_name::escaped(key).as_bytes()),
        // Two readable names could still meet in another case.
        (None, Folding::Portable) => out.extend_from_slice(object_name::hashed(key).as_bytes()),
    }
}

fn is_reserved_somewhere(key: &[u8]) -> bool {
    let first = key.split(|&byte| byte == b'/').next().unwrap_or_default();
    RESERVED
        .iter()
        .any(|reserved| first.eq_ignore_ascii_case(reserved.as_bytes()))
}

#[cfg(test)]
mod tests;

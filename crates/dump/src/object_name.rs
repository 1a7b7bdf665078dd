//! Where an S3 object lies below its bucket's directory.
//!
//! An object key keeps its slashes and is the path, as long as it can be one; a key that cannot lies below `_keys/`. Which of several
//! colliding keys must move is decided by whoever has seen them all; what is here concerns one key alone.
//!
//! Invariant: whether a key is plain depends on its bytes only, never on where the tree lies or on what else is in it.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::keymap;
use crate::name::percent;

/// Follows a body's file name to give its sidecar's.
pub const META_SUFFIX: &str = ".elastickv-meta.json";
/// Follows a key that is a directory, too (`s3-leaf-data`).
pub const LEAF_SUFFIX: &str = ".elastickv-leaf-data";
/// Follows a key that ends in [`META_SUFFIX`] itself (`meta-suffix-rename`).
pub const USER_DATA_SUFFIX: &str = ".user-data";
/// The bucket's own record.
pub const BUCKET_FILE: &str = "_bucket.json";
/// Directory of the keys that cannot be a path.
pub const KEYS_DIRECTORY: &str = "_keys";
/// Directory of chunks without an object.
pub const ORPHANS_DIRECTORY: &str = "_orphans";
/// Directory of unfinished uploads.
pub const INCOMPLETE_UPLOADS_DIRECTORY: &str = "_incomplete_uploads";

/// The longest component of a plain key.
pub const COMPONENT_LIMIT_BYTES: usize = 255;
/// The longest last component of a plain key, and of a name below `_keys/`: its sidecar's name has the suffix added.
pub const LAST_COMPONENT_LIMIT_BYTES: usize = 235;
/// The longest plain key as a whole.
///
/// Linux takes 4,095 bytes in one call. Half of it is left for the bucket, for suffixes, and for wherever the tree is put.
pub const KEY_LIMIT_BYTES: usize = 2048;

/// Names at the top of a bucket's directory that no key may take.
const RESERVED: [&str; 5] = [
    BUCKET_FILE,
    keymap::FILE_NAME,
    ORPHANS_DIRECTORY,
    INCOMPLETE_UPLOADS_DIRECTORY,
    KEYS_DIRECTORY,
];

/// Tells whether a key can be a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The key is its own path.
    Plain,
    /// Too long as a whole or in a component, and otherwise plain.
    OverLong,
    /// Some component is empty, `.`, `..` or reserved, or has a NUL or a backslash.
    Impossible,
}

/// Judges one key.
pub fn shape(key: &[u8]) -> Shape {
    let first = key.split(|&byte| byte == b'/').next().unwrap_or_default();
    let reserved = RESERVED.iter().any(|name| name.as_bytes() == first);
    let impossible = |component: &[u8]| matches!(component, b"" | b"." | b"..");
    let mut components = key.split(|&byte| byte == b'/');
    if reserved || key.iter().any(|byte| matches!(byte, 0 | b'\\')) || components.any(impossible) {
        return Shape::Impossible;
    }
    let last = key.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut components = key.split(|&byte| byte == b'/');
    let over_long = key.len() > KEY_LIMIT_BYTES
        || last.len() > LAST_COMPONENT_LIMIT_BYTES
        || components.any(|component| component.len() > COMPONENT_LIMIT_BYTES);
    if over_long {
        Shape::OverLong
    } else {
        Shape::Plain
    }
}

/// Returns the body's path below the bucket's directory for a key that goes to `_keys/`.
///
/// `_keys/k.` and the percent-encoded key, so that people can read it; where that is too long, or would be the sidecar of another key,
/// the form of [`hashed`].
pub fn escaped(key: &[u8]) -> String {
    let mut name = b"k.".to_vec();
    percent::encode_into(key, &mut name);
    if name.len() > LAST_COMPONENT_LIMIT_BYTES || name.ends_with(META_SUFFIX.as_bytes()) {
        return hashed(key);
    }
    format!("{KEYS_DIRECTORY}/{}", String::from_utf8_lossy(&name))
}

/// Returns `_keys/h.` and the SHA-256 of the key: a name that collides with none on any file system.
pub fn hashed(key: &[u8]) -> String {
    format!(
        "{KEYS_DIRECTORY}/h.{}",
        HEXLOWER.encode(&Sha256::digest(key))
    )
}

#[cfg(test)]
mod tests;

//! Redis keys: a directory for each type, a segment for each key.

use fsroot::Root;

use super::{Candidate, Key, Owner, Role, keymaps, path};
use crate::name::{self, Position, Rule};
use crate::{Error, keymap};

/// Type directories and the extension of their files.
const TYPES: [(&[u8], &[u8]); 7] = [
    (b"strings", b".bin"),
    (b"hll", b".bin"),
    (b"hashes", b".json"),
    (b"lists", b".json"),
    (b"sets", b".json"),
    (b"zsets", b".json"),
    (b"streams", b".jsonl"),
];

const DATABASE: &[u8] = b"db_0";

/// Any key may have its fallback, for the sake of a case-insensitive file system; its digest makes sure that it is this key's.
pub(super) fn candidates(key: &[u8]) -> Result<Vec<Candidate>, Error> {
    let segments = [name::encode_text(key).text, name::fallback(key)];
    let mut candidates = Vec::new();
    for (directory, extension) in TYPES {
        for segment in &segments {
            let file = [segment.as_bytes(), extension].concat();
            candidates.push((
                path(&[b"redis", DATABASE, directory, &file])?,
                Role::Content,
            ));
        }
    }
    Ok(candidates)
}

pub(super) fn owner(root: &Root, components: &[&[u8]]) -> Result<Owner, Error> {
    let [database, directory, file] = components else {
        return Ok(None);
    };
    let Some(segment) = segment_of(directory, file) else {
        return Ok(None);
    };
    let mapped = if name::looks_like_fallback(segment) {
        keymaps::original_of(
            root,
            &path(&[b"redis", database, keymap::FILE_NAME.as_bytes()])?,
            segment,
        )?
    } else {
        None
    };
    let key = name::decode(segment, Rule::Text, Position::File, |_| mapped).ok();
    Ok(Some((Role::Content, key.map(|key| Key::Redis { key }))))
}

fn segment_of<'a>(directory: &[u8], file: &'a [u8]) -> Option<&'a [u8]> {
    let (_, extension) = TYPES.into_iter().find(|(known, _)| *known == directory)?;
    file.strip_suffix(extension)
}

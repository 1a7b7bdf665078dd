//! Where chunks without an object lie.

use data_encoding::HEXLOWER;
use dump::object_name::{INCOMPLETE_UPLOADS_DIRECTORY, ORPHANS_DIRECTORY};
use sha2::{Digest, Sha256};

use super::names::folding::Folding;

/// Longest segment of an upload id that leaves room for the numbers behind it.
const MAX_UPLOAD_BYTES: usize = 180;

/// Tells what a chunk without an object belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Nothing any more.
    Orphans,
    /// An upload in progress.
    IncompleteUploads,
}

/// Returns the directory for chunks of an object's incarnation, from the bucket's directory.
///
/// Below `_incomplete_uploads/` there is one level more, since the descriptors lie there.
pub(super) fn directory(home: Home, object: &[u8], generation: u64, folding: Folding) -> String {
    let top = match home {
        Home::Orphans => ORPHANS_DIRECTORY.to_owned(),
        Home::IncompleteUploads => format!("{INCOMPLETE_UPLOADS_DIRECTORY}/chunks"),
    };
    let segment = match folding {
        Folding::Exact => dump::name::encode_directory(object).text,
        // `A` and `a` would meet.
        Folding::Portable => dump::name::fallback(object),
    };
    format!("{top}/{segment}/gen-{generation}")
}

/// Returns the file name of a chunk.
///
/// An upload id that is too long for it is replaced by `~` and its SHA-256; no other id can give that, since `~` is always escaped.
pub(super) fn chunk_file(
    upload: &[u8],
    place: super::key::ChunkPlace,
    offloaded: bool,
    folding: Folding,
) -> String {
    let segment = dump::name::encode_text(upload).text;
    let segment = match folding {
        Folding::Exact if segment.len() <= MAX_UPLOAD_BYTES => segment,
        _ if segment.len() <= MAX_UPLOAD_BYTES
            && upload
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) =>
        {
            segment
        }
        _ => format!("~{}", HEXLOWER.encode(&Sha256::digest(upload))),
    };
    let super::key::ChunkPlace {
        part_no,
        chunk_no,
        version,
    } = place;
    // An inline chunk and a reference can have the same numbers.
    let kind = if offloaded { ".offloaded" } else { "" };
    format!("{segment}_{part_no:016x}_{chunk_no:016x}_{version:016x}{kind}.bin")
}

#[cfg(test)]
mod tests {
    use super::super::key::ChunkPlace;
    use super::*;

    const PLACE: ChunkPlace = ChunkPlace {
        part_no: 1,
        chunk_no: 0,
        version: 0,
    };

    #[test]
    fn the_documented_place() {
        let path = format!(
            "{}/{}",
            directory(Home::Orphans, b"old/key", 6, Folding::Exact),
            chunk_file(b"u1", PLACE, false, Folding::Exact)
        );
        assert_eq!(
            path,
            "_orphans/old%2Fkey/gen-6/u1_0000000000000001_0000000000000000_0000000000000000.bin"
        );
    }

    #[test]
    fn hostile_names_stay_in_the_directory() {
        for object in [b"".as_slice(), b".", b".."] {
            let path = directory(Home::Orphans, object, 1, Folding::Exact);
            assert!(path.contains("__"), "{path}");
        }
        let long = chunk_file(&[1; 300], PLACE, true, Folding::Exact);
        assert!(long.len() < 255 && long.starts_with('~'));
        assert_ne!(
            chunk_file(b"U", PLACE, false, Folding::Portable),
            chunk_file(b"u", PLACE, false, Folding::Portable)
        );
    }
}

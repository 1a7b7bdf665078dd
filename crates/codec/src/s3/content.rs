//! Chunks stored by content: finding the content of each reference.

use sha2::{Digest, Sha256};
use spill::{Sorted, Sorter};

use super::error::Fault;
use super::index::RowRef;
use super::{key, plan};
use crate::Observer;
use crate::error::Error;
use crate::left_out::LeftOut;
use crate::sources::Sources;

const DIGEST_BYTES: usize = 32;

/// Gives every reference the place of its content, and files it with the other chunks of its object. Content that nothing refers to goes
/// to `unused`.
pub(super) fn resolve(
    mut content: Sorted,
    objects: &mut Sorter,
    unused: &mut Sorter,
) -> Result<(), Error> {
    let mut blob: Option<([u8; DIGEST_BYTES], RowRef)> = None;
    let mut used = true;
    while let Some((key, value)) = content.next()? {
        let scratch = || Error::Scratch("S3 content");
        let (digest, rest) = key
            .split_first_chunk::<DIGEST_BYTES>()
            .ok_or_else(scratch)?;
        let (kind, object) = rest.split_first().ok_or_else(scratch)?;
        let (row, size) = RowRef::split(value)?;
        if *kind == 0 {
            set_aside(blob.filter(|_| !used), unused)?;
            blob = Some((*digest, row));
            used = false;
            continue;
        }
        let mut out = Vec::with_capacity(value.len() + 64);
        row.push_into(&mut out);
        out.extend_from_slice(size);
        out.extend_from_slice(digest);
        if let Some((_, blob)) = blob.filter(|(found, _)| found == digest) {
            out.extend_from_slice(&blob.value.to_bytes());
            used = true;
        }
        objects.push(object, &out)?;
    }
    set_aside(blob.filter(|_| !used), unused)
}

fn set_aside(blob: Option<([u8; DIGEST_BYTES], RowRef)>, unused: &mut Sorter) -> Result<(), Error> {
    if let Some((digest, row)) = blob {
        let mut value = Vec::new();
        row.push_into(&mut value);
        unused.push(&digest, &value)?;
    }
    Ok(())
}

/// Checks content that nothing refers to; the rest is checked where it is used.
pub(super) fn check_unused(
    mut unused: Sorted,
    sources: &Sources<'_>,
    left_out: &LeftOut,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let mut buffer = Vec::new();
    while let Some((digest, value)) = unused.next()? {
        let digest: [u8; DIGEST_BYTES] = digest
            .try_into()
            .map_err(|_| Error::Scratch("S3 content"))?;
        let (row, _) = RowRef::split(value)?;
        let mut hasher = Sha256::new();
        sources.stream(&row.value, &mut buffer, &mut |bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
        if <[u8; DIGEST_BYTES]>::from(hasher.finalize()) == digest {
            continue;
        }
        let key = key::chunk_blob(&digest);
        let fault = Fault::ChunkBlobHash {
            digest: data_encoding::HEXLOWER.encode(&digest),
        };
        let error = super::Error::from(fault).at(plan::place(sources, row, &key));
        left_out.add(observer, "s3", b"", &key, Error::from(error))?;
    }
    Ok(())
}

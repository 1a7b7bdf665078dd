//! The manifest of a payload: what `sha256sum -c` reads, sorted by name.

use dataset::payload::{escaped_name, is_escaped};
use sha2::{Digest, Sha256};

use super::{Source, TransferError};

/// What there is to say of a payload as a whole.
#[derive(Debug)]
pub(super) struct Listing {
    /// Digest of the manifest, in hexadecimal.
    pub(super) manifest_sha256: String,
    /// Sum of all sizes.
    pub(super) total_bytes: u64,
}

impl Listing {
    /// Goes through all files once.
    pub(super) fn of(source: &dyn Source) -> Result<Self, TransferError> {
        let mut hasher = Sha256::new();
        each_line(source, |line| hasher.update(line))?;
        Ok(Self {
            manifest_sha256: data_encoding::HEXLOWER.encode(&hasher.finalize()),
            total_bytes: source.total_bytes(),
        })
    }
}

/// Gives the lines of the manifest in order.
pub(super) fn each_line(
    source: &dyn Source,
    mut take: impl FnMut(&[u8]),
) -> Result<(), TransferError> {
    for index in source.in_manifest_order().into_iter().flatten() {
        if let Some(file) = source.file(index)? {
            take(&line(file.path.as_bytes(), &file.sha256));
        }
    }
    Ok(())
}

/// A line of the manifest, newline included.
fn line(path: &[u8], sha256: &[u8; 32]) -> Vec<u8> {
    let mut line = Vec::with_capacity(path.len() + 68);
    if is_escaped(path) {
        line.push(b'\\');
    }
    line.extend_from_slice(data_encoding::HEXLOWER.encode(sha256).as_bytes());
    line.extend_from_slice(b"  ");
    line.extend_from_slice(&escaped_name(path));
    line.push(b'\n');
    line
}

/// Tells whether the hash programs do not agree on how a name is shown.
pub(super) fn is_odd(path: &[u8]) -> bool {
    is_escaped(path) || path.contains(&b'\r')
}

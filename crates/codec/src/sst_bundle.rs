//! Bundles of tables (`EKVSSTI1`), which cannot be decoded yet.
//!
//! Whoever is told so goes and makes another snapshot, or keeps this one for later. So it is said of a sound bundle only: a
//! damaged one is called damaged. What the tables hold is not looked at, their digests are.

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use snapshot::{ErrorKind, ReadAt, read_exact_at};

use crate::error::Error;
use crate::walk::Meter;
use crate::{Input, Observer, Phase};

const MAGIC_BYTES: u64 = 8;
const LENGTH_BYTES: u64 = 8;
const DIGEST_BYTES: u64 = 32;

/// The format's own limit.
const MANIFEST_MAX_BYTES: u64 = 64 << 20;

/// The format's own limit.
const FILES_MAX: usize = 1 << 20;

/// What a node writes behind the payload of a runtime file.
const FOOTER_BYTES: u64 = 4;

const PIECE_BYTES: u64 = 256 << 10;

/// What is needed of the manifest; a member that is not known makes it another format.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u64,
    #[serde(rename = "last_commit_ts")]
    _last_commit_ts: u64,
    #[serde(rename = "min_retained_ts")]
    _min_retained_ts: u64,
    #[serde(rename = "pending_min_retained_ts")]
    _pending_min_retained_ts: u64,
    #[serde(default, rename = "applied_index")]
    _applied_index: Option<u64>,
    #[serde(rename = "entry_count")]
    _entry_count: u64,
    #[serde(rename = "uncompressed_bytes")]
    _uncompressed_bytes: u64,
    total_file_bytes: u64,
    files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    size: u64,
    sha256: String,
    #[serde(rename = "smallest")]
    _smallest: String,
    #[serde(rename = "largest")]
    _largest: String,
}

/// Compares everything that a bundle says about itself. `offset` is that of its magic.
///
/// Gives the error to end with: what is damaged, or that a sound bundle cannot be decoded.
pub(crate) fn refuse(input: &Input, offset: u64, observer: &dyn Observer) -> Error {
    let size_bytes = match input.data.size_bytes() {
        Ok(size_bytes) => size_bytes,
        Err(error) => return io(input, error),
    };
    let mut bundle = Bundle {
        input,
        meter: Meter::new(observer, Phase::Survey, size_bytes),
        size_bytes,
        offset,
        piece: Vec::new(),
    };
    match bundle.verify() {
        Ok(()) => snapshot(input, ErrorKind::SstBundle, offset),
        Err(error) => error,
    }
}

struct Bundle<'a> {
    input: &'a Input,
    meter: Meter<'a>,
    size_bytes: u64,
    /// What comes next.
    offset: u64,
    piece: Vec<u8>,
}

impl Bundle<'_> {
    fn verify(&mut self) -> Result<(), Error> {
        self.offset += MAGIC_BYTES;
        let at = self.offset;
        let length: [u8; 8] = self.take(LENGTH_BYTES)?.try_into().unwrap_or_default();
        let length = u64::try_from(i64::from_be_bytes(length)).unwrap_or(0);
        if !(1..=MANIFEST_MAX_BYTES).contains(&length) {
            return Err(self.damaged("the manifest's length is out of range", at));
        }
        let digest = self.take(DIGEST_BYTES)?.to_vec();
        let at = self.offset;
        let text = self.take(length)?;
        if Sha256::digest(text).as_slice() != digest {
            return Err(self.damaged("the manifest does not have its digest", at));
        }
        let manifest: Option<Manifest> = serde_json::from_slice(text).ok();
        let Some(manifest) = manifest.filter(|manifest| manifest.version == 1) else {
            return Err(self.damaged("the manifest is not of version 1", at));
        };
        self.files(&manifest, at)
    }

    fn files(&mut self, manifest: &Manifest, manifest_at: u64) -> Result<(), Error> {
        let sizes = manifest.files.iter().map(|file| file.size);
        let total = sizes.fold(0_u64, u64::saturating_add);
        let names = (0..).zip(&manifest.files);
        let is_named = |(number, file): (usize, &File)| {
            file.size > 0 && file.name == format!("{number:06}.sst")
        };
        let is_listed = manifest.files.len() <= FILES_MAX
            && total == manifest.total_file_bytes
            && names.into_iter().all(is_named);
        if !is_listed {
            return Err(self.damaged("the manifest contradicts itself", manifest_at));
        }
        for file in &manifest.files {
            self.file(file)?;
        }
        match self.size_bytes - self.offset {
            0 | FOOTER_BYTES => Ok(()),
            _ => Err(self.damaged("something follows the last table", self.offset)),
        }
    }

    fn file(&mut self, file: &File) -> Result<(), Error> {
        let at = self.offset;
        let mut hasher = Sha256::new();
        let mut left = file.size;
        while left > 0 {
            let piece = self.take(left.min(PIECE_BYTES))?;
            hasher.update(piece);
            left -= piece.len() as u64;
        }
        let stated = HEXLOWER_PERMISSIVE.decode(file.sha256.as_bytes());
        match stated.is_ok_and(|stated| hasher.finalize().as_slice() == stated) {
            true => Ok(()),
            false => Err(self.damaged("a table does not have its digest", at)),
        }
    }

    /// Reads the next bytes, whose number was compared with a limit.
    fn take(&mut self, bytes: u64) -> Result<&[u8], Error> {
        if bytes > self.size_bytes - self.offset.min(self.size_bytes) {
            return Err(self.damaged("it ends too early", self.size_bytes));
        }
        self.piece.resize(usize::try_from(bytes).unwrap_or(0), 0);
        let data: &dyn ReadAt = &*self.input.data;
        let read = read_exact_at(data, self.offset, &mut self.piece);
        match read {
            Ok(read) if read == self.piece.len() => {}
            Ok(_) => return Err(self.damaged("it ends too early", self.size_bytes)),
            Err(error) => return Err(io(self.input, error)),
        }
        self.offset += bytes;
        self.meter.add(bytes)?;
        Ok(&self.piece)
    }

    fn damaged(&self, what: &'static str, offset: u64) -> Error {
        snapshot(self.input, ErrorKind::SstBundleDamaged(what), offset)
    }
}

fn snapshot(input: &Input, kind: ErrorKind, offset: u64) -> Error {
    Error::Snapshot {
        input: input.name.clone(),
        error: snapshot::Error {
            kind,
            offset,
            entry: None,
        },
    }
}

fn io(input: &Input, error: std::io::Error) -> Error {
    Error::Io {
        input: input.name.clone(),
        error,
    }
}

//! S3 objects in one bucket, with true entity tags.

use std::io::{self, Write};

use md5::{Digest, Md5};

use super::commit_ts;
use super::sink::Sink;
use crate::hex::to_hex;
use crate::random::Random;
use crate::rows::s3::{
    self, BucketMeta, CHUNK_BYTES, Manifest, ObjectName, Part, bucket_gen_key, bucket_meta_key,
};

const BUCKET: &str = "photos";
/// A node drops versions after half an hour, so not every fence of a long life is still there.
const FENCES: u64 = 1000;

/// A snapshot of S3 objects of one size.
#[derive(Clone, Debug)]
pub struct Objects {
    /// How many.
    pub count: u64,
    /// The length of each body.
    pub object_bytes: u64,
    /// The length of a part for objects that were uploaded in parts.
    pub part_bytes: Option<u64>,
    /// Where the bodies come from.
    pub seed: u64,
}

/// One part of a body before it is cut into chunks.
struct Piece {
    part_no: u64,
    offset: u64,
    bytes: u64,
    version: u64,
}

impl Objects {
    /// Gives the n-th key: a hundred objects share a directory, a hundred directories another.
    pub fn key(&self, number: u64) -> String {
        format!(
            "{:05}/{:02}/{number:09}.bin",
            number / 10_000,
            number / 100 % 100
        )
    }

    /// Gives the n-th body.
    pub fn body(&self, number: u64) -> Vec<u8> {
        let mut body = Vec::new();
        for piece in self.pieces(number) {
            for (_, chunk) in self.chunks(number, &piece) {
                body.extend(chunk);
            }
        }
        body
    }

    fn upload_id(&self, number: u64) -> String {
        Random::new(self.seed ^ number).hex_id()
    }

    fn pieces(&self, number: u64) -> Vec<Piece> {
        let Some(part_bytes) = self.part_bytes else {
            let whole = Piece {
                part_no: 1,
                offset: 0,
                bytes: self.object_bytes,
                version: 0,
            };
            return if self.object_bytes == 0 {
                Vec::new()
            } else {
                vec![whole]
            };
        };
        (0..self.object_bytes.div_ceil(part_bytes))
            .map(|index| Piece {
                part_no: index + 1,
                offset: index * part_bytes,
                bytes: part_bytes.min(self.object_bytes - index * part_bytes),
                version: commit_ts(number),
            })
            .collect()
    }

    /// Every chunk has a generator of its own, so that none depends on the ones before it.
    fn chunks(&self, number: u64, piece: &Piece) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let sizes = chunk_sizes(piece.bytes);
        let seed = self.seed ^ number.rotate_left(40) ^ piece.offset.rotate_left(8);
        (0..).zip(sizes).map(move |(chunk_no, bytes)| {
            let mut random = Random::new(seed ^ chunk_no);
            (chunk_no, random.bytes(bytes as usize))
        })
    }

    pub(super) fn write(&self, sink: &mut Sink<impl Write>) -> io::Result<()> {
        let digests = self.write_chunks(sink)?;
        let bucket = BUCKET.as_bytes();
        sink.live(&bucket_gen_key(bucket), commit_ts(0), &1u64.to_be_bytes())?;
        self.write_bucket(sink)?;
        let mut digests = digests.as_slice();
        for number in 0..self.count {
            let manifest = self.manifest(number, &mut digests);
            let key = self.key(number);
            sink.live(
                &name(&key).head_key(),
                commit_ts(number),
                &s3::json(&manifest),
            )?;
        }
        Ok(())
    }

    /// Writes all chunks and gives the MD5 of every part in the same order.
    fn write_chunks(&self, sink: &mut Sink<impl Write>) -> io::Result<Vec<[u8; 16]>> {
        let mut digests = Vec::new();
        for number in 0..self.count {
            let (key, upload) = (self.key(number), self.upload_id(number));
            for piece in self.pieces(number) {
                let mut md5 = Md5::new();
                for (chunk_no, chunk) in self.chunks(number, &piece) {
                    md5.update(&chunk);
                    let row = name(&key).blob_key(&upload, piece.part_no, chunk_no, piece.version);
                    sink.live(&row, commit_ts(number), &chunk)?;
                }
                digests.push(md5.finalize().into());
            }
        }
        Ok(digests)
    }

    /// Writes the fences, newest first.
    fn write_bucket(&self, sink: &mut Sink<impl Write>) -> io::Result<()> {
        let meta = s3::json(&BucketMeta {
            bucket_name: BUCKET.into(),
            generation: 1,
            created_at_hlc: commit_ts(0),
            owner: String::new(),
            region: "us-east-1".into(),
            acl: "private".into(),
        });
        let row = bucket_meta_key(BUCKET.as_bytes());
        let newest = self.count.max(1);
        for number in (newest.saturating_sub(FENCES)..newest).rev() {
            sink.live(&row, commit_ts(number), &meta)?;
        }
        Ok(())
    }

    /// Describes an object, taking the digests of its parts from the front of `digests`.
    fn manifest(&self, number: u64, digests: &mut &[[u8; 16]]) -> Manifest {
        let pieces = self.pieces(number);
        let (own, rest) = digests.split_at(pieces.len());
        *digests = rest;
        let parts: Vec<Part> = pieces
            .iter()
            .zip(own)
            .map(|(piece, digest)| part(piece, digest))
            .collect();
        let etag = match (self.part_bytes, parts.as_slice()) {
            (Some(_), parts) => s3::composite_etag(
                &parts
                    .iter()
                    .map(|part| part.etag.clone())
                    .collect::<Vec<_>>(),
            ),
            (None, [only]) => only.etag.clone(),
            (None, _) => s3::md5_hex(b""),
        };
        Manifest {
            upload_id: self.upload_id(number),
            etag,
            size_bytes: self.object_bytes,
            last_modified_hlc: commit_ts(number),
            content_type: "application/octet-stream".into(),
            parts,
            ..Manifest::default()
        }
    }
}

fn name(key: &str) -> ObjectName<'_> {
    ObjectName {
        bucket: BUCKET.as_bytes(),
        generation: 1,
        key: key.as_bytes(),
    }
}

fn part(piece: &Piece, digest: &[u8; 16]) -> Part {
    let chunk_sizes: Vec<u64> = chunk_sizes(piece.bytes).collect();
    Part {
        part_no: piece.part_no,
        etag: to_hex(digest),
        size_bytes: piece.bytes,
        chunk_count: chunk_sizes.len() as u64,
        chunk_sizes,
        part_version: piece.version,
        chunk_ref_version: piece.version,
        offloaded: false,
    }
}

fn chunk_sizes(bytes: u64) -> impl Iterator<Item = u64> {
    let chunk = CHUNK_BYTES as u64;
    (0..bytes.div_ceil(chunk)).map(move |index| chunk.min(bytes - index * chunk))
}

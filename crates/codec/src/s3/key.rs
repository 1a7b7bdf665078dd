//! The grammar of S3 storage keys, both directions.
//!
//! A key is a literal prefix and then components without separators: *segments* (arbitrary bytes, self-delimiting) and big-endian
//! 64-bit numbers. Parsing borrows and never decodes a segment that nobody asks for; most keys are compared, not read.
//!
//! Invariants:
//! * Every parser accepts exactly the keys that its encoder writes. Two spellings of one key would let two rows overwrite each other, so
//!   the aliases that a laxer reader takes (a version trailer of eight zero bytes, upper-case digests) are malformed here.
//! * Encoded segments sort like the raw bytes they stand for.

use std::borrow::Cow;

use memchr::memchr;

/// Prefix of bucket records.
pub const BUCKET_META: &[u8] = b"!s3|bucket|meta|";
/// Prefix of generation counters.
pub const BUCKET_GENERATION: &[u8] = b"!s3|bucket|gen|";
/// Prefix of object manifests.
pub const OBJECT_HEAD: &[u8] = b"!s3|obj|head|";
/// Prefix of chunks that are stored inline.
pub const BLOB: &[u8] = b"!s3|blob|";
/// Prefix of chunks that are stored by content.
pub const CHUNK_BLOB: &[u8] = b"!s3|chunkblob|";
/// Prefix of references to chunks stored by content.
pub const CHUNK_REF: &[u8] = b"!s3|chunkref|";
/// Prefix of the records of multipart uploads in progress.
pub const UPLOAD_META: &[u8] = b"!s3|upload|meta|";
/// Prefix of part descriptors.
pub const UPLOAD_PART: &[u8] = b"!s3|upload|part|";
/// Prefix of the garbage collector's copies of upload records.
pub const GC_UPLOAD: &[u8] = b"!s3|gc|upload|";

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xff;
const END: u8 = 0x01;
const DIGEST_BYTES: usize = 32;

/// Says why a key does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The prefix is another record's.
    #[error("the prefix is not this record's")]
    Prefix,
    /// A segment has no end, or a zero byte is followed by neither `ff` nor `01`.
    #[error("a segment is not terminated or wrongly escaped")]
    Segment,
    /// Fewer bytes than a number or a digest needs.
    #[error("the key is cut short")]
    Short,
    /// Bytes after the last component.
    #[error("bytes follow the last component")]
    Trailing,
    /// Another spelling of a key that has one already: a version of zero that is written out, or an upper-case digest.
    #[error("the key is not in its canonical form")]
    Alias,
    /// Something else than hexadecimal digits in a digest.
    #[error("the digest is not hexadecimal")]
    Digest,
}

/// A segment as it stands in a key, its terminator included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment<'a>(&'a [u8]);

impl<'a> Segment<'a> {
    /// Returns the encoded bytes, terminator included. They sort like the raw ones.
    pub fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// Returns the raw bytes; copies only if there is an escaped zero in them.
    pub fn decode(self) -> Cow<'a, [u8]> {
        let body = self
            .0
            .get(..self.0.len().saturating_sub(2))
            .unwrap_or_default();
        match memchr(ESCAPE, body) {
            None => Cow::Borrowed(body),
            Some(_) => Cow::Owned(unescape(body)),
        }
    }

    /// Tells whether the segment stands for exactly `raw`, without decoding it.
    pub fn stands_for(self, raw: &[u8]) -> bool {
        *self.decode() == *raw
    }
}

/// An object of a bucket's incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKey<'a> {
    /// The bucket.
    pub bucket: Segment<'a>,
    /// The bucket's incarnation.
    pub generation: u64,
    /// The object's key.
    pub object: Segment<'a>,
}

/// An upload of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadKey<'a> {
    /// The object.
    pub object: ObjectKey<'a>,
    /// The upload's id.
    pub upload: Segment<'a>,
}

/// A part of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartKey<'a> {
    /// The upload.
    pub upload: UploadKey<'a>,
    /// The part's number, from 1 in live data.
    pub part_no: u64,
}

/// A chunk of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkKey<'a> {
    /// The part.
    pub part: PartKey<'a>,
    /// The chunk's number, from 0.
    pub chunk_no: u64,
    /// The attempt at this part; 0 where the key has no trailer.
    pub version: u64,
}

/// Parses the key of a bucket record.
pub fn parse_bucket_meta(key: &[u8]) -> Result<Segment<'_>, KeyFault> {
    parse_bucket(key, BUCKET_META)
}

/// Parses the key of a generation counter.
pub fn parse_bucket_generation(key: &[u8]) -> Result<Segment<'_>, KeyFault> {
    parse_bucket(key, BUCKET_GENERATION)
}

/// Parses the key of an object manifest.
pub fn parse_object_head(key: &[u8]) -> Result<ObjectKey<'_>, KeyFault> {
    let mut rest = Rest::after(key, OBJECT_HEAD)?;
    let object = rest.object()?;
    rest.end().map(|()| object)
}

/// Parses the key of an inline chunk.
pub fn parse_blob(key: &[u8]) -> Result<ChunkKey<'_>, KeyFault> {
    parse_chunk(key, BLOB)
}

/// Parses the key of a chunk reference.
pub fn parse_chunk_ref(key: &[u8]) -> Result<ChunkKey<'_>, KeyFault> {
    parse_chunk(key, CHUNK_REF)
}

/// Parses the key of a chunk stored by content: the SHA-256 of its bytes, in 64 lower-case digits.
pub fn parse_chunk_blob(key: &[u8]) -> Result<[u8; DIGEST_BYTES], KeyFault> {
    let digits = key.strip_prefix(CHUNK_BLOB).ok_or(KeyFault::Prefix)?;
    match digits.len() {
        len if len < 2 * DIGEST_BYTES => return Err(KeyFault::Short),
        len if len > 2 * DIGEST_BYTES => return Err(KeyFault::Trailing),
        _ => {}
    }
    if digits.iter().any(u8::is_ascii_uppercase) && digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(KeyFault::Alias);
    }
    let mut digest = [0; DIGEST_BYTES];
    data_encoding::HEXLOWER
        .decode_mut(digits, &mut digest)
        .map_err(|_| KeyFault::Digest)?;
    Ok(digest)
}

/// Parses the key of an upload record.
pub fn parse_upload_meta(key: &[u8]) -> Result<UploadKey<'_>, KeyFault> {
    let mut rest = Rest::after(key, UPLOAD_META)?;
    let upload = rest.upload()?;
    rest.end().map(|()| upload)
}

/// Parses the key of a part descriptor.
pub fn parse_upload_part(key: &[u8]) -> Result<PartKey<'_>, KeyFault> {
    let mut rest = Rest::after(key, UPLOAD_PART)?;
    let part = rest.part()?;
    rest.end().map(|()| part)
}

/// Splits a segment off the front of `bytes`.
pub fn split_segment(bytes: &[u8]) -> Result<(Segment<'_>, &[u8]), KeyFault> {
    let mut from = 0;
    loop {
        let tail = bytes.get(from..).unwrap_or_default();
        let zero = from + memchr(ESCAPE, tail).ok_or(KeyFault::Segment)?;
        match bytes.get(zero + 1) {
            Some(&ESCAPED_ZERO) => from = zero + 2,
            Some(&END) => {
                let (segment, rest) = bytes.split_at_checked(zero + 2).ok_or(KeyFault::Segment)?;
                return Ok((Segment(segment), rest));
            }
            _ => return Err(KeyFault::Segment),
        }
    }
}

/// Splits a number off the front of `bytes`.
pub fn split_u64(bytes: &[u8]) -> Result<(u64, &[u8]), KeyFault> {
    let (number, rest) = bytes.split_first_chunk::<8>().ok_or(KeyFault::Short)?;
    Ok((u64::from_be_bytes(*number), rest))
}

/// Appends the segment of `raw`, terminator included.
pub fn segment_into(raw: &[u8], out: &mut Vec<u8>) {
    for &byte in raw {
        out.push(byte);
        if byte == ESCAPE {
            out.push(ESCAPED_ZERO);
        }
    }
    out.extend_from_slice(&[ESCAPE, END]);
}

/// Returns the key of a bucket record.
pub fn bucket_meta(bucket: &[u8]) -> Vec<u8> {
    start(BUCKET_META, &[bucket])
}

/// Returns the key of a generation counter.
pub fn bucket_generation(bucket: &[u8]) -> Vec<u8> {
    start(BUCKET_GENERATION, &[bucket])
}

/// Returns the key of an object manifest.
pub fn object_head(bucket: &[u8], generation: u64, object: &[u8]) -> Vec<u8> {
    object_key(OBJECT_HEAD, bucket, generation, object)
}

/// Returns the key of an upload record.
pub fn upload_meta(bucket: &[u8], generation: u64, object: &[u8], upload: &[u8]) -> Vec<u8> {
    upload_key(UPLOAD_META, bucket, generation, object, upload)
}

/// Returns the key of a part descriptor.
pub fn upload_part(
    bucket: &[u8],
    generation: u64,
    object: &[u8],
    upload: &[u8],
    part_no: u64,
) -> Vec<u8> {
    let mut key = upload_key(UPLOAD_PART, bucket, generation, object, upload);
    key.extend_from_slice(&part_no.to_be_bytes());
    key
}

/// Says which chunk of an upload a key is to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The part's number.
    pub part_no: u64,
    /// The chunk's number, from 0.
    pub chunk_no: u64,
    /// The attempt at this part; 0 leaves the trailer out.
    pub version: u64,
}

/// Returns the key of an inline chunk.
pub fn blob(
    bucket: &[u8],
    generation: u64,
    object: &[u8],
    upload: &[u8],
    place: ChunkPlace,
) -> Vec<u8> {
    chunk_key(upload_key(BLOB, bucket, generation, object, upload), place)
}

/// Returns the key of a chunk reference.
pub fn chunk_ref(
    bucket: &[u8],
    generation: u64,
    object: &[u8],
    upload: &[u8],
    place: ChunkPlace,
) -> Vec<u8> {
    chunk_key(
        upload_key(CHUNK_REF, bucket, generation, object, upload),
        place,
    )
}

/// Returns the key of a chunk stored by content.
pub fn chunk_blob(digest: &[u8; DIGEST_BYTES]) -> Vec<u8> {
    [
        CHUNK_BLOB,
        data_encoding::HEXLOWER.encode(digest).as_bytes(),
    ]
    .concat()
}

fn start(prefix: &[u8], segments: &[&[u8]]) -> Vec<u8> {
    let mut key = prefix.to_vec();
    for segment in segments {
        segment_into(segment, &mut key);
    }
    key
}

fn object_key(prefix: &[u8], bucket: &[u8], generation: u64, object: &[u8]) -> Vec<u8> {
    let mut key = start(prefix, &[bucket]);
    key.extend_from_slice(&generation.to_be_bytes());
    segment_into(object, &mut key);
    key
}

fn upload_key(
    prefix: &[u8],
    bucket: &[u8],
    generation: u64,
    object: &[u8],
    upload: &[u8],
) -> Vec<u8> {
    let mut key = object_key(prefix, bucket, generation, object);
    segment_into(upload, &mut key);
    key
}

fn chunk_key(mut key: Vec<u8>, place: ChunkPlace) -> Vec<u8> {
    key.extend_from_slice(&place.part_no.to_be_bytes());
    key.extend_from_slice(&place.chunk_no.to_be_bytes());
    if place.version != 0 {
        key.extend_from_slice(&place.version.to_be_bytes());
    }
    key
}

fn parse_bucket<'a>(key: &'a [u8], prefix: &[u8]) -> Result<Segment<'a>, KeyFault> {
    let mut rest = Rest::after(key, prefix)?;
    let bucket = rest.segment()?;
    rest.end().map(|()| bucket)
}

fn parse_chunk<'a>(key: &'a [u8], prefix: &[u8]) -> Result<ChunkKey<'a>, KeyFault> {
    let mut rest = Rest::after(key, prefix)?;
    let part = rest.part()?;
    let chunk_no = rest.number()?;
    let version = match rest.0.len() {
        0 => 0,
        _ => match rest.number()? {
            0 => return Err(KeyFault::Alias),
            version => version,
        },
    };
    rest.end().map(|()| ChunkKey {
        part,
        chunk_no,
        version,
    })
}

/// What is left of a key while its components are taken off.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn after(key: &'a [u8], prefix: &[u8]) -> Result<Rest<'a>, KeyFault> {
        key.strip_prefix(prefix).map(Rest).ok_or(KeyFault::Prefix)
    }

    fn segment(&mut self) -> Result<Segment<'a>, KeyFault> {
        let (segment, rest) = split_segment(self.0)?;
        self.0 = rest;
        Ok(segment)
    }

    fn number(&mut self) -> Result<u64, KeyFault> {
        let (number, rest) = split_u64(self.0)?;
        self.0 = rest;
        Ok(number)
    }

    fn object(&mut self) -> Result<ObjectKey<'a>, KeyFault> {
        Ok(ObjectKey {
            bucket: self.segment()?,
            generation: self.number()?,
            object: self.segment()?,
        })
    }

    fn upload(&mut self) -> Result<UploadKey<'a>, KeyFault> {
        Ok(UploadKey {
            object: self.object()?,
            upload: self.segment()?,
        })
    }

    fn part(&mut self) -> Result<PartKey<'a>, KeyFault> {
        Ok(PartKey {
            upload: self.upload()?,
            part_no: self.number()?,
        })
    }

    fn end(&self) -> Result<(), KeyFault> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(KeyFault::Trailing)
        }
    }
}

fn unescape(body: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(zero) = memchr(ESCAPE, rest) {
        let (plain, tail) = rest.split_at(zero);
        raw.extend_from_slice(plain);
        raw.push(ESCAPE);
        // The segment was checked when it was split off: an `ff` follows.
        rest = tail.get(2..).unwrap_or_default();
    }
    raw.extend_from_slice(rest);
    raw
}

#[cfg(test)]
mod tests;

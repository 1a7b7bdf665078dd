//! What can be wrong with S3 rows.

use std::fmt;

use super::chunk_ref::ChunkRefFault;
use super::json::JsonFault;
use super::key::KeyFault;
use crate::error::{Place, escaped};

/// Something wrong with a bucket, an object or a row, and where.
#[derive(Debug)]
pub struct Error {
    /// What is wrong.
    pub fault: Box<Fault>,
    /// The bucket, escaped, if it is known.
    pub bucket: Option<String>,
    /// The object's key, escaped, if there is one.
    pub object: Option<String>,
    /// The row at fault, if there is a single one.
    pub place: Option<Box<Place>>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A key is not what its prefix promises.
    #[error("the key is malformed: {0}")]
    MalformedKey(KeyFault),
    /// A bucket record is not acceptable JSON.
    #[error("the bucket record is invalid: {0}")]
    BucketRecord(JsonFault),
    /// A manifest is not acceptable JSON.
    #[error("the manifest is invalid: {0}")]
    Manifest(JsonFault),
    /// An offloaded part does not list one size for each chunk.
    #[error("part {part_no} lists {sizes} sizes for {chunks} chunks")]
    SizeList {
        /// The part.
        part_no: u64,
        /// How many sizes.
        sizes: u64,
        /// How many chunks.
        chunks: u64,
    },
    /// The value of a chunk reference is malformed.
    #[error("the chunk reference is invalid: {0}")]
    ChunkRef(ChunkRefFault),
    /// A reference, its content and the manifest do not agree on a chunk's length.
    #[error(
        "chunk {chunk_no} of part {part_no} has {found} bytes, its reference says {reference}, the manifest {declared:?}"
    )]
    ChunkRefSize {
        /// The part.
        part_no: u64,
        /// The chunk.
        chunk_no: u64,
        /// Length of the content.
        found: u64,
        /// Length by the reference.
        reference: u64,
        /// Length by the manifest, if it lists one.
        declared: Option<u64>,
    },
    /// The chunks that are there are not the ones that the manifest declares.
    #[error(
        "part {part_no} declares {declared} chunks; number {chunk_no} is missing or one too many"
    )]
    IncompleteChunks {
        /// The part.
        part_no: u64,
        /// How many chunks the manifest declares.
        declared: u64,
        /// How many there are up to the first wrong one.
        found: u64,
        /// The number, from 0, of the first that is missing or too much.
        chunk_no: u64,
    },
    /// A length is not the declared one.
    #[error("{what} has {found} bytes instead of {declared}")]
    Size {
        /// Of what.
        what: Sized,
        /// The declared length.
        declared: i64,
        /// The length found.
        found: u64,
    },
    /// A body does not have the MD5 that its manifest states.
    #[error("{what} has the etag {computed}, the manifest says {stated}")]
    Etag {
        /// Of what.
        what: Sized,
        /// The manifest's etag.
        stated: String,
        /// The etag of the bytes.
        computed: String,
    },
    /// A chunk stored by content has other content.
    #[error("the content of chunk {digest} does not have that SHA-256")]
    ChunkBlobHash {
        /// The digest in its key.
        digest: String,
    },
    /// Keys end like a sidecar, and only keys that can be a path are accepted.
    #[error("{} in .elastickv-meta.json, which is reserved for sidecars: {}", if *count == 1 { "1 key ends".to_owned() } else { format!("{count} keys end") }, keys.join(", "))]
    SuffixCollision {
        /// Bucket and key of each, escaped.
        keys: Vec<String>,
        /// How many there are, should the list be cut.
        count: u64,
    },
    /// Keys cannot be a path, and only such keys are accepted.
    #[error("{count} {} cannot be a path: {}", if *count == 1 { "key" } else { "keys" }, keys.join(", "))]
    RefusedKeys {
        /// Bucket and key of each, escaped.
        keys: Vec<String>,
        /// How many there are, should the list be cut.
        count: u64,
    },
}

/// What a length or an etag belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sized {
    /// The whole object.
    Object,
    /// A part.
    Part(u64),
    /// A chunk: part and number.
    Chunk(u64, u64),
    /// All parts, by what the manifest says of each.
    Parts,
    /// The chunks of a part, by what the manifest says of each.
    PartChunks(u64),
}

impl fmt::Display for Sized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sized::Object => f.write_str("the object"),
            Sized::Part(part) => write!(f, "part {part}"),
            Sized::Chunk(part, chunk) => write!(f, "chunk {chunk} of part {part}"),
            Sized::Parts => f.write_str("the list of parts"),
            Sized::PartChunks(part) => write!(f, "the list of chunks of part {part}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bucket) = &self.bucket {
            write!(f, "bucket {bucket}, ")?;
        }
        if let Some(object) = &self.object {
            write!(f, "object \"{object}\", ")?;
        }
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        } else if self.bucket.is_some() {
            f.write_str("of all its rows: ")?;
        }
        write!(f, "{}", self.fault)
    }
}

impl std::error::Error for Error {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error {
            fault: Box::new(fault),
            bucket: None,
            object: None,
            place: None,
        }
    }
}

impl Error {
    /// Returns the stable id.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match &*self.fault {
            Fault::MalformedKey(_) => "s3.malformed-key",
            Fault::BucketRecord(_) => "s3.invalid-bucket-record",
            Fault::Manifest(_) | Fault::SizeList { .. } => "s3.invalid-manifest",
            Fault::ChunkRef(_) | Fault::ChunkRefSize { .. } => "s3.invalid-chunk-reference",
            Fault::IncompleteChunks { .. } => "s3.incomplete-chunks",
            Fault::Size { .. } => "s3.size-mismatch",
            Fault::Etag { .. } => "s3.etag-mismatch",
            Fault::ChunkBlobHash { .. } => "s3.chunk-hash-mismatch",
            Fault::SuffixCollision { .. } => "s3.suffix-collision",
            Fault::RefusedKeys { .. } => "s3.key-refused",
        }
    }

    /// Returns what the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match &*self.fault {
            Fault::SuffixCollision { .. } => {
                "Run without --strict-keys, or with --rename-collisions, or with --partial to leave these keys out."
            }
            Fault::RefusedKeys { .. } => {
                "Run without --strict-keys, or with --partial to leave these keys out."
            }
            Fault::IncompleteChunks { .. } => {
                "Another node's snapshot of the same group may be complete; --partial goes on without the object."
            }
            Fault::Etag { .. } => {
                "Use --no-etag to skip this check, or --partial to leave the object out."
            }
            _ => "Try another node's snapshot of the same group, or --partial to leave it out.",
        }
    }

    pub(crate) fn left_out_id(&self) -> Option<&'static str> {
        Some(self.id())
    }

    /// Adds the place, unless a more exact one is known.
    pub(crate) fn at(mut self, place: Place) -> Error {
        self.place.get_or_insert(Box::new(place));
        self
    }

    /// Says which object is concerned.
    pub(super) fn of(mut self, bucket: &[u8], object: Option<&[u8]>) -> Error {
        self.bucket = Some(escaped(bucket));
        self.object = object.map(escaped);
        self
    }
}

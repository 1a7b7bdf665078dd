//! The S3 keyspace: buckets, objects and their chunks.
//!
//! Rows come as the survey sees them and are filed so that the rows of an object stand together (`Index`). Between the passes, buckets
//! get directories, references their content and keys their names (`Plan`). The second pass goes through the objects in order, selects
//! each one's chunks by its manifest, and has several threads copy them straight from the snapshot to the body, hashing on the way.
//!
//! Invariants:
//! * Only chunks that the visible manifest declares reach a body, and all of them, in its order; this is known before a byte is written.
//! * Every key that a node takes has a file of its own, and the file does not depend on the order of rows or threads.
//! * Memory depends on the largest object's number of chunks and on the number of buckets, not on the number of objects.

mod assemble;
mod chunk_ref;
mod clock;
mod content;
mod control;
mod error;
mod etag;
mod event;
mod index;
mod json;
pub mod key;
mod names;
mod places;
mod plan;
mod record;
mod select;
mod sidecar;
mod uploads;
mod worker;
mod write;

pub use chunk_ref::ChunkRefFault;
pub use error::{Error, Fault, Sized};
pub use event::Event;
pub use json::JsonFault;
pub use write::Report;

pub(crate) use index::Index;
pub(crate) use plan::Target;

/// What a row of the S3 keyspace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A bucket's record.
    BucketMeta,
    /// A bucket's generation counter.
    BucketGeneration,
    /// An object's manifest.
    ObjectHead,
    /// A chunk.
    Blob,
    /// A chunk addressed by its content.
    ChunkBlob,
    /// A reference to such a chunk.
    ChunkRef,
    /// An upload in progress.
    UploadMeta,
    /// A part of an upload.
    UploadPart,
}

/// The adapter's own switches.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Write descriptors and chunks of uploads in progress.
    pub include_incomplete_uploads: bool,
    /// Write chunks that belong to no object, and manifests of stale ones.
    pub include_orphans: bool,
    /// Append `.user-data` to keys that end like a sidecar instead of putting them below `_keys/`.
    pub rename_collisions: bool,
    /// Refuse keys that cannot be a path instead of putting them below `_keys/`.
    pub strict_keys: bool,
    /// Write generations, clock values, upload ids and parts as well.
    pub extended_metadata: bool,
    /// Compare bodies with their etags.
    pub verify_etags: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            include_incomplete_uploads: false,
            include_orphans: false,
            rename_collisions: false,
            strict_keys: false,
            extended_metadata: false,
            verify_etags: true,
        }
    }
}

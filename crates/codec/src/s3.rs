//! The S3 keyspace: buckets, objects and their chunks.

mod chunk_ref;
mod clock;
mod json;
pub mod key;
mod names;
mod record;

// Stand-ins of the types the rest of the crate uses; the S3 module fills them.
use crate::FieldValue;

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
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Records and chunks of unfinished uploads are written.
    pub include_incomplete_uploads: bool,
    /// Chunks without an object, and objects of earlier bucket generations, are written.
    pub include_orphans: bool,
    /// Keys that end like a sidecar are renamed instead of refused.
    pub rename_collisions: bool,
}

/// What can be wrong with S3 rows.
#[derive(Debug, thiserror::Error)]
#[error("S3")]
pub struct Error {}

impl Error {
    pub(crate) fn left_out_id(&self) -> Option<&'static str> {
        None
    }

    pub(crate) fn at(self, _place: crate::Place) -> Error {
        self
    }
}

/// What is worth telling about S3 rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {}

impl Event {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match *self {}
    }

    /// Returns the fields in their fixed order.
    pub fn fields(&self) -> Vec<(&'static str, FieldValue)> {
        match *self {}
    }
}

pub(crate) struct Index;

impl Index {
    pub(crate) fn new(
        _settings: &Settings,
        _scratch: &std::path::Path,
    ) -> Result<Index, crate::Error> {
        Ok(Index)
    }

    pub(crate) fn observe(
        &mut self,
        _record: Record,
        _row: &crate::row::VisibleRow<'_>,
    ) -> Result<(), crate::Error> {
        Ok(())
    }

    pub(crate) fn observe_hidden(
        &mut self,
        _record: Record,
        _user_key: &[u8],
    ) -> Result<(), crate::Error> {
        Ok(())
    }

    pub(crate) fn plan(
        self,
        _sources: &crate::sources::Sources<'_>,
        _target: Target,
        _observer: &dyn crate::Observer,
    ) -> Result<Plan, crate::Error> {
        Ok(Plan)
    }
}

/// What the destination's file system does with names.
pub(crate) struct Target {
    pub(crate) case: fsroot::CaseBehaviour,
    pub(crate) portable: bool,
}

pub(crate) struct Plan;

impl Plan {
    pub(crate) fn write(
        self,
        _sources: &crate::sources::Sources<'_>,
        _tree: &mut dump::tree::TreeWriter,
        _left_out: &crate::left_out::LeftOut,
        _observer: &dyn crate::Observer,
    ) -> Result<Report, crate::Error> {
        Ok(Report::default())
    }
}

/// What became of the S3 keyspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Directories of the buckets in the tree, ascending.
    pub buckets: Vec<String>,
}

impl Report {
    pub(crate) fn left_out(&self) -> Vec<crate::LeftOutPart> {
        Vec::new()
    }
}

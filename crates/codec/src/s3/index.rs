//! The first pass: what the rows of the S3 keyspace are, sorted so that an object's rows stand together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use spill::Sorter;

use super::error::Fault;
use super::key::{self, ChunkKey, ObjectKey, UploadKey};
use super::record::{self, BucketRecord};
use super::{Event, Record, Settings, chunk_ref, names};
use crate::error::{Error, escaped};
use crate::options::{OnBad, Options};
use crate::row::{VALUE_REF_BYTES, ValueRef, VisibleRow};
use crate::{Adapter, Observer};

/// Memory of the sorter of objects and chunks.
pub(super) const OBJECTS_BUDGET_BYTES: usize = 16 << 20;
/// Memory of each other sorter.
pub(super) const SMALL_BUDGET_BYTES: usize = 8 << 20;

/// Class byte of a manifest among the rows of an object.
pub(super) const HEAD: u8 = 0;
/// Class byte of everything that belongs to an upload.
pub(super) const UPLOAD: u8 = 1;
/// Behind the upload's id: its record.
pub(super) const UPLOAD_RECORD: u8 = 0;
/// Behind the upload's id: a chunk.
pub(super) const CHUNK: u8 = 1;

/// A bucket as far as the snapshots tell.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// The visible record.
    pub(super) record: Option<BucketRecord>,
    /// Whether there is a row of the record that is not visible: the bucket was deleted.
    pub(super) hidden: bool,
    /// Whether the record cannot be read.
    pub(super) bad: bool,
}

/// Everything the survey has found of S3.
pub(crate) struct Index {
    pub(super) settings: Settings,
    pub(super) on_bad: OnBad,
    pub(super) scope: Option<BTreeSet<Vec<u8>>>,
    pub(super) scratch: PathBuf,
    pub(super) buckets: BTreeMap<Vec<u8>, Bucket>,
    /// Manifests, upload records and chunks, by bucket, generation, object, upload.
    pub(super) objects: Sorter,
    /// Keys of objects with a manifest, by bucket and generation, in the order that naming wants.
    pub(super) keys: Sorter,
    /// Chunks by content and references to them, by digest.
    pub(super) content: Sorter,
    /// Upload records and part descriptors.
    pub(super) uploads: Sorter,
    /// Bytes of all inline chunks.
    pub(super) total_bytes: u64,
    malformed_uploads: (u64, String),
    buffer: Vec<u8>,
}

/// Where a row is: what an error about it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowRef {
    pub(super) entry: u64,
    pub(super) offset: u64,
    pub(super) value: ValueRef,
}

pub(super) const ROW_REF_BYTES: usize = 16 + VALUE_REF_BYTES;

impl RowRef {
    fn of(row: &VisibleRow<'_>) -> RowRef {
        RowRef {
            entry: row.entry,
            offset: row.offset,
            value: row.value,
        }
    }

    pub(super) fn push_into(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.entry.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.value.to_bytes());
    }

    /// Splits a row off the front of a sorter's value.
    pub(super) fn split(bytes: &[u8]) -> Result<(RowRef, &[u8]), Error> {
        let parse = || {
            let (entry, rest) = key::split_u64(bytes).ok()?;
            let (offset, rest) = key::split_u64(rest).ok()?;
            let (value, rest) = rest.split_at_checked(VALUE_REF_BYTES)?;
            Some((
                RowRef {
                    entry,
                    offset,
                    value: ValueRef::from_bytes(value)?,
                },
                rest,
            ))
        };
        parse().ok_or(Error::Scratch("S3 row"))
    }
}

impl Index {
    pub(crate) fn new(options: &Options) -> Index {
        let sorter = |budget| Sorter::new(Some(options.scratch.clone()), budget);
        Index {
            settings: options.s3,
            on_bad: options.on_bad,
            scope: options.scope.of(Adapter::S3).cloned(),
            scratch: options.scratch.clone(),
            buckets: BTreeMap::new(),
            objects: sorter(OBJECTS_BUDGET_BYTES),
            keys: sorter(SMALL_BUDGET_BYTES),
            content: sorter(SMALL_BUDGET_BYTES),
            uploads: sorter(SMALL_BUDGET_BYTES),
            total_bytes: 0,
            malformed_uploads: (0, String::new()),
            buffer: Vec::new(),
        }
    }

    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Takes a visible row.
    ///
    /// # Errors
    ///
    /// A malformed key, bucket record or reference; the index stays usable and does not hold the row then.
    pub(crate) fn observe(&mut self, record: Record, row: &VisibleRow<'_>) -> Result<(), Error> {
        match record {
            Record::BucketMeta => self.bucket(row),
            // The counter outlives the bucket and says nothing about what is visible.
            Record::BucketGeneration => Ok(()),
            Record::ObjectHead => self.head(row),
            Record::Blob => self.blob(row),
            Record::ChunkBlob => self.chunk_blob(row),
            Record::ChunkRef => self.chunk_ref(row),
            Record::UploadMeta => self.upload_meta(row),
            Record::UploadPart => self.upload_part(row),
        }
    }

    /// Takes a row that is superseded, deleted or expired; it matters only for bucket records.
    pub(crate) fn observe_hidden(&mut self, record: Record, user_key: &[u8]) -> Result<(), Error> {
        if record == Record::BucketMeta
            && let Ok(bucket) = key::parse_bucket_meta(user_key)
        {
            let name = bucket.decode();
            if self.in_scope(&name) {
                self.buckets.entry(name.into_owned()).or_default().hidden = true;
            }
        }
        Ok(())
    }

    /// Names the bucket of a row that is left out; empty if its key does not tell.
    pub(crate) fn bucket_of(record: Record, user_key: &[u8]) -> Vec<u8> {
        let bucket = match record {
            Record::BucketMeta => key::parse_bucket_meta(user_key),
            Record::ObjectHead => key::parse_object_head(user_key).map(|object| object.bucket),
            _ => return Vec::new(),
        };
        bucket.map_or_else(|_| Vec::new(), |bucket| bucket.decode().into_owned())
    }

    /// Tells what was wrong without stopping anything.
    pub(super) fn report(&self, observer: &dyn Observer) {
        let (count, example) = &self.malformed_uploads;
        if *count > 0 {
            observer.event(crate::Event::S3(Event::MalformedUploads {
                count: *count,
                example: example.clone(),
            }));
        }
    }

    fn bucket(&mut self, row: &VisibleRow<'_>) -> Result<(), Error> {
        let name = key::parse_bucket_meta(row.user_key)
            .map_err(malformed)?
            .decode();
        if !self.in_scope(&name) {
            return Ok(());
        }
        let bucket = self.buckets.entry(name.to_vec()).or_default();
        match record::parse_bucket(row.body.unwrap_or_default()) {
            Ok(record) => {
                bucket.record = Some(record);
                Ok(())
            }
            Err(fault) => {
                bucket.bad = true;
                Err(Error::from(
                    super::Error::from(Fault::BucketRecord(fault)).of(&name, None),
                ))
            }
        }
    }

    fn head(&mut self, row: &VisibleRow<'_>) -> Result<(), Error> {
        let object = key::parse_object_head(row.user_key).map_err(malformed)?;
        if !self.takes(&object) {
            return Ok(());
        }
        self.object_key(&object);
        self.key_to_name(&object)?;
        self.object_key(&object);
        self.buffer.push(HEAD);
        let mut value = Vec::with_capacity(ROW_REF_BYTES);
        RowRef::of(row).push_into(&mut value);
        Ok(self.objects.push(&self.buffer, &value)?)
    }

    /// Files the key where names are settled: plain keys in component order, and those that may be refused.
    fn key_to_name(&mut self, object: &ObjectKey<'_>) -> Result<(), Error> {
        let raw = object.object.decode();
        self.buffer.clear();
        self.buffer.extend_from_slice(object.bucket.encoded());
        self.buffer
            .extend_from_slice(&object.generation.to_be_bytes());
        if names::is_plain(&raw) {
            self.buffer.push(0);
            names::folding::Folding::Exact.fold_into(&raw, &mut self.buffer);
        } else if self.settings.strict_keys || raw.ends_with(names::SIDECAR_SUFFIX) {
            self.buffer.push(1);
            self.buffer.extend_from_slice(&raw);
        } else {
            return Ok(());
        }
        Ok(self.keys.push(&self.buffer, b"")?)
    }

    fn blob(&mut self, row: &VisibleRow<'_>) -> Result<(), Error> {
        let chunk = key::parse_blob(row.user_key).map_err(malformed)?;
        if !self.takes(&chunk.part.upload.object) {
            return Ok(());
        }
        self.total_bytes += row.value.length;
        self.chunk_key(&chunk, false);
        let mut value = Vec::with_capacity(ROW_REF_BYTES);
        RowRef::of(row).push_into(&mut value);
        Ok(self.objects.push(&self.buffer, &value)?)
    }

    fn chunk_blob(&mut self, row: &VisibleRow<'_>) -> Result<(), Error> {
        let digest = key::parse_chunk_blob(row.user_key).map_err(malformed)?;
        self.buffer.clear();
        self.buffer.extend_from_slice(&digest);
        self.buffer.push(0);
        let mut value = Vec::with_capacity(ROW_REF_BYTES);
        RowRef::of(row).push_into(&mut value);
        Ok(self.content.push(&self.buffer, &value)?)
    }

    fn chunk_ref(&mut self, row: &VisibleRow<'_>) -> Result<(), Error> {
        let chunk = key::parse_chunk_ref(row.user_key).map_err(malformed)?;
        if !self.takes(&chunk.part.upload.object) {
            return Ok(());
        }
        let reference = chunk_ref::parse(row.body.unwrap_or_default()).map_err(|fault| {
            let object = chunk.part.upload.object;
            let error = super::Error::from(Fault::ChunkRef(fault));
            Error::from(error.of(&object.bucket.decode(), Some(&object.object.decode())))
        })?;
        self.chunk_key(&chunk, true);
        let mut key = reference.digest.to_vec();
        key.push(1);
        key.extend_from_slice(&self.buffer);
        let mut value = Vec::with_capacity(ROW_REF_BYTES + 8);
        RowRef::of(row).push_into(&mut value);
        value.extend_from_slice(&reference.size_bytes.to_be_bytes());
        Ok(self.content.push(&key, &value)?)
    }

    fn upload_meta(&mut self, row: &VisibleRow<'_>) -> Result<(), Error> {
        let Ok(upload) = key::parse_upload_meta(row.user_key) else {
            self.malformed_upload(row.user_key);
            return Ok(());
        };
        if !self.takes(&upload.object) {
            return Ok(());
        }
        self.upload_key(&upload);
        self.buffer.push(UPLOAD_RECORD);
        self.objects.push(&self.buffer, b"")?;
        self.descriptor(row, &upload, 0)
    }

    fn upload_part(&mut self, row: &VisibleRow<'_>) -> Result<(), Error> {
        match key::parse_upload_part(row.user_key) {
            Ok(part) if self.takes(&part.upload.object) => self.descriptor(row, &part.upload, 1),
            Ok(_) => Ok(()),
            Err(_) => {
                self.malformed_upload(row.user_key);
                Ok(())
            }
        }
    }

    /// Files a descriptor by its upload, so that leftovers show; the whole key follows.
    fn descriptor(
        &mut self,
        row: &VisibleRow<'_>,
        upload: &UploadKey<'_>,
        kind: u8,
    ) -> Result<(), Error> {
        if !self.settings.include_incomplete_uploads {
            return Ok(());
        }
        self.upload_key(upload);
        self.buffer.push(kind);
        self.buffer.extend_from_slice(row.user_key);
        let mut value = Vec::with_capacity(ROW_REF_BYTES);
        RowRef::of(row).push_into(&mut value);
        Ok(self.uploads.push(&self.buffer, &value)?)
    }

    fn malformed_upload(&mut self, user_key: &[u8]) {
        if self.malformed_uploads.0 == 0 {
            self.malformed_uploads.1 = escaped(user_key);
        }
        self.malformed_uploads.0 += 1;
    }

    fn object_key(&mut self, object: &ObjectKey<'_>) {
        self.buffer.clear();
        self.buffer.extend_from_slice(object.bucket.encoded());
        self.buffer
            .extend_from_slice(&object.generation.to_be_bytes());
        self.buffer.extend_from_slice(object.object.encoded());
    }

    fn upload_key(&mut self, upload: &UploadKey<'_>) {
        self.object_key(&upload.object);
        self.buffer.push(UPLOAD);
        self.buffer.extend_from_slice(upload.upload.encoded());
    }

    fn chunk_key(&mut self, chunk: &ChunkKey<'_>, offloaded: bool) {
        self.upload_key(&chunk.part.upload);
        self.buffer.push(CHUNK);
        for number in [chunk.part.part_no, chunk.chunk_no, chunk.version] {
            self.buffer.extend_from_slice(&number.to_be_bytes());
        }
        self.buffer.push(u8::from(offloaded));
    }

    fn takes(&self, object: &ObjectKey<'_>) -> bool {
        self.scope.is_none() || self.in_scope(&object.bucket.decode())
    }

    fn in_scope(&self, bucket: &[u8]) -> bool {
        self.scope
            .as_ref()
            .is_none_or(|names| names.contains(bucket))
    }
}

fn malformed(fault: key::KeyFault) -> Error {
    Error::from(super::Error::from(Fault::MalformedKey(fault)))
}

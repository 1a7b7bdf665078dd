//! What is worth telling about S3 rows.

use crate::FieldValue;

/// Something about S3 that does not stop the work. Buckets and keys are escaped.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Chunks without a manifest.
    OrphanChunks {
        /// The bucket.
        bucket: String,
        /// The object's key.
        object: String,
        /// Its inline chunks.
        chunks: u64,
    },
    /// More objects of that kind in a bucket than are told one by one.
    MoreOrphanChunks {
        /// The bucket.
        bucket: String,
        /// How many more.
        objects: u64,
        /// Their inline chunks.
        chunks: u64,
    },
    /// Objects of other incarnations of a bucket.
    StaleObjects {
        /// The bucket.
        bucket: String,
        /// The incarnation that counts; 0 if the bucket was deleted.
        active_generation: u64,
        /// How many objects.
        stale_count: u64,
    },
    /// Objects whose bucket's record is in the snapshot of another Raft group.
    BucketElsewhere {
        /// The bucket.
        bucket: String,
        /// How many objects, none of which is written.
        objects: u64,
    },
    /// Keys that cannot be a path, stored below `_keys/`.
    KeyEscaped {
        /// The bucket.
        bucket: String,
        /// How many.
        count: u64,
        /// The first.
        example: String,
    },
    /// Manifests without an upload id.
    MissingUploadId {
        /// The bucket.
        bucket: String,
        /// How many.
        count: u64,
        /// The first.
        example: String,
    },
    /// Manifests whose part numbers do not strictly increase; the body follows the manifest.
    PartOrder {
        /// The bucket.
        bucket: String,
        /// How many.
        count: u64,
        /// The first.
        example: String,
    },
    /// Objects or buckets whose date no reader would take; it is left out.
    UnrepresentableDate {
        /// The bucket.
        bucket: String,
        /// How many.
        count: u64,
        /// The first.
        example: String,
    },
    /// Objects whose etag is not an MD5 of their bytes and could not be compared.
    EtagUnverifiable {
        /// The bucket.
        bucket: String,
        /// How many.
        count: u64,
        /// The first.
        example: String,
    },
    /// Uploads that were in progress.
    IncompleteUploads {
        /// The bucket.
        bucket: String,
        /// How many.
        uploads: u64,
        /// Their chunks.
        chunks: u64,
    },
    /// Records of uploads whose key does not parse.
    MalformedUploads {
        /// How many.
        count: u64,
        /// The first key.
        example: String,
    },
}

impl Event {
    /// Returns the stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::OrphanChunks { .. } => "s3_orphan_chunks",
            Event::MoreOrphanChunks { .. } => "s3_orphan_chunks_more",
            Event::StaleObjects { .. } => "s3_stale_generation_objects",
            Event::BucketElsewhere { .. } => "s3_bucket_record_elsewhere",
            Event::KeyEscaped { .. } => "s3_key_escaped",
            Event::MissingUploadId { .. } => "s3_manifest_missing_upload_id",
            Event::PartOrder { .. } => "s3_part_order",
            Event::UnrepresentableDate { .. } => "s3_unrepresentable_date",
            Event::EtagUnverifiable { .. } => "s3_etag_unverifiable",
            Event::IncompleteUploads { .. } => "s3_incomplete_uploads",
            Event::MalformedUploads { .. } => "s3_malformed_uploads",
        }
    }

    /// Returns the fields in their fixed order.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, FieldValue)> {
        match self.clone() {
            Event::OrphanChunks { bucket, object, chunks } => vec![
                ("bucket", bucket.into()),
                ("object", object.into()),
                ("chunks", chunks.into()),
                ("hint", "The chunks belong to no manifest; --include-orphans writes them.".into()),
            ],
            Event::MoreOrphanChunks { bucket, objects, chunks } => {
                vec![("bucket", bucket.into()), ("objects", objects.into()), ("chunks", chunks.into())]
            }
            Event::StaleObjects { bucket, active_generation, stale_count } => vec![
                ("bucket", bucket.into()),
                ("active_generation", active_generation.into()),
                ("stale_count", stale_count.into()),
                ("hint", "They belong to a bucket that was deleted; --include-orphans writes their chunks.".into()),
            ],
            Event::BucketElsewhere { bucket, objects } => vec![
                ("bucket", bucket.into()),
                ("objects", objects.into()),
                (
                    "hint",
                    "The record of this bucket is in the snapshot of another Raft group; decode both together.".into(),
                ),
            ],
            Event::IncompleteUploads { bucket, uploads, chunks } => {
                vec![("bucket", bucket.into()), ("uploads", uploads.into()), ("chunks", chunks.into())]
            }
            Event::MalformedUploads { count, example } => {
                vec![("count", count.into()), ("example", example.into())]
            }
            Event::KeyEscaped { bucket, count, example }
            | Event::MissingUploadId { bucket, count, example }
            | Event::PartOrder { bucket, count, example }
            | Event::UnrepresentableDate { bucket, count, example }
            | Event::EtagUnverifiable { bucket, count, example } => {
                vec![("bucket", bucket.into()), ("count", count.into()), ("example", example.into())]
            }
        }
    }
}

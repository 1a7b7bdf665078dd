//! Reads the sorted rows object by object and decides what becomes of each.

use std::sync::Arc;

use spill::Sorted;

use super::Event;
use super::assemble::{Assembly, Chunk, Found};
use super::error::Fault;
use super::index::{CHUNK, HEAD, RowRef, UPLOAD};
use super::key::{self, ChunkPlace};
use super::names::{self, Name};
use super::places::{self, Home};
use super::plan;
use super::record;
use super::worker::{BucketPlace, Job, ObjectJob, RawJob};
use super::write::{Batches, Report, Shared, Tally};
use crate::error::{Error, escaped};
use crate::nearby::Nearby;
use crate::row::ValueRef;

/// Objects without a manifest that are told one by one, in each bucket.
const MAX_TOLD_ORPHANS: u64 = 1000;

/// What objects of a bucket's incarnation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// They belong to the bucket.
    Active,
    /// The bucket has another incarnation, or was deleted.
    Stale,
    /// No row of the bucket's record is in the input.
    Elsewhere,
    /// The bucket's record cannot be read.
    Bad,
}

/// Goes through all objects.
pub(super) struct Selection<'a> {
    shared: &'a Shared<'a>,
    renamed: Renamed,
    number: u64,
    bucket: BucketState,
    buffer: Vec<u8>,
    nearby: Nearby,
    spare: Spare,
    pub(super) report: Report,
}

/// Buffers that go from object to object.
#[derive(Default)]
struct Spare {
    prefix: Vec<u8>,
    upload: Vec<u8>,
    record: Vec<u8>,
}

/// What is told of a bucket when it ends.
#[derive(Default)]
struct BucketState {
    /// The encoded segment; empty before the first.
    segment: Vec<u8>,
    name: Vec<u8>,
    directory: String,
    place: Option<Arc<BucketPlace>>,
    stale: u64,
    elsewhere: u64,
    orphan_objects: u64,
    untold: (u64, u64),
    uploads: u64,
    upload_chunks: u64,
}

/// An object whose rows are being read.
struct Group {
    /// Bucket, generation and object as they stand in the records.
    prefix: Vec<u8>,
    object: Vec<u8>,
    generation: u64,
    standing: Standing,
    head: Option<RowRef>,
    assembly: Option<Assembly>,
    /// Encoded upload id of the manifest.
    upload: Vec<u8>,
    /// Encoded id of the upload in progress whose record was the last one.
    in_progress: Vec<u8>,
    /// What was wrong with the manifest, until it is told.
    fault: Option<Fault>,
    orphan_chunks: u64,
}

impl<'a> Selection<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, renamed: Sorted) -> Selection<'a> {
        Selection {
            shared,
            renamed: Renamed {
                sorted: renamed,
                current: None,
                started: false,
            },
            number: 0,
            bucket: BucketState::default(),
            buffer: Vec::new(),
            nearby: Nearby::default(),
            spare: Spare::default(),
            report: Report::default(),
        }
    }

    /// Returns the number of the job that is being made.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Reads all rows and hands out jobs.
    pub(super) fn run(&mut self, mut rows: Sorted, jobs: &mut Batches) -> Result<(), Error> {
        let mut group: Option<Group> = None;
        while let Some((record, value)) = rows.next()? {
            let (prefix, rest) = split_object(record)?;
            if group.as_ref().is_none_or(|group| group.prefix != prefix) {
                if let Some(mut group) = group.take() {
                    self.spare.prefix = std::mem::take(&mut group.prefix);
                    self.spare.upload = std::mem::take(&mut group.upload);
                    self.end_object(group, jobs)?;
                }
                group = Some(self.begin_object(prefix)?);
            }
            if self.shared.is_past_failure(self.number) {
                return Ok(());
            }
            if let Some(group) = &mut group {
                self.row(group, rest, value, jobs)?;
            }
        }
        if let Some(group) = group {
            self.end_object(group, jobs)?;
        }
        self.end_bucket();
        Ok(())
    }

    fn begin_object(&mut self, prefix: &[u8]) -> Result<Group, Error> {
        let broken = |_| Error::Scratch("S3 object");
        self.number += 1;
        let (bucket, rest) = key::split_segment(prefix).map_err(broken)?;
        let (generation, object) = key::split_u64(rest).map_err(broken)?;
        let (object, _) = key::split_segment(object).map_err(broken)?;
        if self.bucket.segment != bucket.encoded() {
            self.end_bucket();
            let name = bucket.decode().into_owned();
            self.bucket = BucketState {
                segment: bucket.encoded().to_vec(),
                directory: format!("s3/{}", self.shared.plan.directory(&name)),
                name,
                ..BucketState::default()
            };
        }
        let standing = self.standing(generation);
        if standing == Standing::Active && self.bucket.place.is_none() {
            self.bucket.place = Some(Arc::new(BucketPlace {
                name: self.bucket.name.clone(),
                directory: self.bucket.directory.clone(),
                generation,
            }));
        }
        Ok(Group {
            prefix: refilled(std::mem::take(&mut self.spare.prefix), prefix),
            object: object.decode().into_owned(),
            generation,
            standing,
            head: None,
            assembly: None,
            upload: refilled(std::mem::take(&mut self.spare.upload), b""),
            in_progress: Vec::new(),
            fault: None,
            orphan_chunks: 0,
        })
    }

    fn standing(&self, generation: u64) -> Standing {
        match self.shared.plan.buckets.get(&self.bucket.name) {
            None => Standing::Elsewhere,
            Some(bucket) => match &bucket.record {
                Some(record) if record.generation == generation => Standing::Active,
                Some(_) => Standing::Stale,
                None if bucket.bad => Standing::Bad,
                None if bucket.hidden => Standing::Stale,
                None => Standing::Elsewhere,
            },
        }
    }

    fn row(
        &mut self,
        group: &mut Group,
        rest: &[u8],
        value: &[u8],
        jobs: &mut Batches,
    ) -> Result<(), Error> {
        let broken = |_| Error::Scratch("S3 row");
        match rest.split_first() {
            Some((&HEAD, _)) => self.head(group, RowRef::split(value)?.0),
            Some((&UPLOAD, rest)) => {
                let (upload, rest) = key::split_segment(rest).map_err(broken)?;
                match rest.split_first() {
                    Some((&CHUNK, rest)) => self.chunk(group, upload, rest, value, jobs),
                    _ => {
                        group.in_progress.clear();
                        group.in_progress.extend_from_slice(upload.encoded());
                        self.bucket.uploads += 1;
                        Ok(())
                    }
                }
            }
            _ => Err(Error::Scratch("S3 row")),
        }
    }

    fn head(&mut self, group: &mut Group, row: RowRef) -> Result<(), Error> {
        group.head = Some(row);
        if group.standing != Standing::Active {
            return Ok(());
        }
        let sources = self.shared.sources;
        let manifest = match self.nearby.body(sources, &row.value)? {
            Some(bytes) => record::parse_manifest(bytes),
            None => {
                sources.read(&row.value, &mut self.buffer)?;
                record::parse_manifest(&self.buffer)
            }
        };
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(fault) => {
                group.fault = Some(Fault::Manifest(fault));
                return Ok(());
            }
        };
        group.upload.clear();
        key::segment_into(manifest.upload_id.as_bytes(), &mut group.upload);
        let tell_of_id = manifest.upload_id.is_empty();
        match Assembly::new(manifest) {
            Ok(assembly) => {
                if tell_of_id {
                    self.shared
                        .tally(&self.bucket.name, Tally::MissingUploadId, &group.object);
                }
                if !assembly.is_in_part_order() {
                    self.shared
                        .tally(&self.bucket.name, Tally::PartOrder, &group.object);
                }
                group.assembly = Some(assembly);
            }
            Err(fault) => group.fault = Some(fault),
        }
        Ok(())
    }

    fn chunk(
        &mut self,
        group: &mut Group,
        upload: key::Segment<'_>,
        numbers: &[u8],
        value: &[u8],
        jobs: &mut Batches,
    ) -> Result<(), Error> {
        let broken = |_| Error::Scratch("S3 chunk");
        let (part_no, rest) = key::split_u64(numbers).map_err(broken)?;
        let (chunk_no, rest) = key::split_u64(rest).map_err(broken)?;
        let (version, _) = key::split_u64(rest).map_err(broken)?;
        let (row, rest) = RowRef::split(value)?;
        let found = found(
            ChunkPlace {
                part_no,
                chunk_no,
                version,
            },
            row,
            rest,
        )?;
        let offloaded = found.reference_bytes.is_some();
        let place = found.chunk.as_ref().map(|chunk| chunk.value);
        if let Some(assembly) = &mut group.assembly
            && group.upload == upload.encoded()
            && assembly.add(found)
        {
            return Ok(());
        }
        let settings = &self.shared.plan.settings;
        let (home, wanted) = if group.in_progress == upload.encoded() {
            self.bucket.upload_chunks += 1;
            match settings.include_incomplete_uploads {
                true => (Home::IncompleteUploads, true),
                // Where uploads have no place of their own, theirs are chunks that no object uses, like any other.
                false => (Home::Orphans, settings.include_orphans),
            }
        } else {
            group.orphan_chunks += u64::from(!offloaded);
            (Home::Orphans, settings.include_orphans)
        };
        let Some(value) = place.filter(|_| wanted) else {
            return Ok(());
        };
        let folding = self.shared.plan.folding;
        let directory = places::directory(home, &group.object, group.generation, folding);
        let file = places::chunk_file(
            &upload.decode(),
            ChunkPlace {
                part_no,
                chunk_no,
                version,
            },
            offloaded,
            folding,
        );
        match home {
            Home::Orphans => self.report.orphan_chunks += 1,
            Home::IncompleteUploads => self.report.upload_chunks += 1,
        }
        self.raw(&format!("{directory}/{file}"), value, jobs)
    }

    fn raw(&self, path: &str, value: ValueRef, jobs: &mut Batches) -> Result<(), Error> {
        let path = format!("{}/{path}", self.bucket.directory).into_bytes();
        jobs.push(Job::Raw(RawJob {
            number: self.number,
            path,
            value,
        }))
    }

    fn end_object(&mut self, mut group: Group, jobs: &mut Batches) -> Result<(), Error> {
        let has_rows = group.head.is_some() || group.orphan_chunks > 0;
        match group.standing {
            Standing::Active => {}
            Standing::Stale => {
                self.bucket.stale += u64::from(has_rows);
                return self.stale_manifest(&group, jobs);
            }
            Standing::Elsewhere => {
                self.bucket.elsewhere += u64::from(group.head.is_some());
                return Ok(());
            }
            Standing::Bad => {
                self.report.bad_bucket_objects += u64::from(group.head.is_some());
                return Ok(());
            }
        }
        let Some(head) = group.head else {
            self.tell_orphan(&group);
            return Ok(());
        };
        let complete = match (group.fault.take(), group.assembly.take()) {
            (None, Some(assembly)) => assembly.finish(),
            (Some(fault), _) => Err(fault),
            (None, None) => return Err(Error::Scratch("S3 manifest")),
        };
        let body = match complete {
            Ok(body) => body,
            Err(fault) => return self.leave_out(&group, head, fault),
        };
        let name = match self.name(&group)? {
            Ok(name) => name,
            Err(fault) => return self.leave_out(&group, head, fault),
        };
        let Some(bucket) = self.bucket.place.clone() else {
            return Err(Error::Scratch("S3 bucket"));
        };
        let job = ObjectJob {
            number: self.number,
            bucket,
            key: group.object,
            name,
            head,
            body,
        };
        jobs.push(Job::Object(Box::new(job)))
    }

    /// Returns the object's name, or why it has none; the latter only gets here if such objects are left out.
    fn name(&mut self, group: &Group) -> Result<Result<Name, Fault>, Error> {
        let plan = self.shared.plan;
        let key = group.object.as_slice();
        let one = || {
            vec![format!(
                "{}/{}",
                self.bucket.name.escape_ascii(),
                key.escape_ascii()
            )]
        };
        if key.ends_with(names::SIDECAR_SUFFIX) && !plan.settings.rename_collisions {
            return Ok(match plan.settings.strict_keys {
                true => Err(Fault::SuffixCollision {
                    keys: one(),
                    count: 1,
                }),
                false => Ok(Name::Escaped),
            });
        }
        let refused = || Fault::RefusedKeys {
            keys: one(),
            count: 1,
        };
        let name = match Name::by_shape(names::shape(key, plan.folding)) {
            Name::Natural => {
                let record = &mut self.spare.record;
                record.clear();
                record.extend_from_slice(&self.bucket.segment);
                key::segment_into(key, record);
                self.renamed.find(record)?.unwrap_or(Name::Natural)
            }
            name => name,
        };
        let is_refused = plan.settings.strict_keys && name.suffix().is_none();
        Ok(if is_refused { Err(refused()) } else { Ok(name) })
    }

    fn leave_out(&self, group: &Group, head: RowRef, fault: Fault) -> Result<(), Error> {
        let user_key = key::object_head(&self.bucket.name, group.generation, &group.object);
        let place = plan::place(self.shared.sources, head, &user_key);
        let error = super::Error::from(fault)
            .of(&self.bucket.name, Some(&group.object))
            .at(place);
        self.shared.left_out.add(
            self.shared.observer,
            "s3",
            &self.bucket.name,
            &group.object,
            Error::from(error),
        )
    }

    fn stale_manifest(&self, group: &Group, jobs: &mut Batches) -> Result<(), Error> {
        let plan = self.shared.plan;
        let Some(head) = group.head.filter(|_| plan.settings.include_orphans) else {
            return Ok(());
        };
        let directory =
            places::directory(Home::Orphans, &group.object, group.generation, plan.folding);
        self.raw(&format!("{directory}/manifest.json"), head.value, jobs)
    }

    fn tell_orphan(&mut self, group: &Group) {
        if group.orphan_chunks == 0 {
            return;
        }
        self.bucket.orphan_objects += 1;
        if self.bucket.orphan_objects > MAX_TOLD_ORPHANS {
            self.bucket.untold.0 += 1;
            self.bucket.untold.1 += group.orphan_chunks;
            return;
        }
        self.tell(Event::OrphanChunks {
            bucket: escaped(&self.bucket.name),
            object: escaped(&group.object),
            chunks: group.orphan_chunks,
        });
    }

    fn end_bucket(&mut self) {
        let state = std::mem::take(&mut self.bucket);
        self.report.stale_objects += state.stale;
        self.report.elsewhere_objects += state.elsewhere;
        let bucket = escaped(&state.name);
        if state.untold.0 > 0 {
            let (objects, chunks) = state.untold;
            self.tell(Event::MoreOrphanChunks {
                bucket: bucket.clone(),
                objects,
                chunks,
            });
        }
        if state.uploads > 0 {
            let (uploads, chunks) = (state.uploads, state.upload_chunks);
            self.tell(Event::IncompleteUploads {
                bucket: bucket.clone(),
                uploads,
                chunks,
            });
        }
        if state.stale > 0 {
            let record = self
                .shared
                .plan
                .buckets
                .get(&state.name)
                .and_then(|bucket| bucket.record.as_ref());
            let active_generation = record.map_or(0, |record| record.generation);
            self.tell(Event::StaleObjects {
                bucket: bucket.clone(),
                active_generation,
                stale_count: state.stale,
            });
        }
        if state.elsewhere > 0 {
            self.tell(Event::BucketElsewhere {
                bucket,
                objects: state.elsewhere,
            });
        }
    }

    fn tell(&self, event: Event) {
        self.shared.observer.event(crate::Event::S3(event));
    }
}

/// Unpacks a chunk: an inline one ends with its row; a reference has a size, a digest, and the content's place if it is there.
fn found(place: ChunkPlace, row: RowRef, rest: &[u8]) -> Result<Found, Error> {
    let ChunkPlace {
        part_no,
        chunk_no,
        version,
    } = place;
    let (reference_bytes, chunk) = if rest.is_empty() {
        (
            None,
            Some(Chunk {
                value: row.value,
                digest: None,
            }),
        )
    } else {
        let broken = || Error::Scratch("S3 reference");
        let (size, rest) = key::split_u64(rest).map_err(|_| broken())?;
        let (digest, content) = rest.split_first_chunk::<32>().ok_or_else(broken)?;
        let digest = Some(Box::new(*digest));
        (
            Some(size),
            ValueRef::from_bytes(content).map(|value| Chunk { value, digest }),
        )
    };
    Ok(Found {
        part_no,
        chunk_no,
        version,
        reference_bytes,
        chunk,
    })
}

/// Splits a record into bucket, generation and object, and the rest.
fn split_object(record: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let broken = |_| Error::Scratch("S3 object");
    let (_, rest) = key::split_segment(record).map_err(broken)?;
    let (_, rest) = key::split_u64(rest).map_err(broken)?;
    let (_, rest) = key::split_segment(rest).map_err(broken)?;
    let (prefix, rest) = record.split_at(record.len() - rest.len());
    Ok((prefix, rest))
}

/// Looks names up; asked in ascending order.
struct Renamed {
    sorted: Sorted,
    current: Option<(Vec<u8>, Option<Name>)>,
    started: bool,
}

impl Renamed {
    fn find(&mut self, record: &[u8]) -> Result<Option<Name>, Error> {
        while !self.started
            || self
                .current
                .as_ref()
                .is_some_and(|(key, _)| key.as_slice() < record)
        {
            self.started = true;
            let next = self.sorted.next()?;
            self.current = next.map(|(key, value)| {
                (
                    key.to_vec(),
                    value.first().copied().and_then(Name::from_byte),
                )
            });
        }
        match &self.current {
            Some((key, name)) if key == record => name.map(Some).ok_or(Error::Scratch("S3 name")),
            _ => Ok(None),
        }
    }
}

/// Puts other content into a buffer.
fn refilled(mut buffer: Vec<u8>, content: &[u8]) -> Vec<u8> {
    buffer.clear();
    buffer.extend_from_slice(content);
    buffer
}

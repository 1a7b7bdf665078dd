//! One writing thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use data_encoding::HEXLOWER;
use dump::tree::{TreeFile, TreeWorker};
use fsroot::RelPath;
use sha2::{Digest, Sha256};

use super::assemble::{Chunk, Complete};
use super::error::Fault;
use super::etag::{Compared, Hasher};
use super::index::RowRef;
use super::names::{self, Name};
use super::sidecar::{self, Dated, Detail};
use super::write::{Shared, Tally, lock};
use super::{key, plan};
use crate::error::Error;
use crate::nearby::Nearby;
use crate::row::ValueRef;

/// Bodies up to this size are put together in memory and written with one call.
const SMALL_BODY_BYTES: u64 = 1 << 20;
/// Bodies of this size are hashed by two threads if one has nothing to do.
const SPLIT_BODY_BYTES: u64 = 64 << 20;
/// Pieces on their way to the second thread.
const PIECES_IN_FLIGHT: usize = 8;

/// What a thread is asked to write.
pub(super) enum Job {
    /// An object and its sidecar.
    Object(Box<ObjectJob>),
    /// The bytes of one row, as they are.
    Raw(RawJob),
}

pub(super) struct ObjectJob {
    /// Position in the order of all objects.
    pub(super) number: u64,
    pub(super) bucket: Arc<BucketPlace>,
    pub(super) key: Vec<u8>,
    pub(super) name: Name,
    pub(super) head: RowRef,
    pub(super) body: Complete,
}

pub(super) struct RawJob {
    pub(super) number: u64,
    pub(super) path: Vec<u8>,
    pub(super) value: ValueRef,
}

/// A bucket and its directory, `s3/` included.
#[derive(Debug)]
pub(super) struct BucketPlace {
    pub(super) name: Vec<u8>,
    pub(super) directory: String,
    pub(super) generation: u64,
}

impl Job {
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Job::Object(job) => job.body.size_bytes(),
            Job::Raw(job) => job.value.length,
        }
    }

    pub(super) fn chunk_count(&self) -> usize {
        match self {
            Job::Object(job) => job.body.chunk_count(),
            Job::Raw(_) => 1,
        }
    }

    /// What jobs of one directory nearly always have in common; whether it is so decides about speed only.
    pub(super) fn directory(&self) -> &[u8] {
        let path = match self {
            Job::Object(job) => &job.key,
            Job::Raw(job) => &job.path,
        };
        let end = memchr::memrchr(b'/', path).unwrap_or(0);
        path.get(..end).unwrap_or_default()
    }

    fn number(&self) -> u64 {
        match self {
            Job::Object(job) => job.number,
            Job::Raw(job) => job.number,
        }
    }
}

/// A thread's own things; buffers are kept from object to object.
pub(super) struct Worker<'a> {
    shared: &'a Shared<'a>,
    writer: TreeWorker,
    piece: Vec<u8>,
    nearby: Nearby,
    body: Vec<u8>,
    sidecar: Vec<u8>,
    path: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, writer: TreeWorker) -> Worker<'a> {
        Worker {
            shared,
            writer,
            piece: Vec::new(),
            nearby: Nearby::default(),
            body: Vec::new(),
            sidecar: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Writes what comes until there is no more, and gives the writer back, whatever happened.
    pub(super) fn run(mut self, jobs: Receiver<Vec<Job>>) -> TreeWorker {
        loop {
            self.shared.idle.fetch_add(1, Ordering::Relaxed);
            let batch = jobs.recv();
            self.shared.idle.fetch_sub(1, Ordering::Relaxed);
            let Ok(batch) = batch else {
                // Idle for good: whoever still works may use this core.
                self.shared.idle.fetch_add(1, Ordering::Relaxed);
                return self.writer;
            };
            let Some(last) = batch.last().map(Job::number) else {
                continue;
            };
            let mut bytes = 0;
            for job in batch {
                let number = job.number();
                if self.shared.is_past_failure(number) {
                    continue;
                }
                // Large bodies are metered while they are copied.
                bytes += Some(job.size_bytes())
                    .filter(|&size| size <= SMALL_BODY_BYTES)
                    .unwrap_or(0);
                let done = self.shared.meter.check().and_then(|()| self.write(job));
                if let Err(error) = done {
                    self.shared.fail(number, error);
                }
            }
            if let Err(error) = self.shared.meter.add(bytes) {
                self.shared.fail(last, error);
            }
        }
    }

    fn write(&mut self, job: Job) -> Result<(), Error> {
        match job {
            Job::Object(job) => self.object(&job),
            Job::Raw(job) => self.raw(&job),
        }
    }

    fn raw(&mut self, job: &RawJob) -> Result<(), Error> {
        let mut file = self.writer.create(&rel(&job.path)?)?;
        self.shared
            .sources
            .stream(&job.value, &mut self.piece, &mut |bytes| {
                Ok(file.append(bytes)?)
            })?;
        self.writer.finish(file)?;
        Ok(())
    }

    fn object(&mut self, job: &ObjectJob) -> Result<(), Error> {
        let settings = &self.shared.plan.settings;
        let folding = self.shared.plan.folding;
        self.path.clear();
        self.path.extend_from_slice(job.bucket.directory.as_bytes());
        self.path.push(b'/');
        let prefix = self.path.len();
        names::path_into(&job.key, job.name, folding, &mut self.path);
        let path = rel(&self.path)?;

        let hasher = if settings.verify_etags {
            Hasher::new(&job.body.manifest)
        } else {
            None
        };
        let written = if job.body.size_bytes() <= SMALL_BODY_BYTES {
            self.small_body(job, &path, hasher)
        } else {
            self.large_body(job, &path, hasher)
        };
        let compared = match written {
            Ok(compared) => compared,
            Err(Bad::Object(fault)) => return self.leave_out(job, fault),
            Err(Bad::Run(error)) => return Err(error),
        };

        let detail = if settings.extended_metadata {
            Detail::Extended
        } else {
            Detail::Common
        };
        self.sidecar.clear();
        let dated = sidecar::object_into(&job.body.manifest, detail, &mut self.sidecar);
        self.path.extend_from_slice(names::SIDECAR_SUFFIX);
        self.writer.write(&rel(&self.path)?, &self.sidecar)?;
        let encoded = self
            .path
            .get(prefix..self.path.len() - names::SIDECAR_SUFFIX.len())
            .unwrap_or_default();
        self.account(job, encoded, compared, dated)
    }

    /// Counts a written object and files its line of the bucket's KEYMAP.
    fn account(
        &self,
        job: &ObjectJob,
        encoded: &[u8],
        compared: Option<Compared>,
        dated: Dated,
    ) -> Result<(), Error> {
        let (shared, bucket) = (self.shared, job.bucket.name.as_slice());
        let counters = &shared.counters;
        counters.objects.fetch_add(1, Ordering::Relaxed);
        counters
            .object_bytes
            .fetch_add(job.body.size_bytes(), Ordering::Relaxed);
        match compared {
            Some(Compared::Equal) => drop(counters.etags_verified.fetch_add(1, Ordering::Relaxed)),
            Some(Compared::Unverifiable) => {
                counters.etags_unverifiable.fetch_add(1, Ordering::Relaxed);
                shared.tally(bucket, Tally::EtagUnverifiable, &job.key);
            }
            None => {}
        }
        if dated == Dated::LeftOut {
            shared.tally(bucket, Tally::UnrepresentableDate, &job.key);
        }
        if job.name == Name::Natural {
            return Ok(());
        }
        counters.renamed.fetch_add(1, Ordering::Relaxed);
        if job.name.suffix().is_none() {
            shared.tally(bucket, Tally::Escaped, &job.key);
        }
        let record = [job.bucket.directory.as_bytes(), b"\0", encoded].concat();
        let value = [&[job.name.to_byte()], job.key.as_slice()].concat();
        Ok(lock(&shared.keymap).push(&record, &value)?)
    }

    fn leave_out(&self, job: &ObjectJob, fault: Fault) -> Result<(), Error> {
        let user_key = key::object_head(&job.bucket.name, job.bucket.generation, &job.key);
        let place = plan::place(self.shared.sources, job.head, &user_key);
        let error = super::Error::from(fault)
            .of(&job.bucket.name, Some(&job.key))
            .at(place);
        self.shared.left_out.add(
            self.shared.observer,
            "s3",
            &job.bucket.name,
            &job.key,
            Error::from(error),
        )
    }

    fn small_body(
        &mut self,
        job: &ObjectJob,
        path: &RelPath,
        mut hasher: Option<Hasher>,
    ) -> Result<Option<Compared>, Bad> {
        let Worker {
            shared,
            piece,
            nearby,
            body,
            ..
        } = self;
        body.clear();
        for chunks in job.body.parts() {
            for chunk in chunks {
                let start = body.len();
                match nearby.body(shared.sources, &chunk.value)? {
                    Some(bytes) => body.extend_from_slice(bytes),
                    None => shared.sources.stream(&chunk.value, piece, &mut |bytes| {
                        body.extend_from_slice(bytes);
                        Ok(())
                    })?,
                }
                let bytes = body.get(start..).unwrap_or_default();
                check_content(chunk, || Sha256::digest(bytes).into())?;
                if let Some(hasher) = &mut hasher {
                    hasher.update(bytes);
                }
            }
            if let Some(hasher) = &mut hasher {
                hasher.end_part();
            }
        }
        let compared = self.compare(job, hasher)?;
        self.writer.write(path, &self.body).map_err(Error::from)?;
        Ok(compared)
    }

    fn large_body(
        &mut self,
        job: &ObjectJob,
        path: &RelPath,
        hasher: Option<Hasher>,
    ) -> Result<Option<Compared>, Bad> {
        let mut file = self.writer.create(path).map_err(Error::from)?;
        let written = self
            .copy(job, &mut file, hasher)
            .and_then(|hasher| self.compare(job, hasher));
        match written {
            Ok(compared) => {
                self.writer.finish(file).map_err(Error::from)?;
                Ok(compared)
            }
            Err(bad) => {
                self.writer.abandon(file).map_err(Error::from)?;
                Err(bad)
            }
        }
    }

    /// Copies a body, its MD5 on another core if one is free and it is worth it.
    fn copy(
        &mut self,
        job: &ObjectJob,
        file: &mut TreeFile,
        hasher: Option<Hasher>,
    ) -> Result<Option<Hasher>, Bad> {
        let is_worth_it = job.body.size_bytes() >= SPLIT_BODY_BYTES
            && self.shared.idle.load(Ordering::Relaxed) > 0;
        match hasher {
            Some(hasher) if is_worth_it => self.copy_split(job, file, hasher).map(Some),
            Some(mut hasher) => {
                self.copy_parts(job, file, &mut |piece| {
                    feed(&mut hasher, piece);
                    Ok(())
                })?;
                Ok(Some(hasher))
            }
            None => self.copy_parts(job, file, &mut |_| Ok(())).map(|()| None),
        }
    }

    fn copy_split(
        &mut self,
        job: &ObjectJob,
        file: &mut TreeFile,
        mut hasher: Hasher,
    ) -> Result<Hasher, Bad> {
        let (pieces, taken) = bounded::<Option<Vec<u8>>>(PIECES_IN_FLIGHT);
        let (used, spare) = bounded::<Vec<u8>>(PIECES_IN_FLIGHT + 1);
        thread::scope(|scope| {
            let hashing = scope.spawn(move || {
                for piece in taken {
                    match piece {
                        None => hasher.end_part(),
                        Some(bytes) => {
                            hasher.update(&bytes);
                            // A full store of buffers only means that this one is not needed again.
                            drop(used.try_send(bytes));
                        }
                    }
                }
                hasher
            });
            let copied = self.copy_parts(job, file, &mut |piece| {
                let piece = piece.map(|bytes| {
                    let mut buffer = spare.try_recv().unwrap_or_default();
                    buffer.clear();
                    buffer.extend_from_slice(bytes);
                    buffer
                });
                pieces.send(piece).map_err(|_| Error::Worker)
            });
            drop(pieces);
            let hasher = hashing.join().map_err(|_| Error::Worker)?;
            copied.map(|()| hasher)
        })
    }

    /// Copies all parts; `also` sees every piece, and `None` at the end of each part.
    fn copy_parts(
        &mut self,
        job: &ObjectJob,
        file: &mut TreeFile,
        also: &mut dyn FnMut(Option<&[u8]>) -> Result<(), Error>,
    ) -> Result<(), Bad> {
        let Worker { shared, piece, .. } = self;
        for chunks in job.body.parts() {
            for chunk in chunks {
                let mut content = chunk.digest.is_some().then(Sha256::new);
                shared.sources.stream(&chunk.value, piece, &mut |bytes| {
                    if let Some(content) = &mut content {
                        content.update(bytes);
                    }
                    also(Some(bytes))?;
                    Ok(file.append(bytes)?)
                })?;
                shared.meter.add(chunk.value.length)?;
                check_content(chunk, || {
                    content.take().unwrap_or_default().finalize().into()
                })?;
            }
            also(None)?;
        }
        Ok(())
    }

    fn compare(&self, job: &ObjectJob, hasher: Option<Hasher>) -> Result<Option<Compared>, Bad> {
        match hasher {
            Some(hasher) => hasher
                .compare(&job.body.manifest)
                .map(Some)
                .map_err(Bad::Object),
            None if self.shared.plan.settings.verify_etags => Ok(Some(Compared::Unverifiable)),
            None => Ok(None),
        }
    }
}

fn feed(hasher: &mut Hasher, piece: Option<&[u8]>) {
    match piece {
        Some(bytes) => hasher.update(bytes),
        None => hasher.end_part(),
    }
}

fn check_content(chunk: &Chunk, computed: impl FnOnce() -> [u8; 32]) -> Result<(), Bad> {
    match &chunk.digest {
        Some(digest) if **digest != computed() => Err(Bad::Object(Fault::ChunkBlobHash {
            digest: HEXLOWER.encode(digest.as_slice()),
        })),
        _ => Ok(()),
    }
}

/// Says whether only one object is bad, or the run cannot go on.
enum Bad {
    Object(Fault),
    Run(Error),
}

impl From<Error> for Bad {
    fn from(error: Error) -> Bad {
        Bad::Run(error)
    }
}

pub(super) fn rel(path: &[u8]) -> Result<RelPath, Error> {
    RelPath::new(path).map_err(|error| Error::Dump(error.into()))
}

//! The second pass: every object's rows in order, its chunks selected, its files written by several threads.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use dump::tree::{TreeWorker, TreeWriter};
use spill::Sorter;

use super::Event;
use super::index::SMALL_BUDGET_BYTES;
use super::plan::Plan;
use super::select::Selection;
use super::worker::{Job, Worker};
use super::{content, control, uploads};
use crate::error::{Error, escaped};
use crate::left_out::LeftOut;
use crate::sources::Sources;
use crate::walk::Meter;
use crate::{LeftOutPart, Observer, Phase};

/// More threads than this do not help: they wait for each other in the file system.
const MAX_THREADS: usize = 4;
/// Batches waiting for each thread.
const BATCHES_PER_THREAD: usize = 2;
/// Objects of a batch, and of one whose objects all go to one directory: small ones are not worth a hand-over each, and two
/// threads that make files in the same directory wait for each other.
const BATCH_JOBS: usize = 64;
const BATCH_SIBLINGS: usize = 512;
/// Bytes and chunks of a batch, so that the work stays even and the queue small.
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_CHUNKS: usize = 4096;

/// What was written, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Directories of the buckets that exist, ascending.
    pub buckets: Vec<String>,
    /// Objects written.
    pub objects: u64,
    /// Bytes of their bodies.
    pub object_bytes: u64,
    /// Objects whose file does not have their key as its path.
    pub renamed: u64,
    /// Objects whose etag was compared and is right.
    pub etags_verified: u64,
    /// Objects whose etag is not an MD5 of their bytes by any rule.
    pub etags_unverifiable: u64,
    /// Objects of other incarnations of their bucket, or of a deleted one.
    pub stale_objects: u64,
    /// Objects whose bucket's record must be in the snapshot of another Raft group; not written.
    pub elsewhere_objects: u64,
    /// Objects of buckets whose record cannot be read; not written.
    pub bad_bucket_objects: u64,
    /// Chunks written below `_orphans/`.
    pub orphan_chunks: u64,
    /// Chunks written below `_incomplete_uploads/`.
    pub upload_chunks: u64,
    /// Descriptors written below `_incomplete_uploads/`.
    pub upload_records: u64,
}

impl Report {
    /// Returns what the input holds and the tree does not, apart from single objects that were bad.
    pub(crate) fn left_out(&self) -> Vec<LeftOutPart> {
        let parts = [
            ("bucket-record-in-another-group", self.elsewhere_objects),
            ("bucket-record-invalid", self.bad_bucket_objects),
        ];
        let some = parts.into_iter().filter(|(_, count)| *count > 0);
        some.map(|(reason, count)| LeftOutPart {
            what: "s3".to_owned(),
            reason,
            count,
        })
        .collect()
    }
}

/// What all threads of the pass share.
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) sources: &'a Sources<'a>,
    pub(super) left_out: &'a LeftOut,
    pub(super) observer: &'a dyn Observer,
    pub(super) meter: &'a Meter<'a>,
    pub(super) counters: Counters,
    /// Threads without work, which a large object may use.
    pub(super) idle: AtomicUsize,
    /// Lines of the buckets' KEYMAP files: directory, path → name, key.
    pub(super) keymap: Mutex<Sorter>,
    tallies: Mutex<BTreeMap<(Vec<u8>, Tally), (u64, Vec<u8>)>>,
    /// The failed job with the least number; the same one in every run.
    failure: Mutex<Option<(u64, Error)>>,
    failed_at: AtomicU64,
}

/// Counted by threads.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) objects: AtomicU64,
    pub(super) object_bytes: AtomicU64,
    pub(super) renamed: AtomicU64,
    pub(super) etags_verified: AtomicU64,
    pub(super) etags_unverifiable: AtomicU64,
}

/// Things that are told once for each bucket, with a number and the first key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tally {
    Escaped,
    MissingUploadId,
    PartOrder,
    UnrepresentableDate,
    EtagUnverifiable,
}

impl Shared<'_> {
    /// Adds an object to what is told of its bucket.
    pub(super) fn tally(&self, bucket: &[u8], tally: Tally, key: &[u8]) {
        let mut tallies = lock(&self.tallies);
        let (count, first) = tallies
            .entry((bucket.to_vec(), tally))
            .or_insert_with(|| (0, key.to_vec()));
        *count += 1;
        if key < first.as_slice() {
            *first = key.to_vec();
        }
    }

    /// Notes that a job failed; the least number counts.
    pub(super) fn fail(&self, number: u64, error: Error) {
        let mut failure = lock(&self.failure);
        if failure.as_ref().is_none_or(|(before, _)| number < *before) {
            *failure = Some((number, error));
            self.failed_at.store(number, Ordering::Release);
        }
    }

    /// Tells whether an earlier job failed, so that this one need not be done.
    pub(super) fn is_past_failure(&self, number: u64) -> bool {
        number > self.failed_at.load(Ordering::Acquire)
    }

    fn report_tallies(&self) {
        for ((bucket, tally), (count, first)) in lock(&self.tallies).iter() {
            let (bucket, count, example) = (escaped(bucket), *count, escaped(first));
            self.observer.event(crate::Event::S3(match tally {
                Tally::Escaped => Event::KeyEscaped {
                    bucket,
                    count,
                    example,
                },
                Tally::MissingUploadId => Event::MissingUploadId {
                    bucket,
                    count,
                    example,
                },
                Tally::PartOrder => Event::PartOrder {
                    bucket,
                    count,
                    example,
                },
                Tally::UnrepresentableDate => Event::UnrepresentableDate {
                    bucket,
                    count,
                    example,
                },
                Tally::EtagUnverifiable => Event::EtagUnverifiable {
                    bucket,
                    count,
                    example,
                },
            }));
        }
    }
}

/// Locks a mutex; a thread that panicked with it ends the run anyway.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Plan {
    /// Writes all buckets.
    ///
    /// # Errors
    ///
    /// The first bad object, in the order of buckets and keys, unless bad ones are left out; anything the file system refuses.
    pub(crate) fn write(
        mut self,
        sources: &Sources<'_>,
        tree: &mut TreeWriter,
        left_out: &LeftOut,
        observer: &dyn Observer,
    ) -> Result<Report, Error> {
        let meter = Meter::new(observer, Phase::Write, self.total_bytes);
        let empty = || Sorter::new(Some(self.scratch.clone()), SMALL_BUDGET_BYTES);
        let objects = std::mem::replace(&mut self.objects, empty().finish()?);
        let renamed = std::mem::replace(&mut self.renamed, empty().finish()?);
        let unused = std::mem::replace(&mut self.unused, empty().finish()?);
        let upload_records = std::mem::replace(&mut self.uploads, empty().finish()?);
        let shared = Shared {
            plan: &self,
            sources,
            left_out,
            observer,
            meter: &meter,
            counters: Counters::default(),
            idle: AtomicUsize::new(0),
            keymap: Mutex::new(empty()),
            tallies: Mutex::default(),
            failure: Mutex::new(None),
            failed_at: AtomicU64::new(u64::MAX),
        };
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MAX_THREADS);
        let writers: Vec<TreeWorker> = (0..threads).map(|_| tree.worker()).collect();
        let mut own = tree.worker();
        let (sender, receiver) = bounded(threads * BATCHES_PER_THREAD);

        let (selected, writers) = thread::scope(|scope| {
            let start = |writer| {
                let receiver: Receiver<Vec<Job>> = receiver.clone();
                scope.spawn(|| Worker::new(&shared, writer).run(receiver))
            };
            let threads: Vec<_> = writers.into_iter().map(start).collect();
            let mut batches = Batches {
                sender,
                batch: Vec::new(),
                bytes: 0,
                chunks: 0,
            };
            let mut selection = Selection::new(&shared, renamed);
            let result = control::buckets(&self, &mut own, &shared)
                .and_then(|()| selection.run(objects, &mut batches))
                .and_then(|()| batches.flush());
            if let Err(error) = result {
                shared.fail(selection.number(), error);
            }
            drop(batches);
            (
                selection.report,
                threads
                    .into_iter()
                    .map(thread::ScopedJoinHandle::join)
                    .collect::<Vec<_>>(),
            )
        });
        for writer in writers {
            tree.absorb(writer.map_err(|_| Error::Worker)?)?;
        }
        let mut report = selected;
        let finished = finish(&shared, upload_records, &mut own, &mut report)
            .and_then(|()| content::check_unused(unused, sources, left_out, observer));
        tree.absorb(own)?;
        finished.map(|()| report)
    }
}

/// After the objects: descriptors, KEYMAP files and what there is to tell.
fn finish(
    shared: &Shared<'_>,
    upload_records: spill::Sorted,
    own: &mut TreeWorker,
    report: &mut Report,
) -> Result<(), Error> {
    let plan = shared.plan;
    if let Some((_, error)) = lock(&shared.failure).take() {
        return Err(error);
    }
    report.upload_records = uploads::write(plan, upload_records, shared.sources, own)?;
    let empty = Sorter::new(Some(plan.scratch.clone()), SMALL_BUDGET_BYTES);
    let keymap = std::mem::replace(&mut *lock(&shared.keymap), empty);
    control::keymaps(keymap.finish()?, &plan.scratch, own)?;
    shared.report_tallies();
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counters = &shared.counters;
    let exist = plan
        .buckets
        .values()
        .filter(|bucket| bucket.record.is_some());
    report.buckets = exist.map(|bucket| bucket.directory.clone()).collect();
    report.buckets.sort_unstable();
    report.objects = load(&counters.objects);
    report.object_bytes = load(&counters.object_bytes);
    report.renamed = load(&counters.renamed);
    report.etags_verified = load(&counters.etags_verified);
    report.etags_unverifiable = load(&counters.etags_unverifiable);
    Ok(())
}

/// Hands jobs over, several at a time.
pub(super) struct Batches {
    sender: crossbeam_channel::Sender<Vec<Job>>,
    batch: Vec<Job>,
    bytes: u64,
    chunks: usize,
}

impl Batches {
    /// Adds a job, and hands the batch over when it is worth it.
    pub(super) fn push(&mut self, job: Job) -> Result<(), Error> {
        let is_sibling = |last: &Job| last.directory() == job.directory();
        if self.batch.len() >= BATCH_JOBS && !self.batch.last().is_some_and(is_sibling) {
            self.flush()?;
        }
        self.bytes += job.size_bytes();
        self.chunks += job.chunk_count();
        self.batch.push(job);
        if self.batch.len() >= BATCH_SIBLINGS
            || self.bytes >= BATCH_BYTES
            || self.chunks >= BATCH_CHUNKS
        {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        self.chunks = 0;
        let batch = std::mem::take(&mut self.batch);
        // All receivers are gone only if all threads have ended, which they do at the end or in a panic.
        self.sender.send(batch).map_err(|_| Error::Worker)
    }
}

//! The second pass over strings and HyperLogLogs: from the snapshot into one file each, on all cores.

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use dump::name::{encode_text_into, fallback_into};
use dump::tree::{TreeWorker, TreeWriter};
use fsroot::RelPath;
use snapshot::{Batch, Disposition, Entry, MvccRow, Operational, ReadAt, Reader, Row, Store};

use super::plan::{Directive, Plan, row_key};
use super::survey::{Kind, form_of};
use crate::error::Error;
use crate::event::{Observer, Phase};
use crate::family::{self, Record, Router};
use crate::options::Options;
use crate::row::{Seen, ValueRef};
use crate::sources::{Source, Sources};
use crate::survey::{Span, keep};
use crate::walk::{Meter, Visitor, walk};

/// Batches waiting for a writer.
const WORK_IN_FLIGHT: usize = 4;

/// A batch and what is written of it.
struct Work {
    source: u32,
    batch: Batch,
    files: Vec<FileOf>,
}

/// One row that becomes a file.
#[derive(Clone, Copy)]
struct FileOf {
    /// Position of the entry in its batch.
    position: usize,
    kind: Kind,
    header_bytes: u64,
    directive: Option<Directive>,
}

/// Writes every string and HyperLogLog that the plan does not except.
///
/// `spans` says for each input where such rows lie and what they added up to in the survey.
///
/// # Errors
///
/// [`Error::Changed`] if the rows are not those of the survey.
pub(crate) fn write(
    plan: &mut Plan,
    sources: &Sources<'_>,
    spans: &[Span],
    options: &Options,
    tree: &mut TreeWriter,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let total = spans
        .iter()
        .filter_map(|span| Some(span.end - span.start?.0))
        .sum();
    let meter = Meter::new(observer, Phase::Write, total);
    let workers: Vec<TreeWorker> = (0..worker_count()).map(|_| tree.worker()).collect();
    let (work, queue) = bounded::<Work>(WORK_IN_FLIGHT);
    let (used, recycled) = bounded::<Batch>(WORK_IN_FLIGHT);
    let mut directives = Directives::new(&mut plan.directives)?;
    let workers = thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let (queue, used) = (queue.clone(), used.clone());
                let meter = &meter;
                scope.spawn(move || write_files(worker, &queue, &used, sources, meter))
            })
            .collect();
        // The workers hold the only receivers, so that sending fails once all of them have failed.
        drop((queue, used));
        let mut result = Ok(());
        for ((number, source), span) in sources.iter().zip(spans) {
            result = visit_source(
                number,
                source,
                span,
                options,
                &work,
                &recycled,
                &mut directives,
                &meter,
            );
            if result.is_err() {
                break;
            }
        }
        drop(work);
        let mut done = Vec::new();
        for handle in handles {
            match handle.join().map_err(|_| Error::Worker)? {
                Ok(worker) => done.push(worker),
                // A worker's error is the cause; that nobody takes the work any more is its consequence.
                Err(error) => return Err(error),
            }
        }
        result.map(|()| done)
    })?;
    for worker in workers {
        tree.absorb(worker)?;
    }
    Ok(())
}

/// Writers that keep the machine busy without fighting over one directory.
pub(crate) fn worker_count() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

#[expect(
    clippy::too_many_arguments,
    reason = "the ends of a pipeline are put together here and nowhere else"
)]
fn visit_source(
    number: u32,
    source: &Source<'_>,
    span: &Span,
    options: &Options,
    work: &Sender<Work>,
    recycled: &Receiver<Batch>,
    directives: &mut Directives<'_>,
    meter: &Meter<'_>,
) -> Result<(), Error> {
    let Some((start, first_entry)) = span.start else {
        return Ok(());
    };
    let data: &dyn ReadAt = &*source.input.data;
    let reader = match source.layers.store {
        Store::Streaming { .. } => Reader::new(data, &source.layers, options.footer, keep),
        Store::Native | Store::Empty => Reader::range(data, start, span.end, first_entry, keep),
    };
    let mut sorting = Sorting {
        number,
        router: Router::default(),
        bare_strings: options.takes_bare_strings(),
        seen: Span::default(),
        position: 0,
        files: Vec::new(),
        work,
        recycled,
        directives,
    };
    let reader = reader.map_err(|error| source.snapshot_error(error))?;
    let walked = walk(source, reader, &mut sorting, meter).map_err(|error| match error {
        // The survey has found nothing wrong with these bytes.
        Error::Snapshot { error, .. } if !matches!(error.kind, snapshot::ErrorKind::Io(_)) => {
            source.changed()
        }
        other => other,
    })?;
    if walked.is_none() || sorting.seen.crc != span.crc {
        return Err(source.changed());
    }
    Ok(())
}

/// Sorts out which rows of a batch become files.
struct Sorting<'a, 'd> {
    number: u32,
    router: Router,
    bare_strings: bool,
    seen: Span,
    position: usize,
    files: Vec<FileOf>,
    work: &'a Sender<Work>,
    recycled: &'a Receiver<Batch>,
    directives: &'a mut Directives<'d>,
}

impl Visitor for Sorting<'_, '_> {
    fn operational(&mut self, _row: Operational) {
        self.position += 1;
    }

    fn version(
        &mut self,
        entry: &Entry<'_>,
        row: &MvccRow<'_>,
        disposition: Disposition,
    ) -> Result<(), Error> {
        let position = self.position;
        self.position += 1;
        if disposition != Disposition::Visible {
            return Ok(());
        }
        let kind = match self.router.route(row.user_key) {
            Some((_, Record::RedisString)) => Kind::String,
            Some((_, Record::RedisHll)) => Kind::Hll,
            None if self.bare_strings && family::may_be_bare(row.user_key) => Kind::BareString,
            _ => return Ok(()),
        };
        self.seen.fold(row);
        let directive = self.directives.take(self.number, entry.offset)?;
        // A value that the survey has left out of its facts has no form here either.
        let Ok(form) = form_of(kind, row.body, row.body_bytes) else {
            return Ok(());
        };
        if directive != Some(Directive::Skip) {
            self.files.push(FileOf {
                position,
                kind,
                header_bytes: form.header_bytes,
                directive,
            });
        }
        Ok(())
    }

    fn end_of_batch(&mut self, batch: Batch) -> Result<Option<Batch>, Error> {
        self.position = 0;
        if self.files.is_empty() {
            return Ok(Some(batch));
        }
        let files = std::mem::take(&mut self.files);
        let work = Work {
            source: self.number,
            batch,
            files,
        };
        self.work.send(work).map_err(|_| Error::Worker)?;
        Ok(self.recycled.try_recv().ok())
    }
}

/// Goes along the plan's directives, in step with the rows.
struct Directives<'d> {
    sorted: &'d mut spill::Sorted,
    next: Option<([u8; 12], Directive)>,
}

impl<'d> Directives<'d> {
    fn new(sorted: &'d mut spill::Sorted) -> Result<Self, Error> {
        let mut directives = Directives { sorted, next: None };
        directives.advance()?;
        Ok(directives)
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.next = match self.sorted.next()? {
            None => None,
            Some((key, value)) => {
                let key = key.try_into().map_err(|_| Error::Scratch("directive"))?;
                let directive = if value == [0] {
                    Directive::Skip
                } else {
                    Directive::Fallback
                };
                Some((key, directive))
            }
        };
        Ok(())
    }

    fn take(&mut self, source: u32, offset: u64) -> Result<Option<Directive>, Error> {
        let here = row_key(source, offset);
        while self.next.is_some_and(|(next, _)| next < here) {
            self.advance()?;
        }
        Ok(self
            .next
            .filter(|(next, _)| *next == here)
            .map(|(_, directive)| directive))
    }
}

fn write_files(
    mut worker: TreeWorker,
    queue: &Receiver<Work>,
    used: &Sender<Batch>,
    sources: &Sources<'_>,
    meter: &Meter<'_>,
) -> Result<TreeWorker, Error> {
    let (mut name, mut piece) = (Vec::new(), Vec::new());
    for work in queue {
        let mut files = work.files.iter().copied().peekable();
        for (position, entry) in work.batch.entries().enumerate() {
            let Some(file) = files.next_if(|file| file.position == position) else {
                continue;
            };
            let Ok(Row::Mvcc(row)) = entry.row() else {
                continue;
            };
            // A batch has many files, and several wait.
            meter.check()?;
            file_path(&row, file, &mut name);
            let path = RelPath::new(&name).map_err(|_| Error::Scratch("path"))?;
            write_file(
                &mut worker,
                &path,
                &row,
                file,
                work.source,
                sources,
                &mut piece,
            )?;
        }
        // With the pool full the buffer is simply freed.
        drop(used.try_send(work.batch));
    }
    Ok(worker)
}

fn file_path(row: &MvccRow<'_>, file: FileOf, name: &mut Vec<u8>) {
    let (directory, prefix_bytes) = match file.kind {
        Kind::Hll => ("redis/db_0/hll/", HLL_PREFIX.len()),
        Kind::String => ("redis/db_0/strings/", STRING_PREFIX.len()),
        _ => ("redis/db_0/strings/", 0),
    };
    let key = row.user_key.get(prefix_bytes..).unwrap_or_default();
    name.clear();
    name.extend_from_slice(directory.as_bytes());
    match file.directive {
        Some(Directive::Fallback) => fallback_into(key, name),
        _ => {
            encode_text_into(key, name);
        }
    }
    name.extend_from_slice(b".bin");
}

const HLL_PREFIX: &[u8] = b"!redis|hll|";
const STRING_PREFIX: &[u8] = b"!redis|str|";

fn write_file(
    worker: &mut TreeWorker,
    path: &RelPath,
    row: &MvccRow<'_>,
    file: FileOf,
    source: u32,
    sources: &Sources<'_>,
    piece: &mut Vec<u8>,
) -> Result<(), Error> {
    let header = usize::try_from(file.header_bytes).unwrap_or(usize::MAX);
    if row.body.len() as u64 == row.body_bytes {
        return Ok(worker.write(path, row.body.get(header..).unwrap_or_default())?);
    }
    let value = ValueRef {
        source,
        offset: row.body_offset,
        length: row.body_bytes,
        seen: Seen::Head(u8::try_from(row.body.len()).unwrap_or(u8::MAX)),
    };
    let mut out = worker.create(path)?;
    let mut skip = header;
    let streamed = sources.stream(&value, piece, &mut |bytes| {
        let skipped = skip.min(bytes.len());
        skip -= skipped;
        Ok(out.append(bytes.get(skipped..).unwrap_or_default())?)
    });
    match streamed {
        Ok(()) => worker.finish(out).map(drop).map_err(Error::from),
        Err(error) => {
            worker.abandon(out)?;
            Err(error)
        }
    }
}

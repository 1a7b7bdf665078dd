//! One pass over a snapshot's entries: reading on one thread, looking on another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use snapshot::{
    Batch, Checked, Disposition, Entry, Ledger, MvccRow, Operational, ReadAt, Reader, Row, Selector,
};

use crate::error::Error;
use crate::event::{Observer, Phase, Progress};
use crate::sources::Source;

/// Batches on their way to the visitor, and as many on their way back.
const BATCHES_IN_FLIGHT: usize = 3;

/// Buffers above this size served one large value and are not kept.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

/// Looks at the rows of a pass.
pub(crate) trait Visitor {
    /// Takes a row that the store keeps for itself.
    fn operational(&mut self, row: Operational);

    /// Takes a version of a user key and what it means.
    fn version(
        &mut self,
        entry: &Entry<'_>,
        row: &MvccRow<'_>,
        disposition: Disposition,
    ) -> Result<(), Error>;

    /// Takes a batch whose rows have all been visited, and gives it back when it is done with it.
    fn end_of_batch(&mut self, batch: Batch) -> Result<Option<Batch>, Error> {
        Ok(Some(batch))
    }
}

/// Counts the bytes of a phase and tells the observer.
pub(crate) struct Meter<'o> {
    observer: &'o dyn Observer,
    phase: Phase,
    done_bytes: AtomicU64,
    total_bytes: u64,
}

impl<'o> Meter<'o> {
    pub(crate) fn new(observer: &'o dyn Observer, phase: Phase, total_bytes: u64) -> Self {
        Meter {
            observer,
            phase,
            done_bytes: AtomicU64::new(0),
            total_bytes,
        }
    }

    /// Adds to what is done.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if the observer wants to stop.
    pub(crate) fn add(&self, bytes: u64) -> Result<(), Error> {
        let done_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.observer.progress(Progress {
            phase: self.phase,
            done_bytes,
            total_bytes: self.total_bytes,
        });
        self.check()
    }

    /// Asks whether to go on, before a step that takes long on a slow file system.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if the observer wants to stop.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.observer.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// Visits every entry that `reader` still has, in order.
///
/// The reader runs on a thread of its own, a few batches ahead. The first error of either side ends both.
pub(crate) fn walk(
    source: &Source<'_>,
    mut reader: Reader<'_, dyn ReadAt>,
    visitor: &mut impl Visitor,
    meter: &Meter<'_>,
) -> Result<Option<(Ledger, Checked)>, Error> {
    let mut selector = Selector::new(source.layers.last_commit_ts);
    let (full, batches) = bounded::<Result<Batch, snapshot::Error>>(BATCHES_IN_FLIGHT);
    let (used, empty) = bounded::<Batch>(BATCHES_IN_FLIGHT);
    thread::scope(|scope| {
        let producer = scope.spawn(move || {
            produce(&mut reader, &full, &empty);
            reader.finish()
        });
        let visited = consume(source, batches, &used, &mut selector, visitor, meter);
        drop(used);
        let finished = producer.join().map_err(|_| Error::Worker)?;
        visited.map(|()| finished)
    })
}

fn produce(
    reader: &mut Reader<'_, dyn ReadAt>,
    full: &Sender<Result<Batch, snapshot::Error>>,
    empty: &Receiver<Batch>,
) {
    loop {
        let mut batch = empty.try_recv().unwrap_or_default();
        let next = match reader.next_batch(&mut batch) {
            Ok(true) => Ok(batch),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let failed = next.is_err();
        // A closed channel means that the visitor has found an error of its own.
        if full.send(next).is_err() || failed {
            return;
        }
    }
}

fn consume(
    source: &Source<'_>,
    batches: Receiver<Result<Batch, snapshot::Error>>,
    used: &Sender<Batch>,
    selector: &mut Selector,
    visitor: &mut impl Visitor,
    meter: &Meter<'_>,
) -> Result<(), Error> {
    for batch in batches {
        let batch = batch.map_err(|error| source.snapshot_error(error))?;
        visit(source, &batch, selector, visitor)?;
        meter.add(batch.end_offset() - batch.offset())?;
        if let Some(batch) = visitor.end_of_batch(batch)?
            && batch.capacity_bytes() <= KEPT_BUFFER_BYTES
        {
            // With the pool full the buffer is simply freed.
            drop(used.try_send(batch));
        }
    }
    Ok(())
}

fn visit(
    source: &Source<'_>,
    batch: &Batch,
    selector: &mut Selector,
    visitor: &mut impl Visitor,
) -> Result<(), Error> {
    for entry in batch.entries() {
        match selector
            .next(&entry)
            .map_err(|error| source.snapshot_error(error))?
        {
            (Row::Operational(row), _) => visitor.operational(row),
            (Row::Mvcc(row), Some(disposition)) => visitor.version(&entry, &row, disposition)?,
            (Row::Mvcc(_), None) => {}
        }
    }
    Ok(())
}

//! Giving records back in order.

use std::cmp::Ordering;

use crate::Error;
use crate::batch::Batch;
use crate::scratch::RunCursor;

/// A key and a value, borrowed from where they were read.
pub type Record<'a> = (&'a [u8], &'a [u8]);

/// Records in order: by the bytes of the key, then by those of the value; duplicates all stay.
#[derive(Debug)]
pub struct Sorted {
    sources: Vec<Source>,
    /// A binary heap of positions in `sources`, the one with the least record first.
    heap: Vec<usize>,
    state: State,
    len: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No source has a record yet.
    Rewound,
    /// The first source's record was given out.
    Reading,
}

/// One sorted sequence.
#[derive(Debug)]
pub(crate) struct Source(Kind);

#[derive(Debug)]
enum Kind {
    Memory {
        batch: Batch,
        /// One more than the position of the current record.
        passed: usize,
    },
    Run(RunCursor),
}

impl Source {
    /// The batch must be sorted.
    pub(crate) fn memory(batch: Batch) -> Source {
        Source(Kind::Memory { batch, passed: 0 })
    }

    pub(crate) fn run(cursor: RunCursor) -> Source {
        Source(Kind::Run(cursor))
    }

    fn current(&self) -> Option<Record<'_>> {
        match &self.0 {
            Kind::Memory { batch, passed } => batch.get(passed.checked_sub(1)?),
            Kind::Run(cursor) => cursor.current(),
        }
    }

    fn advance(&mut self) -> Result<(), Error> {
        match &mut self.0 {
            Kind::Memory { passed, .. } => *passed += 1,
            Kind::Run(cursor) => cursor.advance()?,
        }
        Ok(())
    }

    fn rewind(&mut self) {
        match &mut self.0 {
            Kind::Memory { passed, .. } => *passed = 0,
            Kind::Run(cursor) => cursor.rewind(),
        }
    }
}

impl Sorted {
    pub(crate) fn new(sources: Vec<Source>, len: u64) -> Sorted {
        Sorted {
            sources,
            heap: Vec::new(),
            state: State::Rewound,
            len,
        }
    }

    /// Returns the next record's key and value, valid until the next call.
    ///
    /// After an error, rewind before going on.
    #[expect(
        clippy::should_implement_trait,
        reason = "what it returns borrows from the reader, which Iterator cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        match self.state {
            State::Rewound => self.start()?,
            State::Reading => self.pass()?,
        }
        Ok(self.least().and_then(Source::current))
    }

    /// Returns how many records there are in all, read or not.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Starts again with the first record; costs another pass over the scratch file if there is one.
    pub fn rewind(&mut self) -> Result<(), Error> {
        self.sources.iter_mut().for_each(Source::rewind);
        self.state = State::Rewound;
        Ok(())
    }

    /// Merges sorted sequences into one, from the beginning of each whatever was read already.
    ///
    /// Each keeps the memory that it has, so budgets add up.
    pub fn merge(sorted: Vec<Sorted>) -> Sorted {
        let len = sorted.iter().map(Sorted::len).sum();
        let mut sources: Vec<_> = sorted.into_iter().flat_map(|part| part.sources).collect();
        sources.iter_mut().for_each(Source::rewind);
        Sorted::new(sources, len)
    }

    fn start(&mut self) -> Result<(), Error> {
        for source in &mut self.sources {
            source.advance()?;
        }
        self.heap = (0..self.sources.len())
            .filter(|&position| self.current(position).is_some())
            .collect();
        for slot in (0..self.heap.len() / 2).rev() {
            self.sift_down(slot);
        }
        self.state = State::Reading;
        Ok(())
    }

    /// Passes the record that was given out last.
    fn pass(&mut self) -> Result<(), Error> {
        let Some(&position) = self.heap.first() else {
            return Ok(());
        };
        if let Some(source) = self.sources.get_mut(position) {
            source.advance()?;
        }
        if self.current(position).is_none() {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
        Ok(())
    }

    fn sift_down(&mut self, mut slot: usize) {
        loop {
            let (left, right) = (2 * slot + 1, 2 * slot + 2);
            let child = match self.compare(right, left) {
                Some(Ordering::Less) => right,
                _ => left,
            };
            if self.compare(child, slot) != Some(Ordering::Less) {
                return;
            }
            self.heap.swap(slot, child);
            slot = child;
        }
    }

    /// Compares the records of two slots of the heap, or nothing if one does not exist.
    fn compare(&self, one: usize, other: usize) -> Option<Ordering> {
        let one = self.current(*self.heap.get(one)?)?;
        let other = self.current(*self.heap.get(other)?)?;
        Some(one.cmp(&other))
    }

    fn least(&self) -> Option<&Source> {
        self.sources.get(*self.heap.first()?)
    }

    fn current(&self, position: usize) -> Option<Record<'_>> {
        self.sources.get(position)?.current()
    }
}

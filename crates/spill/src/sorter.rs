//! Taking records in: fill the memory, sort it, write it out as a run.

use std::path::PathBuf;

use crate::batch::Batch;
use crate::scratch::{Appender, Run};
use crate::sorted::{Sorted, Source};
use crate::{Error, merge};

/// Takes records in any order and gives them back sorted, in bounded memory.
///
/// A record is a key and a value, both any bytes. A single record larger than the budget is taken
/// all the same and adds its own size.
#[derive(Debug)]
pub struct Sorter {
    scratch_dir: Option<PathBuf>,
    budget_bytes: usize,
    batch: Batch,
    len: u64,
    spilled: Option<Spilled>,
}

#[derive(Debug)]
struct Spilled {
    appender: Appender,
    runs: Vec<Run>,
    /// The last record of the last run, which a batch that comes after it continues.
    last: (Vec<u8>, Vec<u8>),
}

impl Sorter {
    /// Makes a sorter that holds at most about `budget_bytes` in memory, reading back included.
    ///
    /// No file is made in `scratch_dir` until they are used up. Without a directory everything
    /// stays in memory, whatever it takes.
    pub fn new(scratch_dir: Option<PathBuf>, budget_bytes: usize) -> Sorter {
        Sorter {
            scratch_dir,
            budget_bytes,
            batch: Batch::default(),
            len: 0,
            spilled: None,
        }
    }

    /// Adds a record.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let grown = self.batch.size_bytes() + Batch::cost_bytes(key, value);
        if grown > self.budget_bytes && !self.batch.is_empty() {
            self.spill()?;
        }
        self.batch.push(key, value);
        self.len += 1;
        Ok(())
    }

    /// Returns how many records were added.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether none was added.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sorts by key, then by value; equal records all stay.
    pub fn finish(mut self) -> Result<Sorted, Error> {
        if self.spilled.is_none() {
            self.batch.sort();
            return Ok(Sorted::new(vec![Source::memory(self.batch)], self.len));
        }
        self.spill()?;
        // Given back before the buffers for reading are taken.
        drop(self.batch);
        let Some(Spilled { appender, runs, .. }) = self.spilled else {
            return Ok(Sorted::new(Vec::new(), 0));
        };
        merge::sorted(appender, runs, self.budget_bytes, self.len)
    }

    fn spill(&mut self) -> Result<(), Error> {
        let Some(scratch_dir) = &self.scratch_dir else {
            return Ok(());
        };
        self.batch.sort();
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(Spilled {
                appender: Appender::create(scratch_dir, self.budget_bytes)?,
                runs: Vec::new(),
                last: (Vec::new(), Vec::new()),
            }),
        };
        spilled.write(&self.batch)?;
        self.batch.clear();
        Ok(())
    }
}

impl Spilled {
    fn write(&mut self, batch: &Batch) -> Result<(), Error> {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return Ok(());
        };
        let start = self.appender.position();
        for (key, value) in batch.iter() {
            self.appender.append(key, value)?;
        }
        self.appender.flush()?;
        let end = self.appender.position();
        let continues = (&*self.last.0, &*self.last.1) <= first;
        match self.runs.last_mut() {
            // Input that was sorted already makes a single run, which needs no merging.
            Some(run) if continues => run.end = end,
            _ => self.runs.push(Run { start, end }),
        }
        self.last = (last.0.to_vec(), last.1.to_vec());
        Ok(())
    }
}

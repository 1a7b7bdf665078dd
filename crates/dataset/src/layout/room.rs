//! Where lists go that have no bound.

use std::path::{Path, PathBuf};

use spill::{Error, Slots, Sorter, Table, TableWriter};

/// The memory that one list may take, and the directory for the rest of it.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    scratch_dir: Option<PathBuf>,
    memory_bytes: usize,
}

impl Room {
    /// Lists with more than so many bytes go into files.
    pub(crate) fn new(scratch_dir: &Path, memory_bytes: usize) -> Room {
        Room {
            scratch_dir: Some(scratch_dir.to_owned()),
            memory_bytes,
        }
    }

    /// All lists stay in memory, whatever they take.
    pub(crate) fn memory() -> Room {
        Room {
            scratch_dir: None,
            memory_bytes: 0,
        }
    }

    /// Begins to sort.
    pub(crate) fn sorter(&self) -> Sorter {
        Sorter::new(self.scratch_dir.clone(), self.memory_bytes)
    }

    /// Begins a table of what comes in order.
    pub(crate) fn writer(&self) -> TableWriter {
        TableWriter::new(self.scratch_dir.clone(), self.memory_bytes)
    }

    /// Makes a table of what was sorted.
    pub(crate) fn table(&self, sorter: Sorter) -> Result<Table, Error> {
        Table::of(
            sorter.finish()?,
            self.scratch_dir.clone(),
            self.memory_bytes,
        )
    }

    /// Makes so many slots.
    pub(crate) fn slots(&self, width: usize, len: u64) -> Result<Slots, Error> {
        Slots::new(self.scratch_dir.as_deref(), self.memory_bytes, width, len)
    }
}

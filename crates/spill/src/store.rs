//! Bytes that stay: in memory while they are few, else in a scratch file.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::scratch::Scratch;

/// What was written, for reading at any place.
#[derive(Debug)]
pub(crate) enum Store {
    Memory(Vec<u8>),
    File(Scratch),
}

impl Store {
    /// Makes a store of so many zeros; no file as long as they fit the budget, or without a directory for one.
    pub(crate) fn zeroed(
        scratch_dir: Option<&Path>,
        budget_bytes: usize,
        length: u64,
    ) -> Result<Store, Error> {
        match (scratch_dir, usize::try_from(length)) {
            (Some(dir), fits) if fits.is_err() || fits.is_ok_and(|fits| fits > budget_bytes) => {
                let scratch = Scratch::create(dir)?;
                // What is before it is zeros that take no room.
                scratch.write_at(&[0], length.saturating_sub(1))?;
                Ok(Store::File(scratch))
            }
            (_, fits) => Ok(Store::Memory(vec![0; fits.unwrap_or(usize::MAX)])),
        }
    }

    /// Appends the bytes from `offset` on, `length` of them or as many as there are, to a buffer.
    pub(crate) fn read(&self, offset: u64, length: u64, to: &mut Vec<u8>) -> Result<(), Error> {
        let (Ok(start), Ok(length)) = (usize::try_from(offset), usize::try_from(length)) else {
            return Ok(());
        };
        match self {
            Store::Memory(bytes) => {
                let end = start.saturating_add(length).min(bytes.len());
                to.extend_from_slice(bytes.get(start..end).unwrap_or_default());
                Ok(())
            }
            Store::File(scratch) => {
                let before = to.len();
                to.resize(before + length, 0);
                scratch.read_at(to.get_mut(before..).unwrap_or_default(), offset)
            }
        }
    }

    /// Overwrites what stands at `offset`; nothing grows.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Store::Memory(all) => {
                let room = usize::try_from(offset)
                    .ok()
                    .and_then(|start| all.get_mut(start..start.checked_add(bytes.len())?));
                if let Some(room) = room {
                    room.copy_from_slice(bytes);
                }
                Ok(())
            }
            Store::File(scratch) => scratch.write_at(bytes, offset),
        }
    }
}

/// Writes a store from its start to its end.
#[derive(Debug)]
pub(crate) struct StoreWriter {
    scratch_dir: Option<PathBuf>,
    budget_bytes: usize,
    scratch: Option<Scratch>,
    /// What is not in the file: everything while there is none.
    pending: Vec<u8>,
    /// How much is in the file.
    written: u64,
}

/// What is gathered for one write, once there is a file.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

impl StoreWriter {
    /// Begins; without a directory everything stays in memory.
    pub(crate) fn new(scratch_dir: Option<PathBuf>, budget_bytes: usize) -> StoreWriter {
        StoreWriter {
            scratch_dir,
            budget_bytes,
            scratch: None,
            pending: Vec::new(),
            written: 0,
        }
    }

    /// Where the next byte will be.
    pub(crate) fn position(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Appends what `write` appends to the buffer.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        write(&mut self.pending);
        let limit = match (&self.scratch, &self.scratch_dir) {
            (Some(_), _) => WRITE_BUFFER_BYTES.min(self.budget_bytes),
            (None, Some(_)) => self.budget_bytes,
            (None, None) => return Ok(()),
        };
        match self.pending.len() > limit {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Ends; what is there can be read.
    pub(crate) fn finish(mut self) -> Result<Store, Error> {
        if self.scratch.is_some() {
            self.flush()?;
        }
        Ok(match self.scratch {
            Some(scratch) => Store::File(scratch),
            None => {
                self.pending.shrink_to_fit();
                Store::Memory(self.pending)
            }
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        let scratch = match (&self.scratch, &self.scratch_dir) {
            (Some(scratch), _) => scratch,
            (None, Some(dir)) => self.scratch.insert(Scratch::create(dir)?),
            (None, None) => return Ok(()),
        };
        scratch.write_at(&self.pending, self.written)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        self.pending.shrink_to(WRITE_BUFFER_BYTES);
        Ok(())
    }
}

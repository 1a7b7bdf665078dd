//! Values of one size, by number.

use std::path::Path;

use crate::Error;
use crate::store::Store;

/// A fixed number of values that have one size, read and overwritten by number; zeros where nothing was written.
///
/// They are in memory if they fit a budget, else in a nameless scratch file, which takes room only for what was written. Each
/// read or write of it is a system call, so that it pays to read and write many neighbours at once.
#[derive(Debug)]
pub struct Slots {
    store: Store,
    width: usize,
    len: u64,
}

impl Slots {
    /// Makes `len` slots of `width` bytes. Without a directory they are in memory, whatever they take.
    pub fn new(
        scratch_dir: Option<&Path>,
        budget_bytes: usize,
        width: usize,
        len: u64,
    ) -> Result<Slots, Error> {
        let bytes = len.saturating_mul(width as u64);
        Ok(Slots {
            store: Store::zeroed(scratch_dir, budget_bytes, bytes)?,
            width,
            len,
        })
    }

    /// Returns how many there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Replaces the content of `to` by `count` slots from number `first` on, or as many as there are.
    pub fn read(&self, first: u64, count: u64, to: &mut Vec<u8>) -> Result<(), Error> {
        to.clear();
        let first = first.min(self.len);
        let width = self.width as u64;
        let count = count.min(self.len - first);
        self.store.read(first * width, count * width, to)
    }

    /// Overwrites the slots from number `first` on; what would lie beyond the last one is left out.
    pub fn write(&mut self, first: u64, bytes: &[u8]) -> Result<(), Error> {
        let first = first.min(self.len);
        let width = self.width as u64;
        let room = (self.len - first) * width;
        let fitting = usize::try_from(room).unwrap_or(usize::MAX);
        let bytes = bytes.get(..fitting).unwrap_or(bytes);
        self.store.write(first * width, bytes)
    }
}

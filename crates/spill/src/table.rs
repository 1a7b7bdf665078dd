//! Sorted records that stay, and are found by number and by key.
//!
//! Records lie in blocks of [`BLOCK_RECORDS`], one behind the other as they came. In memory are where each block begins and its
//! first key, which is a byte or two a record; a record is found by reading its block.

use std::path::PathBuf;

use crate::record::{self, Layout};
use crate::sorted::Record;
use crate::store::{Store, StoreWriter};
use crate::{Error, Sorted};

/// Records of a block. A larger block makes a lookup slower, a smaller one takes more memory.
const BLOCK_RECORDS: u64 = 64;

/// Records in byte order of their keys, in memory if they fit a budget, else in a nameless scratch file.
///
/// They are read through a [`Lookup`], any number of which may be at work at once.
#[derive(Debug)]
pub struct Table {
    store: Store,
    blocks: Blocks,
    len: u64,
}

/// Where blocks begin, and their first keys.
#[derive(Debug, Default)]
struct Blocks {
    /// Where each block begins, and at the end where the last one ends.
    starts: Vec<u64>,
    /// The first keys, one behind the other.
    keys: Vec<u8>,
    /// Where each of them begins.
    key_starts: Vec<usize>,
}

/// Takes the records of a [`Table`] in order.
#[derive(Debug)]
pub struct TableWriter {
    store: StoreWriter,
    blocks: Blocks,
    len: u64,
}

/// Finds records of a [`Table`], and keeps the block of the last one.
#[derive(Debug)]
pub struct Lookup<'a> {
    table: &'a Table,
    /// The number of the block in `bytes`.
    block: Option<u64>,
    bytes: Vec<u8>,
    /// Where its records begin.
    starts: Vec<usize>,
    /// The record behind the one that was found last: who asks in order, asks for that.
    next: u64,
}

impl TableWriter {
    /// Begins a table that holds about `budget_bytes` in memory at most, and a byte or two a record for finding them.
    ///
    /// No file is made in `scratch_dir` until the budget is used up. Without a directory everything stays in memory.
    pub fn new(scratch_dir: Option<PathBuf>, budget_bytes: usize) -> TableWriter {
        TableWriter {
            store: StoreWriter::new(scratch_dir, budget_bytes),
            blocks: Blocks::default(),
            len: 0,
        }
    }

    /// Adds a record. Its key must not be less than the one before, or keys will not be found.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        if self.len.is_multiple_of(BLOCK_RECORDS) {
            self.blocks.begin(self.store.position(), key);
        }
        self.len += 1;
        self.store.append(|to| record::append(to, key, value))
    }

    /// Returns how many records were added.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether none was added.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the table.
    pub fn finish(mut self) -> Result<Table, Error> {
        self.blocks.starts.push(self.store.position());
        self.blocks.starts.shrink_to_fit();
        self.blocks.keys.shrink_to_fit();
        self.blocks.key_starts.shrink_to_fit();
        Ok(Table {
            store: self.store.finish()?,
            blocks: self.blocks,
            len: self.len,
        })
    }
}

impl Table {
    /// Keeps all records of a sequence, with directory and budget as for [`TableWriter::new`].
    pub fn of(
        mut sorted: Sorted,
        scratch_dir: Option<PathBuf>,
        budget_bytes: usize,
    ) -> Result<Table, Error> {
        let mut writer = TableWriter::new(scratch_dir, budget_bytes);
        while let Some((key, value)) = sorted.next()? {
            writer.push(key, value)?;
        }
        writer.finish()
    }

    /// Makes a table without records.
    pub fn empty() -> Table {
        Table {
            store: Store::Memory(Vec::new()),
            blocks: Blocks::default(),
            len: 0,
        }
    }

    /// Returns how many records there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Begins to look records up.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup {
            table: self,
            block: None,
            bytes: Vec::new(),
            starts: Vec::new(),
            next: 0,
        }
    }
}

impl Lookup<'_> {
    /// Returns a record by its number, from 0 in the order of the table; `None` beyond the last.
    pub fn get(&mut self, number: u64) -> Result<Option<Record<'_>>, Error> {
        if number >= self.table.len {
            return Ok(None);
        }
        self.load(number / BLOCK_RECORDS)?;
        Ok(self.at(number % BLOCK_RECORDS))
    }

    /// Returns the number of the first record with that key.
    pub fn find(&mut self, key: &[u8]) -> Result<Option<u64>, Error> {
        let next = self.next;
        let found = match self.is_first_with(next, key)? {
            true => Some(next),
            false => self.search(key)?,
        };
        if let Some(found) = found {
            self.next = found + 1;
        }
        Ok(found)
    }

    /// Tells whether a record has that key and the one before, in the same block, has not.
    fn is_first_with(&mut self, number: u64, key: &[u8]) -> Result<bool, Error> {
        if number.is_multiple_of(BLOCK_RECORDS) {
            return Ok(false);
        }
        let is_here = self.get(number)?.is_some_and(|(here, _)| here == key);
        Ok(is_here
            && self
                .get(number - 1)?
                .is_some_and(|(before, _)| before != key))
    }

    fn search(&mut self, key: &[u8]) -> Result<Option<u64>, Error> {
        // The first block that begins with the key or behind it; what is before it may still end with it.
        let behind = self.table.blocks.first_from(key);
        if let Some(block) = behind.checked_sub(1) {
            self.load(block)?;
            if let Some(place) = self.place(key) {
                return Ok(Some(block * BLOCK_RECORDS + place));
            }
        }
        let is_first = self.table.blocks.key(behind) == Some(key);
        Ok(is_first.then_some(behind * BLOCK_RECORDS))
    }

    /// Finds the first record with that key in the block at hand.
    fn place(&self, key: &[u8]) -> Option<u64> {
        let key_at = |start: &usize| self.parse(*start).map_or(&b""[..], |(key, _)| key);
        let place = self.starts.partition_point(|start| key_at(start) < key);
        let found = self.starts.get(place)?;
        (key_at(found) == key).then_some(place as u64)
    }

    fn at(&self, place: u64) -> Option<Record<'_>> {
        self.parse(*self.starts.get(usize::try_from(place).ok()?)?)
    }

    fn parse(&self, start: usize) -> Option<Record<'_>> {
        record::split(self.bytes.get(start..)?)
    }

    fn load(&mut self, block: u64) -> Result<(), Error> {
        if self.block == Some(block) {
            return Ok(());
        }
        self.block = None;
        self.bytes.clear();
        self.starts.clear();
        let (start, end) = self.table.blocks.bounds(block);
        self.table.store.read(start, end - start, &mut self.bytes)?;
        let mut start = 0;
        while let Some(layout) = self.bytes.get(start..).and_then(Layout::parse) {
            self.starts.push(start);
            start += layout.len();
        }
        self.block = Some(block);
        Ok(())
    }
}

impl Blocks {
    fn begin(&mut self, start: u64, key: &[u8]) {
        self.starts.push(start);
        self.key_starts.push(self.keys.len());
        self.keys.extend_from_slice(key);
    }

    fn bounds(&self, block: u64) -> (u64, u64) {
        let at = |block: u64| {
            let start = usize::try_from(block).ok();
            start.and_then(|block| self.starts.get(block)).copied()
        };
        let start = at(block).unwrap_or_default();
        (start, at(block + 1).unwrap_or(start))
    }

    fn key(&self, block: u64) -> Option<&[u8]> {
        let block = usize::try_from(block).ok()?;
        let start = *self.key_starts.get(block)?;
        let end = self.key_starts.get(block + 1);
        self.keys
            .get(start..end.copied().unwrap_or(self.keys.len()))
    }

    /// Finds the first block whose first key is this one or greater; the number of blocks if there is none.
    fn first_from(&self, key: &[u8]) -> u64 {
        let (mut low, mut high) = (0, self.key_starts.len() as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.key(middle).is_some_and(|first| first < key) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}

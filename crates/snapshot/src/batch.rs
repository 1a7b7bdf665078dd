use crate::error::{Error, ErrorKind};
use crate::limits::ENVELOPE_BYTES;
use crate::row::{self, MvccRow, Row};

/// A run of whole entries, with the bytes they borrow from.
///
/// Batches are plain memory: they can be sent to another thread, and their buffer be given back to the
/// [`Reader`](crate::Reader) for reuse.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Number of the first entry.
    pub(crate) first_entry: u64,
    /// Offset of the first byte in the file.
    pub(crate) offset: u64,
    /// Bodies that are not in `bytes`, in order.
    pub(crate) gaps: Vec<Gap>,
    /// Entries of a streaming store stream, rewritten in native form: where they really are. Empty for a native one.
    pub(crate) places: Vec<Place>,
}

/// A body of which only the first bytes are in the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap {
    /// Position in `bytes` behind which bytes are missing.
    pub(crate) at: usize,
    /// How many are missing.
    pub(crate) missing: u64,
}

/// Where a rewritten entry came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) entry: u64,
    pub(crate) entry_offset: u64,
    pub(crate) body_offset: u64,
    pub(crate) newest: bool,
}

/// One entry of a store stream.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Number of the entry in the file, from 0.
    pub number: u64,
    /// Offset of the entry in the file.
    pub offset: u64,
    /// The stream key.
    pub key: &'a [u8],
    value: &'a [u8],
    value_bytes: u64,
    body_offset: u64,
    pub(crate) newest: Option<bool>,
}

impl<'a> Entry<'a> {
    /// Interprets the entry.
    ///
    /// # Errors
    ///
    /// A key without version suffix, a value without envelope, or reserved flags.
    #[inline(always)]
    pub fn row(&self) -> Result<Row<'a>, Error> {
        // A value that was cut short is far longer than any operational one.
        if self.newest.is_none()
            && self.value.len() as u64 == self.value_bytes
            && let Some(row) = row::operational(self.key, self.value)
        {
            return Ok(Row::Operational(row));
        }
        let (user_key, commit_ts) = row::split_key(self.key).map_err(|kind| self.error(kind))?;
        let envelope = row::envelope(self.value).map_err(|kind| self.error(kind))?;
        Ok(Row::Mvcc(MvccRow {
            user_key,
            commit_ts,
            tombstone: envelope.tombstone,
            encryption: envelope.encryption,
            expire_at: envelope.expire_at,
            body: self.value.get(ENVELOPE_BYTES..).unwrap_or_default(),
            body_bytes: self.value_bytes - ENVELOPE_BYTES as u64,
            body_offset: self.body_offset,
        }))
    }

    #[cold]
    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        kind.at_entry(self.offset, self.number)
    }
}

impl Batch {
    /// Iterates over the entries in file order.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries {
            batch: self,
            at: 0,
            missing_before: 0,
            number: 0,
            gaps: self.gaps.iter(),
        }
    }

    /// Returns the offset in the file behind the last entry.
    #[must_use]
    pub fn end_offset(&self) -> u64 {
        self.offset + self.bytes.len() as u64 + self.gaps.iter().map(|gap| gap.missing).sum::<u64>()
    }

    /// Returns the offset in the file of the first entry.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the memory that the batch holds for its bytes.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.gaps.clear();
        self.places.clear();
    }
}

/// Iterator over the entries of a [`Batch`].
#[derive(Debug)]
pub struct Entries<'a> {
    batch: &'a Batch,
    at: usize,
    missing_before: u64,
    number: usize,
    gaps: std::slice::Iter<'a, Gap>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    // Always, here and on the way of a row to its visitor: handing rows from frame to frame costs more than parsing them.
    #[inline(always)]
    fn next(&mut self) -> Option<Entry<'a>> {
        let bytes = self.batch.bytes.as_slice();
        let (key_start, key_len) = length_prefix(bytes, self.at)?;
        let key_end = key_start.checked_add(usize::try_from(key_len).ok()?)?;
        let key = bytes.get(key_start..key_end)?;
        let (value_start, value_bytes) = length_prefix(bytes, key_end)?;
        let mut missing = 0;
        if let Some(gap) = self.gaps.as_slice().first()
            && (gap.at as u64) <= value_start as u64 + value_bytes
        {
            missing = gap.missing;
            self.gaps.next();
        }
        let value_end = value_start.checked_add(usize::try_from(value_bytes - missing).ok()?)?;
        let value = bytes.get(value_start..value_end)?;
        let file_offset = |at: usize| self.batch.offset + self.missing_before + at as u64;
        let mut entry = Entry {
            number: self.batch.first_entry + self.number as u64,
            offset: file_offset(self.at),
            key,
            value,
            value_bytes,
            body_offset: file_offset(value_start + ENVELOPE_BYTES),
            newest: None,
        };
        if let Some(place) = self.batch.places.get(self.number) {
            entry.number = place.entry;
            entry.offset = place.entry_offset;
            entry.body_offset = place.body_offset;
            entry.newest = Some(place.newest);
        }
        self.at = value_end;
        self.missing_before += missing;
        self.number += 1;
        Some(entry)
    }
}

/// Reads the length at `at`; returns where what it counts starts, and the length.
#[inline]
pub(crate) fn length_prefix(bytes: &[u8], at: usize) -> Option<(usize, u64)> {
    let (length, _) = bytes.get(at..)?.split_first_chunk::<8>()?;
    Some((at + 8, u64::from_le_bytes(*length)))
}

//! Collecting mappings and writing each once.

use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use fsroot::RelPath;
use spill::{Sorted, Sorter};

use super::Record;
use crate::Error;
use crate::json::{Escape, Style, Writer};
use crate::tree::TreeWorker;

/// Selects the order of the lines; neither depends on how the work was split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By the bytes of `encoded`: S3.
    Encoded,
    /// By the position that was given with a mapping's first use: Redis.
    Encounter,
}

/// Gathers the mappings of one KEYMAP file, as often and in whatever order they turn up.
#[derive(Debug)]
pub struct Collector {
    order: Order,
    scratch: PathBuf,
    budget_bytes: usize,
    sorter: Sorter,
    absorbed: Vec<Sorted>,
}

/// Bytes gathered before they are handed to the file.
const WRITE_BYTES: usize = 256 << 10;

impl Collector {
    /// Starts empty; what exceeds `budget_bytes` of memory goes to an unnamed file in `scratch`.
    pub fn new(order: Order, scratch: &Path, budget_bytes: usize) -> Collector {
        Collector {
            order,
            scratch: scratch.to_owned(),
            budget_bytes,
            sorter: Sorter::new(Some(scratch.to_owned()), budget_bytes),
            absorbed: Vec::new(),
        }
    }

    /// Adds a mapping that was used at `position`, for instance a row's number.
    ///
    /// A mapping added again is the same mapping; the least position counts.
    pub fn add(&mut self, position: u64, record: &Record) -> Result<(), Error> {
        let mut line = Vec::new();
        line_into(record, &mut line);
        // The line comes before the position, so equal mappings are neighbours, the first use first.
        line.extend_from_slice(&position.to_be_bytes());
        Ok(self.sorter.push(&record.encoded, &line)?)
    }

    /// Adds everything that another collector of the same file has gathered.
    pub fn absorb(&mut self, other: Collector) -> Result<(), Error> {
        self.absorbed.push(other.sorter.finish()?);
        self.absorbed.extend(other.absorbed);
        Ok(())
    }

    /// Writes the file at `path` and returns its number of lines; without any mapping there is no file.
    pub fn write(self, worker: &mut TreeWorker, path: &RelPath) -> Result<u64, Error> {
        let mut file = None;
        let mut buffer = Vec::new();
        let lines = self.for_each_line(|line| {
            buffer.extend_from_slice(line);
            if file.is_none() {
                file = Some(worker.create(path)?);
            }
            match &mut file {
                Some(file) if buffer.len() >= WRITE_BYTES => {
                    file.append(&buffer)?;
                    buffer.clear();
                    Ok(())
                }
                _ => Ok(()),
            }
        })?;
        if let Some(mut file) = file {
            file.append(&buffer)?;
            worker.finish(file)?;
        }
        Ok(lines)
    }

    /// Calls `sink` with each line, its newline included, in the file's order.
    fn for_each_line(self, mut sink: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<u64, Error> {
        let mut parts = self.absorbed;
        parts.push(self.sorter.finish()?);
        let mut unique = Unique::new(Sorted::merge(parts));
        let mut count = 0;
        match self.order {
            Order::Encoded => {
                while let Some(mapping) = unique.next()? {
                    sink(mapping.line)?;
                    count += 1;
                }
            }
            Order::Encounter => {
                let mut by_position = Sorter::new(Some(self.scratch), self.budget_bytes);
                while let Some(mapping) = unique.next()? {
                    by_position.push(mapping.position, mapping.line)?;
                }
                let mut by_position = by_position.finish()?;
                while let Some((_, line)) = by_position.next()? {
                    sink(line)?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}

/// Skips mappings that repeat the one before.
struct Unique {
    sorted: Sorted,
    current: Vec<u8>,
}

/// A mapping as it waits in the sorter.
#[derive(Clone, Copy)]
struct Stored<'a> {
    line: &'a [u8],
    /// The least position, big-endian.
    position: &'a [u8],
}

impl Unique {
    fn new(sorted: Sorted) -> Unique {
        Unique {
            sorted,
            current: Vec::new(),
        }
    }

    fn next(&mut self) -> Result<Option<Stored<'_>>, Error> {
        loop {
            let Some((_, value)) = self.sorted.next()? else {
                return Ok(None);
            };
            if Stored::of(value).line != Stored::of(&self.current).line {
                self.current.clear();
                self.current.extend_from_slice(value);
                return Ok(Some(Stored::of(&self.current)));
            }
        }
    }
}

impl Stored<'_> {
    fn of(value: &[u8]) -> Stored<'_> {
        let middle = value.len().saturating_sub(size_of::<u64>());
        let (line, position) = value.split_at_checked(middle).unwrap_or_default();
        Stored { line, position }
    }
}

/// Appends a mapping's line with its newline.
///
/// `encoded_b64` is added only where `encoded` is not exact, that is, where it is not UTF-8.
fn line_into(record: &Record, out: &mut Vec<u8>) {
    let mut json = Writer::new(out, Style::Compact, Escape::Plain);
    json.begin_object();
    json.name("encoded");
    json.string(&record.encoded);
    json.name("original");
    json.string(BASE64URL_NOPAD.encode(&record.original));
    json.name("kind");
    json.string(record.kind.as_str());
    if std::str::from_utf8(&record.encoded).is_err() {
        json.name("encoded_b64");
        json.string(BASE64URL_NOPAD.encode(&record.encoded));
    }
    json.end_object();
    out.push(b'\n');
}

#[cfg(test)]
pub(super) fn line_of(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    line_into(record, &mut out);
    out
}

#[cfg(test)]
pub(super) fn lines_of(collector: Collector) -> Vec<u8> {
    let mut out = Vec::new();
    collector
        .for_each_line(|line| {
            out.extend_from_slice(line);
            Ok(())
        })
        .unwrap();
    out
}

//! The scratch file: sorted runs, one behind the other.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::record::{self, HEADER_MAX_BYTES, Layout};

/// Writes are gathered up to this size.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// A nameless file and the directory it is in, for messages.
#[derive(Debug)]
pub(crate) struct Scratch {
    file: File,
    dir: PathBuf,
}

impl Scratch {
    /// Creates the file.
    pub(crate) fn create(dir: &Path) -> Result<Scratch, Error> {
        let file = fsroot::scratch_file(dir).map_err(|source| match source {
            fsroot::Error::DiskFull { source, .. } => Error::DiskFull {
                scratch_dir: dir.to_owned(),
                source,
            },
            source => Error::Create {
                scratch_dir: dir.to_owned(),
                source,
            },
        })?;
        Ok(Scratch {
            file,
            dir: dir.to_owned(),
        })
    }

    /// Fills the buffer from a place in the file, all of it.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|source| self.error(source))
    }

    /// Writes at a place in the file.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> Error {
        Error::new(&self.dir, source)
    }
}

/// Where a sorted run lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Appends records to the scratch file.
#[derive(Debug)]
pub(crate) struct Appender {
    scratch: Arc<Scratch>,
    pending: Vec<u8>,
    buffer_bytes: usize,
    /// Where the next record will lie.
    position: u64,
}

impl Appender {
    /// Creates the scratch file; `budget_bytes` bounds the write buffer.
    pub(crate) fn create(dir: &Path, budget_bytes: usize) -> Result<Appender, Error> {
        Ok(Appender {
            scratch: Arc::new(Scratch::create(dir)?),
            pending: Vec::new(),
            buffer_bytes: WRITE_BUFFER_BYTES.min(budget_bytes / 8),
            position: 0,
        })
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn append(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let before = self.pending.len();
        record::append(&mut self.pending, key, value);
        self.position += (self.pending.len() - before) as u64;
        if self.pending.len() >= self.buffer_bytes {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is pending, so that it can be read.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let written = (&self.scratch.file).write_all(&self.pending);
        written.map_err(|source| self.scratch.error(source))?;
        self.pending.clear();
        Ok(())
    }

    /// Opens a run for reading with a buffer of `buffer_bytes`; flush first.
    pub(crate) fn cursor(&self, run: Run, buffer_bytes: usize) -> RunCursor {
        RunCursor::new(Arc::clone(&self.scratch), run, buffer_bytes)
    }
}

/// Reads a run, one record at a time.
#[derive(Debug)]
pub(crate) struct RunCursor {
    scratch: Arc<Scratch>,
    run: Run,
    /// Where the buffer is refilled from.
    next: u64,
    buffer: Vec<u8>,
    /// The bytes of the buffer that were read and not yet passed.
    from: usize,
    to: usize,
    /// A longer record makes the buffer longer for its time.
    buffer_bytes: usize,
    current: Option<Layout>,
}

impl RunCursor {
    fn new(scratch: Arc<Scratch>, run: Run, buffer_bytes: usize) -> RunCursor {
        RunCursor {
            scratch,
            run,
            next: run.start,
            buffer: Vec::new(),
            from: 0,
            to: 0,
            buffer_bytes,
            current: None,
        }
    }

    pub(crate) fn current(&self) -> Option<(&[u8], &[u8])> {
        let layout = self.current.as_ref()?;
        let record = self.buffer.get(self.from..self.to)?;
        Some((
            record.get(layout.key.clone())?,
            record.get(layout.value.clone())?,
        ))
    }

    pub(crate) fn advance(&mut self) -> Result<(), Error> {
        if let Some(passed) = self.current.take() {
            self.from += passed.len();
        }
        if self.from == self.to && self.next == self.run.end {
            return Ok(());
        }
        self.read_record()
            .map_err(|source| self.scratch.error(source))
    }

    pub(crate) fn rewind(&mut self) {
        self.next = self.run.start;
        (self.from, self.to) = (0, 0);
        self.current = None;
    }

    fn read_record(&mut self) -> io::Result<()> {
        let layout = match self.parse() {
            Some(layout) => layout,
            None => {
                let unread = usize::try_from(self.run.end - self.next).unwrap_or(usize::MAX);
                let rest = unread.saturating_add(self.to - self.from);
                self.demand(rest.min(HEADER_MAX_BYTES))?;
                self.parse().ok_or(io::ErrorKind::InvalidData)?
            }
        };
        self.demand(layout.len())?;
        self.current = Some(layout);
        Ok(())
    }

    fn parse(&self) -> Option<Layout> {
        Layout::parse(self.buffer.get(self.from..self.to)?)
    }

    /// Reads on until the buffer holds `wanted` bytes.
    fn demand(&mut self, wanted: usize) -> io::Result<()> {
        if self.to - self.from >= wanted {
            return Ok(());
        }
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        self.resize(wanted.max(self.buffer_bytes).max(self.to));
        while self.to < wanted {
            let unread = usize::try_from(self.run.end - self.next).unwrap_or(usize::MAX);
            let room = self.buffer.get_mut(self.to..).unwrap_or_default();
            let take = unread.min(room.len());
            let room = room.get_mut(..take).unwrap_or_default();
            match self.scratch.file.read_at(room, self.next) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.to += read;
                    self.next += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn resize(&mut self, size: usize) {
        if self.buffer.len() != size {
            self.buffer.resize(size, 0);
            self.buffer.shrink_to(size);
        }
    }
}

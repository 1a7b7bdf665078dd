//! The thread that reads files into frames.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::frame::{Follows, Frame, Place};
use super::gate::Gate;
use super::listing::is_odd;
use super::progress::Meter;
use super::{Source, SourceFile, TransferError, ustar};

/// Files up to here travel in archives, larger ones alone in pieces.
const SMALL_MAX_BYTES: u64 = 512 << 10;

/// Most files of an archive: their names are arguments of one hash program.
const ARCHIVE_MAX_FILES: usize = 2048;

/// What has been sent and is not yet done with. It is short, so it is searched from the front.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<VecDeque<Flight>>);

/// A frame with content.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// Its number.
    pub(super) seq: u64,
    /// Payload in it.
    pub(super) bytes: u64,
    /// Numbers of the files that are whole with it, in the order in which they are hashed.
    pub(super) files: Vec<u32>,
    /// Whether it is known that it landed; of archives that is told together with the digests.
    pub(super) landed: bool,
}

impl Flights {
    fn push(&self, flight: Flight) {
        self.all().push_back(flight);
    }

    /// Takes one out.
    pub(super) fn remove(&self, seq: u64) -> Option<Flight> {
        let mut all = self.all();
        let place = all.iter().position(|flight| flight.seq == seq)?;
        all.remove(place)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Notes that one landed, the first time; returns the bytes in it. It is done with if it ends no file.
    pub(super) fn land(&self, seq: u64) -> Option<u64> {
        let mut all = self.all();
        let place = all.iter().position(|flight| flight.seq == seq)?;
        let flight = all.get_mut(place).filter(|flight| !flight.landed)?;
        flight.landed = true;
        let bytes = flight.bytes;
        if flight.files.is_empty() {
            all.remove(place);
        }
        Some(bytes)
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Numbers of the files.
    pub(super) files: Vec<u32>,
    /// How much of a file is there already.
    pub(super) landed: HashMap<u32, u64>,
}

/// Everything the thread needs.
pub(super) struct Sender {
    pub(super) source: Arc<dyn Source>,
    pub(super) gate: Arc<Gate>,
    pub(super) flights: Arc<Flights>,
    pub(super) frames: mpsc::Sender<Frame>,
    pub(super) meter: Arc<Meter>,
    /// Number of the next frame.
    pub(super) seq: u64,
}

/// Why sending ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The session is over.
    Closed,
    /// A file is not what it was.
    Source(TransferError),
}

impl Sender {
    /// Sends everything; returns the number of the next frame.
    ///
    /// Large files come first, so that the last thing to be hashed is small.
    pub(super) fn run(mut self, work: &Work) -> Result<u64, Stopped> {
        let (small, large): (Vec<u32>, Vec<u32>) = work
            .files
            .iter()
            .partition(|index| self.file(**index).is_some_and(|file| fits_archive(&file)));
        for index in large {
            let from = work.landed.get(&index).copied().unwrap_or(0);
            self.pieces(index, from)?;
        }
        let mut rest = small.as_slice();
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(self.batch(rest));
            self.archive(batch)?;
            rest = others;
        }
        Ok(self.seq)
    }

    fn file(&self, index: u32) -> Option<SourceFile<'_>> {
        self.source.file(index as usize)
    }

    /// Counts the files that make up one portion; at least one.
    fn batch(&self, files: &[u32]) -> usize {
        let limit = self.gate.portion_bytes();
        let mut bytes = 0;
        let fitting = files.iter().take(ARCHIVE_MAX_FILES).take_while(|index| {
            bytes += self.file(**index).map_or(0, |file| room(&file));
            bytes <= limit
        });
        fitting.count().max(1)
    }

    fn archive(&mut self, batch: &[u32]) -> Result<(), Stopped> {
        let source = Arc::clone(&self.source);
        let files: Vec<_> = batch
            .iter()
            .filter_map(|index| source.file(*index as usize))
            .collect();
        let mut names = Vec::new();
        for file in &files {
            names.extend_from_slice(file.path.as_bytes());
            names.push(0);
        }
        let length = files.iter().map(room).sum::<usize>() + ustar::TRAILER_BYTES;
        let bytes = files.iter().map(|file| file.size_bytes).sum();
        self.gate.take(bytes).map_err(|_| Stopped::Closed)?;
        let mut frame = Frame::tar(self.seq, &names, length);
        for (index, file) in batch.iter().zip(&files) {
            let size = usize::try_from(file.size_bytes).unwrap_or(usize::MAX);
            let header = ustar::header(file.path.as_bytes(), size);
            frame.extend_from_slice(&header.unwrap_or([0; ustar::BLOCK_BYTES]));
            let mut open = self.open(*index)?;
            read_exactly(&mut open, file.size_bytes, &mut frame)
                .map_err(|what| changed(file, what))?;
            let padding = size.next_multiple_of(ustar::BLOCK_BYTES) - size;
            frame.resize(frame.len() + padding, 0);
        }
        frame.resize(frame.len() + ustar::TRAILER_BYTES, 0);
        self.launch(frame, bytes, batch.to_vec())
    }

    fn pieces(&mut self, index: u32, from: u64) -> Result<(), Stopped> {
        let source = Arc::clone(&self.source);
        let Some(file) = source.file(index as usize) else {
            return Ok(());
        };
        let mut open = self.open(index)?;
        open.seek(SeekFrom::Start(from))
            .map_err(|error| changed(&file, format!("cannot be read: {error}")))?;
        let path = file.path.as_bytes();
        let mut offset = from;
        loop {
            let left = file.size_bytes - offset.min(file.size_bytes);
            let portion = self.gate.portion_bytes();
            let length = usize::try_from(left).map_or(portion, |left| left.min(portion));
            let bytes = length as u64;
            let is_last = bytes == left;
            let (follows, files) = match is_last {
                false => (Follows::More, Vec::new()),
                true if is_odd(path) => (Follows::Nothing(Place::Odd), vec![index]),
                true => (Follows::Nothing(Place::Files), vec![index]),
            };
            self.gate.take(bytes).map_err(|_| Stopped::Closed)?;
            let named = if offset == from { path } else { b"" };
            let mut frame = Frame::piece(self.seq, named, offset, length, follows);
            read_exactly(&mut open, bytes, &mut frame).map_err(|what| changed(&file, what))?;
            self.launch(frame, bytes, files)?;
            offset += bytes;
            if is_last {
                return Ok(());
            }
        }
    }

    fn open(&self, index: u32) -> Result<std::fs::File, Stopped> {
        let opened = self.source.open(index as usize);
        opened.map_err(|what| match self.file(index) {
            Some(file) => changed(&file, what),
            None => Stopped::Closed,
        })
    }

    fn launch(&mut self, frame: Vec<u8>, bytes: u64, files: Vec<u32>) -> Result<(), Stopped> {
        self.flights.push(Flight {
            seq: self.seq,
            bytes,
            files,
            landed: false,
        });
        self.seq += 1;
        self.meter.sent(bytes);
        let sent = self.frames.blocking_send(Frame::whole(frame));
        sent.map_err(|_| Stopped::Closed)
    }
}

/// Tells whether a file can be a member of an archive.
fn fits_archive(file: &SourceFile<'_>) -> bool {
    let path = file.path.as_bytes();
    file.size_bytes <= SMALL_MAX_BYTES && !is_odd(path) && ustar::split(path).is_some()
}

/// Tells whether the far side may keep the beginning of a file and have the rest appended.
pub(super) fn grows(file: &SourceFile<'_>) -> bool {
    !fits_archive(file)
}

fn room(file: &SourceFile<'_>) -> usize {
    ustar::room(usize::try_from(file.size_bytes).unwrap_or(usize::MAX >> 1))
}

fn changed(file: &SourceFile<'_>, what: String) -> Stopped {
    Stopped::Source(TransferError::SourceChanged {
        path: file.path.to_string(),
        what,
    })
}

/// Appends exactly so many bytes: how many there would be was said before.
fn read_exactly(from: &mut impl Read, bytes: u64, to: &mut Vec<u8>) -> Result<(), String> {
    match from.take(bytes).read_to_end(to) {
        Ok(read) if read as u64 == bytes => Ok(()),
        Ok(_) => Err("shrank while it was sent".to_owned()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

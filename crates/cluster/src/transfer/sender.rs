//! The thread that reads files into frames.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::draft::{self, Draft, Piece, read_exactly};
use super::flights::{Flight, Flights};
use super::frame::{Body, Follows, Frame, Place};
use super::gate::{Gate, PORTION_STEP_BYTES};
use super::listing::is_odd;
use super::progress::Meter;
use super::{Compression, Source, SourceFile, TransferError, ustar};

/// Files up to here travel in archives, larger ones alone in pieces.
const SMALL_MAX_BYTES: u64 = 512 << 10;

/// Most files of an archive: their names are arguments of one hash program.
const ARCHIVE_MAX_FILES: usize = 2048;

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
    pub(super) compression: Option<Compression>,
    /// Number of the next frame.
    pub(super) seq: u64,
}

/// Why sending ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The session is over.
    Closed,
    /// A file is not what it was, or cannot be looked up.
    Source(TransferError),
}

impl Sender {
    /// Sends everything; returns the number of the next frame.
    ///
    /// Large files come first, so that the last thing to be hashed is small.
    pub(super) fn run(mut self, work: &Work) -> Result<u64, Stopped> {
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for index in &work.files {
            let fits = self.file(*index)?.is_some_and(|file| fits_archive(&file));
            match fits {
                true => small.push(*index),
                false => large.push(*index),
            }
        }
        for index in large {
            let from = work.landed.get(&index).copied().unwrap_or(0);
            self.pieces(index, from)?;
        }
        let mut rest = small.as_slice();
        while !rest.is_empty() {
            let (batch, _) = rest.split_at(self.batch(rest)?);
            rest = rest.split_at(self.archive(batch)?).1;
        }
        Ok(self.seq)
    }

    fn file(&self, index: u32) -> Result<Option<SourceFile>, Stopped> {
        self.source.file(index as usize).map_err(Stopped::Source)
    }

    /// Counts the files that make up one portion; at least one.
    fn batch(&self, files: &[u32]) -> Result<usize, Stopped> {
        let limit = self.gate.portion_bytes();
        let (mut bytes, mut fitting) = (0, 0);
        for index in files.iter().take(ARCHIVE_MAX_FILES) {
            bytes += self.file(*index)?.map_or(0, |file| room(&file));
            if bytes > limit {
                break;
            }
            fitting += 1;
        }
        Ok(fitting.max(1))
    }

    /// Sends as many of these files as one frame should carry; returns how many.
    fn archive(&mut self, batch: &[u32]) -> Result<usize, Stopped> {
        let mut count = batch.len();
        loop {
            let (files, _) = batch.split_at(count);
            let draft = self.archived(files)?;
            let fitting = self.fitting(count, draft.wire_bytes);
            if fitting == count {
                self.launch(draft, files.to_vec())?;
                return Ok(count);
            }
            count = fitting;
        }
    }

    fn archived(&self, batch: &[u32]) -> Result<Draft, Stopped> {
        let files = batch.iter().map(|index| self.file(*index).transpose());
        let files: Result<Vec<_>, _> = files.flatten().collect();
        let files = files?;
        let mut names = Vec::new();
        for file in &files {
            names.extend_from_slice(file.path.as_bytes());
            names.push(0);
        }
        let length = files.iter().map(room).sum::<usize>() + ustar::TRAILER_BYTES;
        let head = |body| Frame::tar(self.seq, &names, body);
        let mut frame = head(Body::Plain(length));
        let begin = frame.len();
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
        let bytes = files.iter().map(|file| file.size_bytes).sum();
        Ok(Draft::new(frame, begin, bytes, self.compression, head))
    }

    fn pieces(&mut self, index: u32, from: u64) -> Result<(), Stopped> {
        let Some(file) = self.file(index)? else {
            return Ok(());
        };
        let mut open = self.open(index)?;
        let path = file.path.as_bytes();
        let (mut offset, mut most) = (from, usize::MAX);
        loop {
            let left = file.size_bytes - offset.min(file.size_bytes);
            let portion = self.gate.portion_bytes().min(most);
            let length = usize::try_from(left).map_or(portion, |left| left.min(portion));
            let bytes = length as u64;
            let is_last = bytes == left;
            let (follows, files) = match is_last {
                false => (Follows::More, Vec::new()),
                true if is_odd(path) => (Follows::Nothing(Place::Odd), vec![index]),
                true => (Follows::Nothing(Place::Files), vec![index]),
            };
            let piece = Piece {
                named: if offset == from { path } else { b"" },
                offset,
                length,
                follows,
            };
            let draft = Draft::piece(&mut open, self.seq, piece, self.compression);
            let draft = draft.map_err(|what| changed(&file, what))?;
            let steps = length.div_ceil(PORTION_STEP_BYTES);
            let fitting = self.fitting(steps, draft.wire_bytes);
            if fitting < steps {
                most = fitting * PORTION_STEP_BYTES;
                continue;
            }
            most = usize::MAX;
            self.launch(draft, files)?;
            offset += bytes;
            if is_last {
                return Ok(());
            }
        }
    }

    fn fitting(&self, parts: usize, wire_bytes: usize) -> usize {
        match self.compression {
            Some(_) => draft::fitting(parts, wire_bytes, self.gate.wire_bytes()),
            // Portions are measured by what is carried already.
            None => parts,
        }
    }

    fn open(&self, index: u32) -> Result<std::fs::File, Stopped> {
        self.source.open(index as usize).map_err(Stopped::Source)
    }

    /// Sends a frame as soon as there is room on the way.
    fn launch(&mut self, draft: Draft, files: Vec<u32>) -> Result<(), Stopped> {
        let Draft {
            frame,
            bytes,
            wire_bytes,
        } = draft;
        self.gate.take(bytes).map_err(|_| Stopped::Closed)?;
        self.flights.push(Flight {
            seq: self.seq,
            bytes,
            wire_bytes: wire_bytes as u64,
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
fn fits_archive(file: &SourceFile) -> bool {
    let path = file.path.as_bytes();
    file.size_bytes <= SMALL_MAX_BYTES && !is_odd(path) && ustar::split(path).is_some()
}

/// Tells whether the far side may keep the beginning of a file and have the rest appended.
pub(super) fn grows(file: &SourceFile) -> bool {
    !fits_archive(file)
}

fn room(file: &SourceFile) -> usize {
    ustar::room(usize::try_from(file.size_bytes).unwrap_or(usize::MAX >> 1))
}

fn changed(file: &SourceFile, what: String) -> Stopped {
    Stopped::Source(TransferError::SourceChanged {
        path: file.path.to_string(),
        what,
    })
}

//! The files of a data directory: one list, which check, payload and transfer share, on disk where it is long.
//!
//! Names are a table in the order that they have in a manifest; beside it, in slots, is what is learned of each file.

use fsroot::RelPath;
use spill::{Lookup, Slots, Table, TableWriter};

use super::Stamp;
use super::room::Room;
use super::stamp::{self, Facts};
use crate::digest::Digest;
use crate::escape::{escaped, unescaped};
use crate::observe::{Observer, Stopped};
use crate::parallel::{ROUND, map};

/// A list of files that are not read at once.
#[derive(Debug)]
pub(crate) struct Files {
    names: Table,
    facts: Slots,
}

/// A file of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    /// Its number in the list.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: Box<[u8]>,
    /// Where it is from the root, if a decoded bucket keeps it under another name.
    pub(crate) stored: Option<RelPath>,
    /// What it was when it was first looked at.
    pub(crate) stamp: Option<Stamp>,
    /// The digest of its content, once something that read it was asked for that as well.
    pub(crate) digest: Option<Digest>,
}

/// Takes the files of a list.
#[derive(Debug)]
pub(crate) struct FilesWriter {
    room: Room,
    names: TableWriter,
}

/// Finds names in a list.
#[derive(Debug)]
pub(crate) struct Finder<'a>(Lookup<'a>);

impl FilesWriter {
    pub(crate) fn new(room: &Room) -> FilesWriter {
        FilesWriter {
            room: room.clone(),
            names: room.writer(),
        }
    }

    /// Adds a file. They come in the order of their escaped names.
    pub(crate) fn push(
        &mut self,
        escaped_name: &[u8],
        stored: Option<&RelPath>,
    ) -> Result<(), spill::Error> {
        let stored = stored.map_or(&b""[..], RelPath::as_bytes);
        self.names.push(escaped_name, stored)
    }

    pub(crate) fn finish(self) -> Result<Files, spill::Error> {
        let names = self.names.finish()?;
        Ok(Files {
            facts: self.room.slots(stamp::WIDTH, names.len())?,
            names,
        })
    }
}

impl Files {
    /// Makes a list of no files.
    pub(crate) fn none() -> Result<Files, spill::Error> {
        FilesWriter::new(&Room::memory()).finish()
    }

    pub(crate) fn len(&self) -> usize {
        // A directory does not have more names than there are addresses.
        usize::try_from(self.names.len()).unwrap_or(usize::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Begins to look names up.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder(self.names.lookup())
    }

    /// Gives each name in turn.
    pub(crate) fn each_name<E: From<spill::Error>>(
        &self,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut lookup = self.names.lookup();
        for index in 0..self.len() {
            if let Some((name, _)) = lookup.get(index as u64)? {
                take(index, &unescaped(name))?;
            }
        }
        Ok(())
    }

    /// Gives the size of each file in turn, 0 where it is not known.
    pub(crate) fn each_size(
        &self,
        mut take: impl FnMut(usize, u64) -> Result<(), spill::Error>,
    ) -> Result<(), spill::Error> {
        let mut slots = Vec::new();
        for from in (0..self.len()).step_by(ROUND) {
            self.facts.read(from as u64, ROUND as u64, &mut slots)?;
            for (index, slot) in (from..).zip(slots.chunks_exact(stamp::WIDTH)) {
                let stamp = Facts::decode(slot).stamp;
                take(index, stamp.map_or(0, |stamp| stamp.size_bytes))?;
            }
        }
        Ok(())
    }

    /// Reads `count` files from number `from` on, or as many as there are.
    pub(crate) fn read(&self, from: usize, count: usize) -> Result<Vec<DataFile>, spill::Error> {
        let end = from.saturating_add(count).min(self.len());
        let mut files = Vec::with_capacity(end.saturating_sub(from));
        let mut slots = Vec::new();
        self.facts.read(from as u64, count as u64, &mut slots)?;
        let mut lookup = self.names.lookup();
        for (index, slot) in (from..end).zip(slots.chunks_exact(stamp::WIDTH)) {
            let Some((name, stored)) = lookup.get(index as u64)? else {
                break;
            };
            let Facts { stamp, digest } = Facts::decode(slot);
            files.push(DataFile {
                index,
                name: unescaped(name).into(),
                // A path that is not there is empty, and an empty one is none.
                stored: RelPath::new(stored).ok(),
                stamp,
                digest,
            });
        }
        Ok(files)
    }

    /// Does `work` with every file on all cores, and then, in order and on this thread, `take` with what came of it. What `take`
    /// notes of a file stays with it.
    pub(crate) fn visit<S, T: Send>(
        &mut self,
        observer: &dyn Observer,
        tools: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &DataFile) -> T + Sync,
        mut take: impl FnMut(&mut DataFile, T) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let mut slots = Vec::new();
        for from in (0..self.len()).step_by(ROUND) {
            let mut files = self.read(from, ROUND)?;
            let results = map(observer, &files, &tools, &work)?;
            slots.clear();
            for (file, result) in files.iter_mut().zip(results) {
                take(file, result)?;
                let DataFile { stamp, digest, .. } = *file;
                Facts { stamp, digest }.encode(&mut slots);
            }
            self.facts.write(from as u64, &slots)?;
        }
        Ok(())
    }
}

impl Finder<'_> {
    /// Gives the number of a name.
    pub(crate) fn find(&mut self, name: &[u8]) -> Result<Option<usize>, spill::Error> {
        let found = self.0.find(&escaped(name))?;
        Ok(found.and_then(|found| usize::try_from(found).ok()))
    }

    /// Gives the name with a number, empty beyond the last.
    pub(crate) fn name(&mut self, index: usize) -> Result<Box<[u8]>, spill::Error> {
        let record = self.0.get(index as u64)?;
        Ok(record.map_or(Box::default(), |(name, _)| unescaped(name).into()))
    }
}

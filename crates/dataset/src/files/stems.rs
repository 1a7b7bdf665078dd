//! The stems of a directory's names, on disk where they are many.

use spill::{Lookup, Sorter, Table};

use crate::layout::{DataDirectory, Room, stem};
use crate::size::Size;

/// Stems, with the size of the image where that is known.
#[derive(Debug)]
pub(crate) struct Stems(Table);

/// Takes stems in any order.
#[derive(Debug)]
pub(crate) struct StemsWriter(Sorter);

/// Looks stems up.
#[derive(Debug)]
pub(crate) struct StemLookup<'a>(Lookup<'a>);

impl StemsWriter {
    pub(crate) fn new(room: &Room) -> StemsWriter {
        StemsWriter(room.sorter())
    }

    /// Adds the stem of a name.
    pub(crate) fn push(&mut self, name: &[u8], size: Option<Size>) -> Result<(), spill::Error> {
        let value = size.map(|size| {
            let [width, height] = [size.width, size.height].map(u32::to_be_bytes);
            // Before stems of which no size is known, so that what is known of one is found.
            [&[0][..], &width, &height].concat()
        });
        self.0.push(stem(name), value.as_deref().unwrap_or(&[1]))
    }

    pub(crate) fn finish(self, room: &Room) -> Result<Stems, spill::Error> {
        room.table(self.0).map(Stems)
    }
}

impl Stems {
    /// Takes the stems of all names of a directory, or of what `part` says is the part of a name that counts.
    pub(crate) fn of(
        directory: &DataDirectory,
        room: &Room,
        part: impl for<'n> Fn(&'n [u8]) -> Option<&'n [u8]>,
    ) -> Result<Stems, spill::Error> {
        let mut stems = room.sorter();
        directory.each_name(|name| match part(stem(name)) {
            Some(part) => stems.push(part, &[1]),
            None => Ok(()),
        })?;
        room.table(stems).map(Stems)
    }

    pub(crate) fn lookup(&self) -> StemLookup<'_> {
        StemLookup(self.0.lookup())
    }
}

impl StemLookup<'_> {
    pub(crate) fn contains(&mut self, stem: &[u8]) -> Result<bool, spill::Error> {
        Ok(self.0.find(stem)?.is_some())
    }

    /// Gives the size of the image with that stem.
    pub(crate) fn size(&mut self, stem: &[u8]) -> Result<Option<Size>, spill::Error> {
        let Some(number) = self.0.find(stem)? else {
            return Ok(None);
        };
        let record = self.0.get(number)?;
        Ok(record.and_then(|(_, value)| {
            let (width, rest) = value.strip_prefix(&[0])?.split_first_chunk()?;
            Some(Size {
                width: u32::from_be_bytes(*width),
                height: u32::from_be_bytes(*rest.first_chunk()?),
            })
        }))
    }
}

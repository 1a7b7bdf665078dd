use std::sync::OnceLock;

use snapshot::{Checked, Layers, Ledger, ReadAt};

use crate::error::Error;
use crate::input::Input;
use crate::row::{Seen, ValueRef};

/// Most bytes read at once from a body.
pub(crate) const PIECE_BYTES: usize = 256 << 10;

/// The inputs of a run after their survey: bodies can be read from them, each read accounted for.
pub(crate) struct Sources<'i> {
    sources: Vec<Source<'i>>,
}

pub(crate) struct Source<'i> {
    pub(crate) input: &'i Input,
    pub(crate) layers: Layers,
    surveyed: OnceLock<(Ledger, Checked)>,
}

impl<'i> Sources<'i> {
    pub(crate) fn new(inputs: Vec<(&'i Input, Layers)>) -> Self {
        let source = |(input, layers)| Source {
            input,
            layers,
            surveyed: OnceLock::new(),
        };
        Sources {
            sources: inputs.into_iter().map(source).collect(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Source<'i>)> {
        (0..).zip(&self.sources)
    }

    /// Returns the name of an input for messages.
    pub(crate) fn name(&self, source: u32) -> &str {
        self.get(source)
            .map_or("input", |source| &source.input.name)
    }

    /// Reads a whole body into `buf`, which is cleared first.
    ///
    /// Its checksum is compared with the survey's, or entered into the ledger.
    ///
    /// # Errors
    ///
    /// A failed read, or bytes that differ from what was read before.
    pub(crate) fn read(&self, value: &ValueRef, buf: &mut Vec<u8>) -> Result<(), Error> {
        buf.clear();
        if value.length <= PIECE_BYTES as u64 && matches!(value.seen, Seen::Whole(_)) {
            // One piece, which then stands in `buf` as it is.
            return self.stream(value, buf, &mut |_| Ok(()));
        }
        let mut piece = Vec::new();
        self.stream(value, &mut piece, &mut |bytes| {
            buf.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Hands a body to `sink` in pieces of at most 256 KiB, using `buf` for them.
    ///
    /// # Errors
    ///
    /// What `sink` returns, a failed read, or bytes that differ from what was read before. The latter is known only
    /// after the last piece.
    pub(crate) fn stream(
        &self,
        value: &ValueRef,
        buf: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(source) = self.get(value.source) else {
            return Err(Error::Scratch("source"));
        };
        let head = match value.seen {
            Seen::Whole(_) => 0,
            Seen::Head(bytes) => u64::from(bytes).min(value.length),
        };
        let (mut done, mut crc) = (0, 0);
        while done < value.length {
            // The part that the survey has read stands in the ledger already and is not checksummed again.
            let until = if done < head { head } else { value.length };
            let want = usize::try_from(until - done)
                .unwrap_or(PIECE_BYTES)
                .min(PIECE_BYTES);
            buf.resize(want, 0);
            source.read_exact(value.offset + done, buf)?;
            if done >= head {
                crc = crc32c::crc32c_append(crc, buf);
            }
            done += want as u64;
            sink(buf)?;
        }
        match value.seen {
            Seen::Whole(seen) if seen == crc => Ok(()),
            Seen::Whole(_) => Err(source.changed()),
            Seen::Head(_) => source.fill(value.offset + head, crc),
        }
    }

    /// Reads as much as there is from an offset on, at most the length of `buf`, and returns how much.
    pub(crate) fn read_up_to(
        &self,
        source: u32,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Error> {
        let Some(source) = self.get(source) else {
            return Err(Error::Scratch("source"));
        };
        let data: &dyn ReadAt = &*source.input.data;
        snapshot::read_exact_at(data, offset, buf).map_err(|error| Error::Io {
            input: source.input.name.clone(),
            error,
        })
    }

    /// Says that an input is not what the survey read.
    pub(crate) fn changed(&self, source: u32) -> Error {
        match self.get(source) {
            Some(source) => source.changed(),
            None => Error::Scratch("source"),
        }
    }

    fn get(&self, source: u32) -> Option<&Source<'i>> {
        self.sources.get(usize::try_from(source).ok()?)
    }
}

impl Source<'_> {
    /// Keeps what the survey found out about the file's checksum.
    pub(crate) fn surveyed(&self, ledger: Ledger, checked: Checked) {
        // A source is surveyed once; a second ledger would be the same.
        self.surveyed.get_or_init(|| (ledger, checked));
    }

    pub(crate) fn ledger(&self) -> Option<&(Ledger, Checked)> {
        self.surveyed.get()
    }

    pub(crate) fn snapshot_error(&self, error: snapshot::Error) -> Error {
        Error::Snapshot {
            input: self.input.name.clone(),
            error,
        }
    }

    pub(crate) fn changed(&self) -> Error {
        Error::Changed {
            input: self.input.name.clone(),
        }
    }

    fn read_exact(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let data: &dyn ReadAt = &*self.input.data;
        match snapshot::read_exact_at(data, offset, buf) {
            Ok(read) if read == buf.len() => Ok(()),
            Ok(_) => Err(self.changed()),
            Err(error) => Err(Error::Io {
                input: self.input.name.clone(),
                error,
            }),
        }
    }

    fn fill(&self, offset: u64, crc: u32) -> Result<(), Error> {
        match self.ledger() {
            Some((ledger, _)) => ledger
                .fill(offset, crc)
                .map_err(|error| self.snapshot_error(error)),
            None => Ok(()),
        }
    }
}

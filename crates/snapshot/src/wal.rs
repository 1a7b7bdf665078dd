//! Frame headers of a Raft log (`docs/snapshot-format.md`, data directory).
//!
//! A log says what happened after a snapshot was taken. Only the headers and the first bytes of each record are read:
//! enough to count, far too little to replay.

use std::io;

use crate::read_at::{ReadAt, read_exact_at};

/// Enough of a record to see its type and, of an entry, its term and index.
const HEAD_BYTES: usize = 96;

/// What the log files of one data directory say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// Index of the last entry that counts: a later record with a lower index replaces what was behind it.
    pub last_index: Option<u64>,
    /// Commit index of the last hard state.
    pub committed_index: Option<u64>,
    /// Term and index of every snapshot the log refers to.
    pub snapshots: Vec<(u64, u64)>,
    /// Records read.
    pub records: u64,
}

/// How a log file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At the end of the file or at the zeros behind the last record.
    Clean,
    /// Inside a record that begins at this offset: a torn write, as a killed node leaves it.
    Torn(u64),
}

impl Log {
    /// Reads one log file and adds what it says. Files of a directory are read in the order of their names.
    ///
    /// # Errors
    ///
    /// Failed reads only: an unreadable record ends the file.
    pub fn read(&mut self, source: &(impl ReadAt + ?Sized)) -> io::Result<End> {
        let size = source.size_bytes()?;
        let mut offset = 0;
        let mut head = [0; HEAD_BYTES];
        loop {
            let read = read_exact_at(source, offset, &mut head)?;
            let Some((frame, rest)) = head.get(..read).and_then(<[u8]>::split_first_chunk::<8>)
            else {
                return Ok(if read == 0 || head.iter().take(read).all(|b| *b == 0) {
                    End::Clean
                } else {
                    End::Torn(offset)
                });
            };
            let frame = u64::from_le_bytes(*frame);
            if frame == 0 {
                return Ok(End::Clean);
            }
            let length = frame & 0x00ff_ffff_ffff_ffff;
            let padding = if frame >> 63 == 1 {
                (frame >> 56) & 0b111
            } else {
                0
            };
            let next = offset + 8 + length + padding;
            if next > size {
                return Ok(End::Torn(offset));
            }
            let known = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            if self.record(rest.get(..known).unwrap_or_default()).is_none() {
                return Ok(End::Torn(offset));
            }
            self.records += 1;
            offset = next;
        }
    }

    /// Returns how many entries of the log are not in the snapshot taken at `index`.
    #[must_use]
    pub fn entries_behind(&self, index: u64) -> u64 {
        self.last_index.map_or(0, |last| last.saturating_sub(index))
    }

    fn record(&mut self, head: &[u8]) -> Option<()> {
        use protobuf::{Field, Fields};
        let (mut kind, mut data) = (0, [].as_slice());
        for field in Fields::cut(head) {
            match field? {
                (1, Field::Varint(value)) => kind = value,
                (3, Field::Bytes(bytes)) => data = bytes,
                _ => {}
            }
        }
        let number = |wanted: u64| {
            Fields::cut(data)
                .map_while(|field| field)
                .find_map(|(number, field)| match field {
                    Field::Varint(value) if number == wanted => Some(value),
                    _ => None,
                })
        };
        match kind {
            2 => self.last_index = Some(number(3)?),
            3 => self.committed_index = Some(number(3).unwrap_or(0)),
            5 => {
                let (index, term) = (number(1).unwrap_or(0), number(2).unwrap_or(0));
                self.snapshots.push((term, index));
                self.last_index = self.last_index.max(Some(index));
            }
            1 | 4 => {}
            _ => return None,
        }
        Some(())
    }
}

pub(crate) mod protobuf {
    //! The little of the protobuf wire format that Raft's own files need.

    /// One field's value.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Field<'a> {
        Varint(u64),
        Bytes(&'a [u8]),
        Fixed,
    }

    /// Iterates over (field number, value). `None` as an item is malformed input and the end.
    pub(crate) struct Fields<'a> {
        rest: &'a [u8],
        cut: bool,
    }

    impl<'a> Fields<'a> {
        pub(crate) fn new(bytes: &'a [u8]) -> Self {
            Fields {
                rest: bytes,
                cut: false,
            }
        }

        /// The same for the beginning of a message: a last value that runs over the end is cut there.
        pub(crate) fn cut(bytes: &'a [u8]) -> Self {
            Fields {
                rest: bytes,
                cut: true,
            }
        }

        fn field(&mut self) -> Option<(u64, Field<'a>)> {
            let tag = self.varint()?;
            let value = match tag & 7 {
                0 => Field::Varint(self.varint()?),
                1 => self.take(8).map(|_| Field::Fixed)?,
                2 => {
                    let length = usize::try_from(self.varint()?).ok()?;
                    let length = if self.cut {
                        length.min(self.rest.len())
                    } else {
                        length
                    };
                    Field::Bytes(self.take(length)?)
                }
                5 => self.take(4).map(|_| Field::Fixed)?,
                _ => return None,
            };
            Some((tag >> 3, value))
        }

        fn take(&mut self, length: usize) -> Option<&'a [u8]> {
            let (taken, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            Some(taken)
        }

        fn varint(&mut self) -> Option<u64> {
            let mut value = 0_u64;
            for shift in (0..64).step_by(7) {
                let (&byte, rest) = self.rest.split_first()?;
                self.rest = rest;
                let bits = u64::from(byte & 0x7f);
                if shift == 63 && bits > 1 {
                    return None;
                }
                value |= bits << shift;
                if byte < 0x80 {
                    return Some(value);
                }
            }
            None
        }
    }

    impl<'a> Iterator for Fields<'a> {
        type Item = Option<(u64, Field<'a>)>;

        fn next(&mut self) -> Option<Self::Item> {
            if self.rest.is_empty() {
                return None;
            }
            let field = self.field();
            if field.is_none() {
                self.rest = &[];
            }
            Some(field)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example: the log of a directory restored at index 42, term 7.
    fn restored() -> Vec<u8> {
        let mut log = Vec::new();
        for hex in [
            "0400000000000084 08041000 00000000",
            "0400000000000084 08011000 00000000",
            "0e00000000000082 080510a0b39b8f081a0408001000 0000",
            "1400000000000084 080510ce83d687011a0a082a10071a0408010802 00000000",
            "0e00000000000082 080310dc94c3fe0c1a040807182a 0000",
        ] {
            let digits: Vec<u8> = hex.bytes().filter(|b| *b != b' ').collect();
            log.extend(
                digits
                    .chunks(2)
                    .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()),
            );
        }
        assert_eq!(log.len(), 112);
        log
    }

    fn entry(index: u8) -> Vec<u8> {
        // type 2; data: entry type 0, term 7, index, 3 bytes
        let record = [8, 2, 16, 5, 26, 11, 8, 0, 16, 7, 24, index, 34, 3, 1, 2, 3];
        let mut frame = vec![record.len() as u8, 0, 0, 0, 0, 0, 0, 0x87];
        frame.extend(record);
        frame.extend([0; 7]);
        frame
    }

    #[test]
    fn reads_the_worked_example() {
        let mut bytes = restored();
        bytes.resize(4096, 0);
        let mut log = Log::default();
        assert_eq!(log.read(&bytes).unwrap(), End::Clean);
        assert_eq!(log.committed_index, Some(42));
        assert_eq!(log.snapshots, [(0, 0), (7, 42)]);
        assert_eq!((log.records, log.entries_behind(42)), (5, 0));
    }

    #[test]
    fn counts_entries_and_forgets_replaced_ones() {
        let mut bytes = restored();
        for index in [43, 44, 45, 44] {
            bytes.extend(entry(index));
        }
        let mut log = Log::default();
        assert_eq!(log.read(&bytes).unwrap(), End::Clean);
        assert_eq!(log.entries_behind(42), 2);
    }

    #[test]
    fn a_torn_tail_ends_the_file() {
        let mut bytes = restored();
        bytes.extend(entry(43));
        for cut in 113..bytes.len() {
            let mut log = Log::default();
            assert_eq!(
                log.read(&bytes[..cut]).unwrap(),
                End::Torn(112),
                "cut at {cut}"
            );
            assert_eq!(log.entries_behind(42), 0);
        }
    }
}

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind};
use crate::limits::WINDOW_BYTES;
use crate::read_at::{ReadAt, read_exact_at};

/// When a CRC32C footer is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FooterPolicy {
    /// Where there is an FSM header: every runtime file has both.
    #[default]
    WithHeader,
    /// Always.
    Required,
    /// Never; one that is there is still checked.
    Optional,
}

/// What a checked footer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    /// CRC32C of everything before the last four bytes.
    pub crc32c: u32,
}

/// The checksum of a whole file, put together from ranges that are read at different times.
///
/// The reader enters the ranges it has read; bodies it left unread are gaps, filled in by whoever reads them
/// later, from any thread. A gap is filled once: a second reading must have the same checksum.
#[derive(Debug, Default)]
pub struct Ledger {
    ranges: Mutex<Vec<Range>>,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    offset: u64,
    length: u64,
    crc: Option<u32>,
}

impl Ledger {
    /// Enters the next range, directly behind the one before it. `crc` is `None` for a gap.
    pub(crate) fn push(&self, offset: u64, length: u64, crc: Option<u32>) {
        let mut ranges = self.lock();
        if let (Some(last), Some(crc)) = (ranges.last_mut(), crc)
            && let Some(before) = last.crc
        {
            last.crc = Some(crc32c::crc32c_combine(before, crc, to_usize(length)));
            last.length += length;
            return;
        }
        if length > 0 {
            ranges.push(Range {
                offset,
                length,
                crc,
            });
        }
    }

    /// Says how many bytes behind `offset` were left unread, if a gap starts there.
    #[must_use]
    pub fn gap_at(&self, offset: u64) -> Option<u64> {
        let ranges = self.lock();
        let at = ranges
            .binary_search_by_key(&offset, |range| range.offset)
            .ok()?;
        ranges
            .get(at)
            .filter(|range| range.crc.is_none())
            .map(|range| range.length)
    }

    /// Fills the gap at `offset` with the checksum of its bytes; anything that is not a gap is left alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Changed`] if the gap was filled before with another checksum.
    pub fn fill(&self, offset: u64, crc: u32) -> Result<(), Error> {
        let mut ranges = self.lock();
        let Ok(at) = ranges.binary_search_by_key(&offset, |range| range.offset) else {
            return Ok(());
        };
        let Some(range) = ranges.get_mut(at) else {
            return Ok(());
        };
        match range.crc {
            None => range.crc = Some(crc),
            Some(before) if before == crc => {}
            Some(_) => return Err(ErrorKind::Changed.at(offset)),
        }
        Ok(())
    }

    /// Returns the bytes still in gaps.
    #[must_use]
    pub fn unread_bytes(&self) -> u64 {
        self.lock()
            .iter()
            .filter(|range| range.crc.is_none())
            .map(|range| range.length)
            .sum()
    }

    /// Reads what is still unread and compares the whole with the footer.
    ///
    /// `step` is told the bytes of each piece read, and may stop the work with an error of its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FooterMismatch`], or a failed read.
    pub fn verify<E: From<Error>>(
        &self,
        source: &(impl ReadAt + ?Sized),
        stored: Footer,
        mut step: impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let ranges = self.lock().clone();
        let mut buf = Vec::new();
        let mut whole = 0;
        let mut end = 0;
        for range in ranges {
            let crc = match range.crc {
                Some(crc) => crc,
                None => read_crc(source, range, &mut buf, &mut step)?,
            };
            whole = crc32c::crc32c_combine(whole, crc, to_usize(range.length));
            end = range.offset + range.length;
        }
        if whole == stored.crc32c {
            return Ok(());
        }
        Err(ErrorKind::FooterMismatch {
            stored: stored.crc32c,
            computed: whole,
        }
        .at(end)
        .into())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Range>> {
        // Every update is a single assignment, so a panic elsewhere leaves nothing half done.
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_crc<E: From<Error>>(
    source: &(impl ReadAt + ?Sized),
    range: Range,
    buf: &mut Vec<u8>,
    step: &mut impl FnMut(u64) -> Result<(), E>,
) -> Result<u32, E> {
    buf.resize(WINDOW_BYTES, 0);
    let (mut crc, mut done) = (0, 0);
    while done < range.length {
        let want = to_usize((range.length - done).min(WINDOW_BYTES as u64));
        let piece = buf.get_mut(..want).unwrap_or_default();
        let at = range.offset + done;
        let read = read_exact_at(source, at, piece).map_err(|e| ErrorKind::Io(e).at(at))?;
        if read < want {
            return Err(ErrorKind::Changed.at(at).into());
        }
        crc = crc32c::crc32c_append(crc, piece);
        done += read as u64;
        step(read as u64)?;
    }
    Ok(crc)
}

/// A checksum as far as it is known when the last entry has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The file has no footer and none was due.
    NoFooter,
    /// The footer to compare with, once the ledger is complete.
    Footer(Footer),
}

/// Lengths of ranges in memory-mapped sizes; the format's files are far below 2^63 bytes.
fn to_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranges: &[(u64, u64, bool)], data: &[u8]) -> Result<(), Error> {
        let ledger = Ledger::default();
        for &(offset, length, read) in ranges {
            let piece = &data[offset as usize..(offset + length) as usize];
            ledger.push(offset, length, read.then(|| crc32c::crc32c(piece)));
        }
        let footer = Footer {
            crc32c: crc32c::crc32c(data),
        };
        ledger.verify(data, footer, |_| Ok::<_, Error>(()))
    }

    #[test]
    fn ranges_read_in_any_manner_add_up() {
        let data: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
        check(&[(0, 3_000_000, true)], &data).unwrap();
        check(
            &[
                (0, 10, true),
                (10, 2_000_000, false),
                (2_000_010, 999_990, true),
            ],
            &data,
        )
        .unwrap();
        check(&[(0, 1, true), (1, 1, true), (2, 2_999_998, false)], &data).unwrap();
    }

    #[test]
    fn a_gap_keeps_the_first_checksum() {
        let ledger = Ledger::default();
        ledger.push(0, 4, None);
        assert_eq!(ledger.gap_at(0), Some(4));
        ledger.fill(0, 7).unwrap();
        ledger.fill(0, 7).unwrap();
        assert!(matches!(
            ledger.fill(0, 8).unwrap_err().kind,
            ErrorKind::Changed
        ));
        assert_eq!(ledger.unread_bytes(), 0);
    }

    #[test]
    fn a_file_that_shrank_is_noticed() {
        let ledger = Ledger::default();
        ledger.push(0, 3, None);
        let footer = Footer {
            crc32c: crc32c::crc32c(b"ab"),
        };
        let error = ledger
            .verify(b"ab".as_slice(), footer, |_| Ok::<_, Error>(()))
            .unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Changed), "{error}");
    }

    #[test]
    fn other_content_is_noticed() {
        let ledger = Ledger::default();
        ledger.push(0, 3, None);
        let footer = Footer {
            crc32c: crc32c::crc32c(b"abc"),
        };
        let error = ledger
            .verify(b"abd".as_slice(), footer, |_| Ok::<_, Error>(()))
            .unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::FooterMismatch { .. }),
            "{error}"
        );
    }
}

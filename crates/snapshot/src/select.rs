use crate::batch::Entry;
use crate::error::{Error, ErrorKind};
use crate::row::{MvccRow, Row};

/// What a row means for its user key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The newest version, and alive: its body is the key's value.
    Visible,
    /// The newest version, and a deletion: the key does not exist.
    Tombstone,
    /// The newest version, but its version expiry lies at or before the snapshot's commit watermark.
    Expired,
    /// A newer version of the key came before.
    Superseded,
}

/// Decides for each row, in file order, whether it is the visible version of its key.
///
/// Rows ascend by stream key, so the newest version of a key comes first; but rows of longer keys can stand between two
/// versions. What can still return are exactly the keys that are a prefix of the current stream key, so only their
/// lengths are kept: exact in spite of interleaving, with memory for one key.
///
/// One selector serves one file, from its first entry or from the first entry of a key prefix on.
#[derive(Debug)]
pub struct Selector {
    last_commit_ts: u64,
    previous: Vec<u8>,
    /// Lengths of the open user keys, all of them prefixes of `previous`, ascending.
    open: Vec<usize>,
    any: bool,
}

impl Selector {
    /// Starts a selection that reads at `last_commit_ts`, the watermark in the stream's header.
    #[must_use]
    pub fn new(last_commit_ts: u64) -> Self {
        Selector {
            last_commit_ts,
            previous: Vec::new(),
            open: Vec::new(),
            any: false,
        }
    }

    /// Interprets the next entry and decides about it. `None` for a row that the store keeps for itself.
    ///
    /// # Errors
    ///
    /// What [`Entry::row`] finds, rows out of order, and two rows with one stream key.
    #[inline(always)]
    pub fn next<'a>(&mut self, entry: &Entry<'a>) -> Result<(Row<'a>, Option<Disposition>), Error> {
        let row = entry.row()?;
        let newest = match (entry.newest, &row) {
            (Some(newest), _) => newest,
            (None, Row::Operational(_)) => {
                self.advance(entry)?;
                return Ok((row, None));
            }
            (None, Row::Mvcc(row)) => {
                self.advance(entry)?;
                self.open(row.user_key.len())
            }
        };
        let disposition = match &row {
            Row::Operational(_) => None,
            Row::Mvcc(_) if !newest => Some(Disposition::Superseded),
            Row::Mvcc(row) => Some(self.newest(row)),
        };
        Ok((row, disposition))
    }

    #[inline]
    fn newest(&self, row: &MvccRow<'_>) -> Disposition {
        if row.tombstone {
            Disposition::Tombstone
        } else if row.expire_at != 0 && row.expire_at <= self.last_commit_ts {
            Disposition::Expired
        } else {
            Disposition::Visible
        }
    }

    /// Checks the order of rows and forgets the keys that cannot return.
    #[inline]
    fn advance(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let key = entry.key;
        let shared = common_prefix(&self.previous, key);
        match (self.previous.get(shared), key.get(shared)) {
            (Some(before), Some(now)) if before > now => {
                return Err(entry.error(ErrorKind::OutOfOrder));
            }
            (Some(_), None) => return Err(entry.error(ErrorKind::OutOfOrder)),
            (None, None) if self.any => return Err(entry.error(ErrorKind::DuplicateRow)),
            _ => {}
        }
        self.any = true;
        while self.open.last().is_some_and(|&length| length > shared) {
            self.open.pop();
        }
        self.previous.truncate(shared);
        self.previous
            .extend_from_slice(key.get(shared..).unwrap_or_default());
        Ok(())
    }

    /// Notes that a version of the current user key was seen; returns whether it is the first.
    #[inline]
    fn open(&mut self, length: usize) -> bool {
        match self.open.binary_search(&length) {
            Ok(_) => false,
            Err(at) => {
                self.open.insert(at, length);
                true
            }
        }
    }
}

#[inline]
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = 8;
    let words = a.as_chunks::<WORD>().0.iter().zip(b.as_chunks::<WORD>().0);
    let mut shared = 0;
    for (x, y) in words {
        let differing = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differing != 0 {
            return shared + (differing.trailing_zeros() / 8) as usize;
        }
        shared += WORD;
    }
    let tail = |bytes: &'_ [u8]| -> usize { bytes.len().min(shared) };
    let (a, b) = (
        a.get(tail(a)..).unwrap_or_default(),
        b.get(tail(b)..).unwrap_or_default(),
    );
    shared + a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_prefixes() {
        let text = b"0123456789abcdefghij";
        for n in 0..text.len() {
            assert_eq!(common_prefix(&text[..n], text), n);
            let mut other = text.to_vec();
            other[n] ^= 1;
            assert_eq!(common_prefix(&other, text), n);
        }
    }
}

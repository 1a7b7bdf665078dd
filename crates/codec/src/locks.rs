//! Locks of two-phase transactions that were not resolved when the snapshot was taken.

use std::path::Path;

use crate::error::Error;

/// Memory for sorting locks and commit records.
const BUDGET_BYTES: usize = 2 << 20;

const COMMIT: u8 = 0;
const LOCK: u8 = 1;

/// Joins visible locks with the commit records of their transactions.
///
/// A lock names the primary key of its transaction and its start; a commit record has both in its key. If both are
/// there, a live reader would serve the lock's write although its row does not show it yet.
pub(crate) struct Locks {
    facts: spill::Sorter,
    locks: u64,
}

impl Locks {
    pub(crate) fn new(scratch: &Path) -> Locks {
        Locks {
            facts: spill::Sorter::new(Some(scratch.to_owned()), BUDGET_BYTES),
            locks: 0,
        }
    }

    /// Notes a visible lock by its body.
    pub(crate) fn lock(&mut self, body: &[u8]) -> Result<(), Error> {
        self.locks += 1;
        // A lock of another form is counted all the same; it just finds no commit record.
        let transaction = transaction(body).unwrap_or_default();
        self.facts.push(&transaction, &[LOCK])?;
        Ok(())
    }

    /// Notes a visible commit record by the part of its key behind the prefix.
    pub(crate) fn commit(&mut self, transaction: &[u8]) -> Result<(), Error> {
        self.facts.push(transaction, &[COMMIT])?;
        Ok(())
    }

    /// Returns how many locks there are, and how many have a commit record.
    pub(crate) fn finish(self) -> Result<(u64, u64), Error> {
        if self.locks == 0 {
            return Ok((0, 0));
        }
        let mut committed = 0;
        let mut transaction = None;
        let mut facts = self.facts.finish()?;
        while let Some((key, value)) = facts.next()? {
            match value {
                [COMMIT] => transaction = Some(key.to_vec()),
                _ if transaction.as_deref() == Some(key) => committed += 1,
                _ => {}
            }
        }
        Ok((self.locks, committed))
    }
}

/// Puts a lock's primary key and start together as in the key of a commit record.
fn transaction(body: &[u8]) -> Option<Vec<u8>> {
    let (&[1], rest) = body.split_first_chunk::<1>()? else {
        return None;
    };
    let (start, rest) = rest.split_first_chunk::<8>()?;
    let (_expiry, rest) = rest.split_first_chunk::<8>()?;
    let (_flags, rest) = rest.split_first_chunk::<1>()?;
    let (length, primary) = rest.split_first_chunk::<8>()?;
    (u64::from_be_bytes(*length) == primary.len() as u64).then(|| [primary, start].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(start: u64, primary: &[u8]) -> Vec<u8> {
        let length = primary.len() as u64;
        [
            [1].as_slice(),
            &start.to_be_bytes(),
            &[0; 8],
            &[1],
            &length.to_be_bytes(),
            primary,
        ]
        .concat()
    }

    #[test]
    fn locks_find_their_commit_records() {
        let scratch = std::env::temp_dir();
        let mut locks = Locks::new(&scratch);
        locks
            .commit(&[b"k".as_slice(), &7_u64.to_be_bytes()].concat())
            .unwrap();
        locks
            .commit(&[b"other".as_slice(), &7_u64.to_be_bytes()].concat())
            .unwrap();
        for (start, primary) in [(7, b"k".as_slice()), (7, b"k"), (8, b"k"), (7, b"l")] {
            locks.lock(&body(start, primary)).unwrap();
        }
        locks.lock(b"something else").unwrap();
        assert_eq!(locks.finish().unwrap(), (5, 2));
    }
}

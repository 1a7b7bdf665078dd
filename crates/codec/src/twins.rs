//! Tells two snapshots of one Raft group from snapshots of two groups.

use std::path::Path;

use crate::error::{Error, escaped};

/// Memory for sorting keys of all inputs.
const BUDGET_BYTES: usize = 8 << 20;

/// Collects the user keys of several inputs. Groups share none, so a key that two inputs hold says that both are snapshots
/// of one group, and putting them together would mix two points in time.
pub(crate) struct Twins {
    keys: spill::Sorter,
}

impl Twins {
    pub(crate) fn new(scratch: &Path) -> Twins {
        Twins {
            keys: spill::Sorter::new(Some(scratch.to_owned()), BUDGET_BYTES),
        }
    }

    /// Notes a user key of an input.
    pub(crate) fn add(&mut self, user_key: &[u8], input: u32) -> Result<(), Error> {
        self.keys.push(user_key, &input.to_be_bytes())?;
        Ok(())
    }

    /// Looks for a key that two inputs hold.
    ///
    /// # Errors
    ///
    /// [`Error::SameGroup`], naming both.
    pub(crate) fn finish(self, name: impl Fn(u32) -> String) -> Result<(), Error> {
        let mut keys = self.keys.finish()?;
        let mut last: Option<(Vec<u8>, u32)> = None;
        while let Some((key, input)) = keys.next()? {
            let input = u32::from_be_bytes(input.try_into().map_err(|_| Error::Scratch("input"))?);
            match &mut last {
                Some((before, first)) if before == key => {
                    return Err(Error::SameGroup {
                        first: name(*first),
                        second: name(input),
                        key: escaped(key),
                    });
                }
                Some((before, first)) => {
                    before.clear();
                    before.extend_from_slice(key);
                    *first = input;
                }
                None => last = Some((key.to_vec(), input)),
            }
        }
        Ok(())
    }
}

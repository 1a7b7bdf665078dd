//! What was read from the list last, for several readers that each go through it in order.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::Entry;
use crate::ScratchError;

/// Files that are read at once.
const WINDOW: usize = 64;

/// Readers that each find their window again: one that sends, one that compares what arrived, and two to spare.
const WINDOWS: usize = 4;

/// The windows that were used last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Vec<Window>>);

#[derive(Debug)]
struct Window {
    /// The number of its first entry.
    start: usize,
    entries: Vec<Entry>,
}

impl Recent {
    /// Gives the entry with a number. `read` gives those with such numbers, which are counted from `base`.
    pub(super) fn entry(
        &self,
        index: usize,
        base: usize,
        read: impl FnOnce(Range<usize>) -> Result<Vec<Entry>, ScratchError>,
    ) -> Result<Option<Entry>, ScratchError> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |window: &Window| {
            let place = index.checked_sub(window.start);
            place.is_some_and(|place| place < window.entries.len())
        };
        match windows.iter().position(has) {
            // The order is that of use; the last one is nearly always meant.
            Some(place) if place + 1 < windows.len() => {
                let window = windows.remove(place);
                windows.push(window);
            }
            Some(_) => {}
            None => {
                let from = (index - base) / WINDOW * WINDOW;
                let entries = read(from..from + WINDOW)?;
                if windows.len() == WINDOWS {
                    windows.remove(0);
                }
                windows.push(Window {
                    start: base + from,
                    entries,
                });
            }
        }
        let entry = windows.last().and_then(|window| {
            let place = index.checked_sub(window.start)?;
            window.entries.get(place)
        });
        Ok(entry.cloned())
    }
}

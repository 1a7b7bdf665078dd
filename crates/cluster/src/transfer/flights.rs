//! What is on the way.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What has been sent and is not yet done with. It is short, so it is searched from the front.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<VecDeque<Flight>>);

/// A frame with content.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// Its number.
    pub(super) seq: u64,
    /// Payload in it.
    pub(super) bytes: u64,
    /// Content in it as it goes over the connection: with what an archive adds, or compressed.
    pub(super) wire_bytes: u64,
    /// Numbers of the files that are whole with it, in the order in which they are hashed.
    pub(super) files: Vec<u32>,
    /// Whether it is known that it landed; of archives that is told together with the digests.
    pub(super) landed: bool,
}

impl Flights {
    pub(super) fn push(&self, flight: Flight) {
        self.all().push_back(flight);
    }

    /// Takes one out.
    pub(super) fn remove(&self, seq: u64) -> Option<Flight> {
        let mut all = self.all();
        let place = all.iter().position(|flight| flight.seq == seq)?;
        all.remove(place)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Notes that one landed, the first time; returns the payload in it and what was carried for it. It is done with if it ends no
    /// file.
    pub(super) fn land(&self, seq: u64) -> Option<(u64, u64)> {
        let mut all = self.all();
        let place = all.iter().position(|flight| flight.seq == seq)?;
        let flight = all.get_mut(place).filter(|flight| !flight.landed)?;
        flight.landed = true;
        let landed = (flight.bytes, flight.wire_bytes);
        if flight.files.is_empty() {
            all.remove(place);
        }
        Some(landed)
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

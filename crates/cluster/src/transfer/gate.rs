//! How much may be on the way at once, and in what portions.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most payload that is sent and not yet landed, and so the most that an interruption costs.
pub(super) const WINDOW_BYTES: u64 = 8 << 20;

/// Most frames on the way. The far side keeps the lists of so many, and a few more.
const WINDOW_FRAMES: usize = 64;

const PORTION_FIRST_BYTES: usize = 256 << 10;
const PORTION_MIN_BYTES: usize = 64 << 10;
const PORTION_MAX_BYTES: usize = 4 << 20;

/// What portions are a multiple of: the far side reads in such blocks, and a rest costs it a process.
pub(super) const PORTION_STEP_BYTES: usize = 64 << 10;

/// Time that one portion may take: heart-beats stand behind it in the queue.
const PORTION_TIME: Duration = Duration::from_secs(1);

/// Lets a sender thread through while there is room.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Debug)]
struct State {
    bytes: u64,
    frames: usize,
    closed: bool,
    portion_bytes: usize,
    /// The same of what the connection carries, which is less where content is compressed.
    wire_bytes: usize,
    last: Instant,
}

/// The other side is gone.
#[derive(Debug)]
pub(super) struct Closed;

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                bytes: 0,
                frames: 0,
                closed: false,
                portion_bytes: PORTION_FIRST_BYTES,
                wire_bytes: PORTION_FIRST_BYTES,
                last: Instant::now(),
            }),
            room: Condvar::new(),
        }
    }

    /// Waits until so many bytes may be sent.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Closed> {
        let full = |state: &mut State| {
            let over = state.frames > 0 && state.bytes + bytes > WINDOW_BYTES;
            !state.closed && (over || state.frames >= WINDOW_FRAMES)
        };
        let waited = self.room.wait_while(self.state(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Closed);
        }
        if state.frames == 0 {
            state.last = Instant::now();
        }
        state.bytes += bytes;
        state.frames += 1;
        Ok(())
    }

    /// Tells that a frame arrived, with so much payload, for which so much content was carried.
    pub(super) fn give(&self, bytes: u64, wire_bytes: u64) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.frames = state.frames.saturating_sub(1);
        let took = state.last.elapsed();
        state.last = Instant::now();
        state.portion_bytes = portion(state.portion_bytes, bytes, took);
        state.wire_bytes = portion(state.wire_bytes, wire_bytes, took);
        drop(state);
        self.room.notify_all();
    }

    /// Tells how large a portion should be now.
    pub(super) fn portion_bytes(&self) -> usize {
        self.state().portion_bytes
    }

    /// Tells how much content of one frame the connection should have to carry now. It has shown that it can; perhaps it can
    /// carry more, which is found out as fast as portions grow.
    pub(super) fn wire_bytes(&self) -> usize {
        self.state().wire_bytes
    }

    /// Lets everybody know that it is over.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.room.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Grows to the double at most, and falls to what the time allows.
fn portion(now: usize, bytes: u64, took: Duration) -> usize {
    let rate = bytes as f64 / took.as_secs_f64().max(1e-6);
    let wanted = rate * PORTION_TIME.as_secs_f64();
    let limit = (now * 2).min(PORTION_MAX_BYTES);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped to a small positive range"
    )]
    let wanted = wanted.clamp(0.0, PORTION_MAX_BYTES as f64) as usize;
    let wanted = wanted.clamp(PORTION_MIN_BYTES, limit);
    wanted - wanted % PORTION_STEP_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_takes_about_a_second() {
        let second = Duration::from_secs(1);
        assert_eq!(portion(256 << 10, 256 << 10, second / 100), 512 << 10);
        assert_eq!(portion(4 << 20, 4 << 20, second / 100), 4 << 20);
        assert_eq!(portion(1 << 20, 300_000, second), 256 << 10);
        assert_eq!(portion(1 << 20, 1 << 20, second * 8), 128 << 10);
        assert_eq!(portion(64 << 10, 64 << 10, second * 100), 64 << 10);
    }

    #[test]
    fn what_is_larger_than_the_window_goes_alone() {
        let gate = Gate::new();
        gate.take(WINDOW_BYTES * 2).unwrap();
        gate.give(WINDOW_BYTES * 2, WINDOW_BYTES * 2);
        gate.take(1).unwrap();
        gate.close();
        gate.take(1).unwrap_err();
    }
}

//! How far a transfer is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of the payload: each figure is at most the one before it, and the first is at most the total.
///
/// After an interruption a figure can be lower than before: what was on the way is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The whole payload.
    pub total_bytes: u64,
    /// Handed to the connection, or found there.
    pub sent_bytes: u64,
    /// Written to the volume, as the far side says.
    pub acknowledged_bytes: u64,
    /// Read back there with the right digest.
    pub verified_bytes: u64,
}

/// Something that people want to know while a transfer runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody else holds the lock; whether that one is alive is being found out.
    Watching {
        /// What the holder says of itself.
        holder: String,
        /// How long it is watched.
        time: Duration,
    },
    /// The connection broke; it is tried again.
    Interrupted {
        /// What happened.
        cause: String,
        /// Time until the next attempt.
        pause: Duration,
    },
    /// What was found there need not be sent.
    Found {
        /// How much.
        bytes: u64,
    },
}

/// Takes note of what happens. Called from the task that carries; it must not block.
pub trait Observer: Send + Sync {
    /// The figures changed.
    fn progress(&self, _progress: Progress) {}

    /// Something happened.
    fn notice(&self, _notice: Notice) {}
}

/// Takes note of nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {}

/// The figures of one session, counted from several threads.
#[derive(Debug, Default)]
pub(super) struct Meter {
    total: u64,
    sent: AtomicU64,
    acknowledged: AtomicU64,
    verified: AtomicU64,
    /// Everything that went out, what went out twice included.
    launched: AtomicU64,
}

impl Meter {
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.launched.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self, bytes: u64) {
        self.acknowledged.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn verified(&self, bytes: u64) {
        self.verified.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts what is there without having been sent.
    pub(super) fn found(&self, landed: u64, verified: u64) {
        self.sent.fetch_add(landed, Ordering::Relaxed);
        self.acknowledged(landed);
        self.verified(verified);
    }

    /// Takes back what arrived and was not right.
    pub(super) fn spoiled(&self, bytes: u64) {
        self.sent.fetch_sub(bytes, Ordering::Relaxed);
        self.acknowledged.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn launched(&self) -> u64 {
        self.launched.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> Progress {
        let verified_bytes = self.verified.load(Ordering::Relaxed);
        let acknowledged_bytes = self.acknowledged.load(Ordering::Relaxed);
        Progress {
            total_bytes: self.total,
            verified_bytes,
            acknowledged_bytes,
            sent_bytes: self.sent.load(Ordering::Relaxed),
        }
    }
}

//! Attempts until it is done, hopeless, or has taken too long.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::Failure;
use super::progress::Meter;
use super::session::{Task, session};
use super::{Notice, Receipt, Setup, TransferError};
use crate::far::Far;

const PAUSE_MAX: Duration = Duration::from_secs(15);

pub(super) async fn carry(task: &Task<'_>, far: &dyn Far) -> Result<Receipt, TransferError> {
    let mut pauses = Pauses::new(task.setup);
    let mut progress = Instant::now();
    let (mut sent_bytes, mut sessions, mut best) = (0, 0, 0);
    loop {
        let meter = Arc::new(Meter::new(task.listing.total_bytes));
        let result = session(task, far, &meter).await;
        sessions += 1;
        sent_bytes += meter.launched();
        let last = match result {
            Ok(receipt) => {
                return Ok(Receipt {
                    sent_bytes,
                    sessions,
                    ..receipt
                });
            }
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Broken(last)) => last,
        };
        let acknowledged = meter.read().acknowledged_bytes;
        if acknowledged > best {
            (best, progress) = (acknowledged, Instant::now());
            pauses.begin_again();
        }
        let pause = pauses.next();
        if progress.elapsed() + pause > task.setup.retry {
            return Err(TransferError::RetriesUsedUp {
                budget: task.setup.retry,
                last,
            });
        }
        task.observer
            .notice(Notice::Interrupted { cause: last, pause });
        sleep(pause).await;
    }
}

/// Pauses that double, with a random part so that many clients do not come back at once.
#[derive(Debug)]
pub(super) struct Pauses {
    state: u64,
    first: Duration,
    next: Duration,
}

impl Pauses {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            state: setup.seed,
            first: setup.pause,
            next: setup.pause,
        }
    }

    pub(super) fn begin_again(&mut self) {
        self.next = self.first;
    }

    /// Returns between half and all of what is next.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(PAUSE_MAX);
        let part = u32::try_from(self.random() >> 40).unwrap_or(0);
        whole / 2 + whole.mul_f64(f64::from(part) / f64::from(1 << 24)) / 2
    }

    /// SplitMix64: good enough to spread pauses.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use dataset::names::TableName;

    use super::*;

    #[test]
    fn pauses_grow_within_bounds_and_differ_by_seed() {
        let take = |seed| -> Vec<Duration> {
            let setup = Setup {
                seed,
                ..Setup::new(TableName::fixed("cats"), "r", "p")
            };
            let mut pauses = Pauses::new(&setup);
            (0..10).map(|_| pauses.next()).collect()
        };
        let pauses = take(1);
        let mut whole = Duration::from_millis(500);
        for pause in &pauses {
            assert!(*pause >= whole / 2 && *pause <= whole, "{pause:?}");
            whole = (whole * 2).min(PAUSE_MAX);
        }
        assert_eq!(pauses, take(1));
        assert_ne!(pauses, take(2));
    }
}

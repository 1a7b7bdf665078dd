//! Every fault in every phase over both subprotocols: whatever happens, no push succeeds while volume and source differ, none loses or
//! mixes data, none hangs, and what it leaves is put right by the same command again.
//!
//! `LONGSHORE_SCENARIOS=N` runs another number of them, `LONGSHORE_SEED=N` begins elsewhere, `LONGSHORE_LANES=N` runs as many side by
//! side; a failure names its seed.

mod cell;
mod lot;
mod payload;
mod pool;
mod scenario;
mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pool::{Pool, Volume};
use sandbox::node::container::are_namespaces_allowed;
use scenario::Scenario;
use tally::Tally;

/// Scenarios of every run of the tests: each cell at least once.
const SCENARIOS: u64 = 350;

/// Most of a scenario is waiting, so several are under way side by side.
const LANES: u64 = 12;

/// How often a long run says how far it is.
const TOLD_EVERY: u64 = 1_000;

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

#[test]
fn every_cell_has_its_turn() {
    let cells = cell::cells();
    assert!(u64::try_from(cells.len()).unwrap() <= SCENARIOS);
    let all: std::collections::BTreeSet<_> = cells.iter().map(|cell| format!("{cell:?}")).collect();
    assert_eq!(all.len(), cells.len());
}

/// Where scenarios take place, and which is next.
struct Field {
    folders: Pool,
    /// `None` where the kernel lets nobody mount.
    mounted: Option<Pool>,
    next: AtomicU64,
    end: u64,
}

impl Field {
    fn open() -> Self {
        let first = number("LONGSHORE_SEED", 1);
        let mounted = are_namespaces_allowed().then(|| Pool::of(Volume::Mounted));
        if mounted.is_none() {
            testkit::shared::skip(
                "full and read-only volumes among the scenarios",
                "user and mount namespaces are not allowed here",
            );
        }
        Self {
            folders: Pool::of(Volume::Folder),
            mounted,
            next: AtomicU64::new(first),
            end: first + number("LONGSHORE_SCENARIOS", SCENARIOS),
        }
    }

    /// Runs one scenario after the other. One that fails does not keep the others from being tried.
    async fn lane(self: Arc<Self>) -> Tally {
        let mut tally = Tally::default();
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                return tally;
            }
            let field = Arc::clone(&self);
            match tokio::spawn(async move { field.one(seed).await }).await {
                Ok(one) => tally.add(one),
                Err(_) => tally.findings.push(seed),
            }
            if seed.is_multiple_of(TOLD_EVERY) {
                tell(&format!("at {seed}, this lane: {tally:?}"));
            }
        }
    }

    async fn one(&self, seed: u64) -> Tally {
        let mut tally = Tally::default();
        let scenario = Scenario::draw(seed);
        let pool = match scenario.strikes_volume() {
            true => self.mounted.as_ref(),
            false => Some(&self.folders),
        };
        if let Some(pool) = pool {
            let lent = pool.lend().await;
            scenario.run(lent.site(), &mut tally).await;
            lent.give_back().await;
        }
        tally
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what was tried is what a long run is for"
)]
fn tell(text: &str) {
    eprintln!("{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_nothing_is_lost_mixed_or_invented() {
    let field = Arc::new(Field::open());
    let lanes =
        (0..number("LONGSHORE_LANES", LANES)).map(|_| tokio::spawn(Arc::clone(&field).lane()));
    let mut tally = Tally::default();
    for lane in lanes.collect::<Vec<_>>() {
        tally.add(lane.await.unwrap());
    }
    tell(&format!("{tally:#?}"));
    tally.judge();
}

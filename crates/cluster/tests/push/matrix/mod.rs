//! Every fault in every phase over both subprotocols: whatever happens, no push succeeds while volume and source differ, none loses or
//! mixes data, none hangs, and what it leaves is put right by the same command again.
//!
//! `LONGSHORE_SCENARIOS=N` runs another number of them, `LONGSHORE_SEED=N` begins elsewhere, `LONGSHORE_LANES=N` runs as many side by
//! side; a failure names its seed.

mod cell;
mod lot;
mod payload;
mod scenario;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scenario::Tally;

use super::site::Site;

/// Scenarios of every run of the tests: each cell at least once.
const SCENARIOS: u64 = 320;

/// Most of a scenario is waiting, so several sites are used side by side.
const LANES: u64 = 12;

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

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_nothing_is_lost_mixed_or_invented() {
    let first = number("LONGSHORE_SEED", 1);
    let end = first + number("LONGSHORE_SCENARIOS", SCENARIOS);
    let next = Arc::new(AtomicU64::new(first));
    let lanes = (0..number("LONGSHORE_LANES", LANES)).map(|_| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            let site = Site::with(scenario::site).await;
            let mut tally = Tally::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return tally;
                }
                scenario::run(&site, seed, &mut tally).await;
            }
        })
    });
    let mut tally = Tally::default();
    for lane in lanes.collect::<Vec<_>>() {
        tally.add(lane.await.unwrap());
    }
    tally.tell();
    assert!(tally.has_struck_enough(), "{tally:?}");
}

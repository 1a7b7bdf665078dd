//! Merging more runs than memory has buffers for.

use crate::Error;
use crate::scratch::{Appender, Run};
use crate::sorted::{Sorted, Source};

/// A shorter buffer would cost a seek for too few records.
const BUFFER_MIN_BYTES: usize = 32 << 10;

/// A longer one gains nothing.
const BUFFER_MAX_BYTES: usize = 1 << 20;

/// Makes the runs one sequence, merging some beforehand until the buffers of the rest fit.
pub(crate) fn sorted(
    mut appender: Appender,
    mut runs: Vec<Run>,
    budget_bytes: usize,
    len: u64,
) -> Result<Sorted, Error> {
    let width = (budget_bytes / BUFFER_MIN_BYTES).max(2);
    while runs.len() > width {
        runs = merge_pass(&mut appender, &runs, width, budget_bytes)?;
    }
    let sources = open(&appender, &runs, budget_bytes);
    Ok(Sorted::new(sources, len))
}

/// Merges each group of neighbours into one run behind the others.
///
/// The file keeps the old runs, so each pass adds its size once.
fn merge_pass(
    appender: &mut Appender,
    runs: &[Run],
    width: usize,
    budget_bytes: usize,
) -> Result<Vec<Run>, Error> {
    let mut merged = Vec::new();
    for group in runs.chunks(width) {
        if let [single] = group {
            merged.push(*single);
            continue;
        }
        let start = appender.position();
        let mut sorted = Sorted::new(open(appender, group, budget_bytes), 0);
        while let Some((key, value)) = sorted.next()? {
            appender.append(key, value)?;
        }
        appender.flush()?;
        let end = appender.position();
        merged.push(Run { start, end });
    }
    Ok(merged)
}

fn open(appender: &Appender, runs: &[Run], budget_bytes: usize) -> Vec<Source> {
    let share = budget_bytes / runs.len().max(1);
    // A budget below two buffers is a test's; it gets its tiny buffers.
    let buffer_bytes = share.clamp(1, BUFFER_MAX_BYTES);
    runs.iter()
        .map(|run| Source::run(appender.cursor(*run, buffer_bytes)))
        .collect()
}

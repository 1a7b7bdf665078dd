//! What something took: time, processors, memory.

use std::time::{Duration, Instant};

/// What one turn took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Of this process, of its clients, and of what ran in a sandbox's pods.
    pub(crate) processor: Duration,
    /// Most memory that the client had at any time; 0 if there was none.
    pub(crate) resident_kib: u64,
}

impl Cost {
    /// Takes the time of something that happens elsewhere.
    pub(crate) fn of(something: impl FnOnce()) -> Self {
        let (begun, before) = (Instant::now(), processor());
        something();
        Self {
            wall: begun.elapsed(),
            processor: processor().saturating_sub(before),
            resident_kib: 0,
        }
    }
}

/// Returns the one whose time is in the middle.
pub(crate) fn middle(costs: &[Cost]) -> Cost {
    let mut costs = costs.to_vec();
    costs.sort_by_key(|cost| cost.wall);
    costs[costs.len() / 2]
}

/// Processor time of this process and of all its children that have ended, in the kernel's hundredths of a second.
pub(crate) fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_ascii_whitespace().skip(11).take(4);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The most memory that this process has had so far.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

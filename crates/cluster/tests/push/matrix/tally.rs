//! What scenarios came to.

use std::collections::BTreeMap;
use std::time::Duration;

/// How many scenarios came to what.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) scenarios: u64,
    /// Every rule did its harm at least once.
    pub(super) struck: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// The same command again delivered.
    pub(super) recovered: u64,
    /// The same command again found that the table is there already, rightly.
    pub(super) delivered_before: u64,
    /// The same command again delivered after the failed Job's part was removed.
    pub(super) cleared: u64,
    pub(super) resumed: u64,
    pub(super) places: BTreeMap<&'static str, u64>,
    /// The longest one.
    pub(super) longest: (Duration, u64),
    /// Seeds at which something was wrong.
    pub(super) findings: Vec<u64>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.struck += other.struck;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.recovered += other.recovered;
        self.delivered_before += other.delivered_before;
        self.cleared += other.cleared;
        self.resumed += other.resumed;
        for (place, count) in other.places {
            *self.places.entry(place).or_default() += count;
        }
        self.longest = self.longest.max(other.longest);
        self.findings.extend(other.findings);
    }

    /// Fails when something was found, or when faults struck nothing and so tried nothing. A byte may lie behind the end of a stream,
    /// so not all of them strike.
    pub(super) fn judge(&self) {
        assert!(self.findings.is_empty(), "findings at {:?}", self.findings);
        // A few scenarios, or the one that is looked at, say nothing about that.
        let is_many = self.scenarios >= 100;
        assert!(!is_many || self.struck * 2 >= self.scenarios, "{self:?}");
    }
}

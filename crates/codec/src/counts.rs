use std::collections::BTreeMap;

use crate::family::Family;

/// Where every row of the input went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// All rows.
    pub total: u64,
    /// Rows that the store keeps for itself.
    pub operational: u64,
    /// Versions that are not the newest of their key, deletions included.
    pub superseded: u64,
    /// Keys whose newest version is a deletion.
    pub deleted: u64,
    /// Keys whose newest version has expired by its own expiry.
    pub expired: u64,
    /// Visible rows of each family of the selected adapters.
    pub families: BTreeMap<Family, FamilyCount>,
    /// Visible rows of adapters, or within adapters of names, that were not selected.
    pub not_selected: u64,
    /// Visible rows that carry nothing of the user's.
    pub internal: u64,
    /// Visible rows with an unknown key prefix.
    pub unknown: u64,
    /// Encrypted rows, counted in the other numbers too.
    pub encrypted: u64,
}

/// The visible rows of one family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilyCount {
    /// Rows.
    pub rows: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

impl Counts {
    /// Says whether the parts add up to the total.
    #[must_use]
    pub fn add_up(&self) -> bool {
        let families: u64 = self.families.values().map(|count| count.rows).sum();
        self.total
            == self.operational
                + self.superseded
                + self.deleted
                + self.expired
                + families
                + self.not_selected
                + self.internal
                + self.unknown
    }

    /// Counts a visible row of a family.
    pub(crate) fn add(&mut self, family: Family, bytes: u64) {
        let count = self.families.entry(family).or_default();
        count.rows += 1;
        count.bytes += bytes;
    }
}

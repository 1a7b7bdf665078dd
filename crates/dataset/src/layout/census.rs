//! What a data directory holds, counted while its entries pass.

use std::collections::BTreeMap;

use super::{extension, raw_extension};

/// What there is besides the list of files.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// Extensions of the files that are sent.
    pub(super) accepted: Extensions,
    /// Those of files that are not, for theirs.
    pub(super) others: Extensions,
    /// The first subdirectories.
    pub(super) subdirectories: Vec<Box<[u8]>>,
    /// Whether a name of a file that is sent may have a twin.
    pub(super) has_unusual: bool,
}

/// How often there is which extension, whatever its case.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    /// The first one and how often it came: most directories have no other.
    first: Option<(Box<[u8]>, u64)>,
    /// All others, in lower case; a name without one is said to be so.
    others: BTreeMap<String, u64>,
}

impl Extensions {
    /// Counts that of a name.
    pub(super) fn count(&mut self, name: &[u8]) {
        let raw = raw_extension(name);
        match (&mut self.first, raw) {
            (Some((first, count)), Some(raw)) if raw.eq_ignore_ascii_case(first) => *count += 1,
            (first @ None, Some(raw)) => *first = Some((raw.into(), 1)),
            _ => *self.others.entry(named(name)).or_default() += 1,
        }
    }

    /// Gives the counts by name.
    pub(super) fn by_name(&self) -> BTreeMap<String, u64> {
        let mut all = self.others.clone();
        if let Some((first, count)) = &self.first {
            *all.entry(named(first)).or_default() += count;
        }
        all
    }
}

fn named(name: &[u8]) -> String {
    extension(name).unwrap_or_else(|| "without extension".to_owned())
}

/// Writes `.gif ×3, .webp ×1`.
pub(super) fn counted(extensions: &BTreeMap<String, u64>) -> String {
    let counted: Vec<_> = extensions
        .iter()
        .map(|(extension, count)| format!("{extension} ×{count}"))
        .collect();
    counted.join(", ")
}

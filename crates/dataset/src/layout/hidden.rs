//! Entries whose names begin with a dot. Some systems leave one beside every file.

use super::show;
use crate::finding::{Findings, Place};
use crate::rule::Rule;

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    count: u64,
    first: Option<String>,
}

impl Hidden {
    /// Counts one of a directory, whose name is empty for the top.
    pub(super) fn add(&mut self, directory: &str, name: &[u8]) {
        self.count += 1;
        self.first.get_or_insert_with(|| match directory {
            "" => show(name),
            _ => format!("{directory}/{}", show(name)),
        });
    }

    /// Mentions them.
    pub(super) fn note(&self, findings: &mut Findings) {
        let Some(first) = &self.first else {
            return;
        };
        let message = match self.count {
            1 => format!("`{first}` is left out because its name begins with a dot."),
            count => format!(
                "{count} entries whose name begins with a dot are left out, for instance `{first}`."
            ),
        };
        let place = Place::file(first.as_str());
        findings.add_many(Rule::EntryHidden, place, self.count, message);
    }
}

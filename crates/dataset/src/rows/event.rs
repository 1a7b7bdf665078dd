//! Time-to-event tables: the time column.

use std::sync::Arc;

use super::Row;
use crate::cell::{self, Number};
use crate::finding::Findings;
use crate::rule::Rule;

/// Checks the times while rows pass.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) index: usize,
    pub(crate) name: Arc<str>,
}

impl Event {
    /// Checks the next row.
    pub(crate) fn row(&self, row: Row<'_>, findings: &mut Findings) {
        let cell = row.record.cell(self.index);
        let token = cell::trim(cell);
        let number = row.number;
        if token.is_empty() || cell::is_curated_missing(cell) || cell::is_default_missing(cell) {
            let message = format!("Data row {number} has no time.");
            findings.add(Rule::EventMissingValue, row.place(&self.name), message);
            return;
        }
        let message = match Number::read(token) {
            None => format!("The time in data row {number} is not a number."),
            Some(_) if token.starts_with(b"-") && !is_zero(token) => {
                format!("The time in data row {number} is negative.")
            }
            Some(_) => return,
        };
        findings.add(Rule::EventValue, row.place(&self.name), message);
    }
}

fn is_zero(token: &[u8]) -> bool {
    Number::read(token).and_then(Number::finite) == Some(0.0)
}

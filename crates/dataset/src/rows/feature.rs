//! Features of time series, which all must be numbers.

use std::sync::Arc;

use super::Row;
use crate::cell::{self, Number};
use crate::csv::Header;
use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::size::amount;

/// Looks for words in columns while rows pass. Whether a column must be numeric is decided afterwards.
#[derive(Debug)]
pub(crate) struct Features {
    columns: Vec<Option<Words>>,
}

/// Words of a column.
#[derive(Clone, Copy, Debug)]
struct Words {
    count: u64,
    first_row: u64,
    first_line: u64,
}

impl Features {
    pub(crate) fn new(columns: usize) -> Features {
        Features {
            columns: vec![None; columns],
        }
    }

    /// Looks at the next row.
    pub(crate) fn row(&mut self, row: Row<'_>) {
        for (words, cell) in self.columns.iter_mut().zip(row.record.iter()) {
            if is_number(cell) {
                continue;
            }
            let words = words.get_or_insert(Words {
                count: 0,
                first_row: row.number,
                first_line: row.record.line,
            });
            words.count += 1;
        }
    }

    /// Reports the columns that must be numeric and are not.
    pub(crate) fn finish(
        &self,
        features: impl Iterator<Item = usize>,
        header: &Header,
        file: &Arc<str>,
        findings: &mut Findings,
    ) {
        for index in features {
            let Some(Some(words)) = self.columns.get(index) else {
                continue;
            };
            let name = &header.names()[index];
            let place = Place {
                row: Some(words.first_row),
                ..Place::file(Arc::clone(file))
                    .line(words.first_line)
                    .column(Arc::clone(name))
            };
            let message = format!(
                "Feature column `{name}` holds words in {}, the first being data row {}.",
                amount(words.count, "row"),
                words.first_row
            );
            findings.add_many(Rule::FeatureNumeric, place, words.count, message);
        }
    }
}

/// Missing values are allowed, and so are truth values, which become 1 and 0.
fn is_number(cell: &[u8]) -> bool {
    let token = cell::trim(cell);
    token.is_empty()
        || cell::is_default_missing(token)
        || cell::is_curated_missing(token)
        || Number::read(token).is_some()
        || token.eq_ignore_ascii_case(b"true")
        || token.eq_ignore_ascii_case(b"false")
}

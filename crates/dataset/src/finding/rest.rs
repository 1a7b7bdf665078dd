//! Findings beyond those in memory: on disk, in the order of rule and finding.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spill::{Sorted, Sorter};

use super::{Finding, Place};
use crate::age::Age;
use crate::rule::{Rule, TABLE};

/// Memory for what is not on disk yet.
const BUDGET_BYTES: usize = 4 << 20;

/// Takes findings, which come out sorted.
#[derive(Debug)]
pub(super) struct Rest {
    scratch_dir: PathBuf,
    sorters: Vec<Sorter>,
    /// Taking a finding cannot fail, so that this waits until somebody asks for them.
    error: Option<spill::Error>,
}

/// Gives them back.
pub(super) struct Reader {
    sorted: Sorted,
    for_ingestor: Option<Age>,
    next: Option<Finding>,
}

/// A finding as it lies on disk, under its rule and number.
#[derive(Serialize)]
struct Stored<'a> {
    file: Option<&'a str>,
    line: Option<u64>,
    row: Option<u64>,
    column: Option<&'a str>,
    message: &'a str,
    remedy: &'a str,
    count: u64,
}

impl Rest {
    pub(super) fn new(scratch_dir: &Path) -> Rest {
        Rest {
            scratch_dir: scratch_dir.to_owned(),
            sorters: Vec::new(),
            error: None,
        }
    }

    /// Makes another one with the same directory.
    pub(super) fn empty_like(&self) -> Rest {
        Rest::new(&self.scratch_dir)
    }

    /// Takes the finding with this number among those of its rule.
    pub(super) fn push(&mut self, finding: &Finding, number: u64) {
        if self.error.is_some() {
            return;
        }
        if self.sorters.is_empty() {
            let sorter = Sorter::new(Some(self.scratch_dir.clone()), BUDGET_BYTES);
            self.sorters.push(sorter);
        }
        let stored = Stored {
            file: finding.place.file.as_deref(),
            line: finding.place.line,
            row: finding.place.row,
            column: finding.place.column.as_deref(),
            message: &finding.message,
            remedy: &finding.remedy,
            count: finding.count,
        };
        // Text and numbers always serialise.
        let value = serde_json::to_vec(&stored).unwrap_or_default();
        if let Some(sorter) = self.sorters.first_mut() {
            self.error = sorter.push(&key(finding.rule, number), &value).err();
        }
    }

    /// Takes over what another one has.
    pub(super) fn absorb(&mut self, other: Rest) {
        self.sorters.extend(other.sorters);
        self.error = self.error.take().or(other.error);
    }

    pub(super) fn read(self, for_ingestor: Option<Age>) -> Result<Reader, spill::Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let sorted: Result<Vec<_>, _> = self.sorters.into_iter().map(Sorter::finish).collect();
        let mut reader = Reader {
            sorted: Sorted::merge(sorted?),
            for_ingestor,
            next: None,
        };
        reader.advance()?;
        Ok(reader)
    }
}

impl Reader {
    /// Gives the next finding if it is one of this rule.
    pub(super) fn next_of(&mut self, rule: Rule) -> Result<Option<Finding>, spill::Error> {
        if self.next.as_ref().is_none_or(|next| next.rule != rule) {
            return Ok(None);
        }
        let finding = self.next.take();
        self.advance()?;
        Ok(finding)
    }

    fn advance(&mut self) -> Result<(), spill::Error> {
        let for_ingestor = self.for_ingestor;
        self.next = self
            .sorted
            .next()?
            .and_then(|(key, value)| finding(key, value, for_ingestor));
        Ok(())
    }
}

fn key(rule: Rule, number: u64) -> Vec<u8> {
    let index = rule as u16;
    [&index.to_be_bytes()[..], &number.to_be_bytes()].concat()
}

fn finding(key: &[u8], value: &[u8], for_ingestor: Option<Age>) -> Option<Finding> {
    let index = u16::from_be_bytes(key.first_chunk().copied()?);
    let rule = TABLE.get(usize::from(index))?.rule;
    let stored: StoredOwned = serde_json::from_slice(value).ok()?;
    Some(Finding {
        rule,
        severity: rule.severity(for_ingestor),
        place: Place {
            file: stored.file.map(Arc::from),
            line: stored.line,
            row: stored.row,
            column: stored.column.map(Arc::from),
        },
        message: stored.message,
        remedy: stored.remedy,
        count: stored.count,
    })
}

/// The same with texts of its own, because escaped text cannot be borrowed.
#[derive(Deserialize)]
struct StoredOwned {
    file: Option<String>,
    line: Option<u64>,
    row: Option<u64>,
    column: Option<String>,
    message: String,
    remedy: String,
    count: u64,
}

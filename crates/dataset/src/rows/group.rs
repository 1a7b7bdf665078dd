//! Grouped time series: rows of one sequence, wherever in the file they are.

use std::path::Path;
use std::sync::Arc;

use spill::Sorter;

use super::Row;
use crate::cell::{self, Number};
use crate::csv::{Header, listed};
use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::size::amount;
use crate::task::Grouping;

/// Memory for rows before they go to disk.
const SORT_BUDGET_BYTES: usize = 32 << 20;

/// Collects group, time and label of each row while rows pass, and judges the groups afterwards.
pub(crate) struct Groups {
    group: (usize, Arc<str>),
    time: Option<(usize, Arc<str>)>,
    label: Option<(usize, Arc<str>)>,
    sorter: Sorter,
    /// Every label that is not missing is a finite number so far.
    labels_numeric: bool,
    times_bad: Vec<u64>,
    times_bad_count: u64,
    scratch: Vec<u8>,
}

/// Rows with a bad time that are named.
const NAMED_ROWS: usize = 5;

/// What was found out about a table's groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupCount {
    pub(crate) groups: u64,
}

impl Groups {
    /// Prepares for the columns that are there. `None` without a group column.
    pub(crate) fn new(
        grouping: Grouping,
        header: &Header,
        label: Option<usize>,
        scratch_dir: &Path,
    ) -> Option<Groups> {
        let column = |index: usize| (index, Arc::clone(&header.names()[index]));
        Some(Groups {
            group: column(header.loose(grouping.group_column)?),
            time: header.loose(grouping.time_column).map(column),
            label: label.map(column),
            sorter: Sorter::new(Some(scratch_dir.to_owned()), SORT_BUDGET_BYTES),
            labels_numeric: true,
            times_bad: Vec::new(),
            times_bad_count: 0,
            scratch: Vec::new(),
        })
    }

    /// Takes the next row.
    pub(crate) fn row(
        &mut self,
        row: Row<'_>,
        findings: &mut Findings,
    ) -> Result<(), spill::Error> {
        let id = row.record.cell(self.group.0);
        let is_null = cell::is_default_missing(id) || cell::trim(id).is_empty();
        if is_null {
            let message = format!("Data row {} names no sequence.", row.number);
            findings.add(Rule::GroupNullId, row.place(&self.group.1), message);
        }
        let time = self.time_of(row);
        let label = self
            .label
            .as_ref()
            .map(|(index, _)| row.record.cell(*index));
        if let Some(label) = label.filter(|label| !cell::is_default_missing(label)) {
            self.labels_numeric &= number(label).is_some();
        }
        if is_null {
            return Ok(());
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(&row.number.to_be_bytes());
        self.scratch
            .extend_from_slice(&time.unwrap_or(f64::NAN).to_be_bytes());
        self.scratch.extend_from_slice(label.unwrap_or_default());
        self.sorter.push(id, &self.scratch)
    }

    fn time_of(&mut self, row: Row<'_>) -> Option<f64> {
        let (index, _) = self.time.as_ref()?;
        let time = number(row.record.cell(*index));
        if time.is_none() {
            self.times_bad_count += 1;
            if self.times_bad.len() < NAMED_ROWS {
                self.times_bad.push(row.number);
            }
        }
        time
    }

    /// Judges all groups. Times are judged only if their column is numeric.
    pub(crate) fn finish(
        self,
        time_is_numeric: bool,
        file: &Arc<str>,
        findings: &mut Findings,
    ) -> Result<GroupCount, spill::Error> {
        let place = |column: &Arc<str>| Place::file(Arc::clone(file)).column(Arc::clone(column));
        let judge_times = time_is_numeric && self.times_bad_count == 0;
        if let Some((_, name)) = self
            .time
            .as_ref()
            .filter(|_| time_is_numeric && self.times_bad_count > 0)
        {
            let message = format!(
                "`{name}` is not a number in {}: data row {}.",
                amount(self.times_bad_count, "row"),
                rows(&self.times_bad, self.times_bad_count)
            );
            findings.add_many(
                Rule::GroupTimeNumber,
                place(name),
                self.times_bad_count,
                message,
            );
        }
        let mut sorted = self.sorter.finish()?;
        let mut judge = Judge {
            numeric: self.labels_numeric,
            judge_times,
            ..Judge::default()
        };
        while let Some((id, value)) = sorted.next()? {
            judge.row(id, value);
        }
        judge.end_group();
        if let Some((_, name)) = self.label.as_ref().filter(|_| judge.mixed.0 > 0) {
            let message = format!(
                "{} with more than one label, beginning in data row {}.",
                amount(judge.mixed.0, "sequence"),
                rows(&judge.mixed.1, judge.mixed.0)
            );
            findings.add_many(Rule::GroupLabel, place(name), judge.mixed.0, message);
        }
        if let Some((_, name)) = self.time.as_ref().filter(|_| judge.backwards.0 > 0) {
            let message = format!(
                "Time runs backwards in {}, first in data row {}.",
                amount(judge.backwards.0, "sequence"),
                rows(&judge.backwards.1, judge.backwards.0)
            );
            findings.add_many(
                Rule::GroupTimeOrder,
                place(name),
                judge.backwards.0,
                message,
            );
        }
        Ok(GroupCount {
            groups: judge.groups,
        })
    }
}

/// Goes through rows sorted by group, then by row.
#[derive(Default)]
struct Judge {
    numeric: bool,
    judge_times: bool,
    groups: u64,
    id: Option<Vec<u8>>,
    first_row: u64,
    label: Vec<u8>,
    last_time: f64,
    is_mixed: bool,
    decreases_at: Option<u64>,
    /// Groups with several labels, and the first rows of the first of them.
    mixed: (u64, Vec<u64>),
    /// Groups whose time decreases, and the rows where it does.
    backwards: (u64, Vec<u64>),
}

impl Judge {
    fn row(&mut self, id: &[u8], value: &[u8]) {
        let (Some((row, rest)), true) = (value.split_first_chunk::<8>(), value.len() >= 16) else {
            return;
        };
        let Some((time, label)) = rest.split_first_chunk::<8>() else {
            return;
        };
        let (row, time) = (u64::from_be_bytes(*row), f64::from_be_bytes(*time));
        if self.id.as_deref() != Some(id) {
            self.end_group();
            self.id = Some(id.to_owned());
            self.groups += 1;
            self.first_row = row;
            self.label = label.to_owned();
            self.last_time = time;
            return;
        }
        self.is_mixed |= !self.same_label(label);
        if self.judge_times && time < self.last_time {
            self.decreases_at.get_or_insert(row);
        }
        self.last_time = time;
    }

    fn same_label(&self, label: &[u8]) -> bool {
        let missing = (
            cell::is_default_missing(&self.label),
            cell::is_default_missing(label),
        );
        match missing {
            (true, true) => true,
            (false, false) if self.numeric => number(&self.label) == number(label),
            (false, false) => self.label == label,
            _ => false,
        }
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.is_mixed) {
            note(&mut self.mixed, self.first_row);
        }
        if let Some(row) = self.decreases_at.take() {
            note(&mut self.backwards, row);
        }
    }
}

/// Counts a group and keeps the smallest row numbers, because groups come in the order of their names.
fn note(groups: &mut (u64, Vec<u64>), row: u64) {
    groups.0 += 1;
    let position = groups.1.partition_point(|earlier| *earlier < row);
    groups.1.insert(position, row);
    groups.1.truncate(NAMED_ROWS);
}

fn rows(named: &[u64], count: u64) -> String {
    let named: Vec<_> = named.iter().map(u64::to_string).collect();
    let text = listed(named.iter().map(String::as_str));
    match count - named.len() as u64 {
        0 => text,
        more => format!("{text} (+{more} more)"),
    }
}

fn number(cell: &[u8]) -> Option<f64> {
    match cell::trim(cell) {
        [] => None,
        token => Number::read(token).and_then(Number::finite),
    }
}

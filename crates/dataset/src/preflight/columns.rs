//! Rules about the header: which columns there are and what they are called.

use std::sync::Arc;

use crate::csv::Header;
use crate::finding::{Findings, Place};
use crate::forecast;
use crate::rule::Rule;
use crate::sql_type::is_reserved;
use crate::tabular::{self, Schema};
use crate::task::{Family, Task};

/// Longer names are refused by the database.
const NAME_MAX_CHARS: usize = 64;

/// Tables cannot have more columns.
const COLUMNS_MAX: usize = 4000;

/// Checks the names of all columns.
pub(super) fn names(
    header: &Header,
    declared: Option<&Schema>,
    task: Task,
    file: &Arc<str>,
    findings: &mut Findings,
) -> Width {
    for name in header.duplicates() {
        let place = Place::file(Arc::clone(file)).line(1);
        let (message, place) = match name.is_empty() {
            true => ("More than one column has no name.".to_owned(), place),
            false => (
                format!("Column `{name}` occurs more than once in the header."),
                place.column(name),
            ),
        };
        findings.add(Rule::CsvDuplicateHeader, place, message);
    }
    let enters_schema = |name: &str| {
        task.family() == Family::Tabular
            && match declared {
                Some(schema) => schema.get(name).is_some(),
                None => !is_reserved(name),
            }
    };
    let rule = |entering: bool| match entering {
        true => Rule::CsvColumnName,
        false => Rule::CsvColumnNameOther,
    };
    let place = |name: &Arc<str>| {
        let place = Place::file(Arc::clone(file)).line(1);
        match name.is_empty() {
            true => place,
            false => place.column(Arc::clone(name)),
        }
    };
    for (number, name) in (1..).zip(header.names()) {
        let message = match name.chars().count() {
            0 => format!("Column {number} has no name."),
            chars if chars > NAME_MAX_CHARS => format!(
                "The name of column {number} has {chars} characters; at most {NAME_MAX_CHARS} are allowed."
            ),
            _ => continue,
        };
        findings.add(rule(enters_schema(name)), place(name), message);
    }
    let mut is_too_wide = false;
    for entering in [true, false] {
        let names = header.names().iter();
        let count = names.filter(|name| enters_schema(name) == entering).count();
        if count > COLUMNS_MAX {
            is_too_wide = true;
            let message =
                format!("The table has {count} columns; at most {COLUMNS_MAX} are allowed.");
            let place = Place::file(Arc::clone(file)).line(1);
            findings.add(rule(entering), place, message);
        }
    }
    // Each further look at the names would take as much memory again.
    if is_too_wide {
        return Width::TooWide;
    }
    let entering = |wanted: bool| {
        let names = header.names().iter().enumerate();
        names
            .filter(move |(_, name)| enters_schema(name) == wanted)
            .map(|(index, _)| index)
    };
    for index in header.twins(entering(true)) {
        let name = &header.names()[index];
        let message =
            format!("Column `{name}` differs from an earlier one only by case or Unicode form.");
        findings.add(Rule::CsvColumnName, place(name), message);
    }
    let all_twins = header.twins(0..header.len()).into_iter();
    for index in all_twins.filter(|index| !enters_schema(&header.names()[*index])) {
        let name = &header.names()[index];
        let message =
            format!("Column `{name}` differs from an earlier one only by case or Unicode form.");
        findings.add(Rule::CsvColumnNameOther, place(name), message);
    }
    Width::Fits
}

/// Whether a table can have as many columns as a header has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Fits,
    TooWide,
}

/// Finds a column whose name must be exactly this, or says what is there instead.
pub(super) fn exact(
    header: &Header,
    wanted: &str,
    rule: Rule,
    file: &Arc<str>,
    findings: &mut Findings,
) -> Option<usize> {
    let found = header.exact(wanted);
    if found.is_none() {
        let place = Place::file(Arc::clone(file)).line(1).column(wanted);
        match header.ignoring_case(wanted) {
            Some(other) => {
                let other = &header.names()[other];
                let message = format!("The header spells `{wanted}` as `{other}`; case counts.");
                let remedy = format!("Rename the column to `{wanted}`.");
                findings.add_remedied(rule, place, message, remedy);
            }
            None => {
                let message = format!(
                    "There is no column `{wanted}`; the header has {}.",
                    header.listed()
                );
                add_absent(header, rule, place, message, findings);
            }
        }
    }
    found
}

/// Adds a finding about a column that is not there, with what is most likely the matter where nothing seems to be separated.
fn add_absent(header: &Header, rule: Rule, place: Place, message: String, findings: &mut Findings) {
    let separator = match header.names() {
        [one] => [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")]
            .into_iter()
            .find(|(separator, _)| one.contains(*separator)),
        _ => None,
    };
    match separator {
        Some((_, name)) => {
            let remedy =
                format!("Save the file with commas between columns; it seems to have {name}.");
            findings.add_remedied(rule, place, message, remedy);
        }
        None => findings.add(rule, place, message),
    }
}

/// Finds the label column.
pub(super) fn label(
    header: &Header,
    wanted: &str,
    file: &Arc<str>,
    findings: &mut Findings,
) -> Option<usize> {
    let found = header.loose(wanted);
    if found.is_none() {
        let place = Place::file(Arc::clone(file)).line(1).column(wanted);
        let message = format!(
            "There is no label column `{wanted}`; the header has {}.",
            header.listed()
        );
        add_absent(header, Rule::LabelMissingColumn, place, message, findings);
    }
    found
}

/// Finds the time column of a time-to-event table. A given name may be spelled in another case, because the header's spelling is
/// what the cluster is told; the default name may not.
pub(super) fn time(
    header: &Header,
    given: Option<&str>,
    file: &Arc<str>,
    findings: &mut Findings,
) -> Option<usize> {
    match given {
        Some(given) => header
            .loose(given)
            .or_else(|| exact(header, given, Rule::EventColumn, file, findings)),
        None => exact(header, "time", Rule::EventColumn, file, findings),
    }
}

/// Checks declared columns, and the ones that a task wants declared.
pub(super) fn schema(
    header: &Header,
    schema: &Schema,
    task: Task,
    file: &Arc<str>,
    findings: &mut Findings,
) {
    if !schema.is_inferred {
        tabular::declared_names(schema, header, file, findings);
    }
    let place = || Place::file(Arc::clone(file)).line(1);
    if let Some(grouping) = task.contract().grouping {
        let wanted = [grouping.group_column, grouping.time_column];
        for name in wanted.into_iter().filter(|name| schema.get(name).is_none()) {
            let message = format!("The schema has no column `{name}`.");
            findings.add(Rule::GroupSchema, place().column(name), message);
        }
    }
    if findings.applies(Rule::ForecastColumn) {
        match schema.get("timestamp") {
            Some(column) => {
                forecast::check_type(&column.sql_type, place().column("timestamp"), findings);
                // A declared column that the header lacks has been reported.
            }
            None => {
                let message = format!(
                    "The schema has no column `timestamp`; the header has {}.",
                    header.listed()
                );
                findings.add(Rule::ForecastColumn, place().column("timestamp"), message);
            }
        }
    }
}

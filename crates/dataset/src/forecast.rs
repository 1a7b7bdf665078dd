//! Forecasting tables: the `timestamp` column.

mod timestamp;

use std::sync::Arc;

use jiff::civil::Date;

use crate::cell::{self, Moment, Zone};
use crate::csv::Record;
use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::sql_type::SqlType;
use timestamp::Timestamp;

/// Checks the timestamps while rows pass.
#[derive(Debug)]
pub(crate) struct Forecast {
    index: usize,
    name: Arc<str>,
    today: Date,
    last: Option<(Moment, bool)>,
}

/// Says whether a trimmed cell could be a date for a permissive parser.
pub(crate) fn reads_as_date(token: &[u8]) -> bool {
    timestamp::read(token) != Timestamp::No
}

/// Judges the declared type of the column.
pub(crate) fn check_type(sql_type: &str, place: Place, findings: &mut Findings) {
    let Some(word) = SqlType::parse(sql_type).map(|parsed| parsed.word) else {
        return;
    };
    let (rule, message) = match word {
        "TIMESTAMP" => return,
        "DATE" | "DATETIME" => (
            Rule::ForecastType,
            format!("`timestamp` is declared as {word}, which only the newest ingestors accept."),
        ),
        _ => (
            Rule::ForecastTypeOther,
            format!("`timestamp` is of type {word}, which is not a date type."),
        ),
    };
    findings.add(rule, place, message);
}

impl Forecast {
    /// Prepares for the column at `index`. `today` is the day in UTC.
    pub(crate) fn new(index: usize, name: Arc<str>, today: Date) -> Forecast {
        Forecast {
            index,
            name,
            today,
            last: None,
        }
    }

    /// Checks the next row.
    pub(crate) fn row(
        &mut self,
        record: &Record<'_>,
        row: u64,
        file: &Arc<str>,
        findings: &mut Findings,
    ) {
        let place = || Place {
            file: Some(Arc::clone(file)),
            line: Some(record.line),
            row: Some(row),
            column: Some(Arc::clone(&self.name)),
        };
        let cell = record.cell(self.index);
        let token = cell::trim(cell);
        if token.is_empty() || cell::is_curated_missing(cell) || cell::is_default_missing(cell) {
            let message = format!("Data row {row} has no timestamp.");
            findings.add(Rule::ForecastValue, place(), message);
            return;
        }
        match timestamp::read(token) {
            Timestamp::Known(value) => {
                let moment = (value.moment(), value.zone == Zone::Naive);
                self.judge(moment, value.date, row, place, findings);
                self.last = Some(moment);
            }
            Timestamp::Ambiguous => {
                let message = format!(
                    "The timestamp in data row {row} is one day with the month first and another with the day first."
                );
                findings.add(Rule::ForecastAmbiguous, place(), message);
            }
            Timestamp::Plausible => {}
            Timestamp::No => {
                let message = format!("The timestamp in data row {row} is not a date.");
                findings.add(Rule::ForecastValue, place(), message);
            }
        }
    }

    fn judge(
        &self,
        moment: (Moment, bool),
        date: Date,
        row: u64,
        place: impl Fn() -> Place,
        findings: &mut Findings,
    ) {
        // Moments with a zone and without one cannot be compared.
        let earlier = self
            .last
            .is_some_and(|(last, naive)| naive == moment.1 && moment.0 < last);
        if earlier {
            let message =
                format!("The timestamp in data row {row} is earlier than the one before.");
            findings.add(Rule::ForecastOrder, place(), message);
        }
        if date > self.today {
            let message =
                format!("The timestamp in data row {row} is on a day that has not come yet.");
            findings.add(Rule::ForecastFuture, place(), message);
        } else if date == self.today || self.today.yesterday().is_ok_and(|day| date == day) {
            let message = format!("The timestamp in data row {row} is of today or yesterday.");
            findings.add(Rule::ForecastFutureNear, place(), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::Records;
    use crate::task::Task;

    fn check(cells: &str, expected: &[(&str, u64)]) {
        let mut findings = Findings::new(Some(Task::TimeSeriesForecasting), None);
        let today = jiff::civil::date(2026, 3, 10);
        let mut forecast = Forecast::new(0, "timestamp".into(), today);
        let mut records = Records::new(cells.as_bytes()).unwrap();
        let mut row = 0;
        while let Some(record) = records.next().unwrap() {
            row += 1;
            forecast.row(&record, row, &"data.csv".into(), &mut findings);
        }
        let found = findings.kept().iter();
        let found: Vec<_> = found
            .map(|finding| (finding.rule.id(), finding.place.row.unwrap()))
            .collect();
        assert_eq!(found, expected, "{cells}");
    }

    #[test]
    fn order_is_judged_against_the_row_before() {
        check("2024-01-01\n2024-01-01\n2024-01-02 00:00:00\n", &[]);
        check(
            "2024-01-02\n2024-01-01\n2024-01-01\n",
            &[("forecast.order", 2)],
        );
        check("2024-01-02\n01/01/2024\n", &[("forecast.order", 2)]);
        check(
            "2024-01-01T10:00:00+02:00\n2024-01-01T09:00:00Z\n2024-01-01T08:59:00Z\n",
            &[("forecast.order", 3)],
        );
    }

    #[test]
    fn missing_and_unreadable_values_are_refused() {
        check(
            "2024-01-01\nNA\n\"\"\n#NA\nsomeday\n2024-02-30\n",
            &[
                ("forecast.value", 2),
                ("forecast.value", 3),
                ("forecast.value", 4),
                ("forecast.value", 5),
                ("forecast.value", 6),
            ],
        );
    }

    #[test]
    fn only_dates_with_two_readings_are_ambiguous() {
        check("01/13/2024\n14/01/2024\n02/02/2024\n", &[]);
        check("03/04/2024\n", &[("forecast.ambiguous", 1)]);
    }

    #[test]
    fn the_future_begins_where_the_clock_may_disagree() {
        check(
            "2026-03-08\n2026-03-09\n2026-03-10 23:00:00\n2026-03-11\n",
            &[
                ("forecast.future", 2),
                ("forecast.future", 3),
                ("forecast.future", 4),
            ],
        );
        let severity = |rule: Rule| rule.severity(None);
        assert_ne!(
            severity(Rule::ForecastFuture),
            severity(Rule::ForecastFutureNear)
        );
    }

    #[test]
    fn types_are_judged_by_age() {
        for (sql_type, expected) in [
            ("TIMESTAMP", vec![]),
            ("DATETIME", vec![Rule::ForecastType]),
            ("INT", vec![Rule::ForecastTypeOther]),
        ] {
            let mut findings = Findings::new(Some(Task::TimeSeriesForecasting), None);
            check_type(sql_type, Place::nowhere(), &mut findings);
            let rules: Vec<_> = findings.counts().map(|(rule, _)| rule).collect();
            assert_eq!(rules, expected, "{sql_type}");
        }
    }
}

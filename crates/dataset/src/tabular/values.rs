//! Values against declared types, as the cluster checks them before it loads a table.

use std::sync::Arc;

use super::schema::Schema;
use crate::cell::{self, Calendar, Number};
use crate::csv::{Header, Record};
use crate::finding::{Findings, Place};
use crate::rule::Rule;
use crate::sql_type::{Holds, SqlType};

/// Checks the cells of declared columns while rows pass.
#[derive(Debug)]
pub(crate) struct ValueChecks {
    columns: Vec<ColumnCheck>,
}

#[derive(Debug)]
struct ColumnCheck {
    index: usize,
    name: Arc<str>,
    sql_type: SqlType,
}

/// What is wrong with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flaw {
    rule: Rule,
    /// Finishes the sentence "Column `x` … in data row n."
    what: &'static str,
}

impl ValueChecks {
    /// Prepares for a table. Columns in `except` are left out: the cluster takes label, group and time columns out of the schema
    /// before it checks values.
    pub(crate) fn new(schema: &Schema, header: &Header, except: &[usize]) -> ValueChecks {
        let columns = schema.columns.iter().filter_map(|column| {
            let index = header.exact(&column.name)?;
            let sql_type = column.parsed()?;
            let checked = !except.contains(&index) && sql_type.holds() != Holds::Bytes;
            checked.then(|| ColumnCheck {
                index,
                name: Arc::clone(&column.name),
                sql_type,
            })
        });
        ValueChecks {
            columns: columns.collect(),
        }
    }

    /// Checks the next row.
    pub(crate) fn row(
        &self,
        record: &Record<'_>,
        row: u64,
        file: &Arc<str>,
        findings: &mut Findings,
    ) {
        for column in &self.columns {
            let Some(flaw) = flaw(column.sql_type, record.cell(column.index)) else {
                continue;
            };
            let place = Place {
                file: Some(Arc::clone(file)),
                line: Some(record.line),
                row: Some(row),
                column: Some(Arc::clone(&column.name)),
            };
            let message = format!(
                "Column `{}`, declared as {}, {} in data row {row}.",
                column.name, column.sql_type.word, flaw.what
            );
            findings.add(flaw.rule, place, message);
        }
    }
}

fn flaw(sql_type: SqlType, cell: &[u8]) -> Option<Flaw> {
    let token = cell::trim(cell);
    if token.is_empty() || cell::is_curated_missing(cell) {
        return None;
    }
    match sql_type.holds() {
        Holds::Integers => integer(sql_type, token),
        Holds::Numbers => number(token),
        Holds::Text => text(sql_type, token),
        Holds::Booleans => boolean(token),
        Holds::Dates => date(token),
        Holds::Times => time(token),
        Holds::Bytes => None,
    }
}

fn integer(sql_type: SqlType, token: &[u8]) -> Option<Flaw> {
    let what = match Number::read(token) {
        None => "has something that is not a number",
        Some(Number::Fraction(_)) => "has a number with a fraction",
        Some(Number::Nan) => return None,
        Some(Number::Infinite) => return infinite(),
        Some(Number::Large(_)) => {
            return Some(Flaw {
                rule: Rule::ValueRange,
                what: "has a number beyond 64 bits",
            });
        }
        Some(Number::Whole(value)) => return beyond_declared(sql_type, value),
    };
    Some(Flaw {
        rule: Rule::ValueNumeric,
        what,
    })
}

fn beyond_declared(sql_type: SqlType, value: i64) -> Option<Flaw> {
    let limit = 1i64 << (sql_type.integer_bits()? - 1);
    (!(-limit..limit).contains(&value)).then_some(Flaw {
        rule: Rule::ValueRangeDeclared,
        what: "has a number that the declared type is too small for",
    })
}

fn number(token: &[u8]) -> Option<Flaw> {
    match Number::read(token) {
        None => Some(Flaw {
            rule: Rule::ValueNumeric,
            what: "has something that is not a number",
        }),
        Some(Number::Infinite) => infinite(),
        Some(_) => None,
    }
}

fn infinite() -> Option<Flaw> {
    Some(Flaw {
        rule: Rule::ValueRange,
        what: "has a number that is infinite or too large",
    })
}

fn text(sql_type: SqlType, token: &[u8]) -> Option<Flaw> {
    let length = sql_type.length?;
    let chars = cell::chars(token);
    let what = match sql_type.word {
        "CHAR" if chars != length => "has a text that is not exactly as long as declared",
        "VARCHAR" if chars > length => "has a text that is longer than declared",
        _ => return None,
    };
    Some(Flaw {
        rule: Rule::ValueLength,
        what,
    })
}

fn boolean(token: &[u8]) -> Option<Flaw> {
    const WORDS: [&[u8]; 8] = [b"true", b"false", b"yes", b"no", b"y", b"n", b"t", b"f"];
    let known = WORDS.iter().any(|word| token.eq_ignore_ascii_case(word));
    // A column of 0 and 1 with a gap is written as 0.0 and 1.0 by many programs.
    let zero_or_one = || matches!(Number::read(token), Some(Number::Whole(0 | 1)));
    (!known && !zero_or_one()).then_some(Flaw {
        rule: Rule::ValueBoolean,
        what: "has something that is neither true nor false",
    })
}

fn date(token: &[u8]) -> Option<Flaw> {
    let known = Calendar::read(token).is_some() || crate::forecast::reads_as_date(token);
    (!known).then_some(Flaw {
        rule: Rule::ValueDate,
        what: "has something that is perhaps not a date",
    })
}

/// `HH:MM` with optional seconds.
fn time(token: &[u8]) -> Option<Flaw> {
    let known =
        std::str::from_utf8(token).is_ok_and(|text| text.parse::<jiff::civil::Time>().is_ok());
    (!known).then_some(Flaw {
        rule: Rule::ValueDate,
        what: "has something that is perhaps not a time",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql_type: &str, good: &[&str], bad: &[(&str, Rule)]) {
        let sql_type = SqlType::parse(sql_type).unwrap();
        let rule = |cell: &str| flaw(sql_type, cell.as_bytes()).map(|flaw| flaw.rule);
        for cell in good.iter().chain(&["", "  ", "NA", "none"]) {
            assert_eq!(rule(cell), None, "{sql_type:?} {cell}");
        }
        for (cell, expected) in bad {
            assert_eq!(rule(cell), Some(*expected), "{sql_type:?} {cell}");
        }
    }

    #[test]
    fn integers() {
        check(
            "INT",
            &["1", " -4 ", "1e3", "1.0", "nan", "007"],
            &[
                ("abc", Rule::ValueNumeric),
                ("1.5", Rule::ValueNumeric),
                ("1_000", Rule::ValueNumeric),
                // A padded word is a value, unlike the bare one.
                (" NA ", Rule::ValueNumeric),
                ("inf", Rule::ValueRange),
                ("1e400", Rule::ValueRange),
                ("9223372036854775808", Rule::ValueRange),
                ("2147483648", Rule::ValueRangeDeclared),
            ],
        );
        check(
            "BIGINT",
            &["9223372036854775807", "-9223372036854775808"],
            &[],
        );
        check(
            "TINYINT",
            &["-128", "127"],
            &[("128", Rule::ValueRangeDeclared)],
        );
    }

    #[test]
    fn numbers() {
        check(
            "DOUBLE PRECISION",
            &["1.5", ".5", "1e-9", "99999999999999999999"],
            &[("x", Rule::ValueNumeric), ("-inf", Rule::ValueRange)],
        );
    }

    #[test]
    fn texts() {
        check(
            "VARCHAR(3)",
            &["abc", "é€ü"],
            &[("abcd", Rule::ValueLength)],
        );
        check(
            "CHAR(2)",
            &["ab"],
            &[("a", Rule::ValueLength), ("abc", Rule::ValueLength)],
        );
        check("TEXT", &["anything"], &[]);
    }

    #[test]
    fn booleans() {
        check(
            "BOOLEAN",
            &["TRUE", "no", "Y", "0", "1.0"],
            &[("maybe", Rule::ValueBoolean), ("2", Rule::ValueBoolean)],
        );
    }

    #[test]
    fn dates_and_times() {
        check(
            "DATE",
            &["2024-01-02", "01/31/2024", "Jan 5, 2024"],
            &[("2024-02-30", Rule::ValueDate), ("soon", Rule::ValueDate)],
        );
        check(
            "TIME",
            &["13:45", "13:45:10"],
            &[("25:00", Rule::ValueDate)],
        );
    }
}

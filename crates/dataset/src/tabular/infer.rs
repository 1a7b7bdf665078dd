//! Type inference: the first rows propose a type for each column, all others confirm or widen it.

use std::collections::HashSet;
use std::sync::Arc;

use super::schema::{Column, Schema};
use crate::cell::{self, Calendar, Numeric, Zone};
use crate::csv::{Header, Record, shown_name};
use crate::sql_type::is_reserved;

/// Rows that propose a type.
const SAMPLE_ROWS: u64 = 5000;

/// Longer texts become `TEXT`, because a `VARCHAR` of four-byte characters ends there.
const VARCHAR_MAX_CHARS: u64 = 16_383;

/// Columns whose sampled values are compared for being all different. Wider tables keep the memory bounded.
const IDENTIFIER_COLUMNS: usize = 256;

/// Infers the schema of a table while its rows pass.
#[derive(Debug)]
pub(crate) struct Inference {
    columns: Vec<Guess>,
    rows: u64,
}

/// What the cells of a column have in common so far.
#[derive(Debug)]
struct Guess {
    tokens: bool,
    /// It is text for good, so that only its length matters.
    text: bool,
    booleans: bool,
    whole: bool,
    numbers: bool,
    calendar: bool,
    beyond_32_bits: bool,
    beyond_64_bits: bool,
    with_time: bool,
    zone: Option<Zone>,
    max_chars: u64,
    distinct: Distinct,
}

/// Whether the sampled whole numbers of a column are all different.
#[derive(Debug)]
enum Distinct {
    /// So far they are.
    Watching(HashSet<i64>),
    /// They are, and there is more than one.
    All,
    /// They are not, or nobody looked.
    No,
}

impl Inference {
    /// Begins with no rows.
    pub(crate) fn new(columns: usize) -> Inference {
        let guess = |index| Guess::new(index < IDENTIFIER_COLUMNS);
        Inference {
            columns: (0..columns).map(guess).collect(),
            rows: 0,
        }
    }

    /// Takes the next row. Missing fields of a short row are missing values.
    pub(crate) fn row(&mut self, record: &Record<'_>) {
        for (guess, cell) in self.columns.iter_mut().zip(record.iter()) {
            guess.see(cell);
        }
        self.rows += 1;
        if self.rows == SAMPLE_ROWS {
            self.columns.iter_mut().for_each(Guess::end_of_sample);
        }
    }

    /// Gives the schema in file order, without reserved columns.
    pub(crate) fn finish(self, header: &Header) -> Schema {
        let mut schema = Schema::inferred();
        for (index, (name, guess)) in header.names().iter().zip(self.columns).enumerate() {
            if is_reserved(name) {
                schema.reserved.push(Arc::clone(name));
                continue;
            }
            if !guess.tokens {
                schema.empty.push(shown_name(header.names(), index).into());
            }
            if guess.is_identifier() {
                schema
                    .identifiers
                    .push(shown_name(header.names(), index).into());
            }
            schema.columns.push(Column {
                name: Arc::clone(name),
                sql_type: guess.sql_type(),
            });
        }
        schema
    }
}

/// Infers the type of one column.
pub(super) fn column_type<'a>(cells: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut guess = Guess::new(false);
    for (row, cell) in (1..).zip(cells) {
        guess.see(cell);
        if row == SAMPLE_ROWS {
            guess.end_of_sample();
        }
    }
    guess.sql_type()
}

impl Guess {
    fn new(watch_identifiers: bool) -> Guess {
        Guess {
            tokens: false,
            text: false,
            booleans: true,
            whole: true,
            numbers: true,
            calendar: true,
            beyond_32_bits: false,
            beyond_64_bits: false,
            with_time: false,
            zone: None,
            max_chars: 1,
            distinct: match watch_identifiers {
                true => Distinct::Watching(HashSet::new()),
                false => Distinct::No,
            },
        }
    }

    #[inline]
    fn see(&mut self, cell: &[u8]) {
        if !self.knows(cell) {
            self.learn(cell);
        }
    }

    /// Says, for nearly all cells of nearly all columns, that a cell tells nothing new.
    #[inline]
    fn knows(&self, cell: &[u8]) -> bool {
        // A text has at most as many characters as bytes.
        if !self.tokens || cell.len() as u64 > self.max_chars {
            return false;
        }
        if self.text {
            return true;
        }
        if self.numbers_only() {
            return match plain_number(cell) {
                Some(Plain::Whole) => !matches!(self.distinct, Distinct::Watching(_)),
                Some(Plain::Fraction) => !self.whole,
                None => false,
            };
        }
        self.dates_only() && cell.len() == 10 && Calendar::is_plain_date(cell)
    }

    fn learn(&mut self, cell: &[u8]) {
        let token = cell::trim(cell);
        if cell::is_curated_missing(token) {
            return;
        }
        self.tokens = true;
        if token.len() as u64 > self.max_chars {
            self.max_chars = self.max_chars.max(cell::chars(token));
        }
        if self.text {
            return;
        }
        match token.first() {
            Some(b'0'..=b'9' | b'+' | b'-' | b'.') => self.see_digits(token),
            _ => self.see_word(token),
        }
    }

    /// The column has had numbers and nothing else.
    fn numbers_only(&self) -> bool {
        self.numbers && !self.booleans && !self.calendar
    }

    /// The column has had naive calendar values and nothing else, so that one more plain date changes nothing.
    fn dates_only(&self) -> bool {
        self.calendar && !self.numbers && !self.booleans && self.zone == Some(Zone::Naive)
    }

    fn see_digits(&mut self, token: &[u8]) {
        match Numeric::of(token) {
            Numeric::Whole {
                zero_padded: true, ..
            } => self.text = true,
            Numeric::Whole { value, .. } => self.see_whole(value),
            Numeric::Fraction => {
                self.only_numbers();
                self.whole = false;
            }
            Numeric::No => self.see_calendar(token),
        }
    }

    fn see_whole(&mut self, value: Option<i64>) {
        self.only_numbers();
        match value {
            Some(value) => {
                self.beyond_32_bits |= i32::try_from(value).is_err();
                if let Distinct::Watching(seen) = &mut self.distinct
                    && !seen.insert(value)
                {
                    self.distinct = Distinct::No;
                }
            }
            None => self.beyond_64_bits = true,
        }
    }

    fn see_word(&mut self, token: &[u8]) {
        let is_boolean = self.booleans && is_truth(token);
        if is_boolean {
            (self.whole, self.numbers, self.calendar) = (false, false, false);
        } else {
            self.text = true;
        }
    }

    fn see_calendar(&mut self, token: &[u8]) {
        let value = match self.calendar {
            true => Calendar::read(token),
            false => None,
        };
        match value {
            Some(value) if *self.zone.get_or_insert(value.zone) == value.zone => {
                (self.booleans, self.whole, self.numbers) = (false, false, false);
                self.with_time |= value.time.is_some();
            }
            _ => self.text = true,
        }
    }

    fn only_numbers(&mut self) {
        (self.booleans, self.calendar) = (false, false);
    }

    /// From here on a column can only become wider: text stays text, and a column without a value has been proposed as text.
    fn end_of_sample(&mut self) {
        self.text |= !self.tokens || self.is_text();
        self.distinct = match self.is_identifier() {
            true => Distinct::All,
            false => Distinct::No,
        };
    }

    fn is_text(&self) -> bool {
        let whole = self.whole && !self.beyond_64_bits;
        let fractions = self.numbers && !self.whole;
        self.text || !(self.booleans || whole || fractions || self.calendar)
    }

    fn is_identifier(&self) -> bool {
        let distinct = match &self.distinct {
            Distinct::Watching(seen) => seen.len() > 1,
            Distinct::All => true,
            Distinct::No => false,
        };
        distinct && self.whole && !self.is_text()
    }

    fn sql_type(&self) -> String {
        if !self.tokens || self.is_text() {
            return match self.max_chars {
                chars if chars > VARCHAR_MAX_CHARS => "TEXT".to_owned(),
                chars => format!("VARCHAR({chars})"),
            };
        }
        let word = match self {
            guess if guess.booleans => "BOOLEAN",
            guess if guess.whole && guess.beyond_32_bits => "BIGINT",
            guess if guess.whole => "INT",
            guess if guess.numbers => "FLOAT",
            guess if guess.with_time => "DATETIME",
            _ => "DATE",
        };
        word.to_owned()
    }
}

/// A number without sign and exponent that a 32-bit integer or a float surely holds.
enum Plain {
    Whole,
    Fraction,
}

/// Reads up to nine digits with at most one point; digits that are padded with zeros are left to others.
#[inline]
fn plain_number(cell: &[u8]) -> Option<Plain> {
    if !(1..=9).contains(&cell.len()) {
        return None;
    }
    let mut points = 0;
    for &byte in cell {
        if !byte.is_ascii_digit() {
            if byte != b'.' {
                return None;
            }
            points += 1;
        }
    }
    match (points, cell) {
        (0, [b'0', _, ..]) => None,
        (0, _) => Some(Plain::Whole),
        (1, [_, _, ..]) => Some(Plain::Fraction),
        _ => None,
    }
}

/// The words of both truth values, in any case.
fn is_truth(token: &[u8]) -> bool {
    match token {
        [letter] => matches!(letter.to_ascii_lowercase(), b't' | b'f' | b'y' | b'n'),
        [_, _] => token.eq_ignore_ascii_case(b"no"),
        [_, _, _] => token.eq_ignore_ascii_case(b"yes"),
        [_, _, _, _] => token.eq_ignore_ascii_case(b"true"),
        _ => token.eq_ignore_ascii_case(b"false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cells: &[&str], expected: &str) {
        let cells = cells.iter().map(|cell| cell.as_bytes());
        assert_eq!(column_type(cells), expected);
    }

    /// 5000 cells of one kind and then another.
    fn check_late(sampled: &str, late: &str, expected: &str) {
        let cells = std::iter::repeat_n(sampled, 5000).chain([late]);
        assert_eq!(
            column_type(cells.map(str::as_bytes)),
            expected,
            "{sampled} then {late}"
        );
    }

    #[test]
    fn all_rows_of_the_fixture() {
        check(&["1", "2", "3", "-4"], "INT");
        check(&["1", "", "3"], "INT");
        check(&["3000000000", "1"], "BIGINT");
        check(&["99999999999999999999999999", "1"], "VARCHAR(26)");
        check(&["3.14", "2.0", "-0.5"], "FLOAT");
        check(&["1e9", "2.5"], "FLOAT");
        check(&["1", "2.5", "3"], "FLOAT");
        check(&["yes", "no", "yes"], "BOOLEAN");
        check(&["true", "false", "TRUE"], "BOOLEAN");
        check(&["0", "1", "1", "0"], "INT");
        check(&["007", "0012"], "VARCHAR(4)");
        check(&["00501", "90210", "12345"], "VARCHAR(5)");
        check(&["0", "1", "0"], "INT");
        check(&["2024-01-02", "2024-03-15"], "DATE");
        check(&["2024-01-02 13:45:00", "2024-01-03 08:00:00"], "DATETIME");
        check(&["20240101", "20240102"], "INT");
        check(&["apple", "banana"], "VARCHAR(6)");
        check(&["1_000", "2_000"], "VARCHAR(5)");
        check(&["١٢٣", "٤٥٦"], "VARCHAR(3)");
        check(&["café", "naïve"], "VARCHAR(5)");
        check(&["", "NA", "null"], "VARCHAR(1)");
    }

    #[test]
    fn the_first_matching_rule_wins() {
        check(&["00.5", "1"], "FLOAT");
        check(&["1e400", "1"], "VARCHAR(5)");
        check(&["2024-01-02", "2024-01-02 10:00:00"], "DATETIME");
        check(&["2024-01-02", "2024-01-02T10:00:00Z"], "VARCHAR(20)");
        check(
            &["2024-01-02T10:00:00+01:00", "2024-01-02T10:00:00+02:00"],
            "VARCHAR(25)",
        );
        check(&["yes", "1"], "VARCHAR(3)");
        check(&["1", "2024-01-02"], "VARCHAR(10)");
        check(&["99999999999999999999", "1.5"], "FLOAT");
        check(&[" 12 ", " NA "], "INT");
        check(&["12:30"], "VARCHAR(5)");
    }

    #[test]
    fn later_rows_widen_what_the_sample_proposed() {
        check_late("1", "3000000000", "BIGINT");
        check_late("1", "1.5", "FLOAT");
        check_late("1", "00501", "VARCHAR(5)");
        check_late("1", "one", "VARCHAR(3)");
        check_late("yes", "1", "VARCHAR(3)");
        check_late("2024-01-02", "2024-01-02 10:00:00", "DATETIME");
        check_late("ab", "abcdef", "VARCHAR(6)");
        check_late("99999999999999999999", "1.5", "VARCHAR(20)");
        check_late("", "17", "VARCHAR(2)");
        check_late("a", &"x".repeat(16_384), "TEXT");
    }

    /// What is passed over because it tells nothing new must not be what tells something.
    #[test]
    fn no_kind_of_cell_is_overlooked_behind_another() {
        let kinds = [
            "1",
            "0",
            "12345678",
            "2147483648",
            "007",
            "0.5",
            ".5",
            "5.",
            ".",
            "1.2.3",
            "-1",
            "+1",
            "1e5",
            "1e400",
            "yes",
            "t",
            "abc",
            "2024-01-02",
            "2024/01/02",
            "2024-02-30",
            "2024-01-02 10:00:00",
            "",
            " ",
            "NA",
            " 7 ",
            "99999999999999999999",
        ];
        let plain = |cells: &[&str]| {
            let mut guess = Guess::new(true);
            cells.iter().for_each(|cell| guess.learn(cell.as_bytes()));
            guess.sql_type()
        };
        for first in kinds {
            for second in kinds {
                for third in kinds {
                    let cells = [first, first, second, third, first];
                    let quick = column_type(cells.iter().map(|cell| cell.as_bytes()));
                    assert_eq!(quick, plain(&cells), "{cells:?}");
                }
            }
        }
    }

    #[test]
    fn whole_numbers_that_are_all_different_look_like_identifiers() {
        let schema = |rows: &[&str]| {
            let text = format!("n,status\n{}\n", rows.join("\n"));
            let mut records = crate::csv::Records::new(text.as_bytes()).unwrap();
            let header = Header::new(&records.next().unwrap().unwrap());
            let mut inference = Inference::new(header.len());
            while let Some(record) = records.next().unwrap() {
                inference.row(&record);
            }
            inference.finish(&header)
        };
        assert_eq!(schema(&["1,a", "2,b"]).identifiers, ["n".into()]);
        assert!(schema(&["1,a", "1,b"]).identifiers.is_empty());
        assert!(schema(&["1,a"]).identifiers.is_empty());
        assert_eq!(schema(&["1,a"]).reserved, ["status".into()]);
    }
}

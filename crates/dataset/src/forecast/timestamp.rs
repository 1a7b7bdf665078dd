//! Dates as a permissive month-first parser reads them, as far as it is known what it does.
//!
//! The cluster's parser takes far more forms than can be listed. A cell is refused only where no form of it can be a date; what
//! is merely not understood here passes.

use jiff::civil::Date;

use crate::cell::{Calendar, Zone};

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timestamp {
    /// A date with one meaning.
    Known(Calendar),
    /// A date with two meanings.
    Ambiguous,
    /// Perhaps a date, in a form not known here.
    Plausible,
    /// No date.
    No,
}

/// Reads a trimmed, non-empty cell.
pub(crate) fn read(token: &[u8]) -> Timestamp {
    let Ok(text) = std::str::from_utf8(token) else {
        return Timestamp::No;
    };
    if let Some(value) = Calendar::read(token) {
        return Timestamp::Known(value);
    }
    if !is_plausible(text) {
        return Timestamp::No;
    }
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (date, clock.trim()),
        None => (text, ""),
    };
    match parts(date) {
        Some(parts) => from_parts(parts, clock),
        None => Timestamp::Plausible,
    }
}

/// Splits `a-b-c` at one separator into three numbers, with the number of digits of each.
fn parts(date: &str) -> Option<[(u32, usize); 3]> {
    let separator = date.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(separator, '/' | '-' | '.') {
        return None;
    }
    let mut parts = date.split(separator).map(|digits| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = digits.parse().ok().filter(|_| plain)?;
        Some((value, digits.len()))
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

fn from_parts(parts: [(u32, usize); 3], clock: &str) -> Timestamp {
    match parts {
        [(year, 4), (month, 1..=2), (day, 1..=2)] => match (date(year, month, day), month) {
            (Some(date), _) => with_clock(date, clock),
            // Some parsers then try the day in second place.
            (None, 13..) => Timestamp::Plausible,
            (None, _) => Timestamp::No,
        },
        [(first, 1..=2), (second, 1..=2), (year, 4)] => day_and_month(first, second, year, clock),
        [(first @ 1..=31, 1..=2), (second, 1..=2), (year, 2)] => {
            day_and_month(first, second, 2000 + year, clock)
        }
        _ => Timestamp::Plausible,
    }
}

fn day_and_month(first: u32, second: u32, year: u32, clock: &str) -> Timestamp {
    let month_first = date(year, first, second);
    let day_first = date(year, second, first);
    match (month_first, day_first) {
        (Some(one), Some(other)) if one != other => Timestamp::Ambiguous,
        (Some(date), _) | (None, Some(date)) => with_clock(date, clock),
        (None, None) => Timestamp::No,
    }
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()
}

/// Adds the time of day through the strict reader; where that does not know the form, the order of rows is not judged.
fn with_clock(date: Date, clock: &str) -> Timestamp {
    if clock.is_empty() {
        return Timestamp::Known(Calendar {
            date,
            time: None,
            zone: Zone::Naive,
        });
    }
    match Calendar::read(format!("{date} {clock}").as_bytes()) {
        Some(value) => Timestamp::Known(value),
        None => Timestamp::Plausible,
    }
}

/// Words that a date may hold. Short words in capitals may be time zones besides.
const WORDS: [&str; 49] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "am",
    "pm",
    "st",
    "nd",
    "rd",
    "th",
    "of",
    "at",
    "h",
    "m",
    "s",
];

/// Words that are a date by themselves.
const NOW: [&str; 2] = ["now", "today"];

fn is_plausible(text: &str) -> bool {
    let lower = text.to_lowercase();
    if NOW.contains(&&*lower) {
        return true;
    }
    let mut months = false;
    let known = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .all(|word| {
            let position = WORDS
                .iter()
                .position(|known| word.eq_ignore_ascii_case(known));
            months |= position.is_some_and(|position| position < 38);
            let zone = word.len() <= 5 && word.bytes().all(|byte| byte.is_ascii_uppercase());
            position.is_some() || zone || matches!(word, "z" | "t" | "utc" | "gmt" | "a" | "p")
        });
    let dated = months || text.bytes().any(|byte| byte.is_ascii_digit());
    known && dated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Option<String> {
        match read(text.as_bytes()) {
            Timestamp::Known(value) => Some(value.date.to_string()),
            _ => None,
        }
    }

    #[test]
    fn the_month_comes_first_unless_it_cannot() {
        for (text, expected) in [
            ("01/13/2024", "2024-01-13"),
            ("13/01/2024", "2024-01-13"),
            ("05.05.2024", "2024-05-05"),
            ("1-31-24", "2024-01-31"),
            ("2024-1-5", "2024-01-05"),
            ("2024/01/02", "2024-01-02"),
            ("01/31/2024 13:45", "2024-01-31"),
        ] {
            assert_eq!(known(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn two_readings_are_ambiguous() {
        for text in ["01/02/2024", "3-4-24", "12.11.2024 10:00"] {
            assert_eq!(read(text.as_bytes()), Timestamp::Ambiguous, "{text}");
        }
    }

    #[test]
    fn what_may_be_a_date_passes() {
        for text in [
            "Jan 5, 2024",
            "5th of March 2024",
            "2024-01-02 10:00:00 CET",
            "2024-13-01",
            "Sunday",
            "now",
            "1704067200",
            "20240101",
            "2024-01",
            "01/31/2024 1:45 PM",
            "2024-01-02T13",
            "99/12/31",
        ] {
            assert_ne!(read(text.as_bytes()), Timestamp::No, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_date_does_not() {
        for text in [
            "2024-02-30",
            "31/31/2024",
            "02/30/2024",
            "someday",
            "abc123",
            "n/v",
            "-",
        ] {
            assert_eq!(read(text.as_bytes()), Timestamp::No, "{text}");
        }
    }
}

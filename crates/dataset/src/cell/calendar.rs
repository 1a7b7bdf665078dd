//! Dates and times in the forms that type inference knows.

use jiff::civil::Date;

/// Whether a value has a time zone, which values of one column must agree in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// It has none.
    Naive,
    /// Its offset from UTC, in seconds.
    Offset(i32),
}

/// What a cell of a calendar column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// The day as written.
    pub(crate) date: Date,
    /// Nanoseconds into the day, if a time of day is written.
    pub(crate) time: Option<i64>,
    /// Its zone.
    pub(crate) zone: Zone,
}

/// A point in time that can be compared with others of its zone's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    day: i32,
    nanoseconds: i64,
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

impl Calendar {
    /// Reads a trimmed token in one of the inference forms:
    ///
    /// `YYYY-MM-DD`, `YYYY/MM/DD`; with a time of day after a blank, `YYYY-MM-DD` also after `T`; `HH:MM:SS` with an optional
    /// fraction, or after `-` dates and a blank `HH:MM`; RFC 3339 with `Z` or `±HH:MM`. Days are validated, digits are ASCII.
    pub(crate) fn read(token: &[u8]) -> Option<Calendar> {
        let (date, separator, rest) = date(token)?;
        let Some((between, clock)) = rest.split_first() else {
            return Some(Calendar {
                date,
                time: None,
                zone: Zone::Naive,
            });
        };
        match (separator, between) {
            (b'-', b'T' | b' ') | (b'/', b' ') => time_of_day(date, separator, *between, clock),
            _ => None,
        }
    }

    /// Says whether ten bytes are a date on one of the first 28 days of a month, which needs no calendar. Others may be dates too.
    pub(crate) fn is_plain_date(token: &[u8]) -> bool {
        let &[y1, y2, y3, y4, first, m1, m2, second, d1, d2] = token else {
            return false;
        };
        let value = |tens: u8, ones: u8| {
            let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
            (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
        };
        let year = value(y1, y2).is_some() && value(y3, y4).is_some();
        year && first == second
            && matches!(first, b'-' | b'/')
            && matches!(value(m1, m2), Some(1..=12))
            && matches!(value(d1, d2), Some(1..=28))
    }

    /// Gives the moment, for comparisons. A date alone is its first instant.
    pub(crate) fn moment(&self) -> Moment {
        let offset = match self.zone {
            Zone::Naive => 0,
            Zone::Offset(seconds) => i64::from(seconds) * SECOND,
        };
        let nanoseconds = self.time.unwrap_or(0) - offset;
        let day = days(self.date) + i32::try_from(nanoseconds.div_euclid(DAY)).unwrap_or(0);
        Moment {
            day,
            nanoseconds: nanoseconds.rem_euclid(DAY),
        }
    }
}

/// Days from an arbitrary but fixed day, in the proleptic Gregorian calendar.
fn days(date: Date) -> i32 {
    let (year, month, day) = (
        i32::from(date.year()),
        i32::from(date.month()),
        i32::from(date.day()),
    );
    // Years begin in March, so that the leap day is the last of its year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
}

fn date(token: &[u8]) -> Option<(Date, u8, &[u8])> {
    let (head, rest) = token.split_at_checked(10)?;
    let &[y1, y2, y3, y4, first, m1, m2, second, d1, d2] = head else {
        return None;
    };
    if first != second || !matches!(first, b'-' | b'/') {
        return None;
    }
    let year = number(&[y1, y2, y3, y4])?;
    let (month, day) = (number(&[m1, m2])?, number(&[d1, d2])?);
    let date = Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    Some((date.ok()?, first, rest))
}

fn time_of_day(date: Date, separator: u8, between: u8, clock: &[u8]) -> Option<Calendar> {
    let (hour, rest) = hour(clock)?;
    let (minute, rest) = two_after_colon(rest)?;
    let (second, rest) = match two_after_colon(rest) {
        Some((second, rest)) => (Some(second), rest),
        None => (None, rest),
    };
    let (fraction, rest) = match (second, rest) {
        (Some(_), [b'.', digits @ ..]) => fraction(digits)?,
        _ => (0, rest),
    };
    let zone = zone(rest)?;
    let known = match (second, zone) {
        // Minutes alone exist only in the form with a hyphen and a blank.
        (None, Zone::Naive) => separator == b'-' && between == b' ',
        (None, Zone::Offset(_)) => false,
        // RFC 3339 has two digits for the hour and a `T`.
        (Some(_), Zone::Offset(_)) => {
            separator == b'-' && between == b'T' && clock.get(2) == Some(&b':')
        }
        (Some(_), Zone::Naive) => true,
    };
    let in_range = hour < 24 && minute < 60 && second.unwrap_or(0) < 60;
    let seconds = i64::from(hour * 3600 + minute * 60 + second.unwrap_or(0));
    (known && in_range).then_some(Calendar {
        date,
        time: Some(seconds * SECOND + fraction),
        zone,
    })
}

/// One or two digits.
fn hour(clock: &[u8]) -> Option<(u32, &[u8])> {
    let length = clock
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if !(1..=2).contains(&length) {
        return None;
    }
    let (digits, rest) = clock.split_at(length);
    Some((number(digits)?, rest))
}

fn two_after_colon(text: &[u8]) -> Option<(u32, &[u8])> {
    let [b':', tens, ones, rest @ ..] = text else {
        return None;
    };
    Some((number(&[*tens, *ones])?, rest))
}

/// Any number of digits, of which nine count. Gives nanoseconds.
fn fraction(digits: &[u8]) -> Option<(i64, &[u8])> {
    let length = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if length == 0 {
        return None;
    }
    let nanoseconds = (0..9).fold(0, |value, index| {
        let digit = digits[..length].get(index).map_or(0, |byte| byte - b'0');
        value * 10 + i64::from(digit)
    });
    Some((nanoseconds, &digits[length..]))
}

fn zone(text: &[u8]) -> Option<Zone> {
    match text {
        [] => Some(Zone::Naive),
        b"Z" => Some(Zone::Offset(0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
            let sign = if *sign == b'-' { -1 } else { 1 };
            (hours < 24 && minutes < 60).then_some(Zone::Offset(sign * seconds))
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u32::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(token: &str) -> Option<Calendar> {
        Calendar::read(token.as_bytes())
    }

    #[test]
    fn dates_have_no_time() {
        for token in ["2024-01-02", "2024/01/02"] {
            let value = read(token).expect(token);
            assert_eq!((value.time, value.zone), (None, Zone::Naive), "{token}");
        }
    }

    #[test]
    fn every_form_with_a_time() {
        for token in [
            "2024-01-02T13:45:00",
            "2024-01-02 13:45:00",
            "2024-01-02 13:45",
            "2024/01/02 13:45:00",
            "2024-01-02 3:45:00",
            "2024-01-02 13:45:00.125",
        ] {
            let value = read(token).expect(token);
            assert!(value.time.is_some() && value.zone == Zone::Naive, "{token}");
        }
        for (token, offset) in [
            ("2024-01-02T13:45:00Z", 0),
            ("2024-01-02T13:45:00+02:00", 7200),
            ("2024-01-02T13:45:00.5-00:30", -1800),
        ] {
            assert_eq!(
                read(token).expect(token).zone,
                Zone::Offset(offset),
                "{token}"
            );
        }
    }

    #[test]
    fn everything_else_is_text() {
        for token in [
            "2024-02-30",
            "2024-13-01",
            "2024-1-2",
            "2024-01/02",
            "20240102",
            "2024-01-02 24:00:00",
            "2024-01-02 13:60:00",
            "2024-01-02T13:45",
            "2024/01/02T13:45:00",
            "2024/01/02 13:45",
            "2024-01-02t13:45:00Z",
            "2024-01-02T13:45:00z",
            "2024-01-02 13:45:00Z",
            "2024-01-02 13:45:00.",
            "2024-01-02 ",
            "02.01.2024",
            "２024-01-02",
        ] {
            assert_eq!(read(token), None, "{token}");
        }
    }

    #[test]
    fn moments_compare_across_offsets_and_months() {
        let moment = |token| read(token).expect(token).moment();
        assert_eq!(
            moment("2024-01-01T00:30:00+01:00"),
            moment("2023-12-31T23:30:00Z")
        );
        assert!(moment("2024-02-29") < moment("2024-03-01"));
        assert!(moment("1999-12-31 23:59:59") < moment("2000-01-01"));
        assert!(moment("2024-01-01 00:00:00.1") > moment("2024-01-01 00:00:00.05"));
    }
}

//! Dates of the hybrid logical clock, as the tree writes them.

use jiff::civil::DateTime;
use jiff::{SignedDuration, civil};

/// What a clock value says about a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Date {
    /// The clock value is zero: no date was recorded.
    Absent,
    /// UTC, `YYYY-MM-DDTHH:MM:SS[.fff]Z`, without trailing zeros in the milliseconds.
    Iso(String),
    /// All ones, or a year past 9999: no reader takes such a date back, so none is written.
    Unrepresentable,
}

/// Milliseconds since 1970 of the last moment of the year 9999.
const LAST_MS: u64 = 253_402_300_799_999;

const EPOCH: DateTime = civil::datetime(1970, 1, 1, 0, 0, 0, 0);

/// Turns a clock value into a date; the lower 16 bits are a counter and do not show.
pub(super) fn date(hlc: u64) -> Date {
    if hlc == 0 {
        return Date::Absent;
    }
    let ms = hlc >> 16;
    if hlc == u64::MAX || ms > LAST_MS {
        return Date::Unrepresentable;
    }
    // A civil time reaches the end of the year 9999; a jiff `Timestamp` stops a day earlier.
    i64::try_from(ms)
        .ok()
        .and_then(|ms| EPOCH.checked_add(SignedDuration::from_millis(ms)).ok())
        .map_or(Date::Unrepresentable, |time| Date::Iso(format!("{time}Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Date {
        date(ms << 16 | 5)
    }

    fn iso(text: &str) -> Date {
        Date::Iso(text.to_owned())
    }

    #[test]
    fn milliseconds_lose_their_trailing_zeros() {
        let minute = 1_745_884_800_000;
        assert_eq!(
            date(114_418_306_260_664_325),
            iso("2025-04-29T00:00:00.12Z")
        );
        assert_eq!(at_ms(minute), iso("2025-04-29T00:00:00Z"));
        assert_eq!(at_ms(minute + 100), iso("2025-04-29T00:00:00.1Z"));
        assert_eq!(at_ms(minute + 123), iso("2025-04-29T00:00:00.123Z"));
        assert_eq!(at_ms(minute + 3), iso("2025-04-29T00:00:00.003Z"));
    }

    #[test]
    fn the_ends_of_the_clock() {
        assert_eq!(date(0), Date::Absent);
        assert_eq!(date(1), iso("1970-01-01T00:00:00Z"));
        assert_eq!(date(65_535), iso("1970-01-01T00:00:00Z"));
        assert_eq!(at_ms(LAST_MS), iso("9999-12-31T23:59:59.999Z"));
        assert_eq!(at_ms(LAST_MS + 1), Date::Unrepresentable);
        assert_eq!(date(u64::MAX), Date::Unrepresentable);
    }
}

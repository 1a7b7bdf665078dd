//! One line of progress, as a function of the counters.

use std::fmt;
use std::time::Duration;

use crate::output::Bytes;

/// The counters at one moment. Its `Display` is the line, short enough for eighty columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) label: &'static str,
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    pub(super) elapsed: Duration,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label)?;
        if self.done == 0 && self.total.is_none() {
            return Ok(());
        }
        f.write_str(": ")?;
        match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let percent = u128::from(self.done.min(total)) * 100 / u128::from(total);
                write!(f, "{percent} %, {} of {}", Bytes(self.done), Bytes(total))?;
            }
            None => write!(f, "{}", Bytes(self.done))?,
        }
        let Some(rate) = self.per_second() else {
            return Ok(());
        };
        write!(f, ", {}/s", Bytes(rate))?;
        match self.left(rate) {
            Some(seconds) => write!(f, ", {}:{:02} left", seconds / 60, seconds % 60),
            None => Ok(()),
        }
    }
}

impl Reading {
    /// The mean of this phase; unknown before anything has been done.
    fn per_second(&self) -> Option<u64> {
        let millis = self.elapsed.as_millis().max(1);
        let rate = u128::from(self.done) * 1000 / millis;
        u64::try_from(rate).ok().filter(|rate| *rate > 0)
    }

    fn left(&self, rate: u64) -> Option<u64> {
        let remaining = self.total?.checked_sub(self.done)?;
        Some(remaining.div_ceil(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(done: u64, total: Option<u64>, elapsed_ms: u64) -> String {
        let elapsed = Duration::from_millis(elapsed_ms);
        Reading {
            label: "reading",
            done,
            total,
            elapsed,
        }
        .to_string()
    }

    #[test]
    fn a_line_has_share_rate_and_time_left() {
        let mib = 1 << 20;
        assert_eq!(
            reading(256 * mib, Some(1024 * mib), 2_000),
            "reading: 25 %, 256.0 MiB of 1.0 GiB, 128.0 MiB/s, 0:06 left"
        );
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        assert_eq!(reading(0, Some(100), 500), "reading: 0 %, 0 B of 100 B");
        assert_eq!(reading(100, None, 1_000), "reading: 100 B, 100 B/s");
        assert_eq!(reading(0, None, 0), "reading");
    }

    #[test]
    fn a_source_that_grew_does_not_exceed_the_whole() {
        assert_eq!(
            reading(200, Some(100), 1_000),
            "reading: 100 %, 200 B of 100 B, 200 B/s"
        );
    }
}

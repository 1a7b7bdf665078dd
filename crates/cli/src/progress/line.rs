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
    /// Of a transfer: what was handed over and what has landed; `done` is then what was verified.
    pub(super) ahead: Option<(u64, u64)>,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label)?;
        if self.done == 0 && self.total.is_none() {
            return Ok(());
        }
        f.write_str(": ")?;
        if let (Some((sent, landed)), Some(total)) = (self.ahead, self.total) {
            return write!(
                f,
                "{} % of {}: {} sent, {} landed, {} verified",
                share(self.done, total),
                Bytes(total),
                Bytes(sent),
                Bytes(landed),
                Bytes(self.done)
            );
        }
        match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let percent = share(self.done, total);
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

/// The part of a whole in hundredths, never more than all of it. Of nothing, everything is done.
fn share(done: u64, total: u64) -> u128 {
    match total {
        0 => 100,
        total => u128::from(done.min(total)) * 100 / u128::from(total),
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
            ahead: None,
        }
        .to_string()
    }

    #[test]
    fn a_transfer_shows_three_figures_within_eighty_columns() {
        let mib = 1 << 20;
        let reading = Reading {
            label: "sending",
            done: 900 * mib,
            total: Some(1000 * mib),
            elapsed: Duration::from_secs(1),
            ahead: Some((990 * mib, 980 * mib)),
        };
        let line = reading.to_string();
        assert_eq!(
            line,
            "sending: 90 % of 1000.0 MiB: 990.0 MiB sent, 980.0 MiB landed, 900.0 MiB verified"
        );
        assert!(line.len() <= 81, "{}", line.len());
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

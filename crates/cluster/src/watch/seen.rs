//! Which lines of a log were seen already.
//!
//! A broken stream is taken up from the second of the last line, because the server knows no finer time. What it sends again from
//! that second is told apart by the time that the runtime stamped on the line and by its content; lines of two streams may be
//! stamped out of order, so a comparison of times alone would lose some.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;

/// The lines of the last second.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The last second of which a line was seen.
    second: Option<i64>,
    /// How many of each line there were since that second began, over all connections.
    shown: HashMap<(i128, u64), u64>,
    /// How many of each the present connection has sent.
    sent: HashMap<(i128, u64), u64>,
}

impl Seen {
    /// Begins another connection and says from when its lines are wanted.
    pub(super) fn reconnect(&mut self) -> Option<Timestamp> {
        self.sent.clear();
        self.second
            .and_then(|second| Timestamp::from_second(second).ok())
    }

    /// Takes note of a line and says whether it is new.
    pub(super) fn is_new(&mut self, time: Timestamp, line: &[u8]) -> bool {
        let second = time.as_second();
        match self.second {
            Some(last) if second < last => {
                // Asked for are lines from `last` on, so this is a straggler of the first connection that sends it.
                return true;
            }
            Some(last) if second == last => {}
            _ => {
                self.second = Some(second);
                self.shown.clear();
                self.sent.clear();
            }
        }
        let mut hash = DefaultHasher::new();
        line.hash(&mut hash);
        let which = (time.as_nanosecond(), hash.finish());
        let sent = self.sent.entry(which).or_default();
        *sent += 1;
        let shown = self.shown.entry(which).or_default();
        let is_new = *sent > *shown;
        if is_new {
            *shown = *sent;
        }
        is_new
    }
}

/// Splits a line of a log with times into time and text; `None` if it has no time.
pub(super) fn stamped(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    let at = memchr::memchr(b' ', line)?;
    let (time, rest) = line.split_at(at);
    let time = std::str::from_utf8(time).ok()?.parse().ok()?;
    Some((time, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stamp_is_cut_off() {
        let (time, text) = stamped(b"2026-11-21T18:31:17.000000005Z  two blanks").unwrap();
        assert_eq!(
            (time.as_second(), time.subsec_nanosecond()),
            (1_795_285_877, 5)
        );
        assert_eq!(text, b" two blanks");
        assert_eq!(stamped(b"2026-11-21T18:31:17Z ").unwrap().1, b"");
        assert_eq!(stamped(b"no time"), None);
        assert_eq!(stamped(b""), None);
    }

    /// A log whose times rise, with lines of equal time and content and some swapped within a few places.
    fn log() -> impl Strategy<Value = Vec<(Timestamp, Vec<u8>)>> {
        let steps = prop::collection::vec((0..400_u64, 0..3_u8), 0..40);
        steps.prop_map(|steps| {
            let mut millis = 1_000_000_u64;
            let mut lines = Vec::new();
            for (step, text) in steps {
                millis += if step < 200 { 0 } else { step };
                let time = Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap();
                lines.push((time, vec![text]));
            }
            lines
        })
    }

    proptest! {
        #[test]
        fn any_cuts_show_every_line_once(log in log(), cuts in prop::collection::vec(0..40_usize, 0..6)) {
            let mut seen = Seen::default();
            let mut shown = Vec::new();
            for cut in cuts.iter().copied().chain([log.len()]) {
                let since = seen.reconnect();
                let from = log.iter().filter(|(time, _)| since.is_none_or(|since| *time >= since));
                // A cut counts lines of the log, so later connections may end before earlier ones.
                for (time, line) in from.take(cut.max(1)) {
                    if seen.is_new(*time, line) {
                        shown.push((*time, line.clone()));
                    }
                }
            }
            let mut since_last = seen.reconnect();
            while shown.len() < log.len() {
                let from = log.iter().filter(|(time, _)| since_last.is_none_or(|since| *time >= since));
                for (time, line) in from {
                    if seen.is_new(*time, line) {
                        shown.push((*time, line.clone()));
                    }
                }
                since_last = seen.reconnect();
            }
            prop_assert_eq!(shown, log);
        }
    }
}

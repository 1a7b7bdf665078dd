//! Whether the other end is still there.
//!
//! A server stops reading while the process reads nothing, and then answers no ping either. So a ping is sent only when nothing
//! waits to be written, and silence counts only while something is due: an answer to a ping, or room for what waits.

use std::time::Duration;

use tokio::time::Instant;

/// When something was last heard and moved.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    stall: Duration,
    heard: Instant,
    /// The last piece that the connection took.
    moved: Instant,
    /// Something waits to be written.
    is_writing: bool,
    /// When a ping went out that nothing has answered.
    pinged: Option<Instant>,
}

/// What the clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before that moment.
    Later(Instant),
    /// A ping should go out.
    Ping,
    /// Nothing came for too long.
    Stalled,
}

impl Pulse {
    pub(super) fn new(stall: Duration, now: Instant) -> Self {
        Self {
            stall,
            heard: now,
            moved: now,
            is_writing: false,
            pinged: None,
        }
    }

    /// Something came, whatever it was.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    /// Something is about to be written.
    pub(super) fn begins(&mut self, now: Instant) {
        if !self.is_writing {
            self.is_writing = true;
            self.moved = now;
        }
    }

    /// The connection took a piece.
    pub(super) fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    /// Nothing waits to be written any more.
    pub(super) fn rests(&mut self, now: Instant) {
        self.moved = now;
        self.is_writing = false;
    }

    /// A ping goes out.
    pub(super) fn pinged(&mut self, now: Instant) {
        self.pinged.get_or_insert(now);
    }

    /// Says what is due.
    pub(super) fn due(&self, now: Instant) -> Due {
        let (until, then) = self.next();
        if now >= until {
            then
        } else {
            Due::Later(until)
        }
    }

    fn next(&self) -> (Instant, Due) {
        // A quarter of the time to notice, the rest for the answer: from the last word to the verdict it is the whole.
        let quiet = self.stall / 4;
        if self.is_writing {
            (self.heard.max(self.moved) + self.stall, Due::Stalled)
        } else if let Some(pinged) = self.pinged {
            (pinged + (self.stall - quiet), Due::Stalled)
        } else {
            (self.heard + quiet, Due::Ping)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(60);

    struct Clock {
        begin: Instant,
        pulse: Pulse,
    }

    impl Clock {
        fn new() -> Self {
            let begin = Instant::now();
            Self {
                begin,
                pulse: Pulse::new(STALL, begin),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.begin + Duration::from_secs(seconds)
        }

        #[track_caller]
        fn check(&self, seconds: u64, expected: Due) {
            assert_eq!(self.pulse.due(self.at(seconds)), expected, "at {seconds} s");
        }
    }

    #[test]
    fn an_idle_connection_is_asked_and_given_time() {
        let mut clock = Clock::new();
        clock.check(14, Due::Later(clock.at(15)));
        clock.check(15, Due::Ping);
        let now = clock.at(15);
        clock.pulse.pinged(now);
        clock.check(59, Due::Later(clock.at(60)));
        clock.check(60, Due::Stalled);
        let now = clock.at(59);
        clock.pulse.heard(now);
        clock.check(73, Due::Later(clock.at(74)));
    }

    #[test]
    fn a_pending_write_waits_for_anything_to_move() {
        let mut clock = Clock::new();
        let now = clock.at(10);
        clock.pulse.begins(now);
        clock.check(69, Due::Later(clock.at(70)));
        let now = clock.at(50);
        clock.pulse.moved(now);
        clock.check(109, Due::Later(clock.at(110)));
        let now = clock.at(100);
        clock.pulse.heard(now);
        clock.check(159, Due::Later(clock.at(160)));
        clock.check(160, Due::Stalled);
    }

    #[test]
    fn small_writes_into_a_dead_connection_do_not_keep_it_alive() {
        let mut clock = Clock::new();
        let now = clock.at(15);
        clock.pulse.pinged(now);
        for seconds in (16..60).step_by(5) {
            let now = clock.at(seconds);
            clock.pulse.begins(now);
            clock.pulse.rests(now);
            clock.pulse.pinged(now);
        }
        clock.check(60, Due::Stalled);
    }

    #[test]
    fn a_long_write_without_a_word_ends_in_a_question() {
        let mut clock = Clock::new();
        let now = clock.at(0);
        clock.pulse.begins(now);
        let now = clock.at(300);
        clock.pulse.moved(now);
        clock.pulse.rests(now);
        clock.check(300, Due::Ping);
    }
}

//! Ctrl-C and its relatives: the first signal asks the work to stop, the second ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;
use crate::failure::Failure;

/// Knows whether somebody asked this process to stop. Clones look at the same flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicUsize>,
}

impl Signals {
    /// Takes over the three signals that ask a process to stop.
    ///
    /// A handler may do very little, so it only sets a flag; the loops of the work look at it. Whoever sends a second
    /// signal does not want to wait for that: it ends the process at once, and the next run with the same destination
    /// removes what is left.
    pub(crate) fn install() -> io::Result<Self> {
        let signals = Self::default();
        for (signal, exit) in SIGNALS {
            let code = i32::from(exit.number());
            // Handlers of one signal run in the order of their registration: the flag is still down at the first one.
            flag::register_conditional_shutdown(signal, code, Arc::clone(&signals.stop))?;
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&signals.received), number)?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        Ok(signals)
    }

    /// Tells whether the work has to stop.
    pub(crate) fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What a command says that was stopped by a signal.
    pub(crate) fn failure(&self) -> Failure {
        let received = self.received.load(Ordering::Relaxed);
        let is_received =
            |signal: i32| usize::try_from(signal).is_ok_and(|number| number == received);
        let exit = SIGNALS
            .iter()
            .find(|(signal, _)| is_received(*signal))
            .map_or(Exit::Interrupted, |(_, exit)| *exit);
        Failure::new(
            exit,
            "run.stopped",
            "a signal stopped the command before it was done",
        )
        .retryable()
    }
}

const SIGNALS: [(i32, Exit); 3] = [
    (SIGINT, Exit::Interrupted),
    (SIGTERM, Exit::Terminated),
    (SIGHUP, Exit::Terminated),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_the_signal() {
        let signals = Signals::default();
        signals.received.store(15, Ordering::Relaxed);
        assert_eq!(signals.failure().exit, Exit::Terminated);
        signals.received.store(2, Ordering::Relaxed);
        assert_eq!(signals.failure().exit, Exit::Interrupted);
    }
}

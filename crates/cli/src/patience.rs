//! Waiting for what a signal does not interrupt.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::errors;
use crate::failure::Failure;
use crate::signals::Signals;

/// How long a signal may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(50);

/// Does work that may wait for ever in one system call, such as opening a pipe that nobody writes to, on a thread of its own.
///
/// # Errors
/// When a signal asks the process to stop. The thread then goes with the process.
pub(crate) fn until_signalled<T: Send + 'static>(
    signals: &Signals,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || sender.send(work()))
        .map_err(|error| errors::thread(&error))?;
    loop {
        if signals.stop() {
            return Err(signals.failure());
        }
        match receiver.recv_timeout(PATIENCE) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(errors::lost_thread()),
        }
    }
}

//! Puts a stream down in a file without a name, because a snapshot has to be read at more than one place.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::errors;
use crate::failure::Failure;
use crate::run::Context;

const PIECE_BYTES: usize = 1 << 20;
/// Pieces on the way between the two threads.
const PIECES: usize = 4;
/// How long a signal may go unnoticed while the other end of the pipe is silent.
const PATIENCE: Duration = Duration::from_millis(50);

/// Spools standard input.
pub(super) fn standard_input(directory: &Path, context: &Context) -> Result<File, Failure> {
    stream(io::stdin(), directory, context)
}

/// Spools a stream to its end.
///
/// A thread of its own reads: a read that waits for a silent pipe cannot be interrupted, but whoever waits for the
/// thread can be. The file has no name, so nothing is left of it however the process ends.
pub(super) fn stream(
    stream: impl Read + Send + 'static,
    directory: &Path,
    context: &Context,
) -> Result<File, Failure> {
    let mut file =
        fsroot::scratch_file(directory).map_err(|error| errors::spool(directory, &error))?;
    let (sender, receiver) = sync_channel(PIECES);
    std::thread::Builder::new()
        .name("spool".to_owned())
        .spawn(move || read(stream, &sender))
        .map_err(|error| errors::thread(&error))?;

    context.progress.phase("reading standard input", None);
    let mut spooled = 0;
    loop {
        if context.signals.stop() {
            return Err(context.signals.failure());
        }
        let piece: Vec<u8> = match receiver.recv_timeout(PATIENCE) {
            Ok(piece) => piece.map_err(|error| errors::standard_input(spooled, &error))?,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Err(errors::lost_thread()),
        };
        if piece.is_empty() {
            return Ok(file);
        }
        file.write_all(&piece)
            .map_err(|error| errors::spool_write(directory, spooled, &error))?;
        spooled += piece.len() as u64;
        context.progress.set(spooled);
    }
}

/// Sends what the stream has, piece by piece. An empty piece is its end, so that a thread that died is not taken for it.
fn read(mut stream: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut is_last = false;
    while !is_last {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let message = stream
            .by_ref()
            .take(PIECE_BYTES as u64)
            .read_to_end(&mut piece)
            .map(|_| piece);
        is_last = message.as_ref().map_or(true, Vec::is_empty);
        // The other side hangs up when it has failed; it has said so itself.
        is_last |= sender.send(message).is_err();
    }
}

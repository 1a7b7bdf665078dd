//! Errors of the command line's own doings: standard input, threads, signals.

use std::io;
use std::path::Path;

use super::{Side, files, remedy};
use crate::exit::Exit;
use crate::failure::Failure;

/// The spool file could not be made.
pub(crate) fn spool(directory: &Path, error: &fsroot::Error) -> Failure {
    let failure = files(error, Side::Scratch);
    Failure {
        id: "input.spool-unusable",
        message: "standard input cannot be put down for reading".to_owned(),
        causes: std::iter::once(failure.message)
            .chain(failure.causes)
            .collect(),
        ..failure
    }
    .at("path", directory.display().to_string())
    .remedy("Name a writable folder with --spool-dir, or give a file instead of standard input.")
}

/// The spool file could not take what standard input has.
pub(crate) fn spool_write(directory: &Path, spooled_bytes: u64, error: &io::Error) -> Failure {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    let (id, message) = match full {
        true => ("input.spool-full", "no space left for standard input"),
        false => (
            "input.spool-unusable",
            "standard input cannot be put down for reading",
        ),
    };
    Failure::new(Exit::LocalIo, id, message)
        .at("path", directory.display().to_string())
        .at("offset", spooled_bytes)
        .because(error)
        .remedy("Name a folder on a larger disk with --spool-dir, or give a file instead of standard input.")
        .retryable()
}

/// Standard input broke off with an error.
pub(crate) fn standard_input(read_bytes: u64, error: &io::Error) -> Failure {
    Failure::new(
        Exit::LocalIo,
        "input.unreadable",
        "standard input cannot be read",
    )
    .at("offset", read_bytes)
    .because(error)
    .retryable()
}

/// The system gives no thread.
pub(crate) fn thread(error: &io::Error) -> Failure {
    Failure::new(
        Exit::LocalIo,
        "run.no-thread",
        "the system does not give another thread",
    )
    .because(error)
    .remedy("Raise the limit on processes of this user.")
    .retryable()
}

/// A thread went away without saying why.
pub(crate) fn lost_thread() -> Failure {
    Failure::new(
        Exit::Internal,
        "internal.lost-thread",
        "a thread of the program ended early",
    )
    .remedy(remedy::REPORT)
}

/// The program panicked.
pub(crate) fn defect(words: &str) -> Failure {
    Failure::new(
        Exit::Internal,
        "internal.defect",
        format!("the program has a defect: {words}"),
    )
    .remedy(remedy::REPORT)
}

/// The system does not let the program take over a signal.
pub(crate) fn signals(error: &io::Error) -> Failure {
    Failure::new(
        Exit::Internal,
        "internal.signals",
        "signals cannot be taken over",
    )
    .because(error)
}

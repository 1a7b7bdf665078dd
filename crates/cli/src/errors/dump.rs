//! Errors of dump trees.

use ::dump::Error;

use super::{Side, files, remedy, spill};
use crate::exit::Exit;
use crate::failure::Failure;

/// Says what failed work on a tree means; `side` is whether it was being read or written.
pub(crate) fn dump(error: &Error, side: Side) -> Failure {
    let message = error.to_string();
    match error {
        Error::Files(error) => files(error, side),
        Error::Spill(error) => spill(error),
        Error::Read { path, source } => Failure::new(Exit::LocalIo, "dump.unreadable", message)
            .at("path", path.to_string())
            .because(source)
            .retryable(),
        Error::Manifest(source) => Failure::new(
            Exit::DumpInvalid,
            "dump.invalid-manifest",
            message,
        )
        .at("path", "MANIFEST.json")
        .because(source)
        .remedy(
            "The directory is not a dump, or its manifest was edited. Decode the snapshot again.",
        ),
        Error::Keymap { path, line, source } => {
            Failure::new(Exit::DumpInvalid, "dump.invalid-keymap", message)
                .at("path", path.to_string())
                .at("line", *line)
                .because(source)
                .remedy("Decode the snapshot again.")
        }
        Error::WorkersMissing { .. } | Error::NotHashed { .. } => {
            Failure::new(Exit::Internal, "internal.unfinished-tree", message).remedy(remedy::REPORT)
        }
        Error::Path(source) => Failure::new(Exit::Internal, "internal.invalid-path", message)
            .because(source)
            .remedy(remedy::REPORT),
        Error::Cancelled => super::codec::stopped(),
    }
}

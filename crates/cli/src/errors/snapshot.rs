//! Errors of the snapshot's bytes.

use ::snapshot::{Error, ErrorKind};

use super::remedy;
use crate::exit::Exit;
use crate::failure::Failure;

/// Says what is wrong with a snapshot, with the name of the input and the place in it.
pub(crate) fn snapshot(input: &str, error: &Error) -> Failure {
    let failure = kind(&error.kind)
        .at("path", input)
        .at("offset", error.offset);
    match error.entry {
        Some(entry) => failure.at("entry", entry),
        None => failure,
    }
}

fn kind(kind: &ErrorKind) -> Failure {
    let damaged = |id: &'static str| {
        Failure::new(Exit::SnapshotDamaged, id, kind.to_string()).remedy(remedy::COPY_AGAIN)
    };
    let unsupported = |id: &'static str, remedy: &str| {
        Failure::new(Exit::SnapshotDamaged, id, kind.to_string()).remedy(remedy)
    };
    match kind {
        ErrorKind::Truncated { .. } => damaged("snapshot.truncated"),
        ErrorKind::UnknownHeaderVersion { .. } => unsupported(
            "snapshot.unknown-header-version",
            "A newer server wrote it. Use a newer longshore.",
        ),
        ErrorKind::HeaderLength { .. } => damaged("snapshot.header-length"),
        ErrorKind::BadMagic { .. } => unsupported(
            "snapshot.bad-magic",
            "Name a .fsm file from a node's fsm-snap folder, or the node's data directory.",
        ),
        ErrorKind::Oracle { .. } => unsupported(
            "snapshot.oracle",
            "Group 0 only hands out timestamps. Use the snapshots of the groups that hold data.",
        ),
        ErrorKind::SstBundle => unsupported(
            "snapshot.sst-bundle",
            "Let the node take a snapshot with the SST option switched off.",
        ),
        ErrorKind::SstBundleDamaged(_) => damaged("snapshot.sst-bundle-damaged"),
        ErrorKind::Token => unsupported(
            "snapshot.token",
            "Name the .fsm file in fsm-snap/, not the token that points to it.",
        ),
        ErrorKind::Packed { .. } => unsupported("snapshot.packed", "Unpack it first."),
        ErrorKind::KeyTooLarge { .. } => damaged("snapshot.key-too-large"),
        ErrorKind::ValueTooLarge { .. } => damaged("snapshot.value-too-large"),
        ErrorKind::KeyTooShort { .. } => damaged("snapshot.key-too-short"),
        ErrorKind::ValueTooShort { .. } => damaged("snapshot.value-too-short"),
        ErrorKind::ReservedFlags { .. } => damaged("snapshot.reserved-flags"),
        ErrorKind::OutOfOrder => damaged("snapshot.out-of-order"),
        ErrorKind::DuplicateRow => damaged("snapshot.duplicate-row"),
        ErrorKind::StreamingVersion { .. } => unsupported(
            "snapshot.streaming-version",
            "A newer server wrote it. Use a newer longshore.",
        ),
        ErrorKind::VersionCount { .. } => damaged("snapshot.version-count"),
        ErrorKind::VersionOrder => damaged("snapshot.version-order"),
        ErrorKind::StreamingChecksum { .. } => damaged("snapshot.checksum-mismatch"),
        ErrorKind::FooterMissing => unsupported(
            "snapshot.footer-missing",
            "The end of the file is missing, or it is a payload from an object store, which has no footer. In that case use --no-footer.",
        ),
        ErrorKind::FooterMismatch { .. } => damaged("snapshot.footer-mismatch"),
        ErrorKind::Changed => Failure::new(Exit::LocalIo, "input.changed", kind.to_string())
            .remedy(CHANGED)
            .retryable(),
        ErrorKind::Io(error) => Failure::new(Exit::LocalIo, "input.unreadable", kind.to_string())
            .because(error)
            .retryable(),
        other => Failure::new(
            Exit::SnapshotDamaged,
            "snapshot.unreadable",
            other.to_string(),
        ),
    }
}

/// What to do when somebody writes to the input.
pub(super) const CHANGED: &str = "Copy the file to where nobody writes to it, and read the copy.";

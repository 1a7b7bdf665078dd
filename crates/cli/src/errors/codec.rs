//! Errors of decoding.

use ::codec::{Error, Place};

use super::snapshot::CHANGED;
use super::{Side, dump, remedy, snapshot, spill};
use crate::exit::Exit;
use crate::failure::Failure;

/// Says why a snapshot was not decoded or inspected.
///
/// A run that was told to stop is told apart by the caller, who knows the signal.
pub(crate) fn codec(error: &Error) -> Failure {
    let message = error.to_string();
    let damaged =
        |id: &'static str, message: &str| Failure::new(Exit::SnapshotDamaged, id, message);
    match error {
        Error::Snapshot { input, error } => snapshot(input, error),
        Error::TokenMismatch { input, .. } => damaged("snapshot.token-mismatch", &message)
            .at("path", input.as_str())
            .remedy(format!(
                "{} --no-token reads it without this check.",
                remedy::COPY_AGAIN
            )),
        Error::Changed { input } => Failure::new(Exit::LocalIo, "input.changed", message)
            .at("path", input.as_str())
            .remedy(CHANGED)
            .retryable(),
        Error::Encrypted { rows, place } => {
            let message = match rows {
                1 => "this visible row of the selected data is encrypted".to_owned(),
                rows => format!(
                    "{rows} visible rows of the selected data are encrypted; this is the first"
                ),
            };
            at(damaged("snapshot.encrypted", &message), place)
                .remedy("Rows are decrypted by the server only. Restore the node and read the data through it.")
        }
        Error::NotDecoded { families } => {
            let rows: serde_json::Map<_, _> = families
                .iter()
                .map(|(family, rows)| (family.name().to_owned(), (*rows).into()))
                .collect();
            damaged("snapshot.not-decoded-yet", &message)
                .at("families", rows)
                .remedy(
                    "Use --partial to write everything else, or --adapter to say what you need.",
                )
        }
        Error::UnknownRows { rows, place } => {
            let message = match rows {
                1 => "this row has an unknown key prefix".to_owned(),
                rows => format!("{rows} rows have an unknown key prefix; this is the first"),
            };
            at(damaged("snapshot.unknown-rows", &message), place).remedy(
                "Leave out --strict to go on without them, or use --raw to write them as they are.",
            )
        }
        Error::SameGroup { first, second, key } => {
            let message = format!("{first} and {second} are snapshots of the same Raft group");
            Failure::new(Exit::Usage, "input.same-group", message)
                .at("path", second.as_str())
                .at("key", key.as_str())
                .remedy("Give one snapshot of each group, the newest.")
        }
        Error::Redis { what, place } => {
            at(damaged(what.id(), &what.to_string()), place).remedy(PARTIAL)
        }
        Error::S3(error) => s3(error),
        Error::Dump(error) => dump(error, Side::Output),
        Error::Spill(error) => spill(error),
        Error::Io { input, error } => Failure::new(Exit::LocalIo, "input.unreadable", message)
            .at("path", input.as_str())
            .because(error)
            .retryable(),
        Error::Cancelled => stopped(),
        Error::Scratch(_) => Failure::new(Exit::LocalIo, "scratch.damaged", message)
            .remedy("Check the disk that holds --scratch-dir.")
            .retryable(),
        Error::Worker => {
            Failure::new(Exit::Internal, "internal.worker", message).remedy(remedy::REPORT)
        }
        _ => Failure::new(Exit::Internal, "internal.unknown-error", message).remedy(remedy::REPORT),
    }
}

const PARTIAL: &str = "Use --partial to leave it out and list it in the report.";

fn s3(error: &::codec::s3::Error) -> Failure {
    let failure = Failure::new(Exit::SnapshotDamaged, error.id(), error.fault.to_string())
        .remedy(error.remedy());
    let failure = match &error.place {
        Some(place) => at(failure, place),
        None => failure,
    };
    let members = [("bucket", &error.bucket), ("object", &error.object)];
    members
        .into_iter()
        .fold(failure, |failure, (name, member)| match member {
            Some(member) => failure.at(name, member.as_str()),
            None => failure,
        })
}

/// A run that was told to stop; the caller replaces it by what the signal says.
pub(super) fn stopped() -> Failure {
    Failure::new(
        Exit::Interrupted,
        "run.stopped",
        "a signal stopped the command before it was done",
    )
    .retryable()
}

fn at(failure: Failure, place: &Place) -> Failure {
    let mut failure = failure.at("path", place.input.as_str());
    if let Some(offset) = place.offset {
        failure = failure.at("offset", offset);
    }
    if let Some(entry) = place.entry {
        failure = failure.at("entry", entry);
    }
    match &place.key {
        Some(key) => failure.at("key", key.as_str()),
        None => failure,
    }
}

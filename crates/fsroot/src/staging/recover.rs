//! What dead runs left beside a destination.

use std::path::PathBuf;

use super::destination::Destination;
use crate::Error;

/// What a dead run left beside the destination, and what was done about it.
#[derive(Debug)]
pub enum Recovery {
    /// What it had staged was removed.
    Removed {
        /// Where it lay.
        path: PathBuf,
    },
    /// It died while replacing the destination; the new one now stands there.
    Completed {
        /// The destination.
        path: PathBuf,
    },
    /// It died while replacing the destination; the old one stands there.
    Undone {
        /// The destination.
        path: PathBuf,
    },
    /// Something was left where it lies; a person has to look.
    Left {
        /// Where it lies.
        path: PathBuf,
        /// Why it was left.
        reason: LeftReason,
    },
}

/// Why something a run left was not removed.
#[derive(Debug)]
pub enum LeftReason {
    /// Removing it failed.
    Failed(Error),
    /// The file system has no locks, so the run that made it may be alive.
    MayBeAlive,
    /// It is an old destination, and something else has its name now.
    Displaced,
}

pub(crate) fn recover(_destination: &Destination) -> Result<Vec<Recovery>, Error> {
    Ok(Vec::new())
}

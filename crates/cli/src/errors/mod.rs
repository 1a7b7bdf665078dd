//! Library errors as the user sees them: exit code, stable id, place, remedy.
//!
//! Every library has one function here, an exhaustive `match` over its errors, so that a new error cannot forget any of
//! these. Messages and chains of causes come from the libraries; what to do about it is said here.

mod cluster;
mod codec;
mod dump;
mod files;
mod local;
#[cfg(test)]
mod page;
mod push;
mod runs;
mod sandbox;
mod snapshot;
mod spill;

pub(crate) use cluster::{api, clean, of_rule, randomness, release, runtime, target, token};
pub(crate) use codec::codec;
pub(crate) use dump::dump;
pub(crate) use files::{Side, files};
pub(crate) use local::{defect, lost_thread, signals, spool, spool_write, standard_input, thread};
pub(crate) use push::push;
pub(crate) use runs::{journal, key, run_outcome, submit, watch};
pub(crate) use sandbox::sandbox;
pub(crate) use snapshot::snapshot;
pub(crate) use spill::spill;

/// Remedies that several errors share.
mod remedy {
    pub(super) const COPY_AGAIN: &str = "Copy the file from the node again and compare sizes; if the node's own file is damaged, use a snapshot of another node.";
    pub(super) const FREE_SPACE: &str = "Free some space, or name a place on a larger disk.";
    pub(super) const REPORT: &str =
        "This is a defect of longshore. Please report it with the command that shows it.";
}

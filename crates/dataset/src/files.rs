//! Rules that look at the files of data directories, and the reading that they share.

pub(crate) mod images;
pub(crate) mod measure;
pub(crate) mod pairing;
pub(crate) mod record;
pub(crate) mod stems;
pub(crate) mod text;
pub(crate) mod tokenizer;
pub(crate) mod voc;

use crate::digest::Hashing;
use crate::finding::{Findings, Place};
use crate::observe::Observer;
use crate::rule::Rule;
use crate::size::human_bytes;

/// How files are read that are judged as a whole.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// Whether they are hashed on the way.
    pub(crate) hashing: &'a Hashing,
    /// The most of a file that is held in memory.
    pub(crate) limit_bytes: u64,
    /// Who may want to stop.
    pub(crate) observer: &'a dyn Observer,
}

/// Says that a file was not judged, because it does not fit into the memory that it may have.
fn beyond_limit(shown: &str, limit_bytes: u64, findings: &mut Findings) {
    let limit = human_bytes(limit_bytes);
    let message = format!("{shown} takes more than {limit}, the limit for one record.");
    findings.add(Rule::RecordSize, Place::file(shown), message);
}

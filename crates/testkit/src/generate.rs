//! Large, realistic snapshots, written straight to a file.
//!
//! Rows come in the order in which a node writes them, with the header and footer of a runtime file
//! around them. Memory stays bounded, but for 16 bytes a part of every S3 object.

mod objects;
mod sink;
mod strings;

use std::io::{self, Write};

pub use objects::Objects;
use sink::Sink;
pub use strings::{Expiring, Strings};

use crate::rows::routing_table;
use crate::stream::{Header, Operational, hlc};

/// When the generated writes begin: 2026-11-21T10:00:00Z.
const START_MS: u64 = 1_795_255_200_000;

/// What a generated snapshot holds.
#[derive(Clone, Debug)]
pub enum Workload {
    /// Redis strings.
    Strings(Strings),
    /// S3 objects in one bucket.
    Objects(Objects),
}

impl Workload {
    fn writes(&self) -> u64 {
        match self {
            Workload::Strings(strings) => strings.count,
            Workload::Objects(objects) => objects.count,
        }
    }
}

/// What was generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The length of the file.
    pub bytes: u64,
    /// The number of rows, those of the store's own included.
    pub rows: u64,
    /// The commit timestamp in the stream's header.
    pub last_commit_ts: u64,
    /// The footer.
    pub crc32c: u32,
}

/// Writes a complete runtime file. Writes go out in blocks of about 1 MiB.
///
/// # Errors
/// Those of `out`.
pub fn generate(workload: &Workload, out: impl Write) -> io::Result<Generated> {
    let last_commit_ts = commit_ts(workload.writes());
    let mut sink = Sink::new(out);
    let ceiling_ms = (last_commit_ts >> 16) + 10_000;
    sink.raw(&Header::V1 { ceiling_ms }.build())?;
    sink.raw(b"EKVPBBL1")?;
    sink.raw(&last_commit_ts.to_le_bytes())?;
    for row in routing_table() {
        sink.live(&row.user_key, row.commit_ts, &row.body)?;
    }
    match workload {
        Workload::Strings(strings) => strings.write(&mut sink)?,
        Workload::Objects(objects) => objects.write(&mut sink)?,
    }
    for row in [
        Operational::AppliedIndex(workload.writes() + 1),
        Operational::LastCommitTs(last_commit_ts),
        Operational::MinRetainedTs(last_commit_ts - hlc(30 * 60 * 1000, 0)),
    ] {
        let (key, value) = row.key_value();
        sink.entry(&key, &[&value])?;
    }
    sink.finish(last_commit_ts)
}

/// Gives the commit timestamp of the n-th write: four writes share a millisecond.
pub fn commit_ts(number: u64) -> u64 {
    hlc(START_MS + number / 4, (number % 4) as u16)
}

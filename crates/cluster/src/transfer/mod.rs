//! Carries files to a volume through a shell: transfer, verify, publish, as three steps.
//!
//! [`carry`] brings a [`Source`] to where nobody reads and has every file hashed there; its [`Receipt`] says that what landed is
//! the payload. [`publish`] makes it visible. Both talk to [`STAGE_SCRIPT`], which needs a POSIX shell and busybox; how, is written
//! in `docs/push-protocol.md`.
//!
//! What is *not* protected: a volume whose renames are not atomic, or that shows one client what another one has not written yet;
//! and files that others change below the staging directory.

pub mod command;

mod answer;
mod compression;
mod conversation;
mod draft;
mod error;
mod flights;
mod frame;
mod gate;
mod hold;
mod inventory;
mod listing;
mod probe;
mod progress;
mod reconcile;
mod retry;
mod sender;
mod session;
mod source;
mod ustar;
mod verbs;

use std::sync::Arc;
use std::time::Duration;

pub use command::SCRIPT_VARIABLE;
pub use compression::Compression;
pub use error::TransferError;
pub use hold::{Hold, hold};
pub use probe::{Probe, probe};
pub use progress::{Notice, Observer, Progress, Silent};
pub use source::{PayloadSource, Source, SourceFile};
pub use verbs::{
    Reclaimed, Standing, Swept, clean, publish, reclaim, reclaim_standing, record, release,
};

use dataset::names::TableName;

use crate::far::Far;
use crate::limits::Limits;
use conversation::Patience;

/// The far side, to be put into the environment of the stage pod as [`SCRIPT_VARIABLE`].
pub const STAGE_SCRIPT: &str = include_str!("stage.sh");

/// Slowest volume that is borne: a file is hashed, copied or synced at least this fast.
const SLOWEST_BYTES_PER_SECOND: u64 = 2 << 20;

/// Where and as whom a table is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Where the shared volume is mounted.
    pub shared: String,
    /// A directory of the pod's own.
    pub scratch: String,
    /// The table.
    pub table: TableName,
    /// This run: letters, digits and hyphens. Another run of the same client is another one.
    pub run: String,
    /// This stage pod, in the same letters. A pod made in place of a lost one is another one.
    pub pod: String,
    /// What others are told of who holds the lock: one line.
    pub holder: String,
    /// The record beside the data that the caller has looked at, empty if there is none. The transfer ends with
    /// [`TransferError::RunChanged`] if it finds another one.
    pub record: String,
    /// How long a lock must stand still before it is taken over, in whole seconds.
    pub lock_watch: Duration,
    /// Time between two looks at it, in whole seconds.
    pub lock_look: Duration,
    /// Time between two heart-beats to the far side.
    pub beat: Duration,
    /// Time of silence after which a connection counts as broken.
    pub stall: Duration,
    /// How long a broken transfer is tried again, since the last progress.
    pub retry: Duration,
    /// The first pause between two attempts; later ones are longer.
    pub pause: Duration,
    /// How content is compressed on the way; [`probe()`] says whether the far side can undo it.
    pub compression: Option<Compression>,
    /// What the random part of the pauses between attempts comes from.
    pub seed: u64,
}

impl Setup {
    /// Returns what holds in a cluster, with the usual limits.
    pub fn new(table: TableName, run: &str, pod: &str) -> Self {
        let limits = Limits::default();
        Self {
            shared: "/data/shared".to_owned(),
            scratch: "/tmp".to_owned(),
            table,
            run: run.to_owned(),
            pod: pod.to_owned(),
            holder: run.to_owned(),
            record: String::new(),
            lock_watch: Duration::from_secs(60),
            lock_look: Duration::from_secs(2),
            beat: Duration::from_secs(10),
            stall: limits.stall,
            retry: limits.retry,
            pause: Duration::from_millis(500),
            compression: None,
            seed: 0,
        }
    }

    fn patience(&self, bytes: u64) -> Patience {
        Patience {
            beat: self.beat,
            stall: self.stall,
            busy: self.lock_watch + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND),
        }
    }
}

/// What the far side vouches for: it read every file back, and this is what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How many files.
    pub files: u64,
    /// Sum of their sizes.
    pub bytes: u64,
    /// Digest of the manifest in hexadecimal: `sha256sum` lines, sorted by name in byte order.
    pub manifest_sha256: String,
    /// Whether the published tree is the payload already, so that there is nothing to publish.
    pub is_published: bool,
    /// Payload that went over the connection, what went twice included.
    pub sent_bytes: u64,
    /// Sessions that it took.
    pub sessions: u32,
}

/// Carries a payload to the volume and has it verified there; nothing becomes visible by that.
///
/// Takes the lock of the table and keeps it: [`publish`] needs it, [`release`] gives it back. What earlier runs left there is
/// repaired, used, or removed. A broken connection is tried again until [`Setup::retry`] has passed since the last progress; at
/// most 8 MiB are sent again for each.
///
/// Dropping the future ends the connection; the far side ends by itself.
pub async fn carry(
    far: &dyn Far,
    source: Arc<dyn Source>,
    setup: &Setup,
    observer: &dyn Observer,
) -> Result<Receipt, TransferError> {
    let task = session::Task {
        listing: listing::Listing::of(&*source)?,
        source,
        setup,
        observer,
    };
    retry::carry(&task, far).await
}

/// Gives the lines of a payload's manifest, newlines included: what `sha256sum -c` reads, sorted by name, as it lies beside the
/// published data.
pub fn manifest(source: &dyn Source, take: impl FnMut(&[u8])) -> Result<(), TransferError> {
    listing::each_line(source, take)
}

/// Returns the digest of that in hexadecimal.
pub fn manifest_sha256(source: &dyn Source) -> Result<String, TransferError> {
    listing::Listing::of(source).map(|listing| listing.manifest_sha256)
}

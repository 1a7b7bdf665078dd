//! What the rows of a snapshot mean: key families, and the loops that decode and inspect them.
//!
//! The crate knows every key family and every file of the dump tree that belongs to it. It knows no paths of the
//! machine: snapshots come in as positional readers, files go out through [`dump::tree::TreeWriter`]. It prints nothing; it
//! tells an [`Observer`] what it finds.
//!
//! [`decode()`] goes over a snapshot in four steps, and nothing is written before the first one has seen all of it:
//!
//! 1. *survey*: every row is read once, the visible version of each key chosen, and what has to be sorted or joined
//!    is put into external sorters. Long bodies stay unread.
//! 2. *plan*: keys of several types, expiries, bucket generations and file names are settled.
//! 3. *write*: bodies go from the snapshot to their files, hashed on the way, on all cores.
//! 4. *verify*: what is still unread is read, the footer compared, the manifest and the checksums written, and the tree
//!    published.
//!
//! Invariants:
//!
//! * Every row is counted exactly once; [`Counts::total`] equals the sum of its parts.
//! * A body is taken from the file once, or twice with the same checksum.
//! * Memory depends on limits, not on the number of keys.

mod counts;
mod decode;
mod error;
mod event;
mod family;
mod input;
mod inspect;
mod left_out;
mod locks;
mod nearby;
mod options;
mod raw;
mod redis;
mod report;
mod row;
pub mod s3;
mod sources;
mod sst_bundle;
mod survey;
mod twins;
mod walk;

pub use counts::{Counts, FamilyCount};
pub use decode::{REPORT_FILE, decode};
pub use error::{Error, Place};
pub use event::{Event, FieldValue, Observer, Phase, Progress};
pub use family::{Adapter, Family};
pub use input::Input;
pub use inspect::{ExpirySpread, Inspection, Largest, Section, SectionStats, inspect};
pub use left_out::LeftOutCount;
pub use options::{Adapters, BareStrings, Names, OnBad, Options, RawRows, Scope, UnknownRows};
pub use redis::RedisReport;
pub use report::{InputReport, LeftOutPart, Report};

//! Builds the bytes of snapshots: rows, store streams, and the layers around them.
//!
//! Nothing here checks what it is given. Wrong lengths, unsorted rows and reserved flag bits are
//! exactly what the reader's tests want to feed it.

mod layer;
mod memory;
mod native;
pub mod protobuf;
mod row;
mod sst;
mod token;
mod wal;

pub use layer::{Header, clock_oracle, footer, with_footer};
pub use memory::{MemoryStream, Version};
pub use native::{Native, entry};
pub use row::{Operational, Row, inverted};
pub use sst::SstBundle;
pub use token::{ConfState, snap_file, snap_file_with, token};
pub use wal::{Wal, WalRecord};

/// Makes a timestamp of the hybrid logical clock from Unix milliseconds and a counter.
pub const fn hlc(unix_ms: u64, logical: u16) -> u64 {
    (unix_ms << 16) | logical as u64
}

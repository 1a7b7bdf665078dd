//! The byte format of an elastickv store snapshot: layers, entries, versions, checksums.
//!
//! This crate turns positional reads into rows and nothing else. It knows no paths, opens no files, starts no
//! threads, and does not know what any key means beyond the rows the store keeps for itself. The format is described
//! in `docs/snapshot-format.md`.
//!
//! Three parts work together:
//!
//! * [`Layers::recognise`] reads the outer layers and says where the entries start.
//! * [`Reader`] cuts the entries into [`Batch`]es of whole entries. Large bodies that nobody asked for can be left
//!   unread; they become gaps in the [`Ledger`].
//! * [`Selector`] goes through a batch and tells for every row whether it is the visible version of its key.
//!
//! Invariants:
//!
//! * Every length is compared with its limit ([`limits`]) before memory is reserved for it, and memory grows with bytes
//!   that were read, not with bytes that were promised.
//! * The result, error offset included, does not depend on how the input is chunked.
//! * A checksum is known only when every byte has been read. Callers publish nothing before [`Ledger::verify`] said so.

mod batch;
mod error;
mod layers;
mod ledger;
pub mod limits;
mod read_at;
mod reader;
mod row;
mod select;
mod streaming;
pub mod token;
pub mod wal;

pub use batch::{Batch, Entries, Entry};
pub use error::{Error, ErrorKind};
pub use layers::{FsmHeader, Layers, Store};
pub use ledger::{Checked, Footer, FooterPolicy, Ledger};
pub use read_at::{ReadAt, read_exact_at};
pub use reader::{Keep, Reader};
pub use row::{Encryption, MvccRow, Operational, Row};
pub use select::{Disposition, Selector};

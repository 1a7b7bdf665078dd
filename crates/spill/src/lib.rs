//! Bounded memory for what has no bound: sorting on disk, and tables on disk.
//!
//! Records go into a [`Sorter`], any order and number, and come out of a [`Sorted`] in the order
//! of their bytes. While everything fits the budget there is no file. Then each full batch is
//! sorted and appended to one nameless scratch file as a run, and the runs are merged while they
//! are read; if there are more than the budget has buffers for, some are merged beforehand.
//! Input that comes in order is never compared more than once, and makes a single run.
//!
//! What must stay and be found again goes into a [`Table`], by key and number, or into [`Slots`], by number alone; both have a
//! budget likewise, and a nameless file beyond it.
//!
//! # What it knows
//!
//! Bytes and their order. Nothing about what keys mean, where the scratch directory comes from, or
//! how large a budget ought to be.
//!
//! # Invariants
//!
//! - Memory is bounded by the budget, one record, and 256 KiB of write buffer; not by the input. A table has a byte or two a
//!   record beside it, for finding them.
//! - Every record that went in comes out, as often as it went in.
//! - A scratch file has no name and vanishes with its reader, however the process ends.

mod batch;
mod error;
mod merge;
mod record;
mod scratch;
mod slots;
mod sorted;
mod sorter;
mod store;
mod table;

pub use error::Error;
pub use slots::Slots;
pub use sorted::{Record, Sorted};
pub use sorter::Sorter;
pub use table::{Lookup, Table, TableWriter};

//! Local datasets: which tasks there are, what they want on disk, whether a folder has it, and the document that describes a
//! dataset to the cluster.
//!
//! [`check()`] is the local side of a push. It is synchronous, knows no network, prints nothing and writes nothing but temporary
//! files; what it finds wrong is a [`finding::Finding`], all of them in one run. [`rule::TABLE`] holds every rule.

pub mod age;
mod cell;
mod check;
mod csv;
mod digest;
mod document;
mod escape;
mod files;
pub mod finding;
mod forecast;
mod guess;
mod image;
pub mod ingest;
pub mod labels;
mod layout;
pub mod names;
mod observe;
mod parallel;
pub mod parts;
pub mod payload;
mod peek;
mod preflight;
mod request;
mod rows;
pub mod rule;
pub mod size;
pub mod sql_type;
mod tabular;
pub mod task;

pub use check::{Report, Summary, Verdict, check};
pub use csv::{RECORD_MAX_BYTES, shown_name};
pub use guess::{Guess, guess};
pub use layout::Layout;
pub use observe::{Observer, Silent, Stage, Stopped};
pub use peek::columns;
pub use preflight::{Facts, preflight};
pub use request::{FILE_MAX_BYTES, LIST_MEMORY_BYTES, Request, Settings, TOTAL_MAX_BYTES};
pub use spill::Error as ScratchError;
pub use tabular::{Column, Schema, infer_column};

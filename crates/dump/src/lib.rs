//! The plain-file tree that a snapshot is decoded into: names, lists, and the writing, checking and
//! searching of whole trees. `docs/dump-format.md` describes the format.
//!
//! # What it knows
//!
//! - [`name`] and [`object_name`]: what a key is called on disk, and back.
//! - [`json`]: the bytes of every JSON file.
//! - [`keymap`], [`manifest`], [`checksums`]: the three lists of a tree.
//! - [`tree`]: writing one. [`verify`]: checking one. [`find`]: looking something up in one.
//!
//! # What it does not know
//!
//! Snapshots, rows and families' values (`codec`), system calls (`fsroot`), the environment, the
//! clock, and what to tell the user (`cli`).
//!
//! # Invariants
//!
//! - The same content gives the same bytes, whoever wrote which part of it on how many threads.
//! - Names and paths are bytes from end to end; text is only ever a view of them.
//! - Memory is bounded by constants, not by the number of files, mappings or findings.
//! - What we write we accept, and what we accept could have been written in one way only: no two
//!   file names mean one key.

#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic
)]

pub mod checksums;
mod error;
pub mod find;
pub mod json;
pub mod keymap;
mod lines;
pub mod manifest;
pub mod name;
pub mod object_name;
pub mod tree;
pub mod verify;

pub use error::Error;

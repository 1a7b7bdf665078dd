//! The plain-file tree that a snapshot is decoded into.

#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic
)]

pub mod checksums;
mod error;
pub mod json;
pub mod keymap;
mod lines;
pub mod manifest;
pub mod name;
pub mod object_name;
pub mod tree;
pub mod verify;

pub use error::Error;

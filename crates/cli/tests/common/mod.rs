//! A sandbox for this program, and the snapshots that most of its tests read.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file is a crate that uses a part of this"
)]

pub mod lab;
pub mod runs;
pub mod screen;

use std::ops::Deref;
use std::path::PathBuf;

pub use testkit::command::{Run, Sandbox};

/// A sandbox in which `longshore` runs.
pub struct Place(Sandbox);

impl Place {
    pub fn new() -> Self {
        Self(Sandbox::new(env!("CARGO_BIN_EXE_longshore")))
    }

    /// Puts the snapshot of [`redis_snapshot`] under a name.
    pub fn snapshot(&self, name: &str) -> PathBuf {
        self.write(name, redis_snapshot())
    }
}

impl Deref for Place {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.0
    }
}

/// A snapshot of a real node with 106 Redis strings, see `demo/README.md`.
pub fn redis_snapshot() -> &'static [u8] {
    include_bytes!("../follower.fsm")
}

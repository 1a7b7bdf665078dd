//! The node: pods become local processes, volumes become directories.
//!
//! It watches pods in the store, binds them to itself, and writes their status; the API hands it the streams of a pod.

pub mod channel;
mod config;
pub mod container;
pub mod stream;
pub mod websocket;

pub use config::Config;

use crate::Sandbox;

/// The name of the only node.
pub const NAME: &str = "sandbox";

/// Starts the node's tasks; they end when the sandbox stops.
pub(crate) fn start(_sandbox: &Sandbox) {}

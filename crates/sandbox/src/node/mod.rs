//! The node: pods become local processes, volumes become directories.
//!
//! It watches pods in the store, binds them to itself, and writes their status; the API hands it the streams of a pod.

pub mod channel;
mod config;
pub mod container;
mod forward;
mod harm;
mod kubelet;
pub mod logs;
mod object;
mod pods;
pub mod stream;
mod task;
mod upgrade;
pub mod websocket;

pub use config::{Config, Image, ImageRule};
pub use object::architecture;
pub(crate) use object::object;
pub use pods::Node;
pub use task::{Ports, Task};

use crate::Sandbox;

/// The name of the only node.
pub const NAME: &str = "sandbox";

/// Starts the node's tasks; they end when the sandbox stops.
pub(crate) fn start(sandbox: &Sandbox) {
    let watched = sandbox.clone();
    sandbox.spawn(async move { kubelet::run(watched).await });
}

//! The rows that a live server leaves behind, as its own snapshots show them.

mod node;
pub mod redis;
pub mod s3;

pub use node::{Node, Put};

use crate::stream::Row;

/// The five rows that a node writes below `!dist|` when it is initialised.
///
/// Their bodies are opaque here; a decoder knows them by their prefix.
pub fn routing_table() -> Vec<Row> {
    let one = 1u64.to_be_bytes();
    let numbered = |prefix: &str| [prefix.as_bytes(), &one].concat();
    let counter = |value: u64| [b"\x01".as_slice(), &value.to_be_bytes()].concat();
    vec![
        Row::live(numbered("!dist|delta|"), 1, vec![1; 85]),
        Row::live("!dist|meta|delta_floor", 1, counter(1)),
        Row::live("!dist|meta|next_route_id", 1, counter(2)),
        Row::live("!dist|meta|version", 1, counter(1)),
        Row::live(numbered("!dist|route|"), 1, vec![2; 43]),
    ]
}

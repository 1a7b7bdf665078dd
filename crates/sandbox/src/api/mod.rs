//! The API server: HTTPS on loopback, authentication, authorisation, admission, and the verbs on every kind.
//!
//! A request goes through `serve` (TLS and HTTP), `handle` (who asks, faults, may they), and then `read`, `write`, `reviews` or
//! the node's streams. Nothing here waits for controllers or node: they see the change in the store.

pub mod answer;
pub mod body;
mod decode;
mod defaults;
mod discovery;
pub mod faults;
mod handle;
mod patch;
mod pod_security;
mod read;
pub mod request;
mod reviews;
mod scale;
mod schema;
pub mod select;
pub mod serve;
mod table;
mod validate;
pub(crate) mod write;

pub use body::Body;
pub(crate) use discovery::git_version;

//! A Kubernetes API in one process, good enough for real clients, with faults on demand.
//!
//! [`Sandbox::start`] brings up an API server on loopback, the controllers and one node whose pods are local processes. The
//! parts meet in the [`store`]: the API writes what clients want, controllers and node bring it about and write back what is.
//! Nothing here knows the client side of this project: what the sandbox does comes from what real clusters were seen to do.

pub mod api;
pub mod auth;
pub mod clock;
mod config;
pub mod controllers;
pub mod events;
pub mod failure;
pub mod fault;
pub mod hook;
pub mod kinds;
pub mod local;
pub mod node;
pub mod release;
mod sandbox;
pub mod store;
pub mod tls;

pub use config::Config;
pub use failure::Failure;
pub use sandbox::{Running, Sandbox, StartError};

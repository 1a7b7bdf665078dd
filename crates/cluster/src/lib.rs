//! The cluster side of a push: connect, look around, stage, verify, publish, submit, watch, clean up.
//!
//! Objects and requests are built in pure functions and sent elsewhere. Nothing here prints, reads the environment or ends the
//! process; what happens is told to an observer. Success is something that the far side said, never an exit status or a closed
//! connection.

pub mod access;
pub mod api;
mod cause;
pub mod clean;
mod clients;
mod connection;
pub mod doctor;
pub mod exec;
pub mod far;
pub mod info;
pub mod journal;
pub mod limits;
pub mod preflight;
pub mod push;
pub mod release;
pub mod runtime;
pub mod stage;
pub mod submit;
pub mod target;
mod time;
pub mod token;
pub mod transfer;
pub mod tunnel;
pub mod volume;
pub mod watch;
mod websocket;

pub use clients::Clients;
pub use connection::Connection;

//! The cluster side of a push: connect, look around, stage, verify, publish, submit, watch, clean up.
//!
//! Objects and requests are built in pure functions and sent elsewhere. Nothing here prints, reads the environment or ends the
//! process; what happens is told to an observer. Success is something that the far side said, never an exit status or a closed
//! connection.

mod cause;
pub mod exec;
pub mod far;
pub mod limits;
mod websocket;

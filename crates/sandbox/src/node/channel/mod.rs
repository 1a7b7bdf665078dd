//! `exec` over WebSocket: the subprotocols `v5.channel.k8s.io` and `v4.channel.k8s.io`.
//!
//! Every data frame is one message, and its first byte is a channel: 0 stdin, 1 stdout, 2 stderr, 3 the status at the end, 4 the
//! size of a terminal, and with v5 only 255, followed by the number of a channel that the client has finished with.
//!
//! What a session does when things go wrong follows what real clusters were seen to do, not what one would wish for:
//!
//! - one output of the process reaching its end cuts its stdin off;
//! - a process that ends with input unread leaves the session hanging, without a status;
//! - a client that is gone is a plain end of input, and the process lives on;
//! - while the process reads nothing, nothing is read from the client either, so no ping is answered;
//! - a frame of more than 32 MiB ends the connection.

mod input;
mod output;
mod protocol;
mod session;
mod status;

#[cfg(test)]
mod tests;

pub use protocol::{Offer, Protocol};
pub use session::{Harm, Process, Session, refuse, serve};
pub use status::{Exit, command_not_found};

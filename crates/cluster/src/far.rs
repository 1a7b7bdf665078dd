//! A process on the far side, whatever carries its pipes.
//!
//! The transfer speaks to a shell script through this. In a cluster the pipes are an exec session; its own tests start the same
//! script on this machine.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

/// Longest piece of input that is handed over at once: one message of a WebSocket, which must stay one frame.
pub const INPUT_MAX_BYTES: usize = 256 << 10;

/// Pieces of input that may wait to be taken.
pub const INPUT_WAITING: usize = 8;

/// Where processes can be started: a stage pod.
pub trait Far: Send + Sync {
    /// Starts a command, given as its words; no shell is in between.
    fn start<'a>(&'a self, command: Vec<String>) -> BoxFuture<'a, Result<Process, StartError>>;
}

/// A started process.
///
/// Dropping it ends the connection, not necessarily the process.
#[derive(Debug)]
pub struct Process {
    /// Standard input. Dropping the sender ends the input where the carrier can say so, and says nothing where it cannot: the
    /// far side must know the end by itself. A full queue means that the process, or the way there, is slow.
    pub input: mpsc::Sender<Bytes>,
    /// What comes back, in order for each stream. Closed after [`Event::Ended`].
    pub events: mpsc::Receiver<Event>,
}

/// Something that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Standard output.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
    /// Nothing more will come.
    Ended(End),
}

/// How a process was heard of for the last time.
///
/// None of these says that the process did its work: a success status is given for a lost connection too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A status said success.
    Success,
    /// A status told the exit code.
    Exit(i32),
    /// A status told of something else, such as a missing program.
    Refused(String),
    /// The connection ended, or nothing came for too long, without a status.
    Lost(String),
}

/// Why a process could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The pod is not there any more, or does not run. Another one may help.
    #[error("the stage pod is gone: {0}")]
    Gone(String),
    /// The API server refuses. Asking again does not help.
    #[error("exec is not allowed: {0}")]
    Forbidden(String),
    /// The credential is not taken any more, also after it was renewed.
    #[error("the credential is not accepted: {0}")]
    Unauthorized(String),
    /// Something on the way does not let the upgrade to a WebSocket through.
    #[error("the connection cannot be upgraded to a WebSocket: {0}")]
    NoUpgrade(String),
    /// No connection. Asking again may help, after a while if one is told.
    #[error("no connection: {reason}")]
    Unreachable {
        /// What went wrong.
        reason: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
}

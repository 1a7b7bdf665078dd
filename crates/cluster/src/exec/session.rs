//! One exec session, from the open WebSocket to its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::pulse::{Due, Pulse};
use super::status;
use crate::cause::chain;
use crate::far::{End, Event, INPUT_MAX_BYTES};
use crate::limits::{Limits, told};
use crate::websocket::{Protocol, Socket};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// Names a channel that ends (v5).
const CLOSE: u8 = 255;

/// What the two directions share.
struct Shared {
    pulse: Mutex<Pulse>,
    /// A ping is due.
    ask: Notify,
    protocol: Protocol,
}

impl Shared {
    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a session until it ends or nobody listens any more.
pub(super) async fn run(
    socket: Socket,
    protocol: Protocol,
    input: mpsc::Receiver<Bytes>,
    events: mpsc::Sender<Event>,
    limits: Limits,
) {
    let (sink, stream) = socket.split();
    let shared = Shared {
        pulse: Mutex::new(Pulse::new(limits.stall, Instant::now())),
        ask: Notify::new(),
        protocol,
    };
    let mut reader = Reader {
        stream,
        shared: &shared,
        events: &events,
        limits: &limits,
        status: BytesMut::new(),
    };
    let writing = async {
        if let Err(error) = write(sink, input, &shared).await {
            // Whoever reads knows better why: a status may have come already.
            tracing::debug!(error = chain(&error), "exec input broke");
        }
        std::future::pending::<()>().await
    };
    // The input is dropped with `writing` before the end is told: whoever sends learns of it from one of both.
    let end = tokio::select! {
        end = reader.read() => end,
        () = writing => return,
        () = events.closed() => return,
    };
    if let Some(end) = end {
        // Nobody may be listening.
        drop(events.send(Event::Ended(end)).await);
    }
}

struct Reader<'a> {
    stream: SplitStream<Socket>,
    shared: &'a Shared,
    events: &'a mpsc::Sender<Event>,
    limits: &'a Limits,
    /// What came on the status channel and is not whole yet.
    status: BytesMut,
}

/// What one look at the connection came to.
enum Heard {
    Message(Bytes),
    /// A pong, or a text that means nothing.
    Nothing,
    Closed(String),
    Stalled,
}

impl Reader<'_> {
    /// Reads to the end. `None` when nobody listens.
    async fn read(&mut self) -> Option<End> {
        loop {
            match self.next().await {
                Heard::Message(bytes) => {
                    if let Some(end) = self.take(bytes).await? {
                        self.drain().await?;
                        return Some(end);
                    }
                    // However long that took, it was not the connection's silence.
                    self.shared.pulse().heard(Instant::now());
                }
                Heard::Nothing => {}
                Heard::Closed(reason) => return Some(self.without_status(reason)),
                Heard::Stalled => {
                    let limit = told("stall-timeout", self.limits.stall);
                    return Some(self.without_status(format!("nothing was heard for {limit}")));
                }
            }
        }
    }

    fn without_status(&self, reason: String) -> End {
        status::rest(&self.status).unwrap_or(End::Lost(reason))
    }

    /// Waits for a message; only here does silence count, never while somebody is slow to take what came.
    async fn next(&mut self) -> Heard {
        loop {
            // In a statement of its own, or the lock would be held through the arms.
            let due = self.shared.pulse().due(Instant::now());
            let until = match due {
                Due::Later(until) => until,
                Due::Stalled => return Heard::Stalled,
                Due::Ping => {
                    self.shared.pulse().pinged(Instant::now());
                    self.shared.ask.notify_one();
                    continue;
                }
            };
            // Cancelling this loses no message.
            if let Ok(message) = tokio::time::timeout_at(until, self.stream.next()).await {
                self.shared.pulse().heard(Instant::now());
                return heard(message);
            }
        }
    }

    /// Passes a message on; the outer `None` means that nobody listens, an end is a status.
    async fn take(&mut self, mut bytes: Bytes) -> Option<Option<End>> {
        if bytes.is_empty() {
            return Some(None);
        }
        let payload = bytes.split_off(1);
        match bytes.first() {
            // Servers open a channel with an empty message.
            _ if payload.is_empty() => {}
            Some(&STDOUT) => self.events.send(Event::Stdout(payload)).await.ok()?,
            Some(&STDERR) => self.events.send(Event::Stderr(payload)).await.ok()?,
            Some(&STATUS) => return Some(self.take_status(&payload)),
            _ => {}
        }
        Some(None)
    }

    fn take_status(&mut self, payload: &[u8]) -> Option<End> {
        if self.status.len() + payload.len() > status::STATUS_MAX_BYTES {
            return Some(End::Refused("a status without end".to_owned()));
        }
        self.status.put_slice(payload);
        status::parse(&self.status)
    }

    /// Takes what comes after the status, until the server closes or for a moment.
    async fn drain(&mut self) -> Option<()> {
        let until = Instant::now() + self.limits.exec_end;
        loop {
            match tokio::time::timeout_at(until, self.stream.next())
                .await
                .map(heard)
            {
                Ok(Heard::Message(bytes)) => drop(self.take(bytes).await?),
                Ok(Heard::Nothing) => {}
                Ok(Heard::Closed(_) | Heard::Stalled) | Err(_) => return Some(()),
            }
        }
    }
}

fn heard(message: Option<Result<Message, Error>>) -> Heard {
    match message {
        Some(Ok(Message::Binary(bytes))) => Heard::Message(bytes),
        Some(Ok(Message::Close(frame))) => Heard::Closed(closed(frame.as_ref())),
        Some(Ok(_)) => Heard::Nothing,
        Some(Err(error)) => Heard::Closed(format!("the connection broke: {}", chain(&error))),
        None => Heard::Closed("the connection ended without a status".to_owned()),
    }
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "the connection was closed without a status".to_owned(),
        Some(frame) if frame.reason.is_empty() => {
            format!(
                "the connection was closed without a status (code {})",
                u16::from(frame.code)
            )
        }
        Some(frame) => format!(
            "the connection was closed without a status (code {}, {})",
            u16::from(frame.code),
            frame.reason
        ),
    }
}

/// Writes what is given, ends the input where that can be said, and sends a ping whenever one is asked for.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut input: mpsc::Receiver<Bytes>,
    shared: &Shared,
) -> Result<(), Error> {
    let mut is_open = true;
    loop {
        tokio::select! {
            piece = input.recv(), if is_open => {
                shared.pulse().begins(Instant::now());
                match piece {
                    Some(piece) => feed(&mut sink, &mut input, piece, shared).await?,
                    None => {
                        is_open = false;
                        if shared.protocol == Protocol::V5 {
                            sink.feed(Message::binary(vec![CLOSE, STDIN])).await?;
                        }
                    }
                }
            }
            () = shared.ask.notified() => sink.feed(Message::Ping(Bytes::new())).await?,
        }
        sink.flush().await?;
        shared.pulse().rests(Instant::now());
    }
}

/// Feeds a piece and what else is there by then: flushing each small piece would make a packet of it.
async fn feed(
    sink: &mut SplitSink<Socket, Message>,
    input: &mut mpsc::Receiver<Bytes>,
    mut piece: Bytes,
    shared: &Shared,
) -> Result<(), Error> {
    loop {
        while !piece.is_empty() {
            let now = piece.split_to(piece.len().min(INPUT_MAX_BYTES));
            let mut message = BytesMut::with_capacity(now.len() + 1);
            message.put_u8(STDIN);
            message.put_slice(&now);
            // Unfragmented, whatever its size: servers take a continuation for a message of its own and lose its first byte.
            sink.feed(Message::Binary(message.freeze())).await?;
            shared.pulse().moved(Instant::now());
        }
        match input.try_recv() {
            Ok(next) => piece = next,
            Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_is_told_with_its_code() {
        let frame = CloseFrame {
            code: 1011.into(),
            reason: "out of luck".into(),
        };
        assert!(closed(Some(&frame)).contains("code 1011, out of luck"));
        assert!(matches!(heard(None), Heard::Closed(_)));
    }
}

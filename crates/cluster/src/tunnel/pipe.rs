//! One forwarded port as a stream of bytes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio_tungstenite::tungstenite::Message;

use crate::cause;
use crate::websocket::Socket;

const DATA: u8 = 0;
const ERROR: u8 = 1;
const PIPE_BYTES: usize = 64 << 10;
const FRAME_BYTES: usize = 32 << 10;

/// The first message on each channel is the port.
const PORT_BYTES: usize = 2;

/// What the far side said about the port before it ended, if anything.
#[derive(Debug, Default)]
pub(super) struct Fate(Mutex<Option<String>>);

impl Fate {
    pub(super) fn told(&self) -> Option<String> {
        let fate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fate.clone()
    }

    fn tell(&self, text: String) {
        let mut fate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fate.get_or_insert(text);
    }
}

/// Makes a stream of a socket. Dropping the stream closes the connection.
pub(super) fn open(socket: Socket) -> (DuplexStream, Arc<Fate>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let fate = Arc::new(Fate::default());
    tokio::spawn(pump(socket, theirs, Arc::clone(&fate)));
    (ours, fate)
}

async fn pump(socket: Socket, io: DuplexStream, fate: Arc<Fate>) {
    let (mut sink, stream) = socket.split();
    let (mut from_us, to_us) = tokio::io::split(io);
    let mut incoming = Incoming {
        stream,
        to_us,
        fate: &fate,
        unread: [PORT_BYTES; 2],
    };
    let outgoing = async {
        while let Some(message) = next_piece(&mut from_us).await {
            if let Err(error) = sink.send(message).await {
                fate.tell(cause::chain(&error));
                return;
            }
        }
    };
    // There is no half-close: the end of one direction is the end of both.
    tokio::select! {
        () = incoming.run() => {}
        () = outgoing => {}
    }
}

async fn next_piece(from_us: &mut ReadHalf<DuplexStream>) -> Option<Message> {
    let mut piece = BytesMut::with_capacity(FRAME_BYTES + 1);
    piece.put_u8(DATA);
    match from_us.read_buf(&mut piece).await {
        Ok(read) if read > 0 => Some(Message::Binary(piece.freeze())),
        _ => None,
    }
}

struct Incoming<'a> {
    stream: futures_util::stream::SplitStream<Socket>,
    to_us: WriteHalf<DuplexStream>,
    fate: &'a Fate,
    /// Bytes of the port that are still to come, data and error.
    unread: [usize; 2],
}

impl Incoming<'_> {
    async fn run(&mut self) {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    if self.take(bytes).await.is_none() {
                        return;
                    }
                }
                Some(Ok(Message::Close(_))) | None => return,
                Some(Ok(_)) => {}
                Some(Err(error)) => return self.fate.tell(cause::chain(&error)),
            }
        }
    }

    /// Passes a message on; `None` when nobody wants more.
    async fn take(&mut self, mut bytes: Bytes) -> Option<()> {
        if bytes.is_empty() {
            return Some(());
        }
        let payload = bytes.split_off(1);
        match bytes.first() {
            Some(&DATA) => {
                let data = behind_port(payload, &mut self.unread[0]);
                self.to_us.write_all(&data).await.ok()?;
                self.to_us.flush().await.ok()
            }
            Some(&ERROR) => {
                let text = behind_port(payload, &mut self.unread[1]);
                if text.is_empty() {
                    return Some(());
                }
                self.fate
                    .tell(String::from_utf8_lossy(&text).trim().to_owned());
                None
            }
            _ => Some(()),
        }
    }
}

/// Cuts off what is left of the port, which may share a message with what follows.
fn behind_port(mut payload: Bytes, unread: &mut usize) -> Bytes {
    let port = payload.split_to(payload.len().min(*unread));
    *unread -= port.len();
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_cut_off_however_it_comes() {
        let check = |pieces: &[&'static [u8]], expected: &[u8]| {
            let mut unread = PORT_BYTES;
            let rest: Vec<u8> = pieces
                .iter()
                .flat_map(|piece| behind_port(Bytes::from_static(piece), &mut unread))
                .collect();
            assert_eq!(rest, expected);
        };
        check(&[b"\x90\x1f", b"HTTP"], b"HTTP");
        check(&[b"\x90\x1fHT", b"TP"], b"HTTP");
        check(&[b"\x90", b"\x1fHTTP"], b"HTTP");
        check(&[b"\x90"], b"");
    }
}

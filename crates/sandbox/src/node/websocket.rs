//! The server's side of RFC 6455, frame by frame.
//!
//! A library that assembles messages would hide what a real API server shows: that each frame of a fragmented message is taken for
//! a message of its own, and that a reader that waits for its process answers no ping. It would also hold 32 MiB before it passed on
//! the first byte. So frames are read here as they come, and payload is handed on as it arrives.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use data_encoding::BASE64;
use futures_util::FutureExt as _;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes asked of the connection at once. TLS gives 16 KiB a record; several of them are worth one task switch.
const READ_BYTES: usize = 256 * 1024;

/// Bytes that make a piece when they are there.
const PIECE_BYTES: usize = 128 * 1024;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Part of a message that an earlier frame began.
    Continuation,
    /// Text.
    Text,
    /// Bytes.
    Binary,
    /// End of the conversation.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn parse(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Says whether the frame belongs to the protocol rather than to a message.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it carries.
    pub opcode: Opcode,
    /// Bytes of payload.
    pub length: u64,
}

/// Why reading ended without a close frame.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The connection ended, or failed.
    #[error("the connection is gone")]
    Gone(#[from] io::Error),
    /// What came is no frame of a client: unmasked, an unknown opcode, or a long control frame.
    #[error("the client broke the protocol: {0}")]
    Protocol(&'static str),
}

/// Reads frames of a client.
#[derive(Debug)]
pub struct Reader<R> {
    io: R,
    buffer: BytesMut,
    left: u64,
    mask: [u8; 4],
    turn: usize,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads from `io`; `already` is what was read beyond the HTTP request.
    pub fn new(io: R, already: &[u8]) -> Self {
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        buffer.extend_from_slice(already);
        Self {
            io,
            buffer,
            left: 0,
            mask: [0; 4],
            turn: 0,
        }
    }

    /// Returns the next frame's head. The payload of the one before must have been taken.
    ///
    /// # Errors
    /// When the connection ended, or what came is no frame.
    pub async fn head(&mut self) -> Result<Head, Broken> {
        debug_assert_eq!(self.left, 0, "the last frame was not read to its end");
        self.fill(2).await?;
        let (first, second) = (self.buffer.get_u8(), self.buffer.get_u8());
        let opcode = Opcode::parse(first & 0x0f).ok_or(Broken::Protocol("unknown opcode"))?;
        if first & 0x70 != 0 {
            return Err(Broken::Protocol("a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(Broken::Protocol("the frame is not masked"));
        }
        let length = self.length(second & 0x7f).await?;
        if opcode.is_control() && (length > 125 || first & 0x80 == 0) {
            return Err(Broken::Protocol("a control frame is long or in parts"));
        }
        self.fill(4).await?;
        self.mask = self.buffer.get_u32().to_be_bytes();
        self.left = length;
        self.turn = 0;
        Ok(Head { opcode, length })
    }

    async fn length(&mut self, short: u8) -> Result<u64, Broken> {
        match short {
            126 => {
                self.fill(2).await?;
                Ok(u64::from(self.buffer.get_u16()))
            }
            127 => {
                self.fill(8).await?;
                Ok(self.buffer.get_u64())
            }
            short => Ok(u64::from(short)),
        }
    }

    /// Returns the next piece of the payload, unmasked, as it arrived; `None` at the frame's end.
    ///
    /// # Errors
    /// When the connection ended within the frame.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        if self.left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        if self.buffer.is_empty() {
            self.fill(1).await?;
            self.gather(most.min(PIECE_BYTES));
        }
        let mut piece = self.buffer.split_to(self.buffer.len().min(most));
        unmask(&mut piece, self.mask, &mut self.turn);
        self.left -= piece.len() as u64;
        Ok(Some(piece.freeze()))
    }

    /// Returns the rest of a short frame, at most `limit` bytes of it.
    ///
    /// # Errors
    /// When the connection ended within the frame.
    pub async fn rest(&mut self, limit: usize) -> Result<Vec<u8>, Broken> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            let room = limit.saturating_sub(whole.len());
            whole.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        }
        Ok(whole)
    }

    /// Takes what has arrived already, up to about that many bytes. Each piece costs its reader a task switch.
    fn gather(&mut self, bytes: usize) {
        while self.buffer.len() < bytes {
            self.buffer.reserve(READ_BYTES);
            match self.io.read_buf(&mut self.buffer).now_or_never() {
                Some(Ok(read)) if read > 0 => {}
                // Whatever it is, the next read meets it again.
                _ => return,
            }
        }
    }

    /// Reads until that many bytes are there.
    async fn fill(&mut self, bytes: usize) -> Result<(), Broken> {
        while self.buffer.len() < bytes {
            self.buffer.reserve(READ_BYTES);
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(())
    }
}

/// Removes the mask; `turn` says where in the mask the piece begins.
fn unmask(bytes: &mut [u8], mask: [u8; 4], turn: &mut usize) {
    let mut key = mask;
    key.rotate_left(*turn);
    *turn = (*turn + bytes.len()) % 4;
    let wide = u64::from_ne_bytes([
        key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3],
    ]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(eight) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Writes frames to a client.
#[derive(Debug)]
pub struct Writer<W> {
    io: W,
    scratch: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Writes to `io`.
    pub fn new(io: W) -> Self {
        Self {
            io,
            scratch: Vec::new(),
        }
    }

    /// Writes one frame whose payload is `first` and then `rest`, and flushes.
    ///
    /// # Errors
    /// When the connection failed.
    pub async fn frame(&mut self, opcode: Opcode, first: &[u8], rest: &[u8]) -> io::Result<()> {
        self.scratch.clear();
        self.scratch.push(0x80 | opcode.bits());
        let length = first.len() + rest.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < 126 => self.scratch.push(short),
            (_, Ok(middle)) => {
                self.scratch.push(126);
                self.scratch.extend_from_slice(&middle.to_be_bytes());
            }
            _ => {
                self.scratch.push(127);
                self.scratch
                    .extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        self.scratch.extend_from_slice(first);
        self.scratch.extend_from_slice(rest);
        self.io.write_all(&self.scratch).await?;
        self.io.flush().await
    }

    /// Writes a close frame with that code and ends the connection's writing side.
    ///
    /// # Errors
    /// When the connection failed.
    pub async fn close(&mut self, code: u16) -> io::Result<()> {
        self.frame(Opcode::Close, &code.to_be_bytes(), &[]).await?;
        self.io.shutdown().await
    }

    /// Writes bytes as they are: half a frame, for faults.
    ///
    /// # Errors
    /// When the connection failed.
    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }
}

/// Computes the `Sec-WebSocket-Accept` header of a `Sec-WebSocket-Key` (RFC 6455, 4.2.2).
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    let mut joined = key.to_vec();
    joined.extend_from_slice(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &joined).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_key_is_the_rfc_s_example() {
        // RFC 6455, 1.3.
        assert_eq!(
            accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    async fn check(bytes: &[u8], expected: &[(Opcode, &[u8])]) {
        let mut reader = Reader::new(bytes, &[]);
        for (opcode, payload) in expected {
            let head = reader.head().await.unwrap();
            assert_eq!(head.opcode, *opcode);
            assert_eq!(reader.rest(1 << 20).await.unwrap(), *payload);
        }
        assert!(matches!(reader.head().await, Err(Broken::Gone(_))));
    }

    #[tokio::test]
    async fn masked_frames_are_read() {
        // RFC 6455, 5.7: a single-frame masked text message, and a masked pong.
        check(
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
            &[(Opcode::Text, b"Hello")],
        )
        .await;
        check(
            b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
            &[(Opcode::Pong, b"Hello")],
        )
        .await;
    }

    #[tokio::test]
    async fn frames_of_a_server_are_written() {
        // RFC 6455, 5.7: unmasked text, 256 bytes and 64 KiB of binary.
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.frame(Opcode::Text, b"He", b"llo").await.unwrap();
        assert_eq!(out, b"\x81\x05Hello");
        let mut out = Vec::new();
        let payload = [0; 256];
        Writer::new(&mut out)
            .frame(Opcode::Binary, &[], &payload)
            .await
            .unwrap();
        assert_eq!(out[..4], *b"\x82\x7e\x01\x00");
        let mut out = Vec::new();
        let payload = vec![0; 65536];
        Writer::new(&mut out)
            .frame(Opcode::Binary, &payload[..1], &payload[1..])
            .await
            .unwrap();
        assert_eq!(out[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
    }

    #[test]
    fn unmasking_in_pieces_is_unmasking_the_whole() {
        let mask = [1, 2, 4, 8];
        let original: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut whole = original.clone();
        unmask(&mut whole, mask, &mut 0);
        for cut in [0, 1, 2, 3, 7, 8, 9, 500] {
            let mut pieces = original.clone();
            let mut turn = 0;
            let (front, back) = pieces.split_at_mut(cut);
            unmask(front, mask, &mut turn);
            unmask(back, mask, &mut turn);
            assert_eq!(pieces, whole, "cut at {cut}");
        }
        assert_eq!(whole[..5], [1, 3, 6, 11, 5]);
    }

    #[tokio::test]
    async fn what_is_no_frame_of_a_client_is_refused() {
        for bytes in [
            &b"\x81\x05Hello"[..],
            b"\x83\x80\0\0\0\0",
            b"\xc1\x80\0\0\0\0",
            b"\x89\xfe\x01\x00\0\0\0\0",
        ] {
            let error = Reader::new(bytes, &[]).head().await.unwrap_err();
            assert!(matches!(error, Broken::Protocol(_)), "{bytes:?}");
        }
    }
}

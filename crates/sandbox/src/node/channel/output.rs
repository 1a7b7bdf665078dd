//! From the process to the client.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::Mutex;

use crate::fault::{Drip, Effect, Meter};
use crate::node::websocket::{Opcode, Writer};

/// Bytes of output that make at most one frame, as a real kubelet sends it.
const FRAME_BYTES: usize = 32 * 1024;

/// Copying an output ended before the output did: the client takes no more, or was cut off.
#[derive(Debug)]
pub(super) struct Stopped;

impl From<io::Error> for Stopped {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// How an output is disturbed.
#[derive(Debug)]
pub(super) struct Disturbance<'a> {
    /// Counts the bytes of all outputs.
    pub(super) meter: &'a Mutex<Meter>,
    /// Whether each byte gets a frame of its own.
    pub(super) drip: &'a Drip,
    /// How many of the last bytes are withheld.
    pub(super) tail: u64,
}

/// Copies one output to its channel until it ends. Returns whether a tail was withheld.
pub(super) async fn copy<R, W>(
    output: &mut R,
    channel: u8,
    writer: &Mutex<Writer<W>>,
    disturbance: Disturbance<'_>,
) -> Result<bool, Stopped>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let tail = usize::try_from(disturbance.tail).unwrap_or(usize::MAX);
    let mut held = BytesMut::new();
    loop {
        held.reserve(FRAME_BYTES);
        // An output that cannot be read has ended.
        let read = output.read_buf(&mut held).await.unwrap_or(0);
        if read == 0 {
            return Ok(tail > 0 && !held.is_empty());
        }
        let ready = held.len().saturating_sub(tail);
        send(held.split_to(ready).freeze(), channel, writer, &disturbance).await?;
    }
}

async fn send<W>(
    mut bytes: Bytes,
    channel: u8,
    writer: &Mutex<Writer<W>>,
    disturbance: &Disturbance<'_>,
) -> Result<(), Stopped>
where
    W: AsyncWrite + Unpin,
{
    while !bytes.is_empty() {
        // Held across the write, so that no other output slips past a fault.
        let mut meter = disturbance.meter.lock().await;
        while let Some(effect) = meter.due() {
            endure(effect).await?;
        }
        let most = disturbance.drip.most(bytes.len().min(FRAME_BYTES));
        let now = bytes.split_to(meter.room(most));
        meter.pass(now.len());
        let mut writer = writer.lock().await;
        writer.frame(Opcode::Binary, &[channel], &now).await?;
        while let Some(effect) = meter.due() {
            endure(effect).await?;
        }
    }
    Ok(())
}

/// Waits a stall out; everything else ends the copying.
async fn endure(effect: Effect) -> Result<(), Stopped> {
    match effect {
        Effect::Stall(Some(time)) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        Effect::Stall(None) => std::future::pending().await,
        _ => Err(Stopped),
    }
}

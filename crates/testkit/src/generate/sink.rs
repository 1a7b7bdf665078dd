//! Frames rows into blocks and keeps the checksum.

use std::io::{self, Write};

use super::Generated;
use crate::stream::inverted;

const BLOCK_BYTES: usize = 1 << 20;

/// Buffers rows; every full block is checksummed and written at once.
pub(super) struct Sink<W> {
    out: W,
    block: Vec<u8>,
    crc: u32,
    bytes: u64,
    rows: u64,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(out: W) -> Sink<W> {
        Sink {
            out,
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            crc: 0,
            bytes: 0,
            rows: 0,
        }
    }

    /// Appends bytes outside of rows.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Appends a live version.
    pub(super) fn live(&mut self, user_key: &[u8], ts: u64, body: &[u8]) -> io::Result<()> {
        self.version(user_key, ts, &[0; 9], body)
    }

    /// Appends a deletion.
    pub(super) fn tombstone(&mut self, user_key: &[u8], ts: u64) -> io::Result<()> {
        self.version(user_key, ts, &[1, 0, 0, 0, 0, 0, 0, 0, 0], &[])
    }

    fn version(
        &mut self,
        user_key: &[u8],
        ts: u64,
        envelope: &[u8; 9],
        body: &[u8],
    ) -> io::Result<()> {
        let length = user_key.len() as u64 + 8;
        self.block.extend_from_slice(&length.to_le_bytes());
        self.block.extend_from_slice(user_key);
        self.block.extend_from_slice(&inverted(ts));
        self.value(&[envelope, body])
    }

    /// Appends an entry as it stands.
    pub(super) fn entry(&mut self, key: &[u8], value: &[&[u8]]) -> io::Result<()> {
        self.block
            .extend_from_slice(&(key.len() as u64).to_le_bytes());
        self.block.extend_from_slice(key);
        self.value(value)
    }

    fn value(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.block.extend_from_slice(&(length as u64).to_le_bytes());
        self.rows += 1;
        pieces.iter().try_for_each(|piece| self.raw(piece))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, &self.block);
        self.bytes += self.block.len() as u64;
        self.out.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }

    pub(super) fn finish(mut self, last_commit_ts: u64) -> io::Result<Generated> {
        self.flush()?;
        self.out.write_all(&self.crc.to_be_bytes())?;
        self.out.flush()?;
        Ok(Generated {
            bytes: self.bytes + 4,
            rows: self.rows,
            last_commit_ts,
            crc32c: self.crc,
        })
    }
}

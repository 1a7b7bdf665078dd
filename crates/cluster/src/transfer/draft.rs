//! Frames with content, before they are sent.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::Compression;
use super::frame::{Body, Follows, Frame};

/// A frame that is ready to be sent.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) frame: Vec<u8>,
    /// Payload in it.
    pub(super) bytes: u64,
    /// Content in it as it goes over the connection.
    pub(super) wire_bytes: usize,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    /// The file's path; empty if the piece before was of the same file.
    pub(super) named: &'a [u8],
    pub(super) offset: u64,
    pub(super) length: usize,
    pub(super) follows: Follows,
}

impl Draft {
    /// Takes a frame whose content begins somewhere, and compresses that if it is wanted and worth it. `head` is what stands
    /// before a content.
    pub(super) fn new(
        plain: Vec<u8>,
        begin: usize,
        bytes: u64,
        compression: Option<Compression>,
        head: impl Fn(Body) -> Vec<u8>,
    ) -> Self {
        let content = plain.get(begin..).unwrap_or_default();
        let wire_bytes = content.len();
        let smaller = compression.and_then(|how| {
            let packed = how.shrink(content)?;
            let mut frame = head(Body::Packed {
                how,
                packed_bytes: packed.len(),
                bytes: content.len(),
            });
            frame.extend_from_slice(&packed);
            Some((frame, packed.len()))
        });
        let (frame, wire_bytes) = smaller.unwrap_or((plain, wire_bytes));
        Self {
            frame,
            bytes,
            wire_bytes,
        }
    }

    /// Reads a piece of a file. The error is half a sentence.
    pub(super) fn piece(
        file: &mut File,
        seq: u64,
        piece: Piece<'_>,
        compression: Option<Compression>,
    ) -> Result<Self, String> {
        let Piece {
            named,
            offset,
            length,
            follows,
        } = piece;
        let head = |body| Frame::piece(seq, named, offset, body, follows);
        let mut frame = head(Body::Plain(length));
        let begin = frame.len();
        file.seek(SeekFrom::Start(offset))
            .map_err(|error| format!("cannot be read: {error}"))?;
        let bytes = length as u64;
        read_exactly(file, bytes, &mut frame)?;
        Ok(Self::new(frame, begin, bytes, compression, head))
    }
}

/// Counts how many of a frame's equal parts should go in one that must not be much more than `bearable_bytes`: content that suddenly
/// compresses worse takes so much longer on the way, and heart-beats stand behind it.
pub(super) fn fitting(parts: usize, wire_bytes: usize, bearable_bytes: usize) -> usize {
    match wire_bytes / 2 > bearable_bytes {
        true => (parts.saturating_mul(bearable_bytes) / wire_bytes).max(1),
        false => parts,
    }
}

/// Appends exactly so many bytes: how many there would be was said before.
pub(super) fn read_exactly(
    from: &mut impl Read,
    bytes: u64,
    to: &mut Vec<u8>,
) -> Result<(), String> {
    match from.take(bytes).read_to_end(to) {
        Ok(read) if read as u64 == bytes => Ok(()),
        Ok(_) => Err("shrank while it was sent".to_owned()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compresses_worse_than_before_is_cut() {
        let check = |parts, wire_bytes, expected| {
            assert_eq!(fitting(parts, wire_bytes, 64 << 10), expected);
        };
        check(64, 100, 64);
        check(64, 128 << 10, 64);
        check(64, 256 << 10, 16);
        check(64, 4 << 20, 1);
        check(64, 40 << 20, 1);
        check(1, 4 << 20, 1);
    }
}

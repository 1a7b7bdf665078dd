//! Frames to the far side: a line of words, then as many bytes as the line says.

use bytes::Bytes;

use super::Compression;
use crate::far::INPUT_MAX_BYTES;

/// Something to be written as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame(Bytes);

/// Where a file to be hashed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// What is being received.
    Files,
    /// What is published.
    Published,
    /// What is being received, under a name that does not fit a line.
    Odd,
}

impl Place {
    fn word(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Published => "published",
            Self::Odd => "odd",
        }
    }
}

/// What follows a piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// Another piece.
    More,
    /// Nothing: it is to be hashed there.
    Nothing(Place),
}

/// Content as it stands in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// As it is, so many bytes.
    Plain(usize),
    /// Compressed.
    Packed {
        how: Compression,
        /// In the frame.
        packed_bytes: usize,
        /// Restored.
        bytes: usize,
    },
}

impl Body {
    fn wire_bytes(self) -> usize {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Packed { packed_bytes, .. } => packed_bytes,
        }
    }
}

impl Frame {
    pub(super) fn beat() -> Self {
        Self::line("beat 0\n".to_owned())
    }

    pub(super) fn quit() -> Self {
        Self::line("quit 0\n".to_owned())
    }

    pub(super) fn end(seq: u64, files: usize, bytes: u64) -> Self {
        Self::line(format!("end {seq} {files} {bytes}\n"))
    }

    pub(super) fn verify(seq: u64, names: &[u8], place: Place, bytes: u64) -> Self {
        let length = names.len();
        let place = place.word();
        Self::with(format!("verify {seq} {length} {place} {bytes}\n"), &[names])
    }

    pub(super) fn drop(seq: u64, names: &[u8]) -> Self {
        Self::with(format!("drop {seq} {}\n", names.len()), &[names])
    }

    pub(super) fn link(seq: u64, names: &[u8], directory: &[u8]) -> Self {
        let line = format!("link {seq} {} {}\n", names.len(), directory.len());
        Self::with(line, &[names, directory])
    }

    /// Begins a frame of an archive; the archive is appended to what is returned and is as long as was said.
    pub(super) fn tar(seq: u64, names: &[u8], body: Body) -> Vec<u8> {
        let how = match body {
            Body::Plain(_) => String::new(),
            Body::Packed { how, .. } => format!(" {}", how.program()),
        };
        let line = format!("tar {seq} {} {}{how}\n", names.len(), body.wire_bytes());
        Self::begun(&line, names, body)
    }

    /// Begins a frame of a piece, without path if it is of the same file as the piece before; its content is appended to what is
    /// returned and is as long as was said.
    pub(super) fn piece(
        seq: u64,
        path: &[u8],
        offset: u64,
        body: Body,
        follows: Follows,
    ) -> Vec<u8> {
        let follows = match follows {
            Follows::More => "more",
            Follows::Nothing(place) => place.word(),
        };
        let how = match body {
            Body::Plain(_) => String::new(),
            Body::Packed { how, bytes, .. } => format!(" {} {bytes}", how.program()),
        };
        let (named, length) = (path.len(), body.wire_bytes());
        let line = format!("piece {seq} {named} {offset} {length} {follows}{how}\n");
        Self::begun(&line, path, body)
    }

    fn begun(line: &str, names: &[u8], body: Body) -> Vec<u8> {
        let mut frame = Vec::with_capacity(line.len() + names.len() + body.wire_bytes());
        frame.extend_from_slice(line.as_bytes());
        frame.extend_from_slice(names);
        frame
    }

    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// Cuts it into what a carrier takes at once.
    pub(super) fn chunks(self) -> impl Iterator<Item = Bytes> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            (!rest.is_empty()).then(|| rest.split_to(rest.len().min(INPUT_MAX_BYTES)))
        })
    }

    fn line(line: String) -> Self {
        Self(line.into_bytes().into())
    }

    fn with(line: String, blocks: &[&[u8]]) -> Self {
        let mut frame = line.into_bytes();
        for block in blocks {
            frame.extend_from_slice(block);
        }
        Self(frame.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_what_follows() {
        let frame = Frame::link(7, b"a/b\0a/c\0", b"a");
        assert_eq!(frame.0.as_ref(), b"link 7 8 1\na/b\0a/c\0a");
        let last = Follows::Nothing(Place::Odd);
        let piece = Frame::piece(8, b"big", 65536, Body::Plain(3), last);
        assert_eq!(piece, b"piece 8 3 65536 3 odd\nbig");
        let tar = Frame::tar(9, b"a\0", Body::Plain(1536));
        assert_eq!(tar, b"tar 9 2 1536\na\0");
    }

    #[test]
    fn compressed_content_says_so_behind_everything_else() {
        let body = Body::Packed {
            how: Compression::Gzip,
            packed_bytes: 70,
            bytes: 65536,
        };
        let piece = Frame::piece(8, b"", 131_072, body, Follows::More);
        assert_eq!(piece, b"piece 8 0 131072 70 more gzip 65536\n");
        let tar = Frame::tar(9, b"a\0", body);
        assert_eq!(tar, b"tar 9 2 70 gzip\na\0");
    }

    #[test]
    fn a_long_frame_is_handed_over_in_chunks() {
        let bytes: Vec<u8> = (0..INPUT_MAX_BYTES * 2 + 5).map(|at| at as u8).collect();
        let chunks: Vec<_> = Frame::whole(bytes.clone()).chunks().collect();
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks.concat(), bytes);
    }
}

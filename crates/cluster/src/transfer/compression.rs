//! Content made smaller for the way.

use std::io::Write;

use flate2::write::GzEncoder;

/// About 40 MB/s of a table become 10 MB/s on the way, which is more than slow links carry. Level 6 takes more than twice the time for
/// 4 % less, level 1 less than half for a quarter more.
const LEVEL: u32 = 4;

/// Content that shrinks by less than this part of it is sent as it is: undoing it would cost the far side more than the link is spared.
const WORTH_PART: usize = 16;

/// How content is made smaller. Names and lists stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// One stream of RFC 1952 in each frame.
    Gzip,
}

impl Compression {
    /// Returns the program that undoes it, which is also its word in frames.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
        }
    }

    /// Compresses content; `None` if that is not worth it.
    pub(super) fn shrink(self, content: &[u8]) -> Option<Vec<u8>> {
        let most = content.len() - content.len() / WORTH_PART;
        let packed = match self {
            Self::Gzip => gzip(content),
        };
        packed.filter(|packed| packed.len() < most)
    }
}

/// Writes into memory, where nothing fails.
fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let room = Vec::with_capacity(content.len() / 4);
    let mut encoder = GzEncoder::new(room, flate2::Compression::new(LEVEL));
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_become_smaller_stays_as_it_is() {
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        });
        let noise: Vec<u8> = noise.take(100_000).collect();
        for content in [&b""[..], b"x", b"short", &noise] {
            assert_eq!(Compression::Gzip.shrink(content), None);
        }
    }
}

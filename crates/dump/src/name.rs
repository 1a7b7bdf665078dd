//! One file name for one user-supplied name, and back.
//!
//! Tables, buckets, queues, DynamoDB key values and Redis keys are arbitrary bytes; in the tree each is one *segment* of at most
//! [`MAX_SEGMENT_BYTES`] ASCII characters that every POSIX file system takes. S3 object keys keep their slashes and do not pass through
//! here; see [`crate::object_name`].
//!
//! Invariants:
//! * Different names have different segments (as far as 128 bits of SHA-256 tell names apart).
//! * A segment is accepted on input only if it is what its name encodes to. Laxer readers take two files for one key.
//! * A segment that becomes a *directory* is never empty, `.` or `..`.

pub mod percent;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

/// The longest segment, in bytes. With the longest extension (`.jsonl`) that is 246, below the usual 255.
pub const MAX_SEGMENT_BYTES: usize = 240;

/// How many raw bytes the human-readable tail of a fallback shows.
const FALLBACK_TAIL_BYTES: usize = 64;
/// Raw bytes of the digest in a fallback: 16 bytes, 32 hex digits.
const FALLBACK_DIGEST_BYTES: usize = 16;
const FALLBACK_SEPARATOR: &[u8] = b"__";
const BINARY_PREFIX: &[u8] = b"b64.";

/// Tells whether a segment spells its name out or only fingerprints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// The name can be read back from the segment.
    Plain,
    /// A digest and a hint; the name itself is in `KEYMAP.jsonl` or in the file.
    Fallback,
}

/// A file name segment and its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The segment: ASCII, at most [`MAX_SEGMENT_BYTES`]; empty for the empty name.
    pub text: String,
    /// Whether the name can be read back from `text`.
    pub kind: SegmentKind,
}

/// Selects one of the two alphabets for names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Percent-encoding: everything but DynamoDB's binary keys.
    Text,
    /// `b64.` and base64url: DynamoDB key values of type `B`.
    Binary,
}

/// Tells what a segment is used as, since `.`, `..` and the empty name are fine before an extension and fatal as a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// An extension follows, as in `strings/<segment>.bin`.
    File,
    /// The segment is a directory's whole name.
    Directory,
}

/// Encodes a name by the text rule.
pub fn encode_text(raw: &[u8]) -> Segment {
    collect(|out| encode_text_into(raw, out))
}

/// Encodes a DynamoDB binary key value by the binary rule.
pub fn encode_binary(raw: &[u8]) -> Segment {
    collect(|out| encode_binary_into(raw, out))
}

/// Encodes a name that becomes a directory: the text rule, with `.`, `..` and the empty name sent to the fallback.
pub fn encode_directory(raw: &[u8]) -> Segment {
    collect(|out| encode_into(raw, Rule::Text, Position::Directory, out))
}

/// Returns the fallback segment of a name, whether or not the name needs one.
pub fn fallback(raw: &[u8]) -> String {
    collect(|out| {
        fallback_into(raw, out);
        SegmentKind::Fallback
    })
    .text
}

/// Appends the segment of `raw` to `out` by the text rule; the form without an allocation, for millions of names.
pub fn encode_text_into(raw: &[u8], out: &mut Vec<u8>) -> SegmentKind {
    let start = out.len();
    if raw.len() <= MAX_SEGMENT_BYTES {
        percent::encode_into(raw, out);
        if stays_plain(out.get(start..).unwrap_or_default()) {
            return SegmentKind::Plain;
        }
        out.truncate(start);
    }
    fallback_into(raw, out);
    SegmentKind::Fallback
}

/// Appends the segment of `raw` to `out` by the binary rule.
pub fn encode_binary_into(raw: &[u8], out: &mut Vec<u8>) -> SegmentKind {
    if BINARY_PREFIX.len() + BASE64URL_NOPAD.encode_len(raw.len()) > MAX_SEGMENT_BYTES {
        fallback_into(raw, out);
        return SegmentKind::Fallback;
    }
    out.extend_from_slice(BINARY_PREFIX);
    out.extend_from_slice(BASE64URL_NOPAD.encode(raw).as_bytes());
    SegmentKind::Plain
}

/// Appends the segment of `raw` to `out` by the given rule, for the given position.
pub fn encode_into(raw: &[u8], rule: Rule, position: Position, out: &mut Vec<u8>) -> SegmentKind {
    match (rule, position) {
        (Rule::Text, Position::Directory) if matches!(raw, b"" | b"." | b"..") => {
            fallback_into(raw, out);
            SegmentKind::Fallback
        }
        (Rule::Text, _) => encode_text_into(raw, out),
        (Rule::Binary, _) => encode_binary_into(raw, out),
    }
}

/// Appends the fallback segment of `raw` to `out`: 32 hex digits of its SHA-256, `__`, and its first 64 bytes percent-encoded.
pub fn fallback_into(raw: &[u8], out: &mut Vec<u8>) {
    let digest = Sha256::digest(raw);
    let shown = digest.get(..FALLBACK_DIGEST_BYTES).unwrap_or_default();
    out.extend_from_slice(HEXLOWER.encode(shown).as_bytes());
    out.extend_from_slice(FALLBACK_SEPARATOR);
    percent::encode_into(raw.get(..FALLBACK_TAIL_BYTES).unwrap_or(raw), out);
}

/// Tells whether a segment has the shape of a fallback: 32 hex digits of either case, then `__`.
///
/// A plain name that has this shape is sent to the fallback itself, so the shape alone decides.
pub fn looks_like_fallback(segment: &[u8]) -> bool {
    segment
        .split_at_checked(2 * FALLBACK_DIGEST_BYTES)
        .is_some_and(|(digest, rest)| {
            digest.iter().all(u8::is_ascii_hexdigit) && rest.starts_with(FALLBACK_SEPARATOR)
        })
}

/// Returns the rule by which a segment was made, judged by its prefix; a fallback is the same under both.
pub fn rule_of(segment: &[u8]) -> Rule {
    if segment.starts_with(BINARY_PREFIX) {
        Rule::Binary
    } else {
        Rule::Text
    }
}

/// Says why a segment stands for no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`MAX_SEGMENT_BYTES`].
    #[error("the name has {length_bytes} bytes, more than a segment can have")]
    TooLong {
        /// Length of the segment.
        length_bytes: usize,
    },
    /// A fallback whose name the lookup does not know.
    #[error("no KEYMAP record says which name this fallback stands for")]
    UnknownFallback,
    /// The lookup's name has another fallback.
    #[error("the KEYMAP record gives a name that has another fallback")]
    ForeignFallback,
    /// Not what any name encodes to.
    #[error("no name is encoded this way")]
    NotCanonical,
}

/// Returns the name that a segment stands for, asking `lookup` for the name behind a fallback.
///
/// Accepts exactly the segments that the name encodes to, plus the fallback of any name: a name may be sent there for the sake of a
/// case-insensitive file system although its plain form exists.
pub fn decode(
    segment: &[u8],
    rule: Rule,
    position: Position,
    lookup: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, DecodeError> {
    if segment.len() > MAX_SEGMENT_BYTES {
        return Err(DecodeError::TooLong {
            length_bytes: segment.len(),
        });
    }
    if looks_like_fallback(segment) {
        let raw = lookup(segment).ok_or(DecodeError::UnknownFallback)?;
        return if fallback(&raw).as_bytes() == segment {
            Ok(raw)
        } else {
            Err(DecodeError::ForeignFallback)
        };
    }
    let raw = decode_plain(segment, rule).ok_or(DecodeError::NotCanonical)?;
    let mut again = Vec::with_capacity(segment.len());
    encode_into(&raw, rule, position, &mut again);
    if again == segment {
        Ok(raw)
    } else {
        Err(DecodeError::NotCanonical)
    }
}

fn decode_plain(segment: &[u8], rule: Rule) -> Option<Vec<u8>> {
    match rule {
        Rule::Text => percent::decode_canonical(segment),
        // The decoder refuses spare bits, padding and line feeds, so the form is the only one.
        Rule::Binary => BASE64URL_NOPAD
            .decode(segment.strip_prefix(BINARY_PREFIX)?)
            .ok(),
    }
}

fn stays_plain(encoded: &[u8]) -> bool {
    encoded.len() <= MAX_SEGMENT_BYTES
        && !looks_like_fallback(encoded)
        && !encoded.starts_with(BINARY_PREFIX)
}

fn collect(write: impl FnOnce(&mut Vec<u8>) -> SegmentKind) -> Segment {
    let mut out = Vec::with_capacity(64);
    let kind = write(&mut out);
    // Both alphabets are ASCII, so nothing can be replaced here.
    let text = String::from_utf8_lossy(&out).into_owned();
    Segment { text, kind }
}

#[cfg(test)]
mod tests;

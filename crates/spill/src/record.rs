//! How a record lies in memory and in the scratch file: two lengths, key, value.
//!
//! The lengths are base-128 numbers, low digits first. There is no checksum: the file is ours,
//! nameless, and lives no longer than the process.

use std::ops::Range;

/// No record's two lengths take more: ten bytes hold 64 bits.
pub(crate) const HEADER_MAX_BYTES: usize = 20;

/// Where the parts of a record are, counted from its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl Layout {
    /// Reads the lengths at the start of `bytes`; the rest of the record need not be there.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Layout> {
        let (key_bytes, first) = parse_length(bytes)?;
        let (value_bytes, second) = parse_length(bytes.get(first..)?)?;
        let start = first + second;
        let middle = start.checked_add(key_bytes)?;
        let end = middle.checked_add(value_bytes)?;
        Some(Layout {
            key: start..middle,
            value: middle..end,
        })
    }

    /// Returns the length of the whole record.
    pub(crate) fn len(&self) -> usize {
        self.value.end
    }
}

/// Returns the key and the value of the record at the start of `bytes`.
pub(crate) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let layout = Layout::parse(bytes)?;
    Some((bytes.get(layout.key)?, bytes.get(layout.value)?))
}

/// Appends a record.
pub(crate) fn append(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    append_length(out, key.len());
    append_length(out, value.len());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

fn append_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn parse_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (position, &byte) in bytes.iter().take(HEADER_MAX_BYTES / 2).enumerate() {
        length |= usize::from(byte & 0x7f).checked_shl(7 * position as u32)?;
        if byte & 0x80 == 0 {
            return Some((length, position + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_come_back() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 1 << 21, 1 << 40, usize::MAX] {
            let mut bytes = Vec::new();
            append_length(&mut bytes, length);
            assert_eq!(parse_length(&bytes), Some((length, bytes.len())));
            assert_eq!(parse_length(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn records_follow_one_another() {
        let mut bytes = Vec::new();
        append(&mut bytes, b"key", b"value");
        append(&mut bytes, b"", b"");
        assert_eq!(
            split(&bytes),
            Some((b"key".as_slice(), b"value".as_slice()))
        );
        let first = Layout::parse(&bytes).unwrap().len();
        assert_eq!(
            split(&bytes[first..]),
            Some((b"".as_slice(), b"".as_slice()))
        );
        assert_eq!(split(&bytes[..first - 1]), None);
    }
}

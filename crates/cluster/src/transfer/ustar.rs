//! Strict ustar archives of small files: what every tar reads, busybox's too.

/// Header, and what everything in an archive is a multiple of.
pub(super) const BLOCK_BYTES: usize = 512;

/// Two zero blocks at the end.
pub(super) const TRAILER_BYTES: usize = 2 * BLOCK_BYTES;

const NAME_BYTES: usize = 100;
const PREFIX_BYTES: usize = 155;

/// Tells how much room a file takes in an archive.
pub(super) fn room(size_bytes: usize) -> usize {
    BLOCK_BYTES + size_bytes.next_multiple_of(BLOCK_BYTES)
}

/// Splits a path at a slash into what fits the two fields of a header; `None` if there is no such slash.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME_BYTES {
        return Some((b"", path));
    }
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes
        .filter_map(|(at, _)| Some((path.get(..at)?, path.get(at + 1..)?)))
        .find(|(prefix, name)| name.len() <= NAME_BYTES && prefix.len() <= PREFIX_BYTES)
}

/// Appends a header for a regular file with mode 0644, owner 0 and time 0; `None` if the path does not fit.
pub(super) fn header(path: &[u8], size_bytes: usize) -> Option<[u8; BLOCK_BYTES]> {
    let (prefix, name) = split(path)?;
    let mut block = [0; BLOCK_BYTES];
    put(&mut block, 0, name);
    put(&mut block, 100, b"0000644\0");
    put(&mut block, 108, b"0000000\0");
    put(&mut block, 116, b"0000000\0");
    put(&mut block, 124, format!("{size_bytes:011o}\0").as_bytes());
    put(&mut block, 136, b"00000000000\0");
    // The sum is taken with spaces in its own place.
    put(&mut block, 148, b"        ");
    put(&mut block, 156, b"0");
    put(&mut block, 257, b"ustar\x0000");
    put(&mut block, 345, prefix);
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

fn put(block: &mut [u8; BLOCK_BYTES], at: usize, bytes: &[u8]) {
    for (place, byte) in block.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_posix_puts_them() {
        let block = header(b"images/a.jpg", 1025).unwrap();
        assert_eq!(&block[..13], b"images/a.jpg\0");
        assert_eq!(&block[100..108], b"0000644\0");
        assert_eq!(&block[124..136], b"00000002001\0");
        assert_eq!(block[156], b'0');
        assert_eq!(&block[257..265], b"ustar\x0000");
        let stored = std::str::from_utf8(&block[148..154]).unwrap();
        let mut blank = block;
        blank[148..156].fill(b' ');
        let sum: u32 = blank.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(u32::from_str_radix(stored, 8).unwrap(), sum);
    }

    #[test]
    fn a_long_path_is_split_at_a_slash_where_both_parts_fit() {
        let check = |path: &str, expected: Option<(usize, usize)>| {
            let lengths = split(path.as_bytes()).map(|(one, other)| (one.len(), other.len()));
            assert_eq!(lengths, expected, "{path}");
        };
        let long = |length: usize| "x".repeat(length);
        check(&long(100), Some((0, 100)));
        check(&long(101), None);
        check(&format!("{}/{}", long(155), long(100)), Some((155, 100)));
        check(&format!("{}/{}", long(156), long(100)), None);
        check(&format!("{}/{}", long(10), long(101)), None);
        check(&format!("a/b/{}", long(97)), Some((1, 99)));
    }
}

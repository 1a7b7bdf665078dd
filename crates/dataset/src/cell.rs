//! Single cells: trimming, missing values, numbers and calendar values, as the cluster reads them.
//!
//! Cells are bytes of a file that is known to be UTF-8.

mod calendar;
mod missing;
mod number;

pub(crate) use calendar::{Calendar, Moment, Zone};
pub(crate) use missing::{is_curated_missing, is_default_missing};
pub(crate) use number::{Number, Numeric};

/// Cuts off white space at both ends, Unicode's included.
#[inline]
pub(crate) fn trim(cell: &[u8]) -> &[u8] {
    match is_plain(cell.first()) && is_plain(cell.last()) {
        true => cell,
        false => trim_unusual(cell),
    }
}

#[cold]
fn trim_unusual(cell: &[u8]) -> &[u8] {
    match std::str::from_utf8(cell) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => cell.trim_ascii(),
    }
}

/// ASCII that is not white space: what nearly every cell begins and ends with.
#[inline]
fn is_plain(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| matches!(byte, b'!'..=b'~'))
}

/// Counts Unicode code points.
pub(crate) fn chars(cell: &[u8]) -> u64 {
    // Continuation bytes are 10xxxxxx; every other byte begins a code point.
    let continued = cell.iter().filter(|byte| **byte & 0xC0 == 0x80).count();
    (cell.len() - continued) as u64
}

/// Gives the cell as text. Bytes that are not UTF-8 have ended the run before anything gets here.
pub(crate) fn text(cell: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_knows_the_blanks_of_unicode() {
        assert_eq!(trim(b"  a b "), b"a b");
        assert_eq!(trim("\u{a0}é\u{2003}".as_bytes()), "é".as_bytes());
        assert_eq!(trim(b"   "), b"");
        assert_eq!(trim(b""), b"");
    }

    #[test]
    fn lengths_are_in_code_points() {
        assert_eq!(chars("naïve".as_bytes()), 5);
        assert_eq!(chars("٤٥٦".as_bytes()), 3);
        assert_eq!(chars(b""), 0);
    }
}

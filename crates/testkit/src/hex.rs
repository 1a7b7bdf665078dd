//! Bytes written as text, the way the format documents print them.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Reads hexadecimal digits of either case; blanks and line breaks between them mean nothing.
///
/// # Panics
/// On any other character and on an odd number of digits.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .unwrap_or_else(|error| panic!("not hexadecimal: {error}: {text:?}"))
}

/// Writes bytes as lower-case hexadecimal digits without blanks.
pub fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads bytes from a mixture of hexadecimal runs and quoted text: `2173337c "photos" 0001`.
///
/// Inside quotes every character stands for its UTF-8 bytes, except `<hh>`, which is one byte in
/// hexadecimal (`"!hs|meta|<00><00><00><01>h"`), and `<<`, which is one `<`.
///
/// # Panics
/// On text that is neither.
pub fn mixed(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    // Odd pieces lie between quotation marks.
    for (index, piece) in text.split('"').enumerate() {
        if index.is_multiple_of(2) {
            out.extend(hex(piece));
        } else {
            quoted(piece, &mut out);
        }
    }
    assert!(
        text.matches('"').count().is_multiple_of(2),
        "a quotation mark is left open: {text}"
    );
    out
}

pub(crate) fn quoted(piece: &str, out: &mut Vec<u8>) {
    let mut rest = piece;
    while let Some(at) = rest.find('<') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('<') {
            out.push(b'<');
            rest = after;
        } else {
            let (byte, after) = rest
                .split_once('>')
                .unwrap_or_else(|| panic!("an escape is left open: {piece}"));
            out.extend(hex(byte));
            rest = after;
        }
    }
    out.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_case_mean_nothing() {
        assert_eq!(hex(" 00 fF\n1 0 "), [0x00, 0xff, 0x10]);
        assert_eq!(to_hex(&[0x00, 0xff]), "00ff");
    }

    #[test]
    #[should_panic(expected = "not hexadecimal")]
    fn half_a_byte_is_refused() {
        hex("0 1 2");
    }

    #[test]
    fn text_and_digits_mix() {
        assert_eq!(
            mixed("21 \"hs|<00><<\" ff"),
            [0x21, b'h', b's', b'|', 0, b'<', 0xff]
        );
    }
}

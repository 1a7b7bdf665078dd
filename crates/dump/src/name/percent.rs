//! Percent-encoding with the one alphabet that the tree uses.

/// Bytes that stand for themselves: `A–Z a–z 0–9 - . _`. RFC 3986 also has `~`; the format does not.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

const fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + (nibble & 0x0f) - 10,
    }
}

/// Appends the percent-encoding of `raw` to `out`: unreserved bytes as they are, every other byte as `%` and two upper-case hex digits.
pub fn encode_into(raw: &[u8], out: &mut Vec<u8>) {
    for &byte in raw {
        if is_unreserved(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 0x0f)]);
        }
    }
}

/// Returns the bytes that encode to exactly `text`, or `None` if no bytes do.
///
/// `%61` (an escaped unreserved byte), lower-case hex digits and cut-off escapes are not accepted, so two texts never mean the same bytes.
pub fn decode_canonical(text: &[u8]) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if is_unreserved(*first) {
            raw.push(*first);
            rest = tail;
            continue;
        }
        let [b'%', high, low, tail @ ..] = rest else {
            return None;
        };
        let byte = upper_nibble(*high)? << 4 | upper_nibble(*low)?;
        if is_unreserved(byte) {
            return None;
        }
        raw.push(byte);
        rest = tail;
    }
    Some(raw)
}

const fn upper_nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{decode_canonical, encode_into};

    #[test]
    fn every_byte_has_one_form_and_comes_back() {
        for byte in 0..=255_u8 {
            let mut text = Vec::new();
            encode_into(&[byte], &mut text);
            let expected = if b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"
                .contains(&byte)
            {
                vec![byte]
            } else {
                format!("%{byte:02X}").into_bytes()
            };
            assert_eq!(text, expected, "byte {byte:02x}");
            assert_eq!(decode_canonical(&text), Some(vec![byte]));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["%61", "%c3", "%C", "%", "a b", "~", "%zz", "%2f", "a%"] {
            assert_eq!(decode_canonical(text.as_bytes()), None, "{text}");
        }
    }
}

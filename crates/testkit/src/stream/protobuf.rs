//! The little of protobuf's wire format that the fixtures write.

/// Appends a variable-length integer.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends an integer field.
pub fn integer(number: u64, value: u64, out: &mut Vec<u8>) {
    varint(number << 3, out);
    varint(value, out);
}

/// Appends a field of bytes: a string, a byte string or an embedded message.
pub fn bytes(number: u64, value: &[u8], out: &mut Vec<u8>) {
    varint(number << 3 | 2, out);
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::hex;

    #[test]
    fn integers_grow_by_seven_bits() {
        for (value, expected) in [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02")] {
            let mut out = Vec::new();
            varint(value, &mut out);
            assert_eq!(out, hex(expected));
        }
        let mut out = Vec::new();
        varint(u64::MAX, &mut out);
        assert_eq!(out, hex("ffffffffffffffffff01"));
    }
}

//! Names as they stand on a line of `sha256sum`.

use std::borrow::Cow;

/// Says whether a name cannot stand on a line as it is.
pub fn is_escaped(name: &[u8]) -> bool {
    memchr::memchr2(b'\n', b'\\', name).is_some()
}

/// Gives a name as it stands on a line: a line break and a backslash are two letters each. It is the order of these that a
/// manifest is sorted in.
pub fn escaped(name: &[u8]) -> Cow<'_, [u8]> {
    if !is_escaped(name) {
        return name.into();
    }
    let mut text = Vec::with_capacity(name.len() + 8);
    for byte in name {
        match byte {
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'\n' => text.extend_from_slice(b"\\n"),
            other => text.push(*other),
        }
    }
    text.into()
}

/// Gives the name that was escaped.
pub(crate) fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return text.into();
    }
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'\\' if bytes.next() == Some(&b'n') => b'\n',
            other => *other,
        });
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        // printf x > $'a\nb\\c'; sha256sum $'a\nb\\c'
        for (name, expected) in [
            (&b"a\nb\\c"[..], &b"a\\nb\\\\c"[..]),
            (b"plain name", b"plain name"),
            (b"\\n\\\\\n", b"\\\\n\\\\\\\\\\n"),
            (b"", b""),
            (b"\xff\r", b"\xff\r"),
        ] {
            assert_eq!(&*escaped(name), expected);
            assert_eq!(&*unescaped(expected), name);
        }
    }
}

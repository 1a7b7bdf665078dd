//! Names that some file systems take for one another, or refuse.

use unicode_normalization::UnicodeNormalization;

/// Tells which names have to be kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) enum Folding {
    /// Names that differ in any byte are different.
    Exact,
    /// Names that differ only in case or Unicode form are the same, and what common systems refuse is not used.
    Portable,
}

impl Folding {
    /// Tells whether every segment of a key is a name that such a file system takes.
    pub(super) fn takes(self, key: &[u8]) -> bool {
        match self {
            Folding::Exact => true,
            Folding::Portable => {
                str::from_utf8(key).is_ok() && key.split(|&byte| byte == b'/').all(is_portable)
            }
        }
    }

    /// Appends the form of a plain key by which it is sorted and compared; `/` becomes the lowest byte, which no plain key contains.
    ///
    /// So a key's descendants follow it directly, and two keys are equal if their paths are taken for one another.
    pub(in crate::s3) fn fold_into(self, key: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        match (self, str::from_utf8(key)) {
            (Folding::Portable, Ok(text)) => out.extend_from_slice(fold(text).as_bytes()),
            _ => out.extend_from_slice(key),
        }
        for byte in out.iter_mut().skip(start).filter(|byte| **byte == b'/') {
            *byte = 0;
        }
    }
}

/// Folds case and Unicode form, so that names which *any* common system equates come out equal.
///
/// Upper case first, then lower: `ß`, `ss` and `SS` meet, and so do the three sigmas. Character by character, because the lower case of
/// a whole string depends on what follows, and the fold of a prefix has to be a prefix of the fold.
pub(in crate::s3) fn fold(name: &str) -> String {
    name.nfd()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfc()
        .collect()
}

/// Tells whether a name is refused nowhere: no trailing dot or space, and not a device.
pub(in crate::s3) fn is_portable(segment: &[u8]) -> bool {
    !segment.ends_with(b".") && !segment.ends_with(b" ") && !is_device(segment)
}

/// Windows takes these for devices with any extension, and in any directory.
fn is_device(segment: &[u8]) -> bool {
    let stem = segment
        .split(|&byte| byte == b'.')
        .next()
        .unwrap_or_default();
    let stem = stem.trim_ascii_end().to_ascii_lowercase();
    match stem.as_slice() {
        b"con" | b"prn" | b"aux" | b"nul" | b"conin$" | b"conout$" => true,
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => digit.is_ascii_digit(),
        // The superscript digits one to three count as digits there.
        [b'c', b'o', b'm', 0xc2, digit] | [b'l', b'p', b't', 0xc2, digit] => {
            matches!(digit, 0xb9 | 0xb2 | 0xb3)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_system_equates_meet() {
        for (left, right) in [
            ("A", "a"),
            ("\u{e9}", "e\u{301}"),
            ("\u{c9}", "e\u{301}"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{212a}", "k"),
            ("\u{3a3}\u{3c2}", "\u{3c3}\u{3c3}"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
        ] {
            assert_eq!(fold(left), fold(right), "{left} {right}");
        }
        assert_ne!(fold("a"), fold("b"));
        assert_ne!(fold("\u{e9}"), fold("e"));
    }

    #[test]
    fn the_fold_of_a_prefix_is_a_prefix() {
        for stem in ["\u{391}\u{3a3}", "e\u{301}", "\u{130}", "x"] {
            for tail in ["/b", ".elastickv-leaf-data", ".X"] {
                let whole = fold(&format!("{stem}{tail}"));
                assert_eq!(whole, format!("{}{}", fold(stem), fold(tail)));
            }
        }
    }

    #[test]
    fn devices_and_endings() {
        for name in [
            "con",
            "NUL.txt",
            "Com1",
            "lpt9.tar.gz",
            "a.",
            "a ",
            "aux .x",
            "COM\u{b9}",
        ] {
            assert!(!is_portable(name.as_bytes()), "{name}");
        }
        for name in ["console", "com", "com10", ".con", "a b", "nul1", "_con"] {
            assert!(is_portable(name.as_bytes()), "{name}");
        }
    }
}

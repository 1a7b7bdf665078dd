//! The idempotency key: what ties a submission to the bytes it is about.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Longest key: the service takes one more, but a label does not.
pub const KEY_MAX_BYTES: usize = 63;

/// Hexadecimal digits of a derived key: 192 bits.
const DERIVED_DIGITS: usize = 48;

/// A key. Its existence is its validity: 1 to 63 characters in the syntax of a label's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the idempotency key {text:?} is not 1 to {KEY_MAX_BYTES} of A-Z, a-z, 0-9, dot, dash and underscore with a letter or digit at both ends"
)]
pub struct KeyError {
    /// The text.
    pub text: String,
}

impl Key {
    /// Derives the key of a submission.
    ///
    /// The same payload, document and attempt make the same key, so that a repeated submission finds its own Job. A run whose Job
    /// has ended takes the next attempt, because the service would answer with the old Job whatever has become of the data.
    #[must_use]
    pub fn derive(payload_digest: &str, document: &str, attempt: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"longshore submission 1\n");
        for part in [payload_digest, document] {
            // With its length, so that nothing can move from one part to the other.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(attempt.to_be_bytes());
        let mut text = data_encoding::HEXLOWER.encode(&hash.finalize());
        text.truncate(DERIVED_DIGITS);
        Self(text)
    }

    /// Checks a key that somebody chose.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let bytes = text.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let is_valid = bytes.len() <= KEY_MAX_BYTES
            && bytes.iter().all(plain)
            && ends
                .iter()
                .all(|end| end.is_some_and(u8::is_ascii_alphanumeric));
        if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyError {
                text: text.chars().take(100).collect(),
            })
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_a_label_s_value() {
        for good in ["a", "5f0c2e8b", "a.b-c_d", "0", &"x".repeat(63)] {
            assert_eq!(
                Key::parse(good).map(|key| key.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "-a",
            "a-",
            "_",
            ".",
            "a b",
            "ä",
            "a/b",
            "a\n",
            &"x".repeat(64),
        ] {
            assert!(Key::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_derivation_is_written_down() {
        // printf 'longshore submission 1\n\0\0\0\0\0\0\0\002ab\0\0\0\0\0\0\0\001c\0\0\0\001' | sha256sum | head -c 48
        assert_eq!(
            Key::derive("ab", "c", 1).as_str(),
            "71475565bfe3b4946f879af1233f91f22b5e299cc3e9b260"
        );
    }

    proptest! {
        #[test]
        fn every_derived_key_is_valid_and_its_own(
            payload in "[0-9a-f]{0,64}", document in ".{0,40}", attempt in 0..9_u32, cut in 0..40_usize,
        ) {
            let key = Key::derive(&payload, &document, attempt);
            prop_assert_eq!(Key::parse(key.as_str()), Ok(key.clone()));
            prop_assert_eq!(&Key::derive(&payload, &document, attempt), &key);
            prop_assert_ne!(&Key::derive(&payload, &document, attempt + 1), &key);
            // Where one part ends and the next begins matters.
            let whole = format!("{payload}{document}");
            let cut = whole.floor_char_boundary(cut.min(whole.len()));
            if cut != payload.len() {
                let (left, right) = whole.split_at(cut);
                prop_assert_ne!(&Key::derive(left, right, attempt), &key);
            }
        }
    }
}

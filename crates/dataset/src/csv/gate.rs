//! The first check of every text: UTF-8 without a NUL byte.

use memchr::memchr;

/// Checks bytes that arrive in pieces, cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Bytes passed so far, those carried included.
    offset: u64,
    /// The beginning of a character whose rest is in the next piece.
    carried: Vec<u8>,
}

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    /// Offset of the first offending byte from the beginning of the text.
    pub(crate) offset: u64,
    /// What it is.
    pub(crate) flaw: Flaw,
}

/// Why bytes are not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A NUL byte: a corrupt or binary file, or UTF-16.
    Nul,
    /// Bytes that UTF-8 does not have.
    NotUtf8,
}

/// A UTF-8 character has at most this many bytes.
const CHARACTER_MAX_BYTES: usize = 4;

impl Gate {
    /// Checks the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Offence> {
        let mut rest = piece;
        while !self.carried.is_empty() && !rest.is_empty() {
            rest = self.complete(rest)?;
        }
        let nul = memchr(0, rest);
        let text = &rest[..nul.unwrap_or(rest.len())];
        if let Err(error) = std::str::from_utf8(text) {
            let valid = error.valid_up_to();
            let cut = error.error_len().is_none();
            if !cut || nul.is_some() {
                return Err(self.offence(valid, Flaw::NotUtf8));
            }
            self.carried.extend_from_slice(&text[valid..]);
        }
        match nul {
            Some(position) => Err(self.offence(position, Flaw::Nul)),
            None => {
                self.offset += rest.len() as u64;
                Ok(())
            }
        }
    }

    /// Checks that the text does not end inside a character.
    pub(crate) fn finish(&self) -> Result<(), Offence> {
        if self.carried.is_empty() {
            return Ok(());
        }
        Err(Offence {
            offset: self.offset - self.carried.len() as u64,
            flaw: Flaw::NotUtf8,
        })
    }

    /// Takes one byte into the carried character, and gives the rest.
    fn complete<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], Offence> {
        let Some((&byte, rest)) = piece.split_first() else {
            return Ok(piece);
        };
        let begun = self.carried.len();
        self.carried.push(byte);
        match std::str::from_utf8(&self.carried) {
            Ok(_) => self.carried.clear(),
            Err(error) if error.error_len().is_none() && begun < CHARACTER_MAX_BYTES => {}
            Err(_) => {
                return Err(Offence {
                    offset: self.offset - begun as u64,
                    flaw: Flaw::NotUtf8,
                });
            }
        }
        self.offset += 1;
        Ok(rest)
    }

    fn offence(&self, position: usize, flaw: Flaw) -> Offence {
        Offence {
            offset: self.offset + position as u64,
            flaw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, byte by byte, and cut in two anywhere must agree.
    fn check(bytes: &[u8], expected: Result<(), Offence>) {
        let feed = |pieces: &[&[u8]]| {
            let mut gate = Gate::default();
            pieces.iter().try_for_each(|piece| gate.feed(piece))?;
            gate.finish()
        };
        assert_eq!(feed(&[bytes]), expected, "{bytes:?}");
        assert_eq!(
            feed(&bytes.chunks(1).collect::<Vec<_>>()),
            expected,
            "{bytes:?}"
        );
        for cut in 0..bytes.len() {
            assert_eq!(
                feed(&[&bytes[..cut], &bytes[cut..]]),
                expected,
                "{bytes:?} at {cut}"
            );
        }
    }

    fn offence(offset: u64, flaw: Flaw) -> Result<(), Offence> {
        Err(Offence { offset, flaw })
    }

    #[test]
    fn text_passes_however_it_is_cut() {
        check(b"", Ok(()));
        check("naïve ٤ 🦀 €".as_bytes(), Ok(()));
    }

    #[test]
    fn the_first_offending_byte_is_named() {
        check(b"caf\xe9,1\n", offence(3, Flaw::NotUtf8));
        check(b"ab\0cd", offence(2, Flaw::Nul));
        check(b"a\xff\0", offence(1, Flaw::NotUtf8));
        check(
            "ab€".as_bytes().split_last().unwrap().1,
            offence(2, Flaw::NotUtf8),
        );
        check(b"\xe2\x82\0", offence(0, Flaw::NotUtf8));
        check(b"\xf0\x9f\xa6", offence(0, Flaw::NotUtf8));
    }
}

//! Snapshot tokens and the `.snap` files that carry them (`docs/snapshot-format.md`, data directory).

use crate::wal::protobuf::{Field, Fields};

const MAGIC: &[u8; 4] = b"EKVT";
const TOKEN_BYTES: usize = 17;

/// The token that a node stores in place of a snapshot: which file it means and what that must add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Raft index of the snapshot.
    pub index: u64,
    /// CRC32C of the snapshot file's payload, equal to the file's footer.
    pub crc32c: u32,
}

/// A `.snap` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snap {
    /// Raft index.
    pub index: u64,
    /// Raft term.
    pub term: u64,
    /// What it carries.
    pub data: SnapData,
}

/// What a `.snap` file carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapData {
    /// A token that names a file in `fsm-snap/`.
    Token(Token),
    /// The snapshot itself, as old nodes stored it.
    Inline(Vec<u8>),
}

/// Why a token or a `.snap` file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The file is not a message of the expected form.
    #[error("not a .snap file")]
    Malformed,
    /// The checksum does not match.
    #[error("checksum is {stored:08x}, but the content has {computed:08x}")]
    Checksum {
        /// The checksum in the file.
        stored: u32,
        /// The checksum of the content.
        computed: u32,
    },
    /// The token has a version this program does not know.
    #[error("unknown token version {0}")]
    Version(u8),
}

impl Token {
    /// Reads a token; `None` if the bytes are not one, but an inline snapshot.
    ///
    /// # Errors
    ///
    /// A token of an unknown version.
    pub fn parse(bytes: &[u8]) -> Result<Option<Token>, TokenError> {
        let Ok(token) = <&[u8; TOKEN_BYTES]>::try_from(bytes) else {
            return Ok(None);
        };
        let [
            m0,
            m1,
            m2,
            m3,
            version,
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            c0,
            c1,
            c2,
            c3,
        ] = *token;
        if [m0, m1, m2, m3] != *MAGIC {
            return Ok(None);
        }
        if version != 1 {
            return Err(TokenError::Version(version));
        }
        Ok(Some(Token {
            index: u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
            crc32c: u32::from_be_bytes([c0, c1, c2, c3]),
        }))
    }
}

impl Snap {
    /// Reads a `.snap` file.
    ///
    /// # Errors
    ///
    /// Anything that a node would not accept either: a malformed message, a checksum that is zero or does not match, no
    /// data, or a token of an unknown version.
    pub fn parse(bytes: &[u8]) -> Result<Snap, TokenError> {
        let (mut stored, mut inner) = (0, None);
        for field in Fields::new(bytes) {
            match field.ok_or(TokenError::Malformed)? {
                (1, Field::Varint(crc)) => {
                    stored = u32::try_from(crc).map_err(|_| TokenError::Malformed)?
                }
                (2, Field::Bytes(data)) => inner = Some(data),
                _ => {}
            }
        }
        let inner = inner
            .filter(|inner| !inner.is_empty())
            .ok_or(TokenError::Malformed)?;
        let computed = crc32c::crc32c(inner);
        if stored == 0 || stored != computed {
            return Err(TokenError::Checksum { stored, computed });
        }
        let mut snap = Snap {
            index: 0,
            term: 0,
            data: SnapData::Inline(Vec::new()),
        };
        for field in Fields::new(inner) {
            match field.ok_or(TokenError::Malformed)? {
                (1, Field::Bytes(data)) => {
                    snap.data = match Token::parse(data)? {
                        Some(token) => SnapData::Token(token),
                        None => SnapData::Inline(data.to_vec()),
                    }
                }
                (2, Field::Bytes(metadata)) => snap.read_metadata(metadata)?,
                _ => {}
            }
        }
        Ok(snap)
    }

    fn read_metadata(&mut self, metadata: &[u8]) -> Result<(), TokenError> {
        for field in Fields::new(metadata) {
            match field.ok_or(TokenError::Malformed)? {
                (2, Field::Varint(index)) => self.index = index,
                (3, Field::Varint(term)) => self.term = term,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of a `.snap` file: term 7, index 42.
    const SNAP: &[u8] =
        b"\x08\x9a\xf0\xac\xe5\x06\x12\x1f\x0a\x11EKVT\x01\0\0\0\0\0\0\0\x2a\x49\x38\xc2\x17\
        \x12\x0a\x0a\x04\x08\x01\x08\x02\x10\x2a\x18\x07";

    #[test]
    fn reads_the_worked_example() {
        let token = Token {
            index: 42,
            crc32c: 0x4938_c217,
        };
        assert_eq!(
            Snap::parse(SNAP),
            Ok(Snap {
                index: 42,
                term: 7,
                data: SnapData::Token(token)
            })
        );
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        for at in 0..SNAP.len() {
            let mut bytes = SNAP.to_vec();
            bytes[at] ^= 1;
            assert!(Snap::parse(&bytes).is_err(), "byte {at}");
        }
    }

    #[test]
    fn tells_tokens_from_inline_snapshots() {
        assert_eq!(Token::parse(b"EKVT"), Ok(None));
        assert_eq!(Token::parse(b"EKVPBBL1........."), Ok(None));
        assert_eq!(
            Token::parse(b"EKVT\x02............"),
            Err(TokenError::Version(2))
        );
    }
}

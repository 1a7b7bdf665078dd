//! What is known of a file besides its name, and how it lies in its slot.

use fsroot::Metadata;

use crate::digest::Digest;

/// What identifies a file's content without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its size.
    pub(crate) size_bytes: u64,
    mtime_ns: i64,
    file: (u64, u64),
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) stamp: Option<Stamp>,
    pub(super) digest: Option<Digest>,
}

/// The size of a slot: what is known, the stamp, the digest.
pub(super) const WIDTH: usize = 1 + 4 * size_of::<u64>() + size_of::<Digest>();

const HAS_STAMP: u8 = 1;
const HAS_DIGEST: u8 = 2;

impl Stamp {
    /// Takes the stamp of an open file.
    pub(crate) fn of(meta: &Metadata) -> Stamp {
        Stamp {
            size_bytes: meta.size_bytes,
            mtime_ns: meta.mtime_ns,
            file: (meta.dev, meta.ino),
        }
    }
}

impl Facts {
    /// Appends the slot.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        let known = match self.stamp {
            Some(_) => HAS_STAMP,
            None => 0,
        } | match self.digest {
            Some(_) => HAS_DIGEST,
            None => 0,
        };
        let stamp = self.stamp.unwrap_or_default();
        to.push(known);
        to.extend_from_slice(&stamp.size_bytes.to_le_bytes());
        to.extend_from_slice(&stamp.mtime_ns.to_le_bytes());
        to.extend_from_slice(&stamp.file.0.to_le_bytes());
        to.extend_from_slice(&stamp.file.1.to_le_bytes());
        to.extend_from_slice(&self.digest.unwrap_or_default());
    }

    /// Reads a slot; one that nobody wrote knows nothing.
    pub(super) fn decode(slot: &[u8]) -> Facts {
        let Some((known, rest)) = slot.split_first() else {
            return Facts::default();
        };
        let (words, rest) = rest.as_chunks::<8>();
        let (Some([size, mtime, dev, ino]), []) = (words.first_chunk::<4>(), rest) else {
            return Facts::default();
        };
        let digest = slot.last_chunk().copied().unwrap_or_default();
        Facts {
            stamp: (known & HAS_STAMP != 0).then(|| Stamp {
                size_bytes: u64::from_le_bytes(*size),
                mtime_ns: i64::from_le_bytes(*mtime),
                file: (u64::from_le_bytes(*dev), u64::from_le_bytes(*ino)),
            }),
            digest: (known & HAS_DIGEST != 0).then_some(digest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_hold_everything() {
        let stamp = Stamp {
            size_bytes: u64::MAX - 1,
            mtime_ns: -2,
            file: (3, u64::MAX),
        };
        for stamp in [None, Some(stamp), Some(Stamp::default())] {
            for digest in [None, Some([7; 32]), Some([0; 32])] {
                let facts = Facts { stamp, digest };
                let mut slot = Vec::new();
                facts.encode(&mut slot);
                assert_eq!(slot.len(), WIDTH);
                assert_eq!(Facts::decode(&slot), facts);
            }
        }
        assert_eq!(Facts::decode(&[0; WIDTH]), Facts::default());
    }
}

//! The binary value of a chunk reference.

use super::key;

const FIXED_BYTES: usize = 43;

/// What a reference says about its chunk. The peers in it are a hint for a live cluster and are only checked for their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkRef {
    /// SHA-256 of the chunk.
    pub digest: [u8; 32],
    /// Length of the chunk.
    pub size_bytes: u64,
}

/// Says why the value of a reference is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkRefFault {
    /// Neither version 1 nor 2.
    #[error("version {0} is unknown")]
    Version(u8),
    /// A length says more than there is.
    #[error("the value is cut short")]
    Short,
    /// Bytes after the last field.
    #[error("bytes follow the last field")]
    Trailing,
}

/// Parses the value of a chunk reference.
pub(super) fn parse(value: &[u8]) -> Result<ChunkRef, ChunkRefFault> {
    if value.len() < FIXED_BYTES {
        return Err(ChunkRefFault::Short);
    }
    let (version, rest) = value.split_first().ok_or(ChunkRefFault::Short)?;
    let (digest, rest) = rest.split_first_chunk::<32>().ok_or(ChunkRefFault::Short)?;
    let (size_bytes, rest) = key::split_u64(rest).map_err(|_| ChunkRefFault::Short)?;
    let rest = skip_text(rest)?;
    let rest = match version {
        1 => rest,
        2 => skip_replicas(rest)?,
        other => return Err(ChunkRefFault::Version(*other)),
    };
    if !rest.is_empty() {
        return Err(ChunkRefFault::Trailing);
    }
    Ok(ChunkRef {
        digest: *digest,
        size_bytes,
    })
}

fn skip_replicas(bytes: &[u8]) -> Result<&[u8], ChunkRefFault> {
    let (count, mut rest) = split_u16(bytes)?;
    for _ in 0..count {
        rest = skip_text(skip_text(rest)?)?;
    }
    Ok(rest)
}

fn skip_text(bytes: &[u8]) -> Result<&[u8], ChunkRefFault> {
    let (len, rest) = split_u16(bytes)?;
    rest.get(usize::from(len)..).ok_or(ChunkRefFault::Short)
}

fn split_u16(bytes: &[u8]) -> Result<(u16, &[u8]), ChunkRefFault> {
    let (number, rest) = bytes.split_first_chunk::<2>().ok_or(ChunkRefFault::Short)?;
    Ok((u16::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    const V1: &str = "015e3235a8346e5a4585f8c58562f5052b8fe26a3bb122e1e96c76784964dfc461000000000000000600026e31";
    const V2: &str = "02486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7000000000000000500026e31000200026e31000e31302e302e302e313a353030353100026e32000e31302e302e302e323a3530303531";

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn documented_values_parse() {
        let first = parse(&hex(V1)).unwrap();
        assert_eq!(first.size_bytes, 6);
        assert_eq!(
            HEXLOWER.encode(&first.digest),
            "5e3235a8346e5a4585f8c58562f5052b8fe26a3bb122e1e96c76784964dfc461"
        );
        let second = parse(&hex(V2)).unwrap();
        assert_eq!(second.size_bytes, 5);
    }

    #[test]
    fn no_replicas_are_fine_in_version_two() {
        let mut value = hex(V1);
        value[0] = 2;
        value.extend([0, 0]);
        assert!(parse(&value).is_ok());
    }

    #[test]
    fn damage_is_refused() {
        for text in [V1, V2] {
            let value = hex(text);
            for end in 0..value.len() {
                assert_eq!(parse(&value[..end]), Err(ChunkRefFault::Short), "{end}");
            }
            let long = [value.as_slice(), &[0]].concat();
            assert_eq!(parse(&long), Err(ChunkRefFault::Trailing));
        }
        let mut value = hex(V1);
        value[0] = 3;
        assert_eq!(parse(&value), Err(ChunkRefFault::Version(3)));
    }
}

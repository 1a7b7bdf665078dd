use crate::batch::{Batch, Place};
use crate::error::{Error, ErrorKind};
use crate::limits::{MAX_BODY_BYTES, MAX_STREAMING_VERSIONS, MAX_USER_KEY_BYTES};

/// Bytes in front of a version's body: timestamp, tombstone flag, expiry, length.
const VERSION_HEAD_BYTES: usize = 8 + 1 + 8 + 8;

/// Offset of the checksum field behind the store stream's magic and version.
const CHECKSUM_END: usize = 8 + 4 + 4;

/// Rewrites the entries of a streaming store stream (`EKVMVCC2`) in native form, one version at a time.
///
/// Versions ascend there, so the last of a key is the newest; since their count stands in front of them, none needs to
/// be held back to know.
#[derive(Debug)]
pub(crate) struct Streaming {
    stored: u32,
    hasher: crc32fast::Hasher,
    key: Vec<u8>,
    remaining: u64,
    last_ts: Option<u64>,
    keys: u64,
    entry_offset: u64,
}

impl Streaming {
    pub(crate) fn new(stored: u32) -> Self {
        Streaming {
            stored,
            hasher: crc32fast::Hasher::new(),
            key: Vec::new(),
            remaining: 0,
            last_ts: None,
            keys: 0,
            entry_offset: 0,
        }
    }

    /// Adds the part of the header that the checksum covers. `header` ends where the entries start.
    pub(crate) fn cover_header(&mut self, header: &[u8]) {
        // Behind the checksum stand the two timestamps.
        let covered = header.len().saturating_sub(16);
        debug_assert!(
            covered >= CHECKSUM_END,
            "a streaming header has {CHECKSUM_END} bytes in front of its timestamps"
        );
        self.hasher
            .update(header.get(covered..).unwrap_or_default());
    }

    /// Appends every whole version in `input` to `batch`; returns how much of the input was used.
    pub(crate) fn rewrite(
        &mut self,
        input: &[u8],
        offset: u64,
        batch: &mut Batch,
    ) -> Result<usize, Error> {
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let here = offset + at as u64;
            let used = if self.remaining == 0 {
                self.key_head(rest, here)?
            } else {
                self.version(rest, here, batch)?
            };
            let Some(used) = used else { break };
            self.hasher.update(rest.get(..used).unwrap_or_default());
            at += used;
        }
        Ok(at)
    }

    pub(crate) fn at_boundary(&self) -> bool {
        self.remaining == 0
    }

    pub(crate) fn entries(&self) -> u64 {
        self.keys
    }

    pub(crate) fn verify(&self, end: u64) -> Result<(), Error> {
        let computed = self.hasher.clone().finalize();
        if computed == self.stored {
            return Ok(());
        }
        Err(ErrorKind::StreamingChecksum {
            stored: self.stored,
            computed,
        }
        .at(end))
    }

    /// Reads a key and its version count.
    fn key_head(&mut self, rest: &[u8], offset: u64) -> Result<Option<usize>, Error> {
        let Some((length, behind)) = u64_at(rest, 0) else {
            return Ok(None);
        };
        if length > MAX_USER_KEY_BYTES {
            return Err(ErrorKind::KeyTooLarge { length }.at_entry(offset, self.keys));
        }
        let key_end = behind + usize::try_from(length).unwrap_or(usize::MAX);
        let (Some(key), Some((count, end))) = (rest.get(behind..key_end), u64_at(rest, key_end))
        else {
            return Ok(None);
        };
        if !(1..=MAX_STREAMING_VERSIONS).contains(&count) {
            return Err(
                ErrorKind::VersionCount { count }.at_entry(offset + key_end as u64, self.keys)
            );
        }
        if self.keys > 0 && key <= self.key.as_slice() {
            let kind = if key == self.key.as_slice() {
                ErrorKind::DuplicateRow
            } else {
                ErrorKind::OutOfOrder
            };
            return Err(kind.at_entry(offset, self.keys));
        }
        self.key.clear();
        self.key.extend_from_slice(key);
        self.remaining = count;
        self.last_ts = None;
        self.entry_offset = offset;
        self.keys += 1;
        Ok(Some(end))
    }

    /// Rewrites one version.
    fn version(
        &mut self,
        rest: &[u8],
        offset: u64,
        batch: &mut Batch,
    ) -> Result<Option<usize>, Error> {
        let entry = self.keys - 1;
        let (Some((ts, _)), Some(tombstone), Some((expire_at, _)), Some((length, body_start))) = (
            u64_at(rest, 0),
            rest.get(8),
            u64_at(rest, 9),
            u64_at(rest, 17),
        ) else {
            return Ok(None);
        };
        debug_assert_eq!(body_start, VERSION_HEAD_BYTES);
        if length > MAX_BODY_BYTES {
            return Err(ErrorKind::ValueTooLarge { length }.at_entry(offset + 17, entry));
        }
        let end = body_start + usize::try_from(length).unwrap_or(usize::MAX);
        let Some(body) = rest.get(body_start..end) else {
            return Ok(None);
        };
        if self.last_ts.is_some_and(|last| last >= ts) {
            return Err(ErrorKind::VersionOrder.at_entry(offset, entry));
        }
        self.last_ts = Some(ts);
        self.remaining -= 1;
        let out = &mut batch.bytes;
        out.extend_from_slice(&(self.key.len() as u64 + 8).to_le_bytes());
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&(!ts).to_be_bytes());
        out.extend_from_slice(&(length + 9).to_le_bytes());
        out.push(u8::from(*tombstone != 0));
        out.extend_from_slice(&expire_at.to_le_bytes());
        out.extend_from_slice(body);
        batch.places.push(Place {
            entry,
            entry_offset: self.entry_offset,
            body_offset: offset + body_start as u64,
            newest: self.remaining == 0,
        });
        Ok(Some(end))
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let (head, _) = bytes.get(at..)?.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*head), at + 8))
}

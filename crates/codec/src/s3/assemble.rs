//! Which chunks make up an object, in which order.

use super::error::{Fault, Sized};
use super::record::{Manifest, Part};
use crate::row::ValueRef;

/// A chunk of a body.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) value: ValueRef,
    /// SHA-256 that the bytes must have, for a chunk stored by content.
    pub(super) digest: Option<Box<[u8; 32]>>,
}

/// A chunk that was found among the rows of an object.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) part_no: u64,
    pub(super) chunk_no: u64,
    pub(super) version: u64,
    /// For a reference: the size it states. `None` for an inline chunk.
    pub(super) reference_bytes: Option<u64>,
    /// Where the bytes are; `None` if the content of a reference is not in the snapshot.
    pub(super) chunk: Option<Chunk>,
}

/// Collects the chunks of one object; they come by part number, chunk number and version.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) manifest: Manifest,
    /// What a part's chunks are known by, sorted, and the most chunks that a part of this identity declares.
    identities: Vec<(Identity, u64)>,
    /// The chunks of each identity.
    chunks: Vec<Vec<Chunk>>,
    fault: Option<Fault>,
}

/// Part number, version, and whether the chunks are references.
type Identity = (u64, u64, bool);

/// A complete object.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) manifest: Manifest,
    chunks: Vec<Vec<Chunk>>,
    /// For each part of the manifest, its chunks.
    parts: Vec<usize>,
}

impl Complete {
    /// Returns the chunks of each part, in body order.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[Chunk]> {
        self.parts
            .iter()
            .map(|&at| self.chunks.get(at).map(Vec::as_slice).unwrap_or_default())
    }

    pub(super) fn chunk_count(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Returns the length of the body, which was compared with what is there.
    pub(super) fn size_bytes(&self) -> u64 {
        u64::try_from(self.manifest.size_bytes).unwrap_or(0)
    }
}

impl Assembly {
    /// Starts with a manifest. Lists of sizes are checked here.
    pub(super) fn new(manifest: Manifest) -> Result<Assembly, Fault> {
        let mut identities: Vec<(Identity, u64)> = Vec::with_capacity(manifest.parts.len());
        for part in &manifest.parts {
            let sizes = u64::try_from(part.chunk_sizes.len()).unwrap_or(u64::MAX);
            if sizes != part.chunk_count && (part.offloaded || sizes != 0) {
                return Err(Fault::SizeList {
                    part_no: part.part_no,
                    sizes,
                    chunks: part.chunk_count,
                });
            }
            identities.push((
                (part.part_no, part.version(), part.offloaded),
                part.chunk_count,
            ));
        }
        // The same identity twice has the same chunks; the larger count comes last and is kept.
        identities.sort_unstable();
        identities.reverse();
        identities.dedup_by_key(|(identity, _)| *identity);
        identities.reverse();
        let chunks = vec![Vec::new(); identities.len()];
        Ok(Assembly {
            manifest,
            identities,
            chunks,
            fault: None,
        })
    }

    /// Takes a chunk of the manifest's upload. Returns false if it is not one that the manifest declares.
    pub(super) fn add(&mut self, found: Found) -> bool {
        let identity = (
            found.part_no,
            found.version,
            found.reference_bytes.is_some(),
        );
        let Ok(at) = self
            .identities
            .binary_search_by_key(&identity, |(identity, _)| *identity)
        else {
            return false;
        };
        let (Some(&(_, declared)), Some(chunks)) =
            (self.identities.get(at), self.chunks.get_mut(at))
        else {
            return false;
        };
        if declared == 0 {
            return false;
        }
        if self.fault.is_some() {
            return true;
        }
        let have = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
        let incomplete = |chunk_no, found| Fault::IncompleteChunks {
            part_no: identity.0,
            declared,
            found,
            chunk_no,
        };
        self.fault = match found.chunk {
            _ if found.chunk_no > have => Some(incomplete(have, have)),
            _ if found.chunk_no >= declared => Some(incomplete(found.chunk_no, have + 1)),
            None => Some(incomplete(have, have)),
            Some(chunk) => {
                let declared = found.reference_bytes.and_then(|_| {
                    let same =
                        |part: &&Part| (part.part_no, part.version(), part.offloaded) == identity;
                    let part = self.manifest.parts.iter().find(same)?;
                    part.chunk_sizes.get(chunks.len()).copied().map(u64::from)
                });
                let length = chunk.value.length;
                match found.reference_bytes {
                    Some(reference) if reference != length || declared != Some(length) => {
                        Some(Fault::ChunkRefSize {
                            part_no: found.part_no,
                            chunk_no: found.chunk_no,
                            found: length,
                            reference,
                            declared,
                        })
                    }
                    _ => {
                        chunks.push(chunk);
                        None
                    }
                }
            }
        };
        true
    }

    /// Checks that the chunks are exactly the declared ones and that all sizes agree.
    pub(super) fn finish(self) -> Result<Complete, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut parts = Vec::with_capacity(self.manifest.parts.len());
        let mut total: i128 = 0;
        for part in &self.manifest.parts {
            let identity = (part.part_no, part.version(), part.offloaded);
            let at = self
                .identities
                .binary_search_by_key(&identity, |(identity, _)| *identity);
            let at = at.unwrap_or(usize::MAX);
            let chunks = self.chunks.get(at).map(Vec::as_slice).unwrap_or_default();
            let have = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
            total += i128::from(part.size_bytes);
            if part.chunk_count == 0 {
                // Nothing, even if another part of the same identity has chunks.
                check_size(Sized::Part(part.part_no), part.size_bytes, 0)?;
                parts.push(usize::MAX);
                continue;
            }
            if have != part.chunk_count {
                return Err(Fault::IncompleteChunks {
                    part_no: part.part_no,
                    declared: part.chunk_count,
                    found: have,
                    chunk_no: have.min(part.chunk_count),
                });
            }
            if !part.chunk_sizes.is_empty() {
                let listed = part.chunk_sizes.iter().map(|&size| u64::from(size)).sum();
                check_size(Sized::PartChunks(part.part_no), part.size_bytes, listed)?;
                for ((chunk, &declared), chunk_no) in chunks.iter().zip(&part.chunk_sizes).zip(0..)
                {
                    check_size(
                        Sized::Chunk(part.part_no, chunk_no),
                        i64::from(declared),
                        chunk.value.length,
                    )?;
                }
            }
            let length = chunks.iter().map(|chunk| chunk.value.length).sum();
            check_size(Sized::Part(part.part_no), part.size_bytes, length)?;
            parts.push(at);
        }
        if total != i128::from(self.manifest.size_bytes) {
            let found = u64::try_from(total).unwrap_or(0);
            return Err(Fault::Size {
                what: Sized::Parts,
                declared: self.manifest.size_bytes,
                found,
            });
        }
        Ok(Complete {
            manifest: self.manifest,
            chunks: self.chunks,
            parts,
        })
    }

    /// Tells whether the part numbers strictly increase, as a live node writes them.
    pub(super) fn is_in_part_order(&self) -> bool {
        self.manifest
            .parts
            .is_sorted_by(|left, right| left.part_no < right.part_no)
    }
}

fn check_size(what: Sized, declared: i64, found: u64) -> Result<(), Fault> {
    if i128::from(declared) == i128::from(found) {
        Ok(())
    } else {
        Err(Fault::Size {
            what,
            declared,
            found,
        })
    }
}

#[cfg(test)]
mod tests;

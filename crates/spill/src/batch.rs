//! The records in memory: one arena, and an index that is sorted in their stead.

use crate::record;

/// Records in memory, sorted on demand.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    arena: Vec<u8>,
    index: Vec<Entry>,
    /// They came in order so far, so that there is nothing to sort.
    ascending: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Eight key bytes behind what all keys share; decides most comparisons without the arena.
    digest: u64,
    offset: usize,
}

impl Batch {
    /// Returns the memory in use.
    pub(crate) fn size_bytes(&self) -> usize {
        self.arena.len() + self.index.len() * size_of::<Entry>()
    }

    /// Returns the memory that a record will take, at most.
    pub(crate) fn cost_bytes(key: &[u8], value: &[u8]) -> usize {
        key.len() + value.len() + record::HEADER_MAX_BYTES + size_of::<Entry>()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) {
        self.ascending = match self.last() {
            None => true,
            Some(last) => self.ascending && last <= (key, value),
        };
        let offset = self.arena.len();
        record::append(&mut self.arena, key, value);
        self.index.push(Entry { digest: 0, offset });
    }

    /// Forgets the records and keeps the memory for the next ones.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.index.clear();
    }

    pub(crate) fn first(&self) -> Option<(&[u8], &[u8])> {
        self.get(0)
    }

    pub(crate) fn last(&self) -> Option<(&[u8], &[u8])> {
        self.get(self.index.len().checked_sub(1)?)
    }

    pub(crate) fn get(&self, position: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.index.get(position)?;
        record_at(&self.arena, entry.offset)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index
            .iter()
            .filter_map(|entry| record_at(&self.arena, entry.offset))
    }

    pub(crate) fn sort(&mut self) {
        if self.ascending {
            return;
        }
        let shared = self.shared_prefix_bytes();
        let arena = &self.arena;
        for entry in &mut self.index {
            let key = record_at(arena, entry.offset).map_or(b"".as_slice(), |(key, _)| key);
            entry.digest = digest(key.get(shared..).unwrap_or_default());
        }
        self.index.sort_unstable_by(|one, other| {
            one.digest
                .cmp(&other.digest)
                .then_with(|| record_at(arena, one.offset).cmp(&record_at(arena, other.offset)))
        });
        self.ascending = true;
    }

    /// Keys of one kind of row begin alike; a digest of what they share would decide nothing.
    fn shared_prefix_bytes(&self) -> usize {
        let Some((first, _)) = self.first() else {
            return 0;
        };
        self.iter().fold(first.len(), |shared, (key, _)| {
            let limit = shared.min(key.len());
            let same = first.get(..limit) == key.get(..limit);
            if same {
                limit
            } else {
                first.iter().zip(key).take_while(|(a, b)| a == b).count()
            }
        })
    }
}

fn record_at(arena: &[u8], offset: usize) -> Option<(&[u8], &[u8])> {
    record::split(arena.get(offset..)?)
}

/// Orders as the bytes do, except that a short key may equal one with zeros behind it.
fn digest(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(bytes)
}

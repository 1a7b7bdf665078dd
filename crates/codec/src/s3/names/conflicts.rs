//! Which plain keys of a bucket need another name because of the others.
//!
//! Keys come in the order of their folded form, in which a key's descendants directly follow it. Whatever can collide with the file of a
//! key K — a directory or a file at K's new name, or at its sidecar — begins with K. So the keys that still can collide with a later one are
//! prefixes of the current key: they form a stack, memory is bounded by the square of the longest path, and one pass is enough.
//!
//! The one thing that a later key changes for *many* earlier ones is another spelling of their directory (`A/1` … then `a/2`). Such
//! directories are found by [`SplitDirectories`] in a pass before.

use super::{LEAF_SUFFIX, Name, SIDECAR_SUFFIX, USER_DATA_SUFFIX, fits, last_segment_bytes};

/// Names the keys of one bucket.
#[derive(Debug, Default)]
pub(in crate::s3) struct Conflicts {
    /// Folded form of the last key; every stem is a prefix of it.
    fold: Vec<u8>,
    stack: Vec<Stem>,
    /// Buffers of stems that are done.
    spare: Vec<Vec<u8>>,
}

/// A key that a later one can still collide with.
#[derive(Debug, Default)]
struct Stem {
    fold_bytes: usize,
    key: Vec<u8>,
    /// Whether another key has this one, in this spelling, as a directory.
    is_directory: bool,
    /// Whether another key has a different spelling of this one as a directory.
    is_directory_elsewhere: bool,
    /// Whether it goes to `_keys/`.
    moved: bool,
    /// Positions in the stack of keys whose files have this key's natural name.
    rivals: Vec<usize>,
}

impl Stem {
    /// Returns the key's name before conflicts; final once the descendants have passed.
    fn rename(&self) -> Name {
        if self.key.ends_with(SIDECAR_SUFFIX) {
            Name::UserData
        } else if self.is_directory {
            Name::Leaf
        } else {
            Name::Natural
        }
    }

    /// Returns what the rename appends; `None` if the name is too long to be used.
    fn suffix(&self) -> Option<&'static [u8]> {
        let suffix = match self.rename() {
            Name::UserData => USER_DATA_SUFFIX,
            Name::Leaf => LEAF_SUFFIX,
            _ => return Some(b""),
        };
        fits(last_segment_bytes(&self.key) + suffix.len()).then_some(suffix)
    }
}

/// What the current key means to an earlier one.
enum Relation {
    None,
    /// It lies below a directory that has the name of the earlier key's file or sidecar.
    Through,
    /// It has the name of the earlier key's file or sidecar, unless it is renamed itself.
    Rival,
    /// It lies below a directory with the earlier key's own name.
    Descendant,
}

impl Conflicts {
    /// Takes the next key in the order of folded forms. `banned` keys go to `_keys/` in any case.
    ///
    /// Calls `out` with each key that needs another name than its own, once that is certain.
    pub(in crate::s3) fn push<E>(
        &mut self,
        fold: &[u8],
        key: &[u8],
        banned: bool,
        out: &mut impl FnMut(&[u8], Name) -> Result<(), E>,
    ) -> Result<(), E> {
        let shared = self
            .fold
            .iter()
            .zip(fold)
            .take_while(|(left, right)| left == right)
            .count();
        self.pop_to(shared, out)?;
        self.fold.truncate(shared);
        self.fold
            .extend_from_slice(fold.get(shared..).unwrap_or_default());
        let mut stem = self.meet(fold, key);
        stem.moved |= banned;
        self.stack.push(stem);
        Ok(())
    }

    /// Ends the bucket; the next key may belong to another.
    pub(in crate::s3) fn finish<E>(
        &mut self,
        out: &mut impl FnMut(&[u8], Name) -> Result<(), E>,
    ) -> Result<(), E> {
        while !self.stack.is_empty() {
            self.pop_group(out)?;
        }
        self.fold.clear();
        Ok(())
    }

    /// Compares a new key with all stems.
    fn meet(&mut self, fold: &[u8], key: &[u8]) -> Stem {
        let mut new = Stem {
            fold_bytes: fold.len(),
            key: self.spare.pop().unwrap_or_default(),
            ..Stem::default()
        };
        new.key.extend_from_slice(key);
        for (position, stem) in self.stack.iter_mut().enumerate() {
            let rest = fold.get(stem.fold_bytes..).unwrap_or_default();
            match relation(stem, rest) {
                Relation::None => {}
                Relation::Through => {
                    stem.moved = true;
                    new.moved = true;
                }
                Relation::Rival => new.rivals.push(position),
                Relation::Descendant => {
                    let same_spelling = key
                        .strip_prefix(stem.key.as_slice())
                        .is_some_and(|rest| rest.starts_with(b"/"));
                    if same_spelling {
                        stem.is_directory = true;
                    } else {
                        stem.is_directory_elsewhere = true;
                        // Either the file of the stem is in the way, or the stem's own directory is spelt in two ways.
                        new.moved |= !stem.key.ends_with(SIDECAR_SUFFIX);
                    }
                }
            }
        }
        new
    }

    /// Finishes the stems that are longer than `shared` bytes.
    fn pop_to<E>(
        &mut self,
        shared: usize,
        out: &mut impl FnMut(&[u8], Name) -> Result<(), E>,
    ) -> Result<(), E> {
        while self
            .stack
            .last()
            .is_some_and(|stem| stem.fold_bytes > shared)
        {
            self.pop_group(out)?;
        }
        Ok(())
    }

    /// Finishes the last stem and those that differ from it only in spelling.
    fn pop_group<E>(
        &mut self,
        out: &mut impl FnMut(&[u8], Name) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(fold_bytes) = self.stack.last().map(|stem| stem.fold_bytes) else {
            return Ok(());
        };
        let start = self
            .stack
            .partition_point(|stem| stem.fold_bytes < fold_bytes);
        let mut group = self.stack.split_off(start);
        let sharing = |name: Name| {
            group
                .iter()
                .filter(|stem| stem.rename() == name && stem.suffix().is_some())
                .count()
                > 1
        };
        let shared = [Name::Natural, Name::Leaf, Name::UserData].map(|name| (name, sharing(name)));
        for stem in &mut group {
            let name = stem.rename();
            stem.moved |= stem.suffix().is_none() || shared.contains(&(name, true));
            if name == Name::Natural {
                stem.moved |= stem.is_directory_elsewhere || !stem.rivals.is_empty();
                for &rival in &stem.rivals {
                    if let Some(rival) = self.stack.get_mut(rival) {
                        rival.moved = true;
                    }
                }
            }
            match if stem.moved { Name::Escaped } else { name } {
                Name::Natural => {}
                name => out(&stem.key, name)?,
            }
        }
        for stem in group {
            let mut buffer = stem.key;
            buffer.clear();
            self.spare.push(buffer);
        }
        Ok(())
    }
}

/// Says what a key means to a stem that is a prefix of it, `rest` being what follows.
fn relation(stem: &Stem, rest: &[u8]) -> Relation {
    match rest {
        [] => return Relation::None,
        [0, ..] => return Relation::Descendant,
        // Every name that matters continues with a dot; most keys end here.
        [byte, ..] if *byte != b'.' => return Relation::None,
        _ => {}
    }
    let Some(suffix) = stem.suffix() else {
        return Relation::None;
    };
    let Some(tail) = rest.strip_prefix(suffix) else {
        return Relation::None;
    };
    let after_file = if suffix.is_empty() { None } else { Some(tail) };
    for tail in [after_file, tail.strip_prefix(SIDECAR_SUFFIX)]
        .into_iter()
        .flatten()
    {
        match tail {
            [] => return Relation::Rival,
            [0, ..] => return Relation::Through,
            _ => {}
        }
    }
    Relation::None
}

/// Finds the directories of a bucket that its keys spell in more than one way.
#[derive(Debug, Default)]
pub(in crate::s3) struct SplitDirectories {
    fold: Vec<u8>,
    open: Vec<Directory>,
}

#[derive(Debug)]
struct Directory {
    /// With the separator behind it.
    fold_bytes: usize,
    spelling: Vec<u8>,
    split: bool,
}

impl SplitDirectories {
    /// Takes the next key in the order of folded forms. Calls `out` once for each such directory, with its folded form and the separator.
    pub(in crate::s3) fn push<E>(
        &mut self,
        fold: &[u8],
        key: &[u8],
        out: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let shared = self
            .fold
            .iter()
            .zip(fold)
            .take_while(|(left, right)| left == right)
            .count();
        while self
            .open
            .last()
            .is_some_and(|directory| directory.fold_bytes > shared)
        {
            self.open.pop();
        }
        self.fold.clear();
        self.fold.extend_from_slice(fold);
        let folded = fold
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == 0)
            .map(|(at, _)| at + 1);
        let spelt = key
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| at);
        for (depth, (fold_bytes, key_bytes)) in folded.zip(spelt).enumerate() {
            let spelling = key.get(..key_bytes).unwrap_or_default();
            match self.open.get_mut(depth) {
                Some(directory) if directory.split || directory.spelling == spelling => {}
                Some(directory) => {
                    directory.split = true;
                    out(fold.get(..fold_bytes).unwrap_or_default())?;
                }
                None => self.open.push(Directory {
                    fold_bytes,
                    spelling: spelling.to_vec(),
                    split: false,
                }),
            }
        }
        Ok(())
    }

    /// Ends the bucket.
    pub(in crate::s3) fn finish(&mut self) {
        self.fold.clear();
        self.open.clear();
    }
}

#[cfg(test)]
mod tests;

//! What the far side says is there.

use super::error::Failure;

/// Names and sizes of files, as they came: apart, they would take three times as much.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// Each ended by NUL.
    names: Vec<u8>,
    /// Each on a line.
    sizes: Vec<u8>,
}

impl Inventory {
    /// Takes both, if there is a size for every name.
    pub(super) fn of(names: Vec<u8>, sizes: Vec<u8>) -> Result<Self, Failure> {
        let inventory = Self { names, sizes };
        let is_even = inventory.names().count() == inventory.lines().count();
        match is_even && inventory.lines().all(|line| parse(line).is_some()) {
            true => Ok(inventory),
            false => Err(Failure::Broken(
                "the far side's list of files does not add up".to_owned(),
            )),
        }
    }

    /// Tells how many files there are.
    pub(super) fn len(&self) -> usize {
        self.names().count()
    }

    /// Gives each name with its size.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let sizes = self.lines().map(|line| parse(line).unwrap_or_default());
        self.names().zip(sizes)
    }

    /// `find` writes a dot and a slash in front of each name.
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.names.split(|byte| *byte == 0);
        names
            .filter(|name| !name.is_empty())
            .map(|name| name.strip_prefix(b"./").unwrap_or(name))
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.sizes.strip_suffix(b"\n").unwrap_or(&self.sizes);
        let count = if lines.is_empty() { 0 } else { usize::MAX };
        lines.split(|byte| *byte == b'\n').take(count)
    }
}

fn parse(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[u8], sizes: &[u8], expected: Option<&[(&[u8], u64)]>) {
        let inventory = Inventory::of(names.to_vec(), sizes.to_vec()).ok();
        let files = inventory.as_ref().map(|inventory| {
            let files: Vec<_> = inventory.iter().collect();
            assert_eq!(files.len(), inventory.len());
            files
        });
        assert_eq!(files.as_deref(), expected);
    }

    #[test]
    fn every_name_has_a_size() {
        check(b"", b"", Some(&[]));
        check(
            b"./a\0./b/c\n\0",
            b"1\n20\n",
            Some(&[(b"a", 1), (b"b/c\n", 20)]),
        );
        check(b"./a\0", b"", None);
        check(b"./a\0", b"1\n2\n", None);
        check(b"./a\0", b"x\n", None);
        check(b"", b"1\n", None);
    }
}

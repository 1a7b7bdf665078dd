//! The header of a CSV file, and how columns are found in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::records::Record;
use crate::cell;

/// Column names in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    raw: Vec<Box<str>>,
    names: Vec<Arc<str>>,
}

impl Header {
    /// Takes the first record of a file.
    pub(crate) fn new(record: &Record<'_>) -> Header {
        let raw: Vec<Box<str>> = record.iter().map(|cell| cell::text(cell).into()).collect();
        let names = raw.iter().map(|name| name.trim().into()).collect();
        Header { raw, names }
    }

    /// Gives the trimmed names.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Gives the number of columns.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Finds the first column of exactly this name, blanks around it aside.
    pub(crate) fn exact(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| **column == *name)
    }

    /// Finds a column of this name: a cell that is equal byte for byte, otherwise the first that is equal apart from blanks
    /// around it and case.
    pub(crate) fn loose(&self, name: &str) -> Option<usize> {
        let same = self.raw.iter().position(|column| **column == *name);
        same.or_else(|| self.ignoring_case(name))
    }

    /// Finds the first column that is equal apart from blanks around it and case.
    pub(crate) fn ignoring_case(&self, name: &str) -> Option<usize> {
        let wanted = name.trim().to_lowercase();
        self.names
            .iter()
            .position(|column| column.to_lowercase() == wanted)
    }

    /// Lists names that occur more than once, sorted. Case counts.
    pub(crate) fn duplicates(&self) -> Vec<Arc<str>> {
        let mut seen = BTreeSet::new();
        let again = self.names.iter().filter(|name| !seen.insert(*name));
        let again: BTreeSet<_> = again.cloned().collect();
        again.into_iter().collect()
    }

    /// Lists the columns among `chosen` whose name equals that of an earlier one apart from case and Unicode form, but is not
    /// the same.
    pub(crate) fn twins(&self, chosen: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut seen: std::collections::BTreeMap<String, &str> = Default::default();
        let mut twins = Vec::new();
        for index in chosen {
            let Some(name) = self.names.get(index) else {
                continue;
            };
            let first = seen.entry(fold(name)).or_insert(name);
            if **first != **name {
                twins.push(index);
            }
        }
        twins
    }

    /// Lists the names for a message: up to five, then how many more.
    pub(crate) fn listed(&self) -> String {
        let names: Vec<_> = (0..self.len()).map(|index| self.shown(index)).collect();
        listed(names.iter().map(|name| &**name))
    }

    /// Gives the name of a column for messages.
    fn shown(&self, index: usize) -> Cow<'_, str> {
        shown_name(&self.names, index)
    }
}

/// Gives the name of a column for people, who cannot see an empty one.
pub fn shown_name(names: &[Arc<str>], index: usize) -> Cow<'_, str> {
    match names.get(index) {
        Some(name) if !name.is_empty() => Cow::Borrowed(&**name),
        _ => Cow::Owned(format!("(column {}, unnamed)", index + 1)),
    }
}

/// What is left of a name when case and Unicode form do not count.
pub(crate) fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Joins up to five items by commas, and says how many more there are.
pub(crate) fn listed<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let more = items.len().saturating_sub(SHOWN);
    let mut text = items.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" … and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::records::Records;
    use super::*;

    fn header(text: &str) -> Header {
        let mut records = Records::new(text.as_bytes()).unwrap();
        Header::new(&records.next().unwrap().unwrap())
    }

    #[test]
    fn strict_lookup_forgives_blanks_only() {
        let header = header("Filename, filename ,mask_id");
        assert_eq!(header.exact("filename"), Some(1));
        assert_eq!(header.exact("Mask_id"), None);
    }

    #[test]
    fn loose_lookup_prefers_the_identical_cell() {
        assert_eq!(header("Label,label").loose("label"), Some(1));
        assert_eq!(header("x, Label ").loose("label"), Some(1));
        // A padded cell is not identical, so the first that matches at all wins.
        assert_eq!(header("Label,label ").loose("label"), Some(0));
        assert_eq!(header("x").loose("label"), None);
    }

    #[test]
    fn duplicates_are_equal_after_trimming_and_with_case() {
        let names = header("b,a, b,A,a,b").duplicates();
        assert_eq!(names, ["a".into(), "b".into()]);
        assert!(header("a,A").duplicates().is_empty());
    }

    #[test]
    fn twins_differ_by_case_or_unicode_form() {
        let header = header("Age,age,caf\u{e9},cafe\u{301},x,x");
        assert_eq!(header.twins(0..header.len()), [1, 3]);
        assert!(header.twins([0, 2].into_iter()).is_empty());
    }

    #[test]
    fn a_column_without_a_name_can_be_seen() {
        assert_eq!(
            header(",x, ").listed(),
            "(column 1, unnamed), x, (column 3, unnamed)"
        );
    }

    #[test]
    fn lists_end_after_five() {
        assert_eq!(listed(["a", "b"].into_iter()), "a, b");
        let seven = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(listed(seven.into_iter()), "a, b, c, d, e … and 2 more");
    }
}

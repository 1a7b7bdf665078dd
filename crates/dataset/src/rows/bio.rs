//! Token classification: tags, and as many of them as the text has words.

use std::io::Read;
use std::sync::Arc;

use super::Row;
use crate::finding::Findings;
use crate::layout::DataDirectory;
use crate::rule::Rule;
use crate::size::amount;

/// Stands for words that were not counted, or are so many that they are counted again.
const UNCOUNTED: u32 = u32::MAX;

/// Checks the tags while rows pass.
#[derive(Debug)]
pub(crate) struct Tags {
    index: usize,
    name: Arc<str>,
    /// Words by file, once counted; files may be named by several rows.
    words: Vec<u32>,
}

impl Tags {
    pub(crate) fn new(index: usize, name: Arc<str>, files: usize) -> Tags {
        Tags {
            index,
            name,
            words: vec![UNCOUNTED; files],
        }
    }

    /// Checks the next row. `file` is the index of its text, if that is there.
    pub(crate) fn row(
        &mut self,
        row: Row<'_>,
        file: Option<usize>,
        directory: &DataDirectory,
        root: &fsroot::Root,
        findings: &mut Findings,
    ) -> Result<(), spill::Error> {
        let text = crate::cell::text(row.record.cell(self.index));
        let (mut count, mut before) = (0u64, Tag::Outside);
        for tag in text.split_whitespace() {
            count += 1;
            let place = || row.place(&self.name);
            let Some(read) = Tag::read(tag) else {
                let message = format!(
                    "Tag {count} of data row {} is not O, B-NAME or I-NAME.",
                    row.number
                );
                findings.add(Rule::BioTag, place(), message);
                before = Tag::Outside;
                continue;
            };
            if let Tag::Inside(name) = read
                && before.name() != Some(name)
            {
                let message = format!(
                    "Tag {count} of data row {} continues a name that has not begun.",
                    row.number
                );
                findings.add(Rule::BioInsideFirst, place(), message);
            }
            before = read;
        }
        let words = match file {
            Some(file) => self.words_of(file, directory, root)?,
            None => None,
        };
        if let Some(words) = words
            && words != count
        {
            let message = format!(
                "Data row {} has {} for {}.",
                row.number,
                amount(count, "tag"),
                amount(words, "word")
            );
            findings.add(Rule::BioLength, row.place(&self.name), message);
        }
        Ok(())
    }

    /// A text that cannot be read is reported by the rules about texts.
    fn words_of(
        &mut self,
        file: usize,
        directory: &DataDirectory,
        root: &fsroot::Root,
    ) -> Result<Option<u64>, spill::Error> {
        let known = self.words.get(file).copied();
        if let Some(known) = known.filter(|known| *known != UNCOUNTED) {
            return Ok(Some(known.into()));
        }
        let files = directory.files.read(file, 1)?;
        let opened = files
            .first()
            .and_then(|file| directory.folder(root).open(file).ok());
        let counted = opened.and_then(|open| count_words(open.file).ok());
        if let (Some(known), Some(counted)) = (self.words.get_mut(file), counted) {
            *known = u32::try_from(counted).unwrap_or(UNCOUNTED);
        }
        Ok(counted)
    }
}

#[derive(Clone, Copy)]
enum Tag<'a> {
    Outside,
    Begin(&'a str),
    Inside(&'a str),
}

impl<'a> Tag<'a> {
    fn read(tag: &'a str) -> Option<Tag<'a>> {
        match (tag.get(..2), tag.get(2..)) {
            _ if tag == "O" => Some(Tag::Outside),
            (Some("B-"), Some(name)) if !name.is_empty() => Some(Tag::Begin(name)),
            (Some("I-"), Some(name)) if !name.is_empty() => Some(Tag::Inside(name)),
            _ => None,
        }
    }

    fn name(self) -> Option<&'a str> {
        match self {
            Tag::Outside => None,
            Tag::Begin(name) | Tag::Inside(name) => Some(name),
        }
    }
}

/// Counts words between white space, in pieces, because texts can be large.
fn count_words(mut source: impl Read) -> std::io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let (mut carried, mut count, mut inside) = (0, 0, false);
    loop {
        let read = source.read(&mut buffer[carried..])?;
        let end = carried + read;
        let text = match std::str::from_utf8(&buffer[..end]) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&buffer[..error.valid_up_to()]).unwrap_or_default(),
        };
        for character in text.chars() {
            let blank = character.is_whitespace();
            count += u64::from(inside && blank);
            inside = !blank;
        }
        let used = text.len();
        carried = end - used;
        // Only a cut character may be left; the rules about texts report anything else.
        if read == 0 || carried > 3 {
            return Ok(count + u64::from(inside || carried > 0));
        }
        buffer.copy_within(used..end, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_between_any_white_space() {
        for (text, expected) in [
            ("", 0),
            ("  ", 0),
            ("one", 1),
            (" one two\tthree\n", 3),
            ("a\u{a0}b\u{2003}c", 3),
        ] {
            assert_eq!(count_words(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
        let long = "wörd ".repeat(50_000);
        assert_eq!(count_words(long.as_bytes()).unwrap(), 50_000);
    }

    #[test]
    fn tags_have_three_forms() {
        for tag in ["O", "B-PER", "I-X", "B-é"] {
            assert!(Tag::read(tag).is_some(), "{tag}");
        }
        for tag in ["o", "B-", "PER", "S-PER", "B_PER", "OO", "é"] {
            assert!(Tag::read(tag).is_none(), "{tag}");
        }
    }
}

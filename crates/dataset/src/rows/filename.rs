//! Rows that name files, and files that no row names.

use std::sync::Arc;

use spill::{Lookup, Table};

use super::Row;
use crate::cell;
use crate::csv::{header_fold, listed};
use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, Finder, Room, has_extension, show};
use crate::rule::Rule;
use crate::size::amount;

/// Endings that a value may have; any other gets the dataset's extension.
const MEDIA: [&str; 6] = [".jpeg", ".jpg", ".png", ".xml", ".txt", ".text"];

/// Longer values are shortened in messages.
const SHOWN_MAX_CHARS: usize = 80;

/// Links rows with the files of a directory while rows pass.
#[derive(Debug)]
pub(crate) struct Filenames<'a> {
    directory: &'a DataDirectory,
    room: &'a Room,
    index: usize,
    name: Arc<str>,
    extension: String,
    finder: Finder<'a>,
    /// Made at the first missing file: what a name could have been meant for.
    similar: Option<Table>,
    /// Names that are there and not sent, which is a finding already.
    refused: Lookup<'a>,
    referenced: Vec<bool>,
}

impl<'a> Filenames<'a> {
    /// Prepares for a directory, with the column that names its files and the extension of the dataset.
    pub(crate) fn new(
        directory: &'a DataDirectory,
        room: &'a Room,
        index: usize,
        name: Arc<str>,
        extension: String,
    ) -> Filenames<'a> {
        Filenames {
            directory,
            room,
            index,
            name,
            extension,
            finder: directory.files.finder(),
            similar: None,
            refused: directory.refused.lookup(),
            referenced: vec![false; directory.files.len()],
        }
    }

    /// Checks the next row, and gives the index of its file. Rows without a name are passed over.
    pub(crate) fn row(
        &mut self,
        row: Row<'_>,
        findings: &mut Findings,
    ) -> Result<Option<usize>, spill::Error> {
        let value = cell::trim(row.record.cell(self.index));
        if value.is_empty() {
            return Ok(None);
        }
        let name = completed(value, &self.extension);
        if let Some(index) = self.finder.find(&name)? {
            if let Some(referenced) = self.referenced.get_mut(index) {
                *referenced = true;
            }
            return Ok(Some(index));
        }
        if self.directory.is_vacant() || self.refused.find(&name)?.is_some() {
            return Ok(None);
        }
        let message = format!(
            "Data row {} names {}, which is not in {}/.",
            row.number,
            shortened(&name),
            self.directory.name
        );
        match self.near_miss(&name)? {
            Some(other) => {
                let remedy = format!("Write {other}, which is there; case and spelling count.");
                findings.add_remedied(
                    Rule::FilenameMissingFile,
                    row.place(&self.name),
                    message,
                    remedy,
                );
            }
            None => findings.add(Rule::FilenameMissingFile, row.place(&self.name), message),
        }
        Ok(None)
    }

    /// Says which files rows name, and mentions the others.
    pub(crate) fn finish(mut self, findings: &mut Findings) -> Result<Vec<bool>, spill::Error> {
        let orphans = (0..).zip(&self.referenced);
        let orphans = orphans.filter(|(_, referenced)| !**referenced);
        let count = orphans.clone().count() as u64;
        let mut names = Vec::new();
        for (index, _) in orphans.take(6) {
            names.push(self.finder.name(index)?);
        }
        if let Some(first) = names.first() {
            let place = Place::file(self.directory.shown(first));
            let names: Vec<_> = names.iter().map(|name| show(name)).collect();
            let message = format!(
                "{} in {}/ that no row names: {}.",
                amount(count, "file"),
                self.directory.name,
                listed(names.iter().map(String::as_str))
            );
            findings.add_many(Rule::FileOrphan, place, count, message);
        }
        Ok(self.referenced)
    }

    /// Finds a file that differs by case, Unicode form, or a directory in front.
    fn near_miss(&mut self, name: &[u8]) -> Result<Option<String>, spill::Error> {
        let Some(base) = name.rsplit(|byte| *byte == b'/').next() else {
            return Ok(None);
        };
        let similar = match &self.similar {
            Some(similar) => similar,
            None => self.similar.insert(similar(self.directory, self.room)?),
        };
        let mut lookup = similar.lookup();
        let Some(number) = lookup.find(header_fold(&show(base)).as_bytes())? else {
            return Ok(None);
        };
        let name = lookup.get(number)?.map(|(_, name)| show(name));
        Ok(name)
    }
}

/// Lists the names of a directory by what they fold to.
fn similar(directory: &DataDirectory, room: &Room) -> Result<Table, spill::Error> {
    let mut sorter = room.sorter();
    directory
        .files
        .each_name(|_, name| sorter.push(header_fold(&show(name)).as_bytes(), name))?;
    room.table(sorter)
}

/// Adds the extension to a value that has none of the known ones.
pub(crate) fn completed<'a>(value: &'a [u8], default: &str) -> std::borrow::Cow<'a, [u8]> {
    match has_extension(value, &MEDIA) {
        true => value.into(),
        false => [value, default.as_bytes()].concat().into(),
    }
}

fn shortened(name: &[u8]) -> String {
    let shown = show(name);
    match shown.char_indices().nth(SHOWN_MAX_CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", &shown[..end], name.len()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_endings_are_endings() {
        for (value, expected) in [
            ("photo.2024", "photo.2024.jpg"),
            ("img", "img.jpg"),
            ("img.JPG", "img.JPG"),
            ("a.text", "a.text"),
            ("a.gif", "a.gif.jpg"),
        ] {
            assert_eq!(
                &*completed(value.as_bytes(), ".jpg"),
                expected.as_bytes(),
                "{value}"
            );
        }
    }

    #[test]
    fn long_values_are_shortened() {
        assert!(shortened("é".repeat(150).as_bytes()).ends_with("… (300 bytes)"));
    }
}

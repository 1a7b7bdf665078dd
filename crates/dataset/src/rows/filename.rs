//! Rows that name files, and files that no row names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Row;
use crate::cell;
use crate::csv::{header_fold, listed};
use crate::finding::{Findings, Place};
use crate::layout::{DataDirectory, has_extension, show};
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
    index: usize,
    name: Arc<str>,
    extension: String,
    /// The file behind the one that was found last: rows often have the order of the files.
    next: usize,
    /// Made at the first row that has another order.
    by_name: Option<HashMap<&'a [u8], usize>>,
    /// Made at the first missing file: what a name could have been meant for.
    similar: Option<HashMap<String, usize>>,
    /// Names that are there and not sent, which is a finding already.
    refused: HashSet<&'a [u8]>,
    referenced: Vec<bool>,
}

impl<'a> Filenames<'a> {
    /// Prepares for a directory, with the column that names its files and the extension of the dataset.
    pub(crate) fn new(
        directory: &'a DataDirectory,
        index: usize,
        name: Arc<str>,
        extension: String,
    ) -> Filenames<'a> {
        Filenames {
            directory,
            index,
            name,
            extension,
            next: 0,
            by_name: None,
            similar: None,
            refused: directory.refused.iter().map(|name| &**name).collect(),
            referenced: vec![false; directory.files.len()],
        }
    }

    /// Checks the next row, and gives the index of its file. Rows without a name are passed over.
    pub(crate) fn row(&mut self, row: Row<'_>, findings: &mut Findings) -> Option<usize> {
        let value = cell::trim(row.record.cell(self.index));
        if value.is_empty() {
            return None;
        }
        let name = completed(value, &self.extension);
        if let Some(index) = self.find(&name) {
            self.referenced[index] = true;
            return Some(index);
        }
        if self.directory.is_vacant() || self.refused.contains(&*name) {
            return None;
        }
        let message = format!(
            "Data row {} names {}, which is not in {}/.",
            row.number,
            shortened(&name),
            self.directory.name
        );
        match self.near_miss(&name) {
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
        None
    }

    fn find(&mut self, name: &[u8]) -> Option<usize> {
        let files = &self.directory.files;
        let is_next = files.get(self.next).is_some_and(|file| *file.name == *name);
        let index = match is_next {
            true => self.next,
            false => {
                let names = || files.iter().enumerate();
                let by_name = self.by_name.get_or_insert_with(|| {
                    names().map(|(index, file)| (&*file.name, index)).collect()
                });
                *by_name.get(name)?
            }
        };
        self.next = index + 1;
        Some(index)
    }

    /// Says which files rows name, and mentions the others.
    pub(crate) fn finish(self, findings: &mut Findings) -> Vec<bool> {
        let orphans = self.referenced.iter().zip(&self.directory.files);
        let orphans = orphans.filter(|(referenced, _)| !**referenced);
        let orphans: Vec<_> = orphans.map(|(_, file)| file).collect();
        if let Some(first) = orphans.first() {
            let names: Vec<_> = orphans
                .iter()
                .take(6)
                .map(|file| show(&file.name))
                .collect();
            let message = format!(
                "{} in {}/ that no row names: {}.",
                amount(orphans.len() as u64, "file"),
                self.directory.name,
                listed(names.iter().map(String::as_str))
            );
            findings.add_many(
                Rule::FileOrphan,
                Place::file(self.directory.shown(first)),
                orphans.len() as u64,
                message,
            );
        }
        self.referenced
    }

    /// Finds a file that differs by case, Unicode form, or a directory in front.
    fn near_miss(&mut self, name: &[u8]) -> Option<String> {
        let directory = self.directory;
        let similar = self.similar.get_or_insert_with(|| {
            let names = directory.files.iter().enumerate();
            names
                .map(|(index, file)| (header_fold(&show(&file.name)), index))
                .collect()
        });
        let base = name.rsplit(|byte| *byte == b'/').next()?;
        let index = similar.get(&header_fold(&show(base)))?;
        Some(show(&directory.files.get(*index)?.name))
    }
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

//! What somebody may have meant who called a file or directory by another name.

use super::directory::Entry;
use super::show;
use crate::csv::header_fold;

/// More differences than these make another word.
const EDITS_MAX: usize = 2;

/// Shorter names have too many neighbours.
const NAME_MIN_CHARS: usize = 5;

/// Finds the entry that was most likely meant to be called `wanted`, apart from those that are needed under their own names.
pub(super) fn near_miss<'a>(
    wanted: &str,
    needed: impl Fn(&str) -> bool,
    entries: impl Iterator<Item = &'a Entry>,
) -> Option<String> {
    let folded = header_fold(wanted);
    let distance = |entry: &Entry| {
        let name = std::str::from_utf8(&entry.name).ok()?;
        let other = header_fold(name);
        let distance = match other == folded {
            true => 0,
            false => edits(&other, &folded),
        };
        let is_near = distance == 0
            || distance <= EDITS_MAX
                && folded.chars().count() >= NAME_MIN_CHARS
                && folded.chars().next() == other.chars().next();
        (is_near && !needed(name)).then_some(distance)
    };
    entries
        .filter_map(|entry| Some((distance(entry)?, show(&entry.name))))
        .min()
        .map(|(_, name)| name)
}

/// Counts the letters to insert, remove or replace to get from one name to the other.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in (1..).zip(one.chars()) {
        let mut diagonal = above - 1;
        let mut left = above;
        if let Some(first) = row.first_mut() {
            *first = above;
        }
        for (cell, wanted) in row.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(letter != *wanted);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fsroot::Kind;

    fn check(wanted: &str, names: &[&str], expected: Option<&str>) {
        let entries: Vec<_> = names
            .iter()
            .map(|name| Entry {
                name: name.as_bytes().into(),
                kind: Kind::Directory,
                stored: None,
            })
            .collect();
        let found = near_miss(wanted, |name| name == "masks", entries.iter());
        assert_eq!(found.as_deref(), expected, "{wanted} {names:?}");
    }

    #[test]
    fn the_nearest_name_is_meant() {
        check("images", &["image", "Images"], Some("Images"));
        check("images", &["imgs", "image"], Some("image"));
        check("labels.csv", &["lables.csv"], Some("lables.csv"));
        check("texts", &["text"], Some("text"));
        check("images", &["pictures", "data", "im\u{e9}"], None);
        check("marks", &["masks"], None);
    }

    #[test]
    fn edits_are_counted() {
        for (one, other, expected) in [
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("images", "images", 0),
        ] {
            assert_eq!(edits(one, other), expected, "{one} {other}");
        }
    }
}

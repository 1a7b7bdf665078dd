//! Guessing a dataset's family from the names of its files.

use std::path::Path;

use fsroot::{Kind, RelPath, Root};

use crate::task::Family;

/// What a folder looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Almost certainly this family.
    Family(Family),
    /// Nothing certain; the sentence says what would help, where something would.
    Unsure(Option<String>),
}

/// Looks at the names in a folder, or at the name of a file. Nothing is read, and the guess is a hint: an explicit task wins.
pub fn guess(path: &Path) -> Guess {
    let is_csv = |name: &[u8]| name.to_ascii_lowercase().ends_with(b".csv");
    if let Ok(meta) = std::fs::symlink_metadata(path)
        && meta.is_file()
    {
        let named = path
            .file_name()
            .is_some_and(|name| is_csv(name.as_encoded_bytes()));
        return if named {
            Guess::Family(Family::Tabular)
        } else {
            Guess::Unsure(None)
        };
    }
    let Ok(root) = Root::open_ambient(path) else {
        return Guess::Unsure(None);
    };
    let kind = |name: &str| {
        let path = RelPath::new(name).ok()?;
        root.stat(&path).ok().map(|(kind, _)| kind)
    };
    let is_directory = |name: &str| kind(name) == Some(Kind::Directory);
    let images = is_directory("images");
    let texts = is_directory("texts") || is_directory("sequences");
    let manifest = kind("labels.csv") == Some(Kind::File);
    let entries: Vec<_> = root
        .entries()
        .map(|entries| entries.filter_map(Result::ok).collect())
        .unwrap_or_default();
    let tables: Vec<_> = entries
        .iter()
        .filter(|entry| {
            entry.kind != Kind::Directory && !entry.name.starts_with(b".") && is_csv(&entry.name)
        })
        .collect();
    match (images, texts, manifest) {
        (true, true, _) => Guess::Unsure(None),
        (true, false, true) => Guess::Family(Family::Image),
        (false, true, true) => Guess::Family(Family::Text),
        (true, false, false) | (false, true, false) => Guess::Unsure(None),
        (false, false, _) => without_markers(&entries, &tables),
    }
}

fn without_markers(entries: &[fsroot::DirEntry], tables: &[&fsroot::DirEntry]) -> Guess {
    const MARKERS: [&str; 3] = ["images", "texts", "sequences"];
    let miscased = entries.iter().find_map(|entry| {
        let marker = MARKERS
            .iter()
            .find(|marker| entry.name.eq_ignore_ascii_case(marker.as_bytes()))?;
        Some(format!(
            "{} is there, but what is needed is a real folder called {marker}.",
            String::from_utf8_lossy(&entry.name)
        ))
    });
    if miscased.is_some() {
        return Guess::Unsure(miscased);
    }
    match tables {
        [one] if one.name == b"labels.csv" => Guess::Unsure(Some(
            "There is a labels.csv and no folder of images or texts; add the folder, or choose a tabular task.".to_owned(),
        )),
        [one] if one.kind == Kind::File => Guess::Family(Family::Tabular),
        _ => Guess::Unsure(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a folder of names; those that end in `/` are directories.
    fn check(names: &[&str], expected: impl Fn(&Guess) -> bool) {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            match name.strip_suffix('/') {
                Some(name) => std::fs::create_dir(dir.path().join(name)).unwrap(),
                None => std::fs::write(dir.path().join(name), "").unwrap(),
            }
        }
        let guess = guess(dir.path());
        assert!(expected(&guess), "{names:?}: {guess:?}");
    }

    #[test]
    fn markers_decide() {
        check(&["images/", "labels.csv"], |guess| {
            *guess == Guess::Family(Family::Image)
        });
        check(&["sequences/", "labels.csv"], |guess| {
            *guess == Guess::Family(Family::Text)
        });
        check(&["texts/", "images/", "labels.csv"], |guess| {
            *guess == Guess::Unsure(None)
        });
        check(&["images/"], |guess| *guess == Guess::Unsure(None));
        check(&["data.CSV"], |guess| {
            *guess == Guess::Family(Family::Tabular)
        });
        check(&["a.csv", "b.csv"], |guess| *guess == Guess::Unsure(None));
    }

    #[test]
    fn hints_say_what_would_help() {
        check(
            &["Images/", "labels.csv"],
            |guess| matches!(guess, Guess::Unsure(Some(hint)) if hint.contains("images")),
        );
        check(
            &["labels.csv"],
            |guess| matches!(guess, Guess::Unsure(Some(hint)) if hint.contains("tabular")),
        );
        check(&["images", "data.csv"], |guess| {
            matches!(guess, Guess::Unsure(Some(_)))
        });
    }
}

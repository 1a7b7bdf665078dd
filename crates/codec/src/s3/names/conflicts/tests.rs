use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use proptest::prelude::*;

use super::super::folding::Folding;
use super::*;

/// Names all keys by the streaming passes.
fn stream(keys: &BTreeSet<String>, folding: Folding) -> BTreeMap<String, Name> {
    let mut sorted: Vec<(Vec<u8>, &str)> = keys
        .iter()
        .map(|key| {
            let mut fold = Vec::new();
            folding.fold_into(key.as_bytes(), &mut fold);
            (fold, key.as_str())
        })
        .collect();
    sorted.sort();

    let mut split = BTreeSet::new();
    let mut directories = SplitDirectories::default();
    for (fold, key) in &sorted {
        let mut add = |directory: &[u8]| -> Result<(), Infallible> {
            assert!(split.insert(directory.to_vec()), "reported once");
            Ok(())
        };
        directories.push(fold, key.as_bytes(), &mut add).unwrap();
    }

    let mut names: BTreeMap<String, Name> = keys
        .iter()
        .map(|key| (key.clone(), Name::Natural))
        .collect();
    let mut decided = BTreeSet::new();
    let mut out = |key: &[u8], name: Name| -> Result<(), Infallible> {
        let key = String::from_utf8(key.to_vec()).unwrap();
        assert!(decided.insert(key.clone()), "decided once");
        names.insert(key, name);
        Ok(())
    };
    let mut conflicts = Conflicts::default();
    for (fold, key) in &sorted {
        let banned = split.iter().any(|directory| fold.starts_with(directory));
        conflicts
            .push(fold, key.as_bytes(), banned, &mut out)
            .unwrap();
    }
    conflicts.finish(&mut out).unwrap();
    names
}

/// Names all keys by the words of the format: all paths first, then whoever is in conflict.
fn model(keys: &BTreeSet<String>, folding: Folding) -> BTreeMap<String, Name> {
    let fold = |path: &str| {
        let mut out = Vec::new();
        folding.fold_into(path.as_bytes(), &mut out);
        out
    };
    let renames: BTreeMap<&String, Name> = keys
        .iter()
        .map(|key| {
            let is_prefix = keys
                .iter()
                .any(|other| other.starts_with(&format!("{key}/")));
            let name = match () {
                () if key.ends_with(".elastickv-meta.json") => Name::UserData,
                () if is_prefix => Name::Leaf,
                () => Name::Natural,
            };
            (key, name)
        })
        .collect();

    // Folded path → spellings, owners of files there, keys that run through it.
    #[derive(Default)]
    struct Claim<'a> {
        spellings: BTreeSet<String>,
        owners: BTreeSet<&'a String>,
        through: BTreeSet<&'a String>,
    }
    let mut claims: BTreeMap<Vec<u8>, Claim<'_>> = BTreeMap::new();
    let mut moved: BTreeSet<&String> = BTreeSet::new();
    for (key, name) in &renames {
        let suffix = std::str::from_utf8(name.suffix().unwrap()).unwrap();
        let file = format!("{key}{suffix}");
        if file.rsplit('/').next().unwrap().len() > 235 {
            moved.insert(key);
        } else {
            for path in [file.clone(), format!("{file}.elastickv-meta.json")] {
                let claim = claims.entry(fold(&path)).or_default();
                claim.spellings.insert(path);
                claim.owners.insert(key);
            }
        }
        for (at, _) in key.match_indices('/') {
            let claim = claims.entry(fold(&key[..at])).or_default();
            claim.spellings.insert(key[..at].to_owned());
            claim.through.insert(key);
        }
    }
    for claim in claims.values() {
        let file_and_directory = !claim.owners.is_empty() && !claim.through.is_empty();
        if claim.spellings.len() > 1 || claim.owners.len() > 1 || file_and_directory {
            moved.extend(claim.owners.iter().chain(&claim.through));
        }
    }
    renames
        .iter()
        .map(|(key, name)| {
            (
                (*key).clone(),
                if moved.contains(key) {
                    Name::Escaped
                } else {
                    *name
                },
            )
        })
        .collect()
}

fn check(keys: &[&str], expected: &[(&str, Name)]) {
    let keys: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let mut wanted: BTreeMap<String, Name> = keys
        .iter()
        .map(|key| (key.clone(), Name::Natural))
        .collect();
    for (key, name) in expected {
        wanted.insert((*key).to_owned(), *name);
    }
    assert_eq!(stream(&keys, Folding::Exact), wanted);
}

/// The cases that the format spells out.
#[test]
fn documented_conflicts() {
    check(&["path/to", "path/to/sub"], &[("path/to", Name::Leaf)]);
    check(
        &["a", "a/b", "a/b/c"],
        &[("a", Name::Leaf), ("a/b", Name::Leaf)],
    );
    check(
        &["evil.elastickv-meta.json"],
        &[("evil.elastickv-meta.json", Name::UserData)],
    );
    check(
        &["x.elastickv-meta.json", "x.elastickv-meta.json/c"],
        &[("x.elastickv-meta.json", Name::UserData)],
    );
    check(
        &["foo", "foo.elastickv-meta.json/bar"],
        &[
            ("foo", Name::Escaped),
            ("foo.elastickv-meta.json/bar", Name::Escaped),
        ],
    );
    check(
        &["p", "p/s", "p.elastickv-leaf-data/x"],
        &[
            ("p", Name::Escaped),
            ("p.elastickv-leaf-data/x", Name::Escaped),
        ],
    );
    check(
        &["q", "q.elastickv-leaf-data", "q/s"],
        &[
            ("q", Name::Escaped),
            ("q.elastickv-leaf-data", Name::Escaped),
        ],
    );
    check(
        &["u.elastickv-meta.json", "u.elastickv-meta.json.user-data"],
        &[
            ("u.elastickv-meta.json", Name::Escaped),
            ("u.elastickv-meta.json.user-data", Name::Escaped),
        ],
    );
    let long = "L".repeat(220);
    check(&[&long, &format!("{long}/m")], &[(&long, Name::Escaped)]);
    check(&["a", "a-b", "a.b", "a0", "b"], &[]);
}

/// The target of a rename is another key, but that key's own file lies elsewhere.
#[test]
fn chained_renames() {
    check(
        &[
            "q",
            "q/s",
            "q.elastickv-leaf-data",
            "q.elastickv-leaf-data/z",
        ],
        &[
            ("q", Name::Escaped),
            ("q.elastickv-leaf-data", Name::Leaf),
            ("q.elastickv-leaf-data/z", Name::Escaped),
        ],
    );
}

#[test]
fn spellings_are_kept_apart() {
    let check = |keys: &[&str], moved: &[&str]| {
        let keys: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let found = stream(&keys, Folding::Portable);
        let found: Vec<&str> = found
            .iter()
            .filter(|(_, name)| **name == Name::Escaped)
            .map(|(key, _)| key.as_str())
            .collect();
        assert_eq!(found, moved);
    };
    check(&["A", "a", "b"], &["A", "a"]);
    check(&["A/1", "a/2", "b/1", "b/2"], &["A/1", "a/2"]);
    check(&["A", "a/1"], &["A", "a/1"]);
    check(&["caf\u{e9}", "cafe\u{301}"], &["cafe\u{301}", "caf\u{e9}"]);
    check(
        &["x", "x.ELASTICKV-META.json"],
        &["x", "x.ELASTICKV-META.json"],
    );
    // The directory is spelt in two ways, the file beside it is not affected.
    check(&["A", "A/1", "a/2"], &["A/1", "a/2"]);
}

/// Keys that meet each other as often as possible.
fn key() -> impl Strategy<Value = String> {
    let segment = (
        prop_oneof![
            Just("a"),
            Just("A"),
            Just("b"),
            Just("a.b"),
            Just("e\u{301}"),
            Just("\u{e9}")
        ],
        prop_oneof![
            4 => Just(""),
            2 => Just(".elastickv-meta.json"),
            2 => Just(".elastickv-leaf-data"),
            1 => Just(".ELASTICKV-leaf-data"),
            1 => Just(".Elastickv-META.json"),
            1 => Just(".elastickv-meta.json.user-data"),
            1 => Just(".elastickv-leaf-data.elastickv-meta.json"),
            1 => Just(".elastickv-meta.json.user-data.elastickv-meta.json"),
            1 => Just("-"),
        ],
        prop_oneof![20 => Just(0usize), 1 => Just(214), 1 => Just(215)],
    )
        .prop_map(|(stem, suffix, pad)| format!("{}{stem}{suffix}", "L".repeat(pad)))
        .prop_filter("plain", |segment| segment.len() <= 235);
    proptest::collection::vec(segment, 1..4).prop_map(|segments| segments.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn the_stream_does_what_the_format_says(keys in proptest::collection::btree_set(key(), 1..9)) {
        for folding in [Folding::Exact, Folding::Portable] {
            prop_assert_eq!(stream(&keys, folding), model(&keys, folding), "{:?}", folding);
        }
    }
}

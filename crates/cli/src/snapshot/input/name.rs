//! Names of inputs for messages and the manifest.

use std::path::{Component, Path};

/// Gives each path a name: its last component, with the one above where that is `fsm-snap`, and as many more as it
/// takes to tell the inputs apart.
///
/// The manifest carries these names, and the folders of the machine it was made on are nobody's business.
pub(super) fn unique(paths: &[&Path]) -> Vec<String> {
    let depths = paths
        .iter()
        .map(|path| natural_depth(path))
        .collect::<Vec<_>>();
    let longest = paths
        .iter()
        .map(|path| components(path).len())
        .max()
        .unwrap_or(0);
    for more in 0..=longest {
        let names: Vec<String> = paths
            .iter()
            .zip(&depths)
            .map(|(path, depth)| tail(path, depth + more))
            .collect();
        if is_unique(&names) {
            return names;
        }
    }
    paths
        .iter()
        .zip(depths)
        .map(|(path, depth)| tail(path, depth))
        .collect()
}

fn natural_depth(path: &Path) -> usize {
    let parent = path.parent().and_then(Path::file_name);
    if parent.is_some_and(|parent| parent == "fsm-snap") {
        2
    } else {
        1
    }
}

fn components(path: &Path) -> Vec<String> {
    let named = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    };
    path.components().filter_map(named).collect()
}

fn tail(path: &Path, depth: usize) -> String {
    let all = components(path);
    let skipped = all.len().saturating_sub(depth);
    all.iter()
        .skip(skipped)
        .cloned()
        .collect::<Vec<_>>()
        .join("/")
}

fn is_unique(names: &[String]) -> bool {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted.windows(2).all(|pair| pair.first() != pair.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str], expected: &[&str]) {
        let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
        assert_eq!(unique(&paths), expected);
    }

    #[test]
    fn names_carry_no_more_of_the_machine_than_they_need() {
        check(&["/home/me/rescue/node.fsm"], &["node.fsm"]);
        check(
            &["/data/n1/fsm-snap/0000000000000064.fsm"],
            &["fsm-snap/0000000000000064.fsm"],
        );
        check(&["a.fsm", "b.fsm"], &["a.fsm", "b.fsm"]);
        check(&["-"], &["-"]);
    }

    #[test]
    fn equal_names_are_told_apart_by_their_folders() {
        check(
            &[
                "/d/n/group-1/fsm-snap/0000000000000064.fsm",
                "/d/n/group-2/fsm-snap/0000000000000064.fsm",
            ],
            &[
                "group-1/fsm-snap/0000000000000064.fsm",
                "group-2/fsm-snap/0000000000000064.fsm",
            ],
        );
        check(&["x/a.fsm", "y/a.fsm"], &["x/a.fsm", "y/a.fsm"]);
    }

    #[test]
    fn one_file_named_twice_keeps_its_name() {
        check(&["a.fsm", "./a.fsm"], &["a.fsm", "a.fsm"]);
    }
}

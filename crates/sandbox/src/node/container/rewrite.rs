//! Mount paths without mounts.

use std::path::PathBuf;

/// Replaces a mount path at the beginning of an argument by the directory behind it. The longest that fits wins.
pub(super) fn rewrite(argument: &str, mounts: &[(String, PathBuf)]) -> String {
    mounts
        .iter()
        .filter_map(|(path, directory)| Some((path, directory, rest(argument, path)?)))
        .max_by_key(|(path, ..)| path.len())
        .map_or_else(
            || argument.to_owned(),
            |(_, directory, rest)| format!("{}{rest}", directory.display()),
        )
}

/// What stands behind a mount path, if the argument is it or goes on with a slash.
fn rest<'a>(argument: &'a str, path: &str) -> Option<&'a str> {
    let rest = argument.strip_prefix(path)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_components_at_the_beginning_are_rewritten() {
        let mounts = [
            ("/data".to_owned(), PathBuf::from("/v/one")),
            ("/data/shared".to_owned(), PathBuf::from("/v/two")),
        ];
        let check =
            |argument: &str, expected: &str| assert_eq!(rewrite(argument, &mounts), expected);
        check("/data", "/v/one");
        check("/data/x y", "/v/one/x y");
        check("/data/shared", "/v/two");
        check("/data/shared/t/labels.csv", "/v/two/t/labels.csv");
        check("/data/sharedx", "/v/one/sharedx");
        check("/database", "/database");
        check("of=/data/x", "of=/data/x");
        check("cat /data/shared/x", "cat /data/shared/x");
        check("", "");
    }
}

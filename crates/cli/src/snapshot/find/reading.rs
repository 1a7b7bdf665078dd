//! What an argument of `find` can mean.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use dump::find::{Query, QueryError};
use fsroot::RelPath;

/// Schemes whose key is the whole argument where nobody wrote one.
const SCHEMES: [&[u8]; 4] = [b"redis:", b"s3:", b"dynamodb:", b"sqs:"];

/// Returns the readings of an argument, in the order in which they are shown; `dump` is the directory as it was typed.
///
/// A scheme leaves one reading. Without one the argument can be a path in the dump, a path from where the command runs (what a shell
/// completes), or a key of any kind.
pub(super) fn readings(dump: &Path, argument: &OsStr) -> Result<Vec<Query>, QueryError> {
    let bytes = argument.as_bytes();
    match Query::parse(bytes) {
        Ok(Query::File(_)) if !is_explicit_file(bytes) => {}
        Err(QueryError::UnknownScheme) => {}
        // A directory's name and two dots are no path of the dump, and still may be one from here.
        Err(QueryError::Path(_)) if !is_explicit_file(bytes) => {}
        exact => return exact.map(|query| vec![query]),
    }
    let mut readings: Vec<Query> = paths(dump, Path::new(argument));
    for scheme in SCHEMES {
        readings.extend(Query::parse(&[scheme, bytes].concat()));
    }
    Ok(readings)
}

fn is_explicit_file(argument: &[u8]) -> bool {
    argument.starts_with(b"file:") || argument.starts_with(b"file%:")
}

/// The argument as a file of the dump: by its path in there, and by its path from here.
fn paths(dump: &Path, argument: &Path) -> Vec<Query> {
    let typed = plain(argument);
    let in_dump = as_path(&typed);
    let from_here = typed
        .strip_prefix(plain(dump))
        .ok()
        .and_then(as_path)
        .or_else(|| as_path(&really_below(dump, argument)?));
    let mut paths: Vec<RelPath> = in_dump.into_iter().chain(from_here).collect();
    paths.dedup();
    paths.into_iter().map(Query::File).collect()
}

fn as_path(path: &Path) -> Option<RelPath> {
    RelPath::new(path.as_os_str().as_bytes()).ok()
}

/// Leaves out what does not matter in a path: `./` and doubled slashes.
fn plain(path: &Path) -> PathBuf {
    path.components()
        .filter(|component| !matches!(component, Component::CurDir))
        .collect()
}

/// The same by the real names of both, for an absolute path beside a relative one, `..`, and links on the way to the dump.
///
/// The last component stays as it is: it names the file, and a link in its place is not followed.
fn really_below(dump: &Path, argument: &Path) -> Option<PathBuf> {
    let folder = match argument.parent()? {
        here if here.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    let real = folder.canonicalize().ok()?.join(argument.file_name()?);
    let below = real.strip_prefix(dump.canonicalize().ok()?).ok()?;
    Some(below.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dump: &str, argument: &str) -> Vec<String> {
        let readings = readings(Path::new(dump), OsStr::new(argument)).unwrap();
        readings
            .into_iter()
            .filter_map(|query| match query {
                Query::File(path) => Some(path.to_string()),
                Query::Key(_) => None,
            })
            .collect()
    }

    #[test]
    fn a_path_is_one_of_the_dump_or_one_from_here() {
        assert_eq!(files("out", "s3/b/x"), ["s3/b/x"]);
        assert_eq!(files("out", "out/s3/b/x"), ["out/s3/b/x", "s3/b/x"]);
        assert_eq!(files("./out/", "out//s3/./b/x"), ["out/s3/b/x", "s3/b/x"]);
        assert_eq!(files("/tmp/out", "/tmp/out/s3/b/x"), ["s3/b/x"]);
        assert_eq!(files(".", "./s3/b/x"), ["s3/b/x"]);
    }

    #[test]
    fn a_scheme_leaves_one_reading() {
        assert_eq!(files("out", "file:s3/b/x"), ["s3/b/x"]);
        for exact in ["redis:a", "redis:", "s3:b", "s3:out/x", "file%:s3/%0A"] {
            let readings = readings(Path::new("out"), OsStr::new(exact)).unwrap();
            assert_eq!(readings.len(), 1, "{exact}");
        }
    }

    #[test]
    fn without_a_scheme_it_is_a_key_of_any_kind() {
        let shown = |argument: &str| -> Vec<String> {
            readings(Path::new("out"), OsStr::new(argument))
                .unwrap()
                .into_iter()
                .filter_map(|query| match query {
                    Query::Key(key) => Some(key.to_string()),
                    Query::File(_) => None,
                })
                .collect()
        };
        assert_eq!(
            shown("b/x"),
            ["redis:b/x", "s3:b/x", "dynamodb:b/x", "sqs:b/x"]
        );
        assert_eq!(shown("user:1")[0], "redis:user:1");
        // More than a DynamoDB key can have.
        assert_eq!(shown("a/b/c/d").len(), 3);
    }

    #[test]
    fn bad_escapes_and_paths_are_mistakes_where_a_scheme_asks_for_them() {
        let of = |argument: &str| readings(Path::new("out"), OsStr::new(argument));
        assert_eq!(of("redis%:%4"), Err(QueryError::Escape));
        assert!(matches!(of("file:../x"), Err(QueryError::Path(_))));
        assert!(of("s3/../x").is_ok());
    }
}

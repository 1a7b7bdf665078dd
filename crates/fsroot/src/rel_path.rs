//! A relative path whose existence is its validity.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest component, in bytes, that any file system we write to takes (`NAME_MAX`).
pub const COMPONENT_MAX_BYTES: usize = 255;

/// A path that can only lead downwards: one or more components, none of them empty, `.` or `..`.
///
/// Bytes, not text: nothing is decoded, folded or normalised. Components are at most
/// [`COMPONENT_MAX_BYTES`] long and free of NUL; the whole path has no limit of its own. The order
/// is the byte order of the whole path, which is the order of `LC_ALL=C sort` and the order in
/// which [`Walk`](crate::Walk) meets files.
///
/// That a `RelPath` is valid says nothing about the file system: a component may still be a
/// symlink there, which is why only [`Root`](crate::Root) and the staged types resolve one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath {
    bytes: Box<[u8]>,
}

/// Why bytes are not a [`RelPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// The path has no components, or an empty one: a leading, doubled or trailing slash.
    #[error("the path has an empty component")]
    EmptyComponent,
    /// A component is `.` or `..`.
    #[error("the path has a component that means a directory, not a name")]
    DotComponent,
    /// A component contains a NUL byte.
    #[error("the path contains a NUL byte")]
    Nul,
    /// A component contains a slash where a single component was asked for.
    #[error("the component contains a slash")]
    Slash,
    /// A component is longer than [`COMPONENT_MAX_BYTES`].
    #[error("a component of the path has {length_bytes} bytes, more than {COMPONENT_MAX_BYTES}")]
    TooLong {
        /// Length of the component.
        length_bytes: usize,
    },
}

impl RelPath {
    /// Validates `path`, components separated by single slashes.
    pub fn new(path: impl AsRef<[u8]>) -> Result<RelPath, InvalidPath> {
        let bytes = path.as_ref();
        bytes
            .split(|&byte| byte == b'/')
            .try_for_each(check_component)?;
        Ok(RelPath {
            bytes: bytes.into(),
        })
    }

    /// Returns the whole path, components separated by single slashes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the path as the standard library's type, for joining to a directory in messages.
    ///
    /// Opening what this returns follows symlinks; open through [`Root`](crate::Root) instead.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes))
    }

    /// Returns the path without its last component, or `None` if there is only one.
    pub fn parent(&self) -> Option<RelPath> {
        self.split_last().0.map(|parent| RelPath {
            bytes: parent.into(),
        })
    }

    /// Returns the last component.
    pub fn file_name(&self) -> &[u8] {
        self.split_last().1
    }

    /// Returns the components, first to last.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&byte| byte == b'/')
    }

    /// Appends one component.
    ///
    /// A component with a slash is an error, never several components.
    pub fn join(&self, component: impl AsRef<[u8]>) -> Result<RelPath, InvalidPath> {
        let component = component.as_ref();
        check_single(component)?;
        Ok(RelPath {
            bytes: [&self.bytes, b"/".as_slice(), component].concat().into(),
        })
    }

    /// Returns the parent's bytes, if any, and the last component, without allocating.
    pub(crate) fn split_last(&self) -> (Option<&[u8]>, &[u8]) {
        split_last(&self.bytes)
    }
}

/// Splits validated path bytes at their last slash.
pub(crate) fn split_last(path: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => {
            let (parent, name) = path.split_at(slash);
            (Some(parent), name.get(1..).unwrap_or_default())
        }
        None => (None, path),
    }
}

/// Checks one component that may not contain a slash.
pub(crate) fn check_single(component: &[u8]) -> Result<(), InvalidPath> {
    if component.contains(&b'/') {
        return Err(InvalidPath::Slash);
    }
    check_component(component)
}

fn check_component(component: &[u8]) -> Result<(), InvalidPath> {
    match component {
        b"" => Err(InvalidPath::EmptyComponent),
        b"." | b".." => Err(InvalidPath::DotComponent),
        _ if component.contains(&0) => Err(InvalidPath::Nul),
        _ if component.len() > COMPONENT_MAX_BYTES => Err(InvalidPath::TooLong {
            length_bytes: component.len(),
        }),
        _ => Ok(()),
    }
}

impl AsRef<[u8]> for RelPath {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Shows printable ASCII as it is and every other byte escaped, so that no name can move the cursor.
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) if !text.chars().any(char::is_control) => f.write_str(text),
            _ => write!(f, "{}", self.bytes.escape_ascii()),
        }
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelPath(\"{}\")", self.bytes.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: Result<(), InvalidPath>) {
        assert_eq!(RelPath::new(input).map(|_| ()), expected);
    }

    #[test]
    fn accepts_names_of_any_bytes() {
        check(b"a", Ok(()));
        check(b"redis/strings/a b.bin", Ok(()));
        check(b"\xff\xfe/\n", Ok(()));
        check(b".../..a/.hidden", Ok(()));
        check(&[b'x'; 255], Ok(()));
    }

    #[test]
    fn refuses_what_could_lead_elsewhere() {
        check(b"", Err(InvalidPath::EmptyComponent));
        check(b"/", Err(InvalidPath::EmptyComponent));
        check(b"/etc", Err(InvalidPath::EmptyComponent));
        check(b"a//b", Err(InvalidPath::EmptyComponent));
        check(b"a/", Err(InvalidPath::EmptyComponent));
        check(b".", Err(InvalidPath::DotComponent));
        check(b"a/../b", Err(InvalidPath::DotComponent));
        check(b"..", Err(InvalidPath::DotComponent));
        check(b"a/./b", Err(InvalidPath::DotComponent));
        check(b"a\0b", Err(InvalidPath::Nul));
        check(
            &[b'x'; 256],
            Err(InvalidPath::TooLong { length_bytes: 256 }),
        );
    }

    #[test]
    fn a_joined_component_stays_one() {
        let base = RelPath::new("a").unwrap();
        assert_eq!(base.join("b").unwrap().as_bytes(), b"a/b");
        assert_eq!(base.join("b/c"), Err(InvalidPath::Slash));
        assert_eq!(base.join(".."), Err(InvalidPath::DotComponent));
        assert_eq!(base.join(""), Err(InvalidPath::EmptyComponent));
    }

    #[test]
    fn splits_into_parent_and_name() {
        let path = RelPath::new("a/b/c").unwrap();
        assert_eq!(path.file_name(), b"c");
        assert_eq!(path.parent().unwrap().as_bytes(), b"a/b");
        assert_eq!(
            path.components().collect::<Vec<_>>(),
            [b"a".as_slice(), b"b", b"c"]
        );
        assert_eq!(RelPath::new("a").unwrap().parent(), None);
    }

    #[test]
    fn order_is_that_of_whole_bytes() {
        let path = |text: &str| RelPath::new(text).unwrap();
        assert!(path("a.b") < path("a/b"));
        assert!(path("a") < path("a.b"));
    }

    #[test]
    fn display_cannot_move_the_cursor() {
        assert_eq!(RelPath::new("a/é").unwrap().to_string(), "a/é");
        assert_eq!(RelPath::new(b"a\x1b[2J").unwrap().to_string(), "a\\x1b[2J");
        assert_eq!(RelPath::new(b"\xff").unwrap().to_string(), "\\xff");
    }
}

//! `~` at the beginning of a path, which a shell leaves alone inside quotes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const USERS: &str = "/etc/passwd";

/// Replaces `~` by the user's home and `~name` by that of another user. What cannot be resolved stays as it is.
pub(crate) fn expand(path: &Path, home: Option<&Path>) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let Some(rest) = bytes.strip_prefix(b"~") else {
        return path.to_owned();
    };
    let slash = rest.iter().position(|byte| *byte == b'/');
    let (user, below) = rest.split_at(slash.unwrap_or(rest.len()));
    let found = match user {
        b"" => home.map(Path::to_owned),
        user => std::fs::read(USERS)
            .ok()
            .and_then(|users| home_of(user, &users)),
    };
    match found {
        Some(found) => {
            let mut whole = OsString::from(found);
            whole.push(OsStr::from_bytes(below));
            PathBuf::from(whole)
        }
        None => path.to_owned(),
    }
}

/// Finds a user's home among lines of `name:…:…:…:…:home:shell`.
fn home_of(user: &[u8], users: &[u8]) -> Option<PathBuf> {
    users.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let home = (fields.next()? == user)
            .then(|| fields.nth(4))
            .flatten()
            .filter(|home| !home.is_empty())?;
        Some(PathBuf::from(OsString::from_vec(home.to_vec())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leading_tilde_is_a_home() {
        let home = Some(Path::new("/home/me"));
        for (path, expected) in [
            ("~", "/home/me"),
            ("~/data", "/home/me/data"),
            ("a/~/b", "a/~/b"),
            ("./~", "./~"),
            ("~nobody-of-this-name/x", "~nobody-of-this-name/x"),
        ] {
            assert_eq!(expand(Path::new(path), home), Path::new(expected), "{path}");
        }
        assert_eq!(expand(Path::new("~/x"), None), Path::new("~/x"));
    }

    #[test]
    fn other_users_have_theirs() {
        let users = b"root:x:0:0:root:/root:/bin/sh\nann:x:7:7::/home/ann:/bin/sh\nbob:x:8:8:::\n";
        assert_eq!(home_of(b"ann", users), Some("/home/ann".into()));
        assert_eq!(home_of(b"bob", users), None);
        assert_eq!(home_of(b"a", users), None);
    }
}

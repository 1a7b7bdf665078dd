//! Which different names a file system takes for one.

use std::io;
use std::os::fd::BorrowedFd;

use crate::platform;
use crate::staging::destination::stat_name;

/// Which different names the file system takes for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseBehaviour {
    /// `A` and `a` are one name.
    pub case_insensitive: bool,
    /// Composed and decomposed forms of a character are one name.
    pub normalising: bool,
}

/// Creates names, looks for their other forms, and removes them.
pub(crate) fn probe(dir: BorrowedFd<'_>) -> io::Result<CaseBehaviour> {
    Ok(CaseBehaviour {
        case_insensitive: are_one(dir, b".longshore-probe", b".LONGSHORE-PROBE")?,
        // LATIN SMALL LETTER E WITH ACUTE, and the letter with a combining accent.
        normalising: are_one(
            dir,
            ".longshore-\u{e9}".as_bytes(),
            ".longshore-e\u{301}".as_bytes(),
        )?,
    })
}

fn are_one(dir: BorrowedFd<'_>, name: &[u8], other_form: &[u8]) -> io::Result<bool> {
    drop(platform::create_file(dir, name, 0o600)?);
    let found = stat_name(dir, other_form);
    platform::unlink(dir, name)?;
    Ok(found?.is_some())
}

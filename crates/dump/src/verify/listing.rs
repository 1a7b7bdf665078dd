//! The two sides of the comparison: what CHECKSUMS lists and what is there.

use std::io::BufReader;

use fsroot::{Kind, RelPath, Root};
use spill::{Sorted, Sorter};

use super::compare::found;
use super::finding::chain;
use super::{Finding, Observer};
use crate::{Error, checksums};

/// Entries between two looks at whether to stop.
const CANCEL_INTERVAL: u64 = 1024;

const READ_BYTES: usize = 256 << 10;

/// Whether CHECKSUMS gives anything to compare with.
pub(super) enum Listing {
    /// It has at least one row; the sorter has them.
    Rows,
    /// It has none, for this reason.
    Nothing(Finding),
}

/// Reads CHECKSUMS into `sorter`, path to digest, reporting bad lines on the way.
pub(super) fn read_checksums(
    root: &Root,
    sorter: &mut Sorter,
    observer: &dyn Observer,
    report: &mut dyn FnMut(&Finding),
) -> Result<Listing, Error> {
    let path = RelPath::new(checksums::FILE_NAME)?;
    let open = match root.open_file(&path) {
        Ok(open) => open,
        Err(fsroot::Error::NotFound { .. }) => {
            return Ok(Listing::Nothing(Finding::ChecksumsMissing));
        }
        Err(error) => {
            return Ok(Listing::Nothing(Finding::ChecksumsUnreadable {
                reason: chain(&error),
            }));
        }
    };
    let mut reader = checksums::Reader::new(BufReader::with_capacity(READ_BYTES, open.file));
    loop {
        if reader.line_number().is_multiple_of(CANCEL_INTERVAL) && observer.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match reader.next_entry() {
            Ok(Some(Ok(entry))) => sorter.push(entry.path.as_bytes(), &entry.digest)?,
            Ok(Some(Err(reason))) => report(&Finding::ChecksumsLine {
                line: reader.line_number(),
                reason,
            }),
            Ok(None) if sorter.is_empty() => return Ok(Listing::Nothing(Finding::ChecksumsEmpty)),
            Ok(None) => return Ok(Listing::Rows),
            // Half a list would make half of the files unlisted, which they may not be.
            Err(error) => {
                return Ok(Listing::Nothing(Finding::ChecksumsUnreadable {
                    reason: error.to_string(),
                }));
            }
        }
    }
}

/// Finds everything below `root` that is not a directory, path to kind, in byte order of the whole paths, and the findings made on
/// the way.
///
/// Goes level by level with the directories of a level in a sorter, so neither depth, nor width, nor a directory of millions of files
/// takes memory; and no more than one directory is open at a time.
pub(super) fn walk(
    root: &Root,
    sorter: &dyn Fn() -> Sorter,
    observer: &dyn Observer,
) -> Result<(Sorted, Sorted), Error> {
    let mut walk = Walk {
        found: sorter(),
        level: sorter(),
        findings: sorter(),
        entries: 0,
        observer,
    };
    walk.directory(root, b"")?;
    loop {
        let mut level = std::mem::replace(&mut walk.level, sorter()).finish()?;
        if level.is_empty() {
            return Ok((walk.found.finish()?, walk.findings.finish()?));
        }
        while let Some((path, _)) = level.next()? {
            let path = RelPath::new(path)?;
            match root.open_dir(&path) {
                Ok(directory) => walk.directory(&directory, path.as_bytes())?,
                Err(error) => walk.unreadable(path, &error)?,
            }
        }
    }
}

struct Walk<'a> {
    found: Sorter,
    /// Directories of the next level.
    level: Sorter,
    findings: Sorter,
    entries: u64,
    observer: &'a dyn Observer,
}

impl Walk<'_> {
    /// Takes in one directory whose path is `prefix`, empty for the root.
    fn directory(&mut self, directory: &Root, prefix: &[u8]) -> Result<(), Error> {
        let mut path = prefix.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        let start = path.len();
        let entries = match directory.entries() {
            Ok(entries) => entries,
            Err(error) => return self.unreadable_bytes(prefix, &error),
        };
        for entry in entries {
            self.entries += 1;
            if self.entries.is_multiple_of(CANCEL_INTERVAL) && self.observer.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.unreadable_bytes(prefix, &error),
            };
            path.truncate(start);
            path.extend_from_slice(&entry.name);
            match entry.kind {
                Kind::Directory => self.level.push(&path, b"")?,
                kind => self.found.push(&path, &found(kind))?,
            }
        }
        Ok(())
    }

    /// The root itself has no path; that it cannot be read is an error, not a finding.
    fn unreadable_bytes(&mut self, path: &[u8], error: &fsroot::Error) -> Result<(), Error> {
        self.unreadable(RelPath::new(path)?, error)
    }

    fn unreadable(&mut self, path: RelPath, error: &fsroot::Error) -> Result<(), Error> {
        let finding = Finding::Unreadable {
            reason: chain(error),
            path,
        };
        if let (Some(path), Some(record)) = (finding.path(), finding.to_record()) {
            self.findings.push(path, &record)?;
        }
        Ok(())
    }
}

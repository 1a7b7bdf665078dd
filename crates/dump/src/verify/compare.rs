//! Merging what is listed with what is there.

use fsroot::{Kind, RelPath};
use spill::Sorted;

use crate::Error;
use crate::checksums::Digest;

/// Everything known about one path before the file is opened.
pub(super) struct Subject {
    pub(super) path: RelPath,
    /// What the walk saw; `None` if nothing, or a directory.
    pub(super) kind: Option<Kind>,
    /// The digest in CHECKSUMS, if the path is listed.
    pub(super) expected: Option<Digest>,
    /// How many lines list it.
    pub(super) rows: u64,
}

/// Yields the subjects in path order; several threads take turns.
pub(super) struct Comparison {
    sorted: Sorted,
    /// The record read last, which begins the next subject.
    head: Record,
    started: bool,
}

#[derive(Default)]
struct Record {
    path: Vec<u8>,
    side: Option<Side>,
}

/// One record of the merged lists. Both sides go by path, so they can be one sequence.
#[derive(Clone, Copy)]
enum Side {
    Found(Kind),
    Listed(Digest),
}

/// Returns the value under which the walk sorts a path.
pub(super) fn found(kind: Kind) -> [u8; 1] {
    [kind.to_byte()]
}

impl Side {
    /// A digest is told from a kind by its length.
    fn of(value: &[u8]) -> Option<Side> {
        match value.try_into() {
            Ok(digest) => Some(Side::Listed(digest)),
            Err(_) => value
                .first()
                .copied()
                .and_then(Kind::from_byte)
                .map(Side::Found),
        }
    }
}

impl Comparison {
    /// Compares a list, path to digest, with a walk, path to [`found`].
    pub(super) fn new(listed: Option<Sorted>, walked: Sorted) -> Comparison {
        let sides = listed.into_iter().chain([walked]).collect();
        Comparison {
            sorted: Sorted::merge(sides),
            head: Record::default(),
            started: false,
        }
    }

    /// Returns the next subject, or `None` when all is compared.
    pub(super) fn next(&mut self) -> Result<Option<Subject>, Error> {
        if !self.started {
            self.started = true;
            self.advance()?;
        }
        let Some(mut side) = self.head.side else {
            return Ok(None);
        };
        let mut subject = Subject {
            path: RelPath::new(&self.head.path)?,
            kind: None,
            expected: None,
            rows: 0,
        };
        loop {
            match side {
                Side::Found(kind) => subject.kind = Some(kind),
                Side::Listed(digest) => {
                    subject.expected.get_or_insert(digest);
                    subject.rows += 1;
                }
            }
            self.advance()?;
            match self.head.side {
                Some(next) if self.head.path == subject.path.as_bytes() => side = next,
                _ => return Ok(Some(subject)),
            }
        }
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.head.side = None;
        if let Some((path, value)) = self.sorted.next()? {
            self.head.path.clear();
            self.head.path.extend_from_slice(path);
            self.head.side = Side::of(value);
        }
        Ok(())
    }
}

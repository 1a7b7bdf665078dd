//! Hashing on all cores.

use std::io::{self, Read as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use fsroot::{Kind, OpenFile, RelPath, Root};
use sha2::{Digest as _, Sha256};
use spill::{Sorted, Sorter};

use super::compare::{Comparison, Subject};
use super::finding::chain;
use super::{Finding, Observer, Options, is_own};
use crate::Error;
use crate::checksums::{self, Digest};
use crate::manifest::Totals;

/// What is read at a time: half of a core's second-level cache, so hashing finds it there.
const READ_BYTES: usize = 256 << 10;

/// Memory for one thread's findings before they go to scratch.
const FINDINGS_BUDGET_BYTES: usize = 1 << 20;

/// What one thread has seen.
pub(super) struct Share {
    pub(super) present: Totals,
    pub(super) hard_linked: u64,
    /// Path to [`Finding::to_record`].
    pub(super) findings: Sorted,
}

/// Works through the comparison on all threads.
///
/// Each takes its next subject when it is done with one, so a huge file holds up one thread and nobody else, and nothing queues up.
/// The lock is held for a fraction of what the smallest file takes to open.
pub(super) fn run(
    root: &Root,
    options: &Options,
    observer: &dyn Observer,
    lists: Lists,
    comparison: &Mutex<Comparison>,
) -> Result<Vec<Share>, Error> {
    let stop = AtomicBool::new(false);
    let work = || {
        let worker = Worker::new(root, options, observer, lists, &stop);
        let outcome = worker.run(comparison);
        if outcome.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        outcome
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (1..options.threads.get())
            .map(|_| scope.spawn(work))
            .collect();
        let own = work();
        let others = threads.into_iter().map(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(own).chain(others).collect()
    });
    // A thread that was only told to stop has a share; the one that failed has the error.
    outcomes.into_iter().collect()
}

/// Whether there is a list to hold the files against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    Present,
    Absent,
}

struct Worker<'a> {
    root: &'a Root,
    observer: &'a dyn Observer,
    lists: Lists,
    stop: &'a AtomicBool,
    buffer: Vec<u8>,
    present: Totals,
    hard_linked: u64,
    findings: Sorter,
}

/// Why a file was not hashed to its end.
enum Failure {
    Cancelled,
    Read(io::Error),
}

impl<'a> Worker<'a> {
    fn new(
        root: &'a Root,
        options: &Options,
        observer: &'a dyn Observer,
        lists: Lists,
        stop: &'a AtomicBool,
    ) -> Worker<'a> {
        Worker {
            root,
            observer,
            lists,
            stop,
            buffer: vec![0; READ_BYTES],
            present: Totals::default(),
            hard_linked: 0,
            findings: Sorter::new(Some(options.scratch.clone()), FINDINGS_BUDGET_BYTES),
        }
    }

    fn run(mut self, comparison: &Mutex<Comparison>) -> Result<Share, Error> {
        while !self.stop.load(Ordering::Relaxed) {
            if self.observer.is_cancelled() {
                return Err(Error::Cancelled);
            }
            // A thread that panicked takes the process down soon; the lists are whole all the same.
            let subject = comparison
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next()?;
            match subject {
                Some(subject) => self.judge(subject)?,
                None => break,
            }
        }
        Ok(Share {
            present: self.present,
            hard_linked: self.hard_linked,
            findings: self.findings.finish()?,
        })
    }

    fn judge(&mut self, subject: Subject) -> Result<(), Error> {
        let Subject {
            path,
            kind,
            expected,
            rows,
        } = subject;
        if rows > 1 {
            self.report(&Finding::ListedTwice { path: path.clone() })?;
        }
        match (kind, expected) {
            (Some(Kind::File), Some(expected)) => self.hash(path, expected),
            (Some(Kind::File), None) => self.count(path),
            (Some(kind), _) => self.report(&Finding::NotRegular { path, kind }),
            (None, Some(expected)) => self.missing(path, expected),
            (None, None) => Ok(()),
        }
    }

    fn hash(&mut self, path: RelPath, expected: Digest) -> Result<(), Error> {
        let open = match self.root.open_file(&path) {
            Ok(open) => open,
            Err(error) => return self.unopened(path, expected, &error),
        };
        self.hard_linked += u64::from(open.meta.nlink > 1);
        match self.digest(open) {
            Ok((actual, size_bytes)) => {
                self.present_file(&path, size_bytes);
                if actual == expected {
                    Ok(())
                } else {
                    self.report(&Finding::Mismatch {
                        path,
                        expected,
                        actual,
                    })
                }
            }
            Err(Failure::Cancelled) => Err(Error::Cancelled),
            Err(Failure::Read(error)) => self.report(&Finding::Unreadable {
                path,
                reason: error.to_string(),
            }),
        }
    }

    /// Reads a file to its end; returns its digest and its size by that reading.
    fn digest(&mut self, mut open: OpenFile) -> Result<(Digest, u64), Failure> {
        let mut hasher = Sha256::new();
        let mut size_bytes = 0;
        loop {
            let read = match open.file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Read(error)),
            };
            hasher.update(self.buffer.get(..read).unwrap_or_default());
            let bytes = u64::try_from(read).unwrap_or(u64::MAX);
            size_bytes += bytes;
            self.observer.hashed(0, bytes);
            if size_bytes >= open.meta.size_bytes && read < self.buffer.len() {
                // Small files end here without another call that says so; if one grew meanwhile, its digest tells.
                break;
            }
            if self.stop.load(Ordering::Relaxed) || self.observer.is_cancelled() {
                return Err(Failure::Cancelled);
            }
        }
        self.observer.hashed(1, 0);
        Ok((hasher.finalize().into(), size_bytes))
    }

    /// Counts a file that is not listed, and tells of it unless nothing is.
    fn count(&mut self, path: RelPath) -> Result<(), Error> {
        match self.root.stat(&path) {
            Ok((_, meta)) => self.present_file(&path, meta.size_bytes),
            Err(error) => {
                return self.report(&Finding::Unreadable {
                    reason: chain(&error),
                    path,
                });
            }
        }
        if self.lists == Lists::Absent || path.as_bytes() == checksums::FILE_NAME.as_bytes() {
            return Ok(());
        }
        self.report(&Finding::FileUnlisted { path })
    }

    /// The walk saw nothing but perhaps a directory, which it does not list.
    fn missing(&mut self, path: RelPath, expected: Digest) -> Result<(), Error> {
        match self.root.stat(&path) {
            Ok((kind, _)) if kind != Kind::File => self.report(&Finding::NotRegular { path, kind }),
            _ => self.report(&Finding::FileMissing { path, expected }),
        }
    }

    /// The walk saw a file that can no longer be opened as one.
    fn unopened(
        &mut self,
        path: RelPath,
        expected: Digest,
        error: &fsroot::Error,
    ) -> Result<(), Error> {
        self.report(&match error {
            fsroot::Error::NotFound { .. } => Finding::FileMissing { path, expected },
            fsroot::Error::NotRegular { kind, .. } => Finding::NotRegular { path, kind: *kind },
            fsroot::Error::SymlinkRefused { .. } => Finding::NotRegular {
                path,
                kind: Kind::Symlink,
            },
            other => Finding::Unreadable {
                reason: chain(other),
                path,
            },
        })
    }

    fn present_file(&mut self, path: &RelPath, size_bytes: u64) {
        if !is_own(path) {
            self.present.files += 1;
            self.present.bytes += size_bytes;
        }
    }

    fn report(&mut self, finding: &Finding) -> Result<(), Error> {
        if let (Some(path), Some(record)) = (finding.path(), finding.to_record()) {
            self.findings.push(path, &record)?;
        }
        Ok(())
    }
}

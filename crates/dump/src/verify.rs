//! Checking a dump against its own lists.
//!
//! Invariants:
//! * Nothing stops at the first finding: one run tells everything that is wrong.
//! * Findings come in one order whatever the number of threads: the manifest, the lines of CHECKSUMS, the files in byte order of their
//!   paths, the totals, the scopes.
//! * Memory grows neither with the number of files nor with the number of findings: both sides are sorted through [`spill`] and merged.
//! * No link is followed and nothing outside the tree is opened, also while somebody changes the tree.

mod compare;
mod finding;
mod hash;
mod listing;

pub use finding::Finding;

use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;

use fsroot::{RelPath, Root};
use spill::{Sorted, Sorter};

use crate::manifest::{self, Adapters, Invalid, Manifest, Scopes, Totals};
use crate::{Error, checksums};
use compare::Comparison;
use hash::Lists;
use listing::Listing;

/// Memory for each of the two sorted lists before they go to scratch.
const LIST_BUDGET_BYTES: usize = 16 << 20;

/// What a verification needs beside the tree.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory for lists that exceed memory; they go to unnamed files there.
    pub scratch: PathBuf,
    /// Threads that hash; more than there are cores help only against slow disks.
    pub threads: NonZeroUsize,
}

/// Is told what a verification finds and how far it is. Called from several threads.
pub trait Observer: Sync {
    /// Takes one finding; they come in their order, from one thread at a time.
    fn finding(&self, finding: &Finding);

    /// Learns, before hashing begins, what the manifest says the tree contains.
    fn expects(&self, _totals: Totals) {}

    /// Learns that so many more bytes were hashed, and whether a file was completed with them.
    fn hashed(&self, _files: u64, _bytes: u64) {}

    /// Tells whether to stop; asked often.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// The outcome of a verification.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The manifest, if there is a valid one.
    pub manifest: Option<Manifest>,
    /// Number and size of the regular files that are there, MANIFEST.json and CHECKSUMS not counted.
    pub present: Totals,
    /// How many findings there were.
    pub findings: u64,
    /// How many of the listed files have other names elsewhere. No finding: the content is right now, but can be changed from outside.
    pub hard_linked: u64,
}

impl Verification {
    /// Tells whether the tree is what its lists say. A [partial](Verification::is_partial) tree can be.
    pub fn is_intact(&self) -> bool {
        self.findings == 0
    }

    /// Tells whether the producer left something out, as its manifest says.
    pub fn is_partial(&self) -> bool {
        self.manifest
            .as_ref()
            .is_some_and(|manifest| manifest.partial.is_some())
    }
}

/// Checks the tree below `root`: its manifest, its set of files, their digests and totals.
///
/// What is wrong with the tree goes to the observer as findings. An error is what keeps the check from being made: scratch space, or
/// cancellation. Where the manifest is of a newer version or uses another checksum algorithm, nothing else is looked at. Where there
/// is no CHECKSUMS, files are counted only.
pub fn verify(
    root: &Root,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Verification, Error> {
    let mut run = Run {
        root,
        options,
        observer,
        outcome: Verification::default(),
    };
    if run.manifest()? {
        let listed = run.listed()?;
        run.files(listed)?;
        run.totals();
        run.scopes()?;
    }
    Ok(run.outcome)
}

/// One verification under way.
struct Run<'a> {
    root: &'a Root,
    options: &'a Options,
    observer: &'a dyn Observer,
    outcome: Verification,
}

impl Run<'_> {
    fn report(&mut self, finding: &Finding) {
        self.outcome.findings += 1;
        self.observer.finding(finding);
    }

    /// Reads the manifest and tells whether the rest of the tree can be judged.
    fn manifest(&mut self) -> Result<bool, Error> {
        let text = match read_manifest(self.root)? {
            Ok(text) => text,
            Err(finding) => {
                self.report(&finding);
                return Ok(true);
            }
        };
        match Manifest::from_json(&text) {
            Ok(manifest) => {
                self.observer.expects(manifest.totals.unwrap_or_default());
                self.outcome.manifest = Some(manifest);
                Ok(true)
            }
            Err(invalid) => {
                let readable = !matches!(
                    invalid,
                    Invalid::UnsupportedVersion { .. } | Invalid::ChecksumAlgorithm { .. }
                );
                self.report(&Finding::of_manifest(&invalid));
                Ok(readable)
            }
        }
    }

    /// Reads CHECKSUMS into order; `None` if there is nothing to compare with.
    fn listed(&mut self) -> Result<Option<Sorted>, Error> {
        let mut sorter = self.sorter();
        let outcome =
            listing::read_checksums(self.root, &mut sorter, self.observer, &mut |finding| {
                self.outcome.findings += 1;
                self.observer.finding(finding);
            })?;
        Ok(match outcome {
            Listing::Rows => Some(sorter.finish()?),
            Listing::Nothing(finding) => {
                self.report(&finding);
                None
            }
        })
    }

    /// Walks the tree, compares it with the list and hashes the files, on all threads.
    fn files(&mut self, listed: Option<Sorted>) -> Result<(), Error> {
        let sorter = || self.sorter();
        let (found, unreadable) = listing::walk(self.root, &sorter, self.observer)?;
        let lists = if listed.is_some() {
            Lists::Present
        } else {
            Lists::Absent
        };
        let comparison = Mutex::new(Comparison::new(listed, found));
        let shares = hash::run(self.root, self.options, self.observer, lists, &comparison)?;
        let mut findings = vec![unreadable];
        for share in shares {
            self.outcome.present.files += share.present.files;
            self.outcome.present.bytes += share.present.bytes;
            self.outcome.hard_linked += share.hard_linked;
            findings.push(share.findings);
        }
        let mut findings = Sorted::merge(findings);
        while let Some((path, record)) = findings.next()? {
            if let Some(finding) = Finding::from_record(path, record) {
                self.report(&finding);
            }
        }
        Ok(())
    }

    fn totals(&mut self) {
        let Some(expected) = self
            .outcome
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.totals)
        else {
            return;
        };
        let actual = self.outcome.present;
        if expected.files != actual.files {
            self.report(&Finding::TotalFiles {
                expected: expected.files,
                actual: actual.files,
            });
        }
        if expected.bytes != actual.bytes {
            self.report(&Finding::TotalBytes {
                expected: expected.bytes,
                actual: actual.bytes,
            });
        }
    }

    fn scopes(&mut self) -> Result<(), Error> {
        let Some(manifest) = &self.outcome.manifest else {
            return Ok(());
        };
        for directory in scope_directories(&manifest.adapters) {
            // A name that is no path cannot be a directory of the tree either.
            let exists = match RelPath::new(&directory) {
                Ok(path) => self.root.open_dir(&path).is_ok(),
                Err(_) => false,
            };
            if !exists {
                self.report(&Finding::ScopeMissing { directory });
            }
        }
        Ok(())
    }

    fn sorter(&self) -> Sorter {
        Sorter::new(Some(self.options.scratch.clone()), LIST_BUDGET_BYTES)
    }
}

/// Reads MANIFEST.json, or says what is in the way.
fn read_manifest(root: &Root) -> Result<Result<Vec<u8>, Finding>, Error> {
    let path = RelPath::new(manifest::FILE_NAME)?;
    let open = match root.open_file(&path) {
        Ok(open) => open,
        Err(fsroot::Error::NotFound { .. }) => return Ok(Err(Finding::ManifestMissing)),
        Err(error) => {
            return Ok(Err(Finding::ManifestInvalid {
                reason: finding::chain(&error),
            }));
        }
    };
    if open.meta.size_bytes > manifest::SIZE_LIMIT_BYTES {
        return Ok(Err(Finding::ManifestInvalid {
            reason: "larger than 64 MiB".to_owned(),
        }));
    }
    let mut text = Vec::new();
    match open
        .file
        .take(manifest::SIZE_LIMIT_BYTES)
        .read_to_end(&mut text)
    {
        Ok(_) => Ok(Ok(text)),
        Err(error) => Ok(Err(Finding::ManifestInvalid {
            reason: error.to_string(),
        })),
    }
}

fn scope_directories(adapters: &Adapters) -> Vec<String> {
    let mut directories = Vec::new();
    let mut add = |adapter: &str, scopes: Option<&Scopes<String>>| {
        if let Some(Scopes::Listed(names)) = scopes {
            directories.extend(names.iter().map(|name| format!("{adapter}/{name}")));
        }
    };
    add("dynamodb", adapters.dynamodb.as_ref());
    add("s3", adapters.s3.as_ref());
    add("sqs", adapters.sqs.as_ref());
    if let Some(Scopes::Listed(numbers)) = &adapters.redis {
        directories.extend(numbers.iter().map(|number| format!("redis/db_{number}")));
    }
    directories
}

/// Tells whether a file is one of the two that the totals leave out.
fn is_own(path: &RelPath) -> bool {
    [manifest::FILE_NAME, checksums::FILE_NAME]
        .iter()
        .any(|name| path.as_bytes() == name.as_bytes())
}

#[cfg(test)]
mod tests;

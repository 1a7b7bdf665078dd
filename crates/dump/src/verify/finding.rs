//! What a verification can find.

use data_encoding::HEXLOWER;
use fsroot::{Kind, RelPath};

use crate::checksums::{Digest, LineError};
use crate::manifest::{self, Invalid};

/// One thing that is wrong with a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There is no MANIFEST.json.
    ManifestMissing,
    /// MANIFEST.json breaks a rule of the format, or cannot be read.
    ManifestInvalid {
        /// What is wrong.
        reason: String,
    },
    /// MANIFEST.json is of another version of the format; the tree was not looked at.
    ManifestUnsupported {
        /// Its version.
        version: u32,
    },
    /// The files are checksummed in an unknown way; the tree was not looked at.
    ChecksumAlgorithm {
        /// The algorithm's name.
        algorithm: String,
    },
    /// There is no CHECKSUMS; files were counted only.
    ChecksumsMissing,
    /// CHECKSUMS lists nothing; files were counted only.
    ChecksumsEmpty,
    /// CHECKSUMS cannot be read; files were counted only.
    ChecksumsUnreadable {
        /// Why not.
        reason: String,
    },
    /// A line of CHECKSUMS breaks a rule of the format. The others count.
    ChecksumsLine {
        /// Number of the line; the first is 1.
        line: u64,
        /// What is wrong with it.
        reason: LineError,
    },
    /// A file is listed more than once.
    ListedTwice {
        /// The file.
        path: RelPath,
    },
    /// A listed file is not there.
    FileMissing {
        /// The file.
        path: RelPath,
        /// Its digest by CHECKSUMS.
        expected: Digest,
    },
    /// A file is there and not listed.
    FileUnlisted {
        /// The file.
        path: RelPath,
    },
    /// Something that is neither a directory nor a regular file, or a directory where a file is listed.
    NotRegular {
        /// Where.
        path: RelPath,
        /// What stands there.
        kind: Kind,
    },
    /// A file's content is not what CHECKSUMS says.
    Mismatch {
        /// The file.
        path: RelPath,
        /// Its digest by CHECKSUMS.
        expected: Digest,
        /// Its digest.
        actual: Digest,
    },
    /// A file or directory cannot be read.
    Unreadable {
        /// The file or directory.
        path: RelPath,
        /// Why not.
        reason: String,
    },
    /// The number of files is not that of the manifest.
    TotalFiles {
        /// By the manifest.
        expected: u64,
        /// In the tree.
        actual: u64,
    },
    /// The sum of the sizes is not that of the manifest.
    TotalBytes {
        /// By the manifest.
        expected: u64,
        /// In the tree.
        actual: u64,
    },
    /// The manifest names a table, bucket, database or queue that has no directory.
    ScopeMissing {
        /// The directory, from the root of the tree.
        directory: String,
    },
}

impl Finding {
    pub(super) fn of_manifest(invalid: &Invalid) -> Finding {
        match invalid {
            Invalid::UnsupportedVersion { version } => {
                Finding::ManifestUnsupported { version: *version }
            }
            Invalid::ChecksumAlgorithm { algorithm } => Finding::ChecksumAlgorithm {
                algorithm: algorithm.clone(),
            },
            other => Finding::ManifestInvalid {
                reason: chain(other),
            },
        }
    }

    /// Returns the stable name of this kind of finding.
    pub fn id(&self) -> &'static str {
        match self {
            Finding::ManifestMissing => "dump.manifest-missing",
            Finding::ManifestInvalid { .. } => "dump.manifest-invalid",
            Finding::ManifestUnsupported { .. } => "dump.manifest-unsupported",
            Finding::ChecksumAlgorithm { .. } => "dump.checksum-algorithm-unsupported",
            Finding::ChecksumsMissing => "dump.checksums-missing",
            Finding::ChecksumsEmpty => "dump.checksums-empty",
            Finding::ChecksumsUnreadable { .. } => "dump.checksums-unreadable",
            Finding::ChecksumsLine { .. } => "dump.checksums-line-invalid",
            Finding::ListedTwice { .. } => "dump.file-listed-twice",
            Finding::FileMissing { .. } => "dump.file-missing",
            Finding::FileUnlisted { .. } => "dump.file-unlisted",
            Finding::NotRegular { .. } => "dump.not-a-regular-file",
            Finding::Mismatch { .. } => "dump.checksum-mismatch",
            Finding::Unreadable { .. } => "dump.unreadable",
            Finding::TotalFiles { .. } => "dump.total-files-mismatch",
            Finding::TotalBytes { .. } => "dump.total-bytes-mismatch",
            Finding::ScopeMissing { .. } => "dump.scope-missing",
        }
    }

    /// Returns where in the tree it is, if it is in one place; may not be UTF-8.
    pub fn path(&self) -> Option<&[u8]> {
        match self {
            Finding::ListedTwice { path }
            | Finding::FileMissing { path, .. }
            | Finding::FileUnlisted { path }
            | Finding::NotRegular { path, .. }
            | Finding::Mismatch { path, .. }
            | Finding::Unreadable { path, .. } => Some(path.as_bytes()),
            Finding::ScopeMissing { directory } => Some(directory.as_bytes()),
            Finding::ManifestMissing
            | Finding::ManifestInvalid { .. }
            | Finding::ManifestUnsupported { .. }
            | Finding::ChecksumAlgorithm { .. }
            | Finding::TotalFiles { .. }
            | Finding::TotalBytes { .. } => Some(manifest::FILE_NAME.as_bytes()),
            Finding::ChecksumsMissing
            | Finding::ChecksumsEmpty
            | Finding::ChecksumsUnreadable { .. }
            | Finding::ChecksumsLine { .. } => Some(crate::checksums::FILE_NAME.as_bytes()),
        }
    }

    /// Returns what should be there, where that can be said in a word.
    pub fn expected(&self) -> Option<String> {
        match self {
            Finding::ManifestUnsupported { .. } => Some(manifest::FORMAT_VERSION.to_string()),
            Finding::FileMissing { expected, .. } | Finding::Mismatch { expected, .. } => {
                Some(HEXLOWER.encode(expected))
            }
            Finding::NotRegular { .. } => Some(Kind::File.to_string()),
            Finding::TotalFiles { expected, .. } | Finding::TotalBytes { expected, .. } => {
                Some(expected.to_string())
            }
            Finding::ScopeMissing { .. } => Some(Kind::Directory.to_string()),
            _ => None,
        }
    }

    /// Returns what is there instead, where that can be said in a word.
    pub fn actual(&self) -> Option<String> {
        match self {
            Finding::ManifestUnsupported { version } => Some(version.to_string()),
            Finding::ChecksumAlgorithm { algorithm } => Some(algorithm.clone()),
            Finding::Mismatch { actual, .. } => Some(HEXLOWER.encode(actual)),
            Finding::NotRegular { kind, .. } => Some(kind.to_string()),
            Finding::TotalFiles { actual, .. } | Finding::TotalBytes { actual, .. } => {
                Some(actual.to_string())
            }
            Finding::ManifestInvalid { reason }
            | Finding::ChecksumsUnreadable { reason }
            | Finding::Unreadable { reason, .. } => Some(reason.clone()),
            Finding::ChecksumsLine { reason, .. } => Some(chain(reason)),
            _ => None,
        }
    }
}

/// Joins an error and its causes, for findings that carry a reason.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Findings about one path wait in a sorter, by path; the first byte tells them apart and orders them within a path.
const LISTED_TWICE: u8 = 1;
const FILE_MISSING: u8 = 2;
const FILE_UNLISTED: u8 = 3;
const NOT_REGULAR: u8 = 4;
const MISMATCH: u8 = 5;
const UNREADABLE: u8 = 6;

impl Finding {
    /// Returns the form in which a finding about a path waits in a sorter; `None` for the others.
    pub(super) fn to_record(&self) -> Option<Vec<u8>> {
        Some(match self {
            Finding::ListedTwice { .. } => vec![LISTED_TWICE],
            Finding::FileMissing { expected, .. } => [&[FILE_MISSING], &expected[..]].concat(),
            Finding::FileUnlisted { .. } => vec![FILE_UNLISTED],
            Finding::NotRegular { kind, .. } => vec![NOT_REGULAR, kind.to_byte()],
            Finding::Mismatch {
                expected, actual, ..
            } => [&[MISMATCH], &expected[..], &actual[..]].concat(),
            Finding::Unreadable { reason, .. } => [&[UNREADABLE], reason.as_bytes()].concat(),
            _ => return None,
        })
    }

    /// Restores a finding from [`to_record`](Finding::to_record); `None` for what that cannot have written.
    pub(super) fn from_record(path: &[u8], record: &[u8]) -> Option<Finding> {
        let path = RelPath::new(path).ok()?;
        let (tag, rest) = record.split_first()?;
        Some(match *tag {
            LISTED_TWICE => Finding::ListedTwice { path },
            FILE_MISSING => Finding::FileMissing {
                path,
                expected: rest.try_into().ok()?,
            },
            FILE_UNLISTED => Finding::FileUnlisted { path },
            NOT_REGULAR => Finding::NotRegular {
                path,
                kind: Kind::from_byte(*rest.first()?)?,
            },
            MISMATCH => {
                let (expected, actual) = rest.split_at_checked(32)?;
                Finding::Mismatch {
                    path,
                    expected: expected.try_into().ok()?,
                    actual: actual.try_into().ok()?,
                }
            }
            UNREADABLE => Finding::Unreadable {
                path,
                reason: String::from_utf8_lossy(rest).into_owned(),
            },
            _ => return None,
        })
    }
}

//! `KEYMAP.jsonl`: which name a file stands for, where the file's own name cannot say.
//!
//! One file per Redis database directory and per S3 bucket directory, with a line for each mapping.
//!
//! Invariants:
//! * Each mapping is written once, however often the name is used, and a file without mappings is not written.
//! * Memory is bounded: mappings wait in a [`spill::Sorter`], and the reader holds one line.

mod reader;
mod writer;

pub use reader::{LineError, Reader};
pub use writer::{Collector, Order};

/// Reserved name of the file, in a Redis database directory or an S3 bucket directory.
pub const FILE_NAME: &str = "KEYMAP.jsonl";

/// A line of this many bytes, its newline not counted, is refused; a key of 1 MiB needs about 1.4 MiB.
pub const LINE_LIMIT_BYTES: usize = 4 << 20;

/// Says why a name was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The segment took the fallback; for S3, an over-long key stored below `_keys/`.
    ShaFallback,
    /// The S3 object is a leaf where another key needs a directory.
    S3LeafData,
    /// The S3 key itself ends like a sidecar.
    MetaSuffixRename,
    /// The S3 key cannot be a path and lies below `_keys/`.
    S3KeyEscaped,
    /// A word that this version does not know; never empty. Only read, never written.
    Other(String),
}

impl Kind {
    /// Returns the word that stands in the file.
    pub fn as_str(&self) -> &str {
        match self {
            Kind::ShaFallback => "sha-fallback",
            Kind::S3LeafData => "s3-leaf-data",
            Kind::MetaSuffixRename => "meta-suffix-rename",
            Kind::S3KeyEscaped => "s3-key-escaped",
            Kind::Other(word) => word,
        }
    }

    fn from_word(word: &str) -> Kind {
        [
            Kind::ShaFallback,
            Kind::S3LeafData,
            Kind::MetaSuffixRename,
            Kind::S3KeyEscaped,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .unwrap_or_else(|| Kind::Other(word.to_owned()))
    }
}

/// One mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The segment without extension (Redis), or the path of the body file from the bucket directory (S3). Never empty. Exact bytes.
    pub encoded: Vec<u8>,
    /// The name that was changed; may be empty.
    pub original: Vec<u8>,
    /// Why it was changed.
    pub kind: Kind,
}

#[cfg(test)]
mod tests;

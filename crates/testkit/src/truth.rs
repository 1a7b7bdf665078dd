//! What a live server answered, and whether a decoded tree agrees with it.
//!
//! [`Truth`] is the `truth.json` of a golden set. [`compare_tree`] reads a dump tree with its own
//! code, written from the format documents, and lists every disagreement.

mod checksums;
mod facts;
mod files;
mod keymap;
mod manifest;
mod of_node;
mod redis;
mod s3;
mod segment;

use std::fmt;
use std::path::Path;

pub use facts::{
    AbsentKey, Blob, Bucket, Object, Redis, RedisKey, Rows, S3, SnapshotFacts, Truth, Value,
};
pub use files::{Tree, TreeFile};
pub use manifest::compare_manifest;

/// A family of keys that a decode can have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Redis strings.
    RedisStrings,
    /// Redis HyperLogLog-like counters.
    RedisHll,
    /// S3 buckets and objects.
    S3,
}

impl Family {
    /// Everything that can be compared.
    pub const ALL: [Family; 3] = [Family::RedisStrings, Family::RedisHll, Family::S3];
}

/// Lists every way in which the tree below `dir` differs from `truth`.
///
/// Compared are the given families: each key with its bytes, expiry and attributes, and that nothing
/// else is there — no deleted key, no other family, no unlisted file. Keys that had expired must be
/// in the tree with their past expiry. `CHECKSUMS` and the modes of files are checked as well.
///
/// # Panics
/// When the tree cannot be read at all.
pub fn compare_tree(truth: &Truth, dir: &Path, families: &[Family]) -> Vec<String> {
    let tree = Tree::read(dir);
    let mut findings = Findings::default();
    files::check_modes(&tree, &mut findings);
    checksums::check(&tree, &mut findings);
    check_top(&tree, families, &mut findings);
    if let Some(redis) = &truth.redis {
        redis::check(redis, &tree, families, &mut findings);
    }
    if let (Some(s3), true) = (&truth.s3, families.contains(&Family::S3)) {
        s3::check(s3, &tree, &mut findings);
    }
    findings.0
}

/// Only the adapters that were asked for may have a directory.
fn check_top(tree: &Tree, families: &[Family], findings: &mut Findings) {
    for file in tree.files() {
        let top = file.path.split(|&byte| byte == b'/').next();
        let expected = match top {
            Some(b"MANIFEST.json" | b"CHECKSUMS") => true,
            Some(b"redis") => families.iter().any(|family| *family != Family::S3),
            Some(b"s3") => families.contains(&Family::S3),
            _ => false,
        };
        if !expected {
            findings.add(&file.path, "does not belong into this tree");
        }
    }
}

/// Collects disagreements, each beginning with the name it is about.
#[derive(Debug, Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, name: &[u8], what: impl fmt::Display) {
        self.0.push(format!("{}: {what}", name.escape_ascii()));
    }

    fn expect<T: PartialEq + fmt::Debug>(&mut self, name: &[u8], what: &str, actual: T, wanted: T) {
        if actual != wanted {
            self.add(name, format_args!("{what} is {actual:?}, not {wanted:?}"));
        }
    }
}

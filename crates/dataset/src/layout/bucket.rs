//! Decoded S3 buckets: `s3/<bucket>/` of a dump, whose bookkeeping is not data.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use data_encoding::BASE64URL_NOPAD;
use fsroot::{Kind, RelPath, Root};
use serde::Deserialize;

use super::directory::Entry;
use super::{cause, show};
use crate::finding::{Findings, Place};
use crate::rule::Rule;

/// Every object's metadata lies beside it in a file with this suffix.
const SIDECAR_SUFFIX: &[u8] = b".elastickv-meta.json";

/// The file that tells a decoded bucket from other folders.
const BUCKET_FILE: &str = "_bucket.json";

/// Stored names and the keys they stand for.
const KEYMAP: &str = "KEYMAP.jsonl";

/// Names at the top of a bucket that are not keys.
const OWN: [&[u8]; 5] = [
    b"_bucket.json",
    b"KEYMAP.jsonl",
    b"_keys",
    b"_orphans",
    b"_incomplete_uploads",
];

const LINE_MAX_BYTES: u64 = 4 << 20;

/// The renames of a bucket that concern the top and the directories right below it.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// Stored path by key.
    stored: BTreeMap<Vec<u8>, RelPath>,
}

/// A line of the key map.
#[derive(Deserialize)]
struct Line {
    encoded: String,
    original: String,
    encoded_b64: Option<String>,
}

impl Bucket {
    /// Recognises a bucket by its `_bucket.json`, and reads its renames.
    pub(super) fn recognise(root: &Root, findings: &mut Findings) -> Option<Bucket> {
        let marker = RelPath::new(BUCKET_FILE).ok()?;
        if !matches!(root.stat(&marker), Ok((Kind::File, _))) {
            return None;
        }
        let message = "The folder is a decoded S3 bucket; its bookkeeping files are left out and renames undone.";
        findings.add(Rule::BucketDecoded, Place::file(BUCKET_FILE), message);
        let mut bucket = Bucket::default();
        if let Err((line, cause)) = bucket.read_keymap(root) {
            let place = Place {
                line,
                ..Place::file(KEYMAP)
            };
            let message = format!("{KEYMAP} cannot be used: {cause}.");
            findings.add(Rule::BucketKeymap, place, message);
        }
        Some(bucket)
    }

    /// Says whether a name at the top belongs to the bucket itself.
    pub(super) fn is_own(name: &[u8]) -> bool {
        OWN.contains(&name)
    }

    /// Gives the stored path of a key that is kept under another name.
    pub(super) fn stored(&self, key: &[u8]) -> Option<RelPath> {
        self.stored.get(key).cloned()
    }

    /// Says whether an entry is a sidecar, or the stored name of another key.
    pub(super) fn hides(&self, directory: &str, name: &[u8]) -> bool {
        let path = join(directory, name);
        name.ends_with(SIDECAR_SUFFIX)
            || self.stored.values().any(|stored| stored.as_bytes() == path)
    }

    /// Lists the files of a directory that are kept under other names.
    pub(super) fn elsewhere(&self, directory: &str) -> Vec<Entry> {
        let prefix = join(directory, b"");
        let below = self.stored.iter().filter_map(|(key, stored)| {
            let name = key.strip_prefix(prefix.as_slice())?;
            (!name.is_empty() && !name.contains(&b'/') && !name.starts_with(b".")).then(|| Entry {
                name: name.into(),
                kind: Kind::File,
                stored: Some(stored.clone()),
            })
        });
        below.collect()
    }

    fn read_keymap(&mut self, root: &Root) -> Result<(), (Option<u64>, String)> {
        let path = RelPath::new(KEYMAP).map_err(|_| (None, KEYMAP.to_owned()))?;
        let open = match root.open_file(&path) {
            Ok(open) => open,
            Err(fsroot::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err((None, cause(&error))),
        };
        let mut lines = BufReader::new(open.file);
        for number in 1.. {
            let mut line = Vec::new();
            let read = lines
                .by_ref()
                .take(LINE_MAX_BYTES)
                .read_until(b'\n', &mut line);
            match read {
                Ok(0) => break,
                Ok(_) => self
                    .take_line(&line)
                    .map_err(|cause| (Some(number), cause))?,
                Err(error) => return Err((Some(number), error.to_string())),
            }
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), String> {
        let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let key = decode(&line.original, "original")?;
        let stored = match &line.encoded_b64 {
            Some(exact) => decode(exact, "encoded_b64")?,
            None => line.encoded.into_bytes(),
        };
        let stored =
            RelPath::new(&stored).map_err(|_| format!("'{}' is not a path", show(&stored)))?;
        // Deeper keys and folder markers are no files of a dataset.
        let depth = key.iter().filter(|byte| **byte == b'/').count();
        if depth <= 1 {
            self.stored.insert(key, stored);
        }
        Ok(())
    }
}

fn decode(text: &str, member: &str) -> Result<Vec<u8>, String> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| format!("'{member}' is not base64url"))
}

fn join(directory: &str, name: &[u8]) -> Vec<u8> {
    match directory {
        "" => name.to_vec(),
        _ => [directory.as_bytes(), b"/", name].concat(),
    }
}

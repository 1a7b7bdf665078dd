//! Between the passes: buckets get directories, references their content, keys their names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dump::object_name::Shape;
use fsroot::CaseBehaviour;
use spill::{Sorted, Sorter};

use super::Settings;
use super::content;
use super::error::Fault;
use super::index::{Bucket, Index, RowRef, SMALL_BUDGET_BYTES, UPLOAD};
use super::key;
use super::names::conflicts::{Conflicts, SplitDirectories};
use super::names::folding::{self, Folding};
use super::names::{self, Name};
use super::record::BucketRecord;
use crate::error::{Error, escaped};
use crate::options::OnBad;
use crate::sources::Sources;
use crate::{Observer, Place};

/// Most bytes of keys that one error lists.
const MAX_LISTED_BYTES: usize = 4 << 20;

/// What is known before the first file is written.
pub(crate) struct Plan {
    pub(super) settings: Settings,
    pub(super) folding: Folding,
    pub(super) scratch: PathBuf,
    pub(super) buckets: BTreeMap<Vec<u8>, Planned>,
    /// As in the index, with references resolved.
    pub(super) objects: Sorted,
    /// Objects whose name is neither their key nor decided by their key alone: bucket, object → name.
    pub(super) renamed: Sorted,
    /// Descriptors of uploads: bucket, kind, key → leftover, row.
    pub(super) uploads: Sorted,
    /// Chunks by content that nothing refers to: digest → row.
    pub(super) unused: Sorted,
    /// Bytes of all inline chunks.
    pub(super) total_bytes: u64,
}

/// What the destination's file system does with names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) case: CaseBehaviour,
    /// Whether names have to suit any common file system.
    pub(crate) portable: bool,
}

/// A bucket and its directory below `s3/`.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) record: Option<BucketRecord>,
    pub(super) hidden: bool,
    pub(super) bad: bool,
    pub(super) directory: String,
}

impl Index {
    /// Settles everything that depends on all rows.
    ///
    /// # Errors
    ///
    /// Keys that are refused, all in one error; damaged chunks that nothing refers to; scratch files.
    pub(crate) fn plan(
        mut self,
        _sources: &Sources<'_>,
        target: Target,
        observer: &dyn Observer,
    ) -> Result<Plan, Error> {
        self.report(observer);
        let Target { case, portable } = target;
        let folding = match portable || case.case_insensitive || case.normalising {
            true => Folding::Portable,
            false => Folding::Exact,
        };
        let new_sorter = |scratch: &Path| Sorter::new(Some(scratch.to_owned()), SMALL_BUDGET_BYTES);
        let content = std::mem::replace(&mut self.content, new_sorter(&self.scratch)).finish()?;
        let mut unused = new_sorter(&self.scratch);
        content::resolve(content, &mut self.objects, &mut unused)?;
        let uploads = std::mem::replace(&mut self.uploads, new_sorter(&self.scratch)).finish()?;
        let uploads = mark_leftovers(uploads, new_sorter(&self.scratch))?;
        let keys = std::mem::replace(&mut self.keys, new_sorter(&self.scratch)).finish()?;
        let renamed = Naming::new(&self, folding).run(keys)?;
        Ok(Plan {
            settings: self.settings,
            folding,
            scratch: self.scratch,
            buckets: directories(self.buckets, folding),
            objects: self.objects.finish()?,
            renamed,
            uploads,
            unused: unused.finish()?,
            total_bytes: self.total_bytes,
        })
    }
}

impl Plan {
    /// Returns the directory of a bucket below `s3/`, whether or not it has a record.
    pub(super) fn directory(&self, bucket: &[u8]) -> String {
        match (self.buckets.get(bucket), self.folding) {
            (Some(planned), _) => planned.directory.clone(),
            (None, Folding::Exact) => dump::name::encode_directory(bucket).text,
            (None, Folding::Portable) => dump::name::fallback(bucket),
        }
    }
}

fn directories(buckets: BTreeMap<Vec<u8>, Bucket>, folding: Folding) -> BTreeMap<Vec<u8>, Planned> {
    let plain = |name: &[u8]| dump::name::encode_directory(name).text;
    let mut meetings: BTreeMap<String, u64> = BTreeMap::new();
    for name in buckets.keys() {
        *meetings.entry(folding::fold(&plain(name))).or_default() += 1;
    }
    let directory = |name: &[u8]| {
        let text = plain(name);
        let alone = meetings
            .get(&folding::fold(&text))
            .is_none_or(|&count| count < 2);
        match folding {
            Folding::Portable if !alone || !folding::is_portable(text.as_bytes()) => {
                dump::name::fallback(name)
            }
            _ => text,
        }
    };
    buckets
        .into_iter()
        .map(|(name, bucket)| {
            let Bucket {
                record,
                hidden,
                bad,
            } = bucket;
            let planned = Planned {
                record,
                hidden,
                bad,
                directory: directory(&name),
            };
            (name, planned)
        })
        .collect()
}

/// Returns the place of a row.
pub(super) fn place(sources: &Sources<'_>, row: RowRef, user_key: &[u8]) -> Place {
    Place {
        input: sources.name(row.value.source).to_owned(),
        offset: Some(row.offset),
        entry: Some(row.entry),
        key: Some(escaped(user_key)),
    }
}

/// Brings descriptors into the order of their keys, each knowing whether its upload still has a record.
fn mark_leftovers(mut uploads: Sorted, mut out: Sorter) -> Result<Sorted, Error> {
    let mut in_progress: Vec<u8> = Vec::new();
    while let Some((key, value)) = uploads.next()? {
        let scratch = |_| Error::Scratch("S3 upload");
        let (bucket, rest) = key::split_segment(key).map_err(scratch)?;
        let (_, rest) = key::split_u64(rest).map_err(scratch)?;
        let (_, rest) = key::split_segment(rest).map_err(scratch)?;
        let rest = rest
            .strip_prefix(&[UPLOAD])
            .ok_or(Error::Scratch("S3 upload"))?;
        let (_, rest) = key::split_segment(rest).map_err(scratch)?;
        let upload = key.get(..key.len() - rest.len()).unwrap_or_default();
        let (kind, user_key) = rest.split_first().ok_or(Error::Scratch("S3 upload"))?;
        if *kind == 0 {
            in_progress.clear();
            in_progress.extend_from_slice(upload);
        }
        let leftover = u8::from(in_progress != upload);
        out.push(
            &[bucket.encoded(), &[*kind], user_key].concat(),
            &[&[leftover], value].concat(),
        )?;
    }
    Ok(out.finish()?)
}

/// Settles the names of all objects that will be written.
struct Naming<'a> {
    index: &'a Index,
    folding: Folding,
    refused: Refused,
}

/// Keys that stop the run, all of them.
#[derive(Default)]
struct Refused {
    suffix: Listed,
    shape: Listed,
}

#[derive(Default)]
struct Listed {
    keys: Vec<String>,
    bytes: usize,
    count: u64,
}

impl Listed {
    fn add(&mut self, bucket: &[u8], key: &[u8]) {
        self.count += 1;
        if self.bytes < MAX_LISTED_BYTES {
            let text = format!("{}/{}", bucket.escape_ascii(), key.escape_ascii());
            self.bytes += text.len();
            self.keys.push(text);
        }
    }
}

/// Takes keys in the order of their folded forms.
struct Feed<'a> {
    conflicts: Conflicts,
    /// The bucket's segment.
    bucket: Vec<u8>,
    strict: bool,
    refused: &'a mut Refused,
    out: Sorter,
}

impl Feed<'_> {
    fn push(&mut self, bucket: &[u8], fold: &[u8], key: &[u8], banned: bool) -> Result<(), Error> {
        if self.bucket != bucket {
            self.end_bucket()?;
            self.bucket = bucket.to_vec();
        }
        let (bucket, out, refused, strict) =
            (&self.bucket, &mut self.out, &mut *self.refused, self.strict);
        self.conflicts.push(fold, key, banned, &mut |key, name| {
            renamed(bucket, key, name, strict, refused, out)
        })
    }

    fn end_bucket(&mut self) -> Result<(), Error> {
        let (bucket, out, refused, strict) =
            (&self.bucket, &mut self.out, &mut *self.refused, self.strict);
        self.conflicts
            .finish(&mut |key, name| renamed(bucket, key, name, strict, refused, out))
    }
}

fn renamed(
    bucket: &[u8],
    key: &[u8],
    name: Name,
    strict: bool,
    refused: &mut Refused,
    out: &mut Sorter,
) -> Result<(), Error> {
    if strict && name == Name::Escaped {
        let (segment, _) = key::split_segment(bucket).map_err(|_| Error::Scratch("S3 bucket"))?;
        refused.shape.add(&segment.decode(), key);
    }
    let mut record = bucket.to_vec();
    key::segment_into(key, &mut record);
    Ok(out.push(&record, &[name.to_byte()])?)
}

impl<'a> Naming<'a> {
    fn new(index: &'a Index, folding: Folding) -> Naming<'a> {
        Naming {
            index,
            folding,
            refused: Refused::default(),
        }
    }

    fn run(mut self, keys: Sorted) -> Result<Sorted, Error> {
        let mut refused = std::mem::take(&mut self.refused);
        let mut feed = Feed {
            conflicts: Conflicts::default(),
            bucket: Vec::new(),
            strict: self.index.settings.strict_keys,
            refused: &mut refused,
            out: self.sorter(),
        };
        match self.folding {
            Folding::Exact => self.exact(keys, &mut feed)?,
            Folding::Portable => self.portable(keys, &mut feed)?,
        }
        feed.end_bucket()?;
        let names = feed.out.finish()?;
        self.refuse(refused)?;
        Ok(names)
    }

    /// Fails with all refused keys at once, unless they are to be left out one by one.
    fn refuse(&self, refused: Refused) -> Result<(), Error> {
        if self.index.on_bad == OnBad::LeaveOut {
            return Ok(());
        }
        let Refused { suffix, shape } = refused;
        if suffix.count > 0 {
            let fault = Fault::SuffixCollision {
                keys: suffix.keys,
                count: suffix.count,
            };
            return Err(Error::from(super::Error::from(fault)));
        }
        if shape.count > 0 {
            let fault = Fault::RefusedKeys {
                keys: shape.keys,
                count: shape.count,
            };
            return Err(Error::from(super::Error::from(fault)));
        }
        Ok(())
    }

    /// The order of the index is the order of names already.
    fn exact(&self, mut keys: Sorted, feed: &mut Feed<'_>) -> Result<(), Error> {
        let mut raw = Vec::new();
        while let Some((record, _)) = keys.next()? {
            if let Some((bucket, fold)) = self.plain(record, &mut raw, feed.refused)? {
                feed.push(bucket, fold, &raw, false)?;
            }
        }
        Ok(())
    }

    /// Sorts by folded form, finds the directories that are spelt in several ways, and names with those in hand.
    fn portable(&self, mut keys: Sorted, feed: &mut Feed<'_>) -> Result<(), Error> {
        let mut folded = self.sorter();
        let (mut raw, mut record) = (Vec::new(), Vec::new());
        while let Some((key, _)) = keys.next()? {
            if let Some((bucket, _)) = self.plain(key, &mut raw, feed.refused)?
                && names::shape(&raw, self.folding) == Shape::Plain
            {
                record.clear();
                record.extend_from_slice(bucket);
                self.folding.fold_into(&raw, &mut record);
                folded.push(&record, &raw)?;
            }
        }
        drop(keys);
        let mut folded = folded.finish()?;
        let mut split = self.split_directories(&mut folded)?;
        folded.rewind()?;
        let mut directory: Option<Vec<u8>> = split.next()?.map(|(key, _)| key.to_vec());
        while let Some((record, raw)) = folded.next()? {
            // A directory applies to the records that begin with it; records before it are past once it is reached.
            while directory
                .as_deref()
                .is_some_and(|d| d < record && !record.starts_with(d))
            {
                directory = split.next()?.map(|(key, _)| key.to_vec());
            }
            let banned = directory
                .as_deref()
                .is_some_and(|directory| record.starts_with(directory));
            let (bucket, fold) = split_bucket(record)?;
            feed.push(bucket, fold, raw, banned)?;
        }
        Ok(())
    }

    fn split_directories(&self, folded: &mut Sorted) -> Result<Sorted, Error> {
        let mut out = self.sorter();
        let mut open = SplitDirectories::default();
        let mut current: Vec<u8> = Vec::new();
        while let Some((record, raw)) = folded.next()? {
            let (bucket, fold) = split_bucket(record)?;
            if current != bucket {
                open.finish();
                current = bucket.to_vec();
            }
            open.push(fold, raw, &mut |directory| {
                out.push(&[bucket, directory].concat(), b"")
            })?;
        }
        Ok(out.finish()?)
    }

    /// Returns bucket and sort form of a plain key that will be written, and the key itself in `raw`. Notes refused ones.
    fn plain<'r>(
        &self,
        record: &'r [u8],
        raw: &mut Vec<u8>,
        refused: &mut Refused,
    ) -> Result<Option<(&'r [u8], &'r [u8])>, Error> {
        let scratch = |_| Error::Scratch("S3 key");
        let (bucket, rest) = key::split_segment(record).map_err(scratch)?;
        let (generation, rest) = key::split_u64(rest).map_err(scratch)?;
        let (class, sorted) = rest.split_first().ok_or(Error::Scratch("S3 key"))?;
        let name = bucket.decode();
        if !self.is_active(&name, generation) {
            return Ok(None);
        }
        raw.clear();
        raw.extend_from_slice(sorted);
        if *class == 0 {
            for byte in raw.iter_mut().filter(|byte| **byte == 0) {
                *byte = b'/';
            }
        }
        let settings = &self.index.settings;
        if raw.ends_with(names::SIDECAR_SUFFIX) && !settings.rename_collisions {
            if settings.strict_keys {
                refused.suffix.add(&name, raw);
            }
            // It lies below `_keys/`, where nothing collides.
            return Ok(None);
        }
        if settings.strict_keys && names::shape(raw, self.folding) != Shape::Plain {
            refused.shape.add(&name, raw);
            return Ok(None);
        }
        Ok((*class == 0).then_some((bucket.encoded(), sorted)))
    }

    fn is_active(&self, bucket: &[u8], generation: u64) -> bool {
        let record = self
            .index
            .buckets
            .get(bucket)
            .and_then(|bucket| bucket.record.as_ref());
        record.is_some_and(|record| record.generation == generation)
    }

    fn sorter(&self) -> Sorter {
        Sorter::new(Some(self.index.scratch().to_owned()), SMALL_BUDGET_BYTES)
    }
}

fn split_bucket(record: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let (bucket, rest) = key::split_segment(record).map_err(|_| Error::Scratch("S3 key"))?;
    Ok((bucket.encoded(), rest))
}

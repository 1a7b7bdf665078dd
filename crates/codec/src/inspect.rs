//! What is in a snapshot, without writing anything.

use std::collections::BTreeMap;

use snapshot::{
    Checked, Disposition, Entry, FooterPolicy, FsmHeader, Keep, MvccRow, Operational, ReadAt,
    Reader, Store,
};

use crate::counts::Counts;
use crate::decode::verify_footer;
use crate::error::{Error, escaped};
use crate::event::{Event, Observer, Phase};
use crate::family::{self, Family, Record, Router};
use crate::input::Input;
use crate::s3;
use crate::s3::key;
use crate::sources::{Source, Sources};
use crate::survey;
use crate::walk::{Meter, Visitor, walk};

/// How many of the largest values are named.
const LARGEST: usize = 10;

/// Most sections that are told apart; further buckets are counted together.
const MAX_SECTIONS: usize = 10_000;

/// What is in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Name of the input.
    pub name: String,
    /// Bytes of the file.
    pub size_bytes: u64,
    /// Raft index by the file's name, else the last one applied to its content.
    pub index: Option<u64>,
    /// Last Raft index applied to the content.
    pub applied_index: Option<u64>,
    /// The FSM header, if there is one.
    pub fsm: Option<FsmHeader>,
    /// Form of the store stream.
    pub store: Store,
    /// The store's commit watermark, hybrid logical clock.
    pub last_commit_ts: u64,
    /// The verified CRC32C, if the file has a footer.
    pub crc32c: Option<u32>,
    /// Where every row went.
    pub counts: Counts,
    /// Families, S3 by bucket.
    pub sections: BTreeMap<Section, SectionStats>,
    /// The largest values, descending.
    pub largest: Vec<Largest>,
    /// When the keys with an expiry expire, seen from the commit watermark.
    pub expiries: ExpirySpread,
    /// Visible unknown rows by the first component of their keys, escaped, and bytes of their bodies.
    pub unknown: BTreeMap<String, (u64, u64)>,
}

/// A part of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section {
    /// The family.
    pub family: Family,
    /// The bucket, escaped; `None` for other families, and for S3 rows that belong to no bucket.
    pub bucket: Option<String>,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SectionStats {
    /// Keys, objects, tables' items or messages: visible rows that stand for one each.
    pub keys: u64,
    /// Visible rows of any kind.
    pub rows: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Rows of any version.
    pub versions: u64,
    /// Row keys whose newest version is a deletion.
    pub deleted: u64,
    /// Row keys whose newest version has expired by its own expiry.
    pub expired: u64,
}

/// One of the largest values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Largest {
    /// Bytes of the body; for S3 of all of an object's visible chunks.
    pub bytes: u64,
    /// The family.
    pub family: Family,
    /// The user's key or bucket and object, escaped.
    pub key: String,
}

/// How many keys expire when, seen from the commit watermark (which can be ahead of the clock by ten seconds).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpirySpread {
    /// Before it.
    pub past: u64,
    /// Within an hour.
    pub hour: u64,
    /// Within a day.
    pub day: u64,
    /// Within 30 days.
    pub month: u64,
    /// Later.
    pub later: u64,
}

/// Says what is in a snapshot. Everything is read once and the footer verified; nothing is written.
///
/// # Errors
///
/// Damage, anywhere in the file.
pub fn inspect(
    input: &Input,
    footer: FooterPolicy,
    observer: &dyn Observer,
) -> Result<Inspection, Error> {
    let layers = survey::recognise(input, footer, observer)?;
    let sources = Sources::new(vec![(input, layers)]);
    let Some((_, source)) = sources.iter().next() else {
        return Err(Error::Scratch("source"));
    };
    let size_bytes = input.data.size_bytes().map_err(|error| Error::Io {
        input: input.name.clone(),
        error,
    })?;
    let data: &dyn ReadAt = &*input.data;
    let reader = Reader::new(data, &layers, footer, |_| Keep::Whole)
        .map_err(|error| source.snapshot_error(error))?;
    let mut inspector = Inspector::new(layers.last_commit_ts >> 16);
    let meter = Meter::new(observer, Phase::Survey, size_bytes);
    let (ledger, checked) = walk(source, reader, &mut inspector, &meter)?.ok_or(Error::Worker)?;
    source.surveyed(ledger, checked);
    verify_footer(source, &meter)?;
    let inspection = inspector.finish(source, size_bytes, checked);
    if inspection.counts.total == 0 {
        observer.event(Event::EmptySnapshot {
            input: input.name.clone(),
        });
    }
    Ok(inspection)
}

struct Inspector {
    commit_ms: u64,
    router: Router,
    counts: Counts,
    applied_index: Option<u64>,
    sections: BTreeMap<Section, SectionStats>,
    /// The section of the last row: neighbours mostly share it.
    last: Option<(Family, Vec<u8>, Section)>,
    current: SectionStats,
    largest: Vec<Largest>,
    object: (Vec<u8>, u64),
    /// The collection of the last element.
    collection: Option<(Family, Vec<u8>)>,
    expiries: ExpirySpread,
    unknown: BTreeMap<String, (u64, u64)>,
}

impl Visitor for Inspector {
    fn operational(&mut self, row: Operational) {
        self.counts.total += 1;
        self.counts.operational += 1;
        if let Operational::AppliedIndex(index) = row {
            self.applied_index = Some(index);
        }
    }

    fn version(
        &mut self,
        _entry: &Entry<'_>,
        row: &MvccRow<'_>,
        disposition: Disposition,
    ) -> Result<(), Error> {
        self.counts.total += 1;
        if row.encryption == snapshot::Encryption::Encrypted {
            self.counts.encrypted += 1;
        }
        let routed = self.router.route(row.user_key);
        let family = routed.and_then(|(_, record)| family_of(record));
        match disposition {
            Disposition::Superseded => self.counts.superseded += 1,
            Disposition::Tombstone => self.counts.deleted += 1,
            Disposition::Expired => self.counts.expired += 1,
            Disposition::Visible => match (family, routed) {
                (Some(family), _) => self.counts.add(family, row.body_bytes),
                (None, Some(_)) => self.counts.internal += 1,
                (None, None) => self.add_unknown(row),
            },
        }
        if let (Some(family), Some((prefix, record))) = (family, routed) {
            self.enter(family, record, row);
            self.add(family, prefix, record, row, disposition);
        }
        Ok(())
    }
}

impl Inspector {
    fn new(commit_ms: u64) -> Inspector {
        Inspector {
            commit_ms,
            router: Router::default(),
            counts: Counts::default(),
            applied_index: None,
            sections: BTreeMap::new(),
            last: None,
            current: SectionStats::default(),
            largest: Vec::new(),
            object: (Vec::new(), 0),
            collection: None,
            expiries: ExpirySpread::default(),
            unknown: BTreeMap::new(),
        }
    }

    fn add_unknown(&mut self, row: &MvccRow<'_>) {
        self.counts.unknown += 1;
        let count = self
            .unknown
            .entry(family::first_component(row.user_key))
            .or_default();
        count.0 += 1;
        count.1 += row.body_bytes;
    }

    /// Makes the row's section the current one.
    fn enter(&mut self, family: Family, record: Record, row: &MvccRow<'_>) {
        let bucket = match family {
            Family::S3 => bucket(record, row.user_key),
            _ => None,
        };
        // Without a bucket nothing is compared: `memcmp` of two empty slices, whose pointers dangle, can cost 100 ns.
        if let Some((last, last_bucket, _)) = &self.last
            && *last == family
            && bucket.map_or(last_bucket.is_empty(), |bucket| last_bucket == bucket)
        {
            return;
        }
        let bucket = bucket.unwrap_or_default();
        self.leave();
        let name = (family == Family::S3 && !bucket.is_empty()).then(|| escaped_segment(bucket));
        let mut section = Section {
            family,
            bucket: name,
        };
        if !self.sections.contains_key(&section) && self.sections.len() >= MAX_SECTIONS {
            section.bucket = Some("…".to_owned());
        }
        self.last = Some((family, bucket.to_vec(), section));
    }

    /// Adds what was gathered to the section of the last row.
    fn leave(&mut self) {
        if let Some((_, _, section)) = self.last.take() {
            self.sections.entry(section).or_default().add(self.current);
        }
        self.current = SectionStats::default();
    }

    fn add(
        &mut self,
        family: Family,
        prefix: &[u8],
        record: Record,
        row: &MvccRow<'_>,
        disposition: Disposition,
    ) {
        self.current.versions += 1;
        match disposition {
            Disposition::Superseded => {}
            Disposition::Tombstone => self.current.deleted += 1,
            Disposition::Expired => self.current.expired += 1,
            Disposition::Visible => {
                self.current.rows += 1;
                self.current.bytes += row.body_bytes;
                self.current.keys += u64::from(stands_for_a_key(prefix, record));
                self.visible(family, prefix, record, row);
            }
        }
    }

    fn visible(&mut self, family: Family, prefix: &[u8], record: Record, row: &MvccRow<'_>) {
        let rest = row.user_key.get(prefix.len()..).unwrap_or_default();
        if let Some(key) = collection(prefix, record, rest)
            && self
                .collection
                .as_ref()
                .is_none_or(|(last, of)| *last != family || of != key)
        {
            self.collection = Some((family, key.to_vec()));
            self.current.keys += 1;
        }
        match record {
            Record::RedisTtl => {
                if let Ok(at) = row.body.try_into() {
                    self.expiries.add(u64::from_be_bytes(at), self.commit_ms);
                }
            }
            Record::S3(s3::Record::Blob | s3::Record::ChunkRef) => self.chunk(row),
            Record::RedisString | Record::RedisHll => {
                let key = row.user_key.get(prefix.len()..).unwrap_or_default();
                self.offer(row.body_bytes, family, || escaped(key));
            }
            _ => {}
        }
    }

    /// Adds a chunk to its object; chunks of one object follow each other.
    fn chunk(&mut self, row: &MvccRow<'_>) {
        let Some(object) = object(row.user_key) else {
            return;
        };
        if self.object.0 != object {
            self.end_of_object();
            self.object.0.extend_from_slice(object);
        }
        self.object.1 += row.body_bytes;
    }

    fn end_of_object(&mut self) {
        let (object, bytes) = std::mem::take(&mut self.object);
        if bytes > 0 {
            self.offer(bytes, Family::S3, || {
                object_name(&object).unwrap_or_default()
            });
        }
    }

    fn offer(&mut self, bytes: u64, family: Family, key: impl FnOnce() -> String) {
        let at = self.largest.partition_point(|one| one.bytes >= bytes);
        if at < LARGEST {
            self.largest.insert(
                at,
                Largest {
                    bytes,
                    family,
                    key: key(),
                },
            );
            self.largest.truncate(LARGEST);
        }
    }

    fn finish(mut self, source: &Source<'_>, size_bytes: u64, checked: Checked) -> Inspection {
        self.end_of_object();
        self.leave();
        debug_assert!(self.counts.add_up(), "{:?}", self.counts);
        let layers = source.layers;
        Inspection {
            name: source.input.name.clone(),
            size_bytes,
            index: source.input.index.or(self.applied_index),
            applied_index: self.applied_index,
            fsm: layers.fsm,
            store: layers.store,
            last_commit_ts: layers.last_commit_ts,
            crc32c: match checked {
                Checked::Footer(footer) => Some(footer.crc32c),
                Checked::NoFooter => None,
            },
            counts: self.counts,
            sections: self.sections,
            largest: self.largest,
            expiries: self.expiries,
            unknown: self.unknown,
        }
    }
}

impl SectionStats {
    fn add(&mut self, other: SectionStats) {
        self.keys += other.keys;
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.versions += other.versions;
        self.deleted += other.deleted;
        self.expired += other.expired;
    }
}

impl ExpirySpread {
    fn add(&mut self, expire_at_ms: u64, commit_ms: u64) {
        const HOUR: u64 = 3_600_000;
        let count = match expire_at_ms.checked_sub(commit_ms) {
            None | Some(0) => &mut self.past,
            Some(left) if left <= HOUR => &mut self.hour,
            Some(left) if left <= 24 * HOUR => &mut self.day,
            Some(left) if left <= 30 * 24 * HOUR => &mut self.month,
            Some(_) => &mut self.later,
        };
        *count += 1;
    }
}

fn family_of(record: Record) -> Option<Family> {
    match record {
        Record::RedisString => Some(Family::RedisStrings),
        Record::RedisHll => Some(Family::RedisHll),
        Record::RedisTtl => Some(Family::RedisTtl),
        Record::RedisOther(family, _) | Record::Other(family) => Some(family),
        Record::S3(s3::Record::BucketGeneration) => None,
        Record::S3(_) => Some(Family::S3),
        Record::Internal | Record::TransactionLock | Record::TransactionCommit => None,
    }
}

/// Says whether a row stands for one key, object, item or message, so that counting such rows counts these.
fn stands_for_a_key(prefix: &[u8], record: Record) -> bool {
    const ONE_EACH: [&[u8]; 3] = [b"!stream|meta|", b"!ddb|item|", b"!sqs|msg|data|"];
    matches!(
        record,
        Record::RedisString
            | Record::RedisHll
            | Record::RedisTtl
            | Record::S3(s3::Record::ObjectHead)
    ) || ONE_EACH.contains(&prefix)
}

/// Returns the Redis key of a row that is an element of a collection, or all of it.
///
/// A collection need not have a row of its own, but its elements follow each other.
fn collection<'r>(prefix: &[u8], record: Record, rest: &'r [u8]) -> Option<&'r [u8]> {
    const ELEMENTS: [&[u8]; 7] = [
        b"!hs|fld|",
        b"!lst|itm|",
        b"!st|mem|",
        b"!zs|mem|",
        b"!redis|hash|",
        b"!redis|set|",
        b"!redis|zset|",
    ];
    match record {
        Record::RedisOther(_, form) if ELEMENTS.contains(&prefix) => family::redis_key(rest, form),
        _ => None,
    }
}

/// Returns the encoded bucket of an S3 row, with its terminator.
fn bucket(record: Record, user_key: &[u8]) -> Option<&[u8]> {
    let prefix = match record {
        Record::S3(s3::Record::BucketMeta) => key::BUCKET_META,
        Record::S3(s3::Record::ObjectHead) => key::OBJECT_HEAD,
        Record::S3(s3::Record::Blob) => key::BLOB,
        Record::S3(s3::Record::ChunkRef) => key::CHUNK_REF,
        Record::S3(s3::Record::UploadMeta) => key::UPLOAD_META,
        Record::S3(s3::Record::UploadPart) => key::UPLOAD_PART,
        _ => return None,
    };
    let rest = user_key.get(prefix.len()..)?;
    let (_, behind) = key::split_segment(rest).ok()?;
    rest.get(..rest.len() - behind.len())
}

/// Returns the part of a chunk's key that names bucket, generation and object.
fn object(user_key: &[u8]) -> Option<&[u8]> {
    let prefix = [key::BLOB, key::CHUNK_REF]
        .into_iter()
        .find(|prefix| user_key.starts_with(prefix))?;
    let rest = user_key.get(prefix.len()..)?;
    let (_, behind) = key::split_segment(rest).ok()?;
    let (_, behind) = key::split_u64(behind).ok()?;
    let (_, behind) = key::split_segment(behind).ok()?;
    rest.get(..rest.len() - behind.len())
}

fn object_name(object: &[u8]) -> Option<String> {
    let (bucket, behind) = key::split_segment(object).ok()?;
    let (_, behind) = key::split_u64(behind).ok()?;
    let (object, _) = key::split_segment(behind).ok()?;
    Some(format!(
        "{}/{}",
        escaped(&bucket.decode()),
        escaped(&object.decode())
    ))
}

fn escaped_segment(encoded: &[u8]) -> String {
    match key::split_segment(encoded) {
        Ok((segment, _)) => escaped(&segment.decode()),
        Err(_) => escaped(encoded),
    }
}

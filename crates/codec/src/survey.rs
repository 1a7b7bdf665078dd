//! The first pass: every row is read once, chosen or counted, and handed to its family.

use std::collections::BTreeMap;

use snapshot::{
    Disposition, Encryption, Entry, ErrorKind, FooterPolicy, Keep, MvccRow, Operational, ReadAt,
    Reader,
};

use crate::counts::Counts;
use crate::error::{Error, Place, escaped};
use crate::event::{Event, Observer};
use crate::family::{self, Family, Record, RedisKey, Router};
use crate::left_out::LeftOut;
use crate::locks::Locks;
use crate::options::{Options, RawRows};
use crate::redis::{self, Kind, RedisSurvey};
use crate::row::{Seen, ValueRef, VisibleRow};
use crate::s3;
use crate::sources::{Source, Sources};
use crate::sst_bundle;
use crate::twins::Twins;
use crate::walk::{Meter, Visitor, walk};

/// Most different prefixes of unknown rows that are told apart.
const MAX_UNKNOWN_PREFIXES: usize = 1_000;

/// What the survey of all inputs has found.
pub(crate) struct Survey {
    pub(crate) counts: Counts,
    pub(crate) encrypted: Option<(u64, Place)>,
    pub(crate) unknown: BTreeMap<String, (u64, u64)>,
    pub(crate) first_unknown: Option<Place>,
    pub(crate) redis: RedisSurvey,
    pub(crate) s3: s3::Index,
    pub(crate) locks: Locks,
    pub(crate) twins: Option<Twins>,
    /// What each input says about itself, in their order.
    pub(crate) inputs: Vec<InputSurvey>,
    /// Rows of two-phase transactions, of any version: traces of a cluster with several Raft groups.
    pub(crate) cross_group: bool,
}

/// What one input says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputSurvey {
    pub(crate) rows: u64,
    pub(crate) applied_index: Option<u64>,
    /// Where rows of each kind begin and end that a later pass visits again.
    pub(crate) strings: Span,
    pub(crate) unknown: Span,
}

/// A range of whole entries: (offset, entry number) of the first, offset behind the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Option<(u64, u64)>,
    pub(crate) end: u64,
    /// The first row that the span's rows are chosen among, if it is a hidden one.
    hidden: Option<(u64, u64)>,
    /// CRC32C over keys and known bodies of the span's visible rows, in order.
    pub(crate) crc: u32,
}

impl Span {
    /// Adds a row; `end` is at most a few bytes short of the entry's end, which the reader finds by itself.
    pub(crate) fn add(&mut self, entry: &Entry<'_>, row: &MvccRow<'_>) {
        let here = (entry.offset, entry.number);
        self.start.get_or_insert(self.hidden.unwrap_or(here));
        self.end = row.body_offset + row.body_bytes;
        self.fold(row);
    }

    /// Notes a hidden row in front of the span. A second pass that began behind it could take an older version of its
    /// key, which may lie behind rows of other keys, for the newest one.
    fn hide(&mut self, entry: &Entry<'_>) {
        self.hidden.get_or_insert((entry.offset, entry.number));
    }

    /// Says whether a hidden row would still move the span's start.
    fn is_open(&self) -> bool {
        self.start.is_none() && self.hidden.is_none()
    }

    /// Folds a row into the checksum by which a second pass knows that it sees the same rows.
    pub(crate) fn fold(&mut self, row: &MvccRow<'_>) {
        self.crc = crc32c::crc32c_append(self.crc, row.user_key);
        self.crc = crc32c::crc32c_append(
            self.crc,
            row.body.get(..redis::HEAD_BYTES).unwrap_or(row.body),
        );
        if row.body.len() as u64 == row.body_bytes {
            self.crc = crc32c::crc32c_append(self.crc, row.body);
        }
    }
}

/// Says how much of a long body the survey needs to see.
pub(crate) fn keep(stream_key: &[u8]) -> Keep {
    const WHOLE: [&[u8]; 5] = [
        b"!s3|bucket|",
        b"!s3|upload|",
        b"!s3|chunkref|",
        b"!txn|",
        b"!redis|ttl|",
    ];
    if WHOLE.iter().any(|prefix| stream_key.starts_with(prefix)) {
        Keep::Whole
    } else if stream_key.starts_with(b"!s3|") {
        Keep::Head(0)
    } else {
        Keep::Head(redis::HEAD_BYTES)
    }
}

impl Survey {
    pub(crate) fn new(options: &Options, inputs: usize) -> Result<Survey, Error> {
        Ok(Survey {
            counts: Counts::default(),
            encrypted: None,
            unknown: BTreeMap::new(),
            first_unknown: None,
            redis: RedisSurvey::new(&options.scratch),
            s3: s3::Index::new(options),
            locks: Locks::new(&options.scratch),
            twins: (inputs > 1).then(|| Twins::new(&options.scratch)),
            inputs: Vec::new(),
            cross_group: false,
        })
    }

    /// Reads one input from its first entry to its end.
    pub(crate) fn read(
        &mut self,
        number: u32,
        source: &Source<'_>,
        options: &Options,
        left_out: &LeftOut,
        observer: &dyn Observer,
        meter: &Meter<'_>,
    ) -> Result<(), Error> {
        let data: &dyn ReadAt = &*source.input.data;
        let reader = Reader::new(data, &source.layers, options.footer, keep)
            .map_err(|error| source.snapshot_error(error))?;
        self.inputs.push(InputSurvey::default());
        let mut surveyor = Surveyor {
            survey: self,
            number,
            source,
            options,
            left_out,
            observer,
            router: Router::default(),
        };
        let finished = walk(source, reader, &mut surveyor, meter)?;
        let (ledger, checked) = finished.ok_or(Error::Worker)?;
        source.surveyed(ledger, checked);
        debug_assert!(self.counts.add_up(), "{:?}", self.counts);
        Ok(())
    }
}

struct Surveyor<'a, 'i> {
    survey: &'a mut Survey,
    number: u32,
    source: &'a Source<'i>,
    options: &'a Options,
    left_out: &'a LeftOut,
    observer: &'a dyn Observer,
    router: Router,
}

impl Visitor for Surveyor<'_, '_> {
    fn operational(&mut self, row: Operational) {
        self.survey.counts.total += 1;
        self.survey.counts.operational += 1;
        if let Some(input) = self.survey.inputs.last_mut() {
            input.rows += 1;
            if let Operational::AppliedIndex(index) = row {
                input.applied_index = Some(index);
            }
        }
    }

    #[inline]
    fn version(
        &mut self,
        entry: &Entry<'_>,
        row: &MvccRow<'_>,
        disposition: Disposition,
    ) -> Result<(), Error> {
        let survey = &mut *self.survey;
        survey.counts.total += 1;
        if let Some(input) = survey.inputs.last_mut() {
            input.rows += 1;
        }
        if row.encryption == Encryption::Encrypted {
            survey.counts.encrypted += 1;
        }
        survey.cross_group |= row.user_key.starts_with(b"!txn|");
        if disposition != Disposition::Superseded
            && let Some(twins) = &mut survey.twins
        {
            twins.add(row.user_key, self.number)?;
        }
        match disposition {
            Disposition::Visible => return self.visible(entry, row),
            Disposition::Superseded => survey.counts.superseded += 1,
            Disposition::Tombstone => survey.counts.deleted += 1,
            Disposition::Expired => survey.counts.expired += 1,
        }
        if row.user_key.starts_with(b"!s3|bucket|meta|") {
            survey
                .s3
                .observe_hidden(s3::Record::BucketMeta, row.user_key)?;
        }
        self.hidden(entry, row.user_key);
        Ok(())
    }
}

impl Surveyor<'_, '_> {
    /// Lets the spans begin at the first row of their kind, visible or not.
    fn hidden(&mut self, entry: &Entry<'_>, user_key: &[u8]) {
        let Some(input) = self.survey.inputs.last_mut() else {
            return;
        };
        // Nearly every row of a real file is hidden, so this asks for as little as it can.
        let strings = input.strings.is_open()
            && (self.options.takes_bare_strings() || user_key.starts_with(b"!redis|"));
        let unknown = input.unknown.is_open() && self.options.raw == RawRows::Write;
        if !strings && !unknown {
            return;
        }
        match self.router.route(user_key) {
            Some((_, Record::RedisString | Record::RedisHll)) => input.strings.hide(entry),
            Some(_) => {}
            None if self.options.takes_bare_strings() && family::may_be_bare(user_key) => {
                input.strings.hide(entry);
            }
            None => input.unknown.hide(entry),
        }
    }

    fn visible(&mut self, entry: &Entry<'_>, row: &MvccRow<'_>) -> Result<(), Error> {
        let Some((prefix, record)) = self.router.route(row.user_key) else {
            return self.unknown(entry, row);
        };
        let rest = row.user_key.get(prefix.len()..).unwrap_or_default();
        let family = match record {
            Record::RedisString => Family::RedisStrings,
            Record::RedisHll => Family::RedisHll,
            Record::RedisTtl => Family::RedisTtl,
            Record::RedisOther(family, _) | Record::Other(family) => family,
            Record::S3(s3::Record::BucketGeneration) => {
                self.survey.counts.internal += 1;
                return self.s3(entry, row, s3::Record::BucketGeneration);
            }
            Record::S3(_) => Family::S3,
            Record::Internal | Record::TransactionLock | Record::TransactionCommit => {
                self.survey.counts.internal += 1;
                return self.transaction(record, rest, row);
            }
        };
        if !self.options.selects(family.adapter()) {
            self.survey.counts.not_selected += 1;
            return Ok(());
        }
        self.survey.counts.add(family, row.body_bytes);
        if row.encryption == Encryption::Encrypted {
            self.encrypted(entry, row);
            return Ok(());
        }
        match record {
            Record::RedisString => self.redis_value(Kind::String, rest, entry, row),
            Record::RedisHll => self.redis_value(Kind::Hll, rest, entry, row),
            Record::RedisTtl => {
                let place = place_of(self.source, entry, row);
                let result = self.survey.redis.index(rest, row.body, place);
                self.or_leave_out(rest, result)
            }
            Record::RedisOther(family, form) => self.redis_other(family, form, rest, row),
            Record::S3(record) => self.s3(entry, row, record),
            _ => Ok(()),
        }
    }

    fn redis_value(
        &mut self,
        kind: Kind,
        key: &[u8],
        entry: &Entry<'_>,
        row: &MvccRow<'_>,
    ) -> Result<(), Error> {
        if let Some(input) = self.survey.inputs.last_mut() {
            input.strings.add(entry, row);
        }
        let place = place_of(self.source, entry, row);
        let visible = self.visible_row(entry, row);
        let result = self
            .survey
            .redis
            .value(kind, key, &visible, row.body, place);
        self.or_leave_out(key, result)
    }

    fn redis_other(
        &mut self,
        family: Family,
        form: RedisKey,
        rest: &[u8],
        row: &MvccRow<'_>,
    ) -> Result<(), Error> {
        const LIST_BASE: &[u8] = b"!lst|meta|";
        let Some(kind) = Kind::of(family) else {
            return Ok(());
        };
        let key = match form {
            // The base row of a list whose key begins with `d|` looks like a delta but for its length.
            RedisKey::ListDelta if matches!(row.body_bytes, 24 | 32) => {
                row.user_key.get(LIST_BASE.len()..)
            }
            form => family::redis_key(rest, form),
        };
        match key {
            Some(key) => self.survey.redis.other(kind, key),
            None => Ok(()),
        }
    }

    fn s3(
        &mut self,
        entry: &Entry<'_>,
        row: &MvccRow<'_>,
        record: s3::Record,
    ) -> Result<(), Error> {
        if !self.options.selects(family::Adapter::S3) || row.encryption == Encryption::Encrypted {
            return Ok(());
        }
        let visible = self.visible_row(entry, row);
        self.survey.s3.observe(record, &visible).or_else(|error| {
            self.left_out.add(
                self.observer,
                "s3",
                &s3::Index::bucket_of(record, row.user_key),
                row.user_key,
                self.at(entry, row, error),
            )
        })
    }

    fn transaction(&mut self, record: Record, rest: &[u8], row: &MvccRow<'_>) -> Result<(), Error> {
        match record {
            Record::TransactionLock => self.survey.locks.lock(row.body),
            Record::TransactionCommit => self.survey.locks.commit(rest),
            _ => Ok(()),
        }
    }

    fn unknown(&mut self, entry: &Entry<'_>, row: &MvccRow<'_>) -> Result<(), Error> {
        if self.options.takes_bare_strings() && family::may_be_bare(row.user_key) {
            self.survey.counts.add(Family::RedisStrings, row.body_bytes);
            if row.encryption == Encryption::Encrypted {
                self.encrypted(entry, row);
                return Ok(());
            }
            return self.redis_value(Kind::BareString, row.user_key, entry, row);
        }
        self.survey.counts.unknown += 1;
        let place = self.place(entry, row);
        let survey = &mut *self.survey;
        survey.first_unknown.get_or_insert(place);
        if let Some(input) = survey.inputs.last_mut() {
            input.unknown.add(entry, row);
        }
        let mut prefix = family::first_component(row.user_key);
        if !survey.unknown.contains_key(&prefix) && survey.unknown.len() >= MAX_UNKNOWN_PREFIXES {
            prefix = "…".to_owned();
        }
        let count = survey.unknown.entry(prefix).or_default();
        count.0 += 1;
        count.1 += row.body_bytes;
        Ok(())
    }

    fn encrypted(&mut self, entry: &Entry<'_>, row: &MvccRow<'_>) {
        let place = self.place(entry, row);
        self.survey.encrypted.get_or_insert((0, place)).0 += 1;
    }

    fn visible_row<'r>(&self, entry: &Entry<'_>, row: &MvccRow<'r>) -> VisibleRow<'r> {
        let whole = row.body.len() as u64 == row.body_bytes;
        let seen = match u8::try_from(row.body.len()) {
            Err(_) | Ok(_) if whole => Seen::Whole(crc32c::crc32c(row.body)),
            Ok(head) => Seen::Head(head),
            Err(_) => Seen::Head(u8::MAX),
        };
        VisibleRow {
            user_key: row.user_key,
            entry: entry.number,
            offset: entry.offset,
            value: ValueRef {
                source: self.number,
                offset: row.body_offset,
                length: row.body_bytes,
                seen,
            },
            body: whole.then_some(row.body),
        }
    }

    fn place(&self, entry: &Entry<'_>, row: &MvccRow<'_>) -> Place {
        place_of(self.source, entry, row)()
    }

    /// Adds the place to an error of the S3 index, which knows keys but not files.
    fn at(&self, entry: &Entry<'_>, row: &MvccRow<'_>, error: Error) -> Error {
        match error {
            Error::S3(error) => Error::from(error.at(self.place(entry, row))),
            other => other,
        }
    }

    fn or_leave_out(&self, key: &[u8], result: Result<(), Error>) -> Result<(), Error> {
        result.or_else(|error| self.left_out.add(self.observer, "redis", b"0", key, error))
    }
}

/// Puts a place together when an error asks for it; most rows have none.
fn place_of(source: &Source<'_>, entry: &Entry<'_>, row: &MvccRow<'_>) -> impl Fn() -> Place {
    move || Place {
        input: source.input.name.clone(),
        offset: Some(entry.offset),
        entry: Some(entry.number),
        key: Some(escaped(row.user_key)),
    }
}

/// Tells what the survey found that does not stop the run.
pub(crate) fn report(survey: &Survey, sources: &Sources<'_>, observer: &dyn Observer) {
    for (input, (_, source)) in survey.inputs.iter().zip(sources.iter()) {
        let name = &source.input.name;
        if let (Some(named), Some(applied)) = (source.input.index, input.applied_index)
            && named < applied
        {
            observer.event(Event::IndexMismatch {
                input: name.clone(),
                named,
                applied,
            });
        }
    }
    for (prefix, (rows, bytes)) in &survey.unknown {
        observer.event(Event::UnknownRows {
            prefix: prefix.clone(),
            rows: *rows,
            bytes: *bytes,
        });
    }
    if survey.counts.encrypted > 0 {
        observer.event(Event::EncryptedRows {
            rows: survey.counts.encrypted,
        });
    }
}

/// Recognises the layers of an input.
pub(crate) fn recognise(
    input: &crate::Input,
    footer: FooterPolicy,
    observer: &dyn Observer,
) -> Result<snapshot::Layers, Error> {
    snapshot::Layers::recognise(&*input.data, footer).map_err(|error| match error.kind {
        ErrorKind::SstBundle => sst_bundle::refuse(input, error.offset, observer),
        _ => Error::Snapshot {
            input: input.name.clone(),
            error,
        },
    })
}

use std::collections::BTreeMap;

use dump::json::{Escape, Style, Writer};
use dump::keymap;
use dump::name::{SegmentKind, encode_text, fallback};
use dump::tree::{TreeFile, TreeWorker};
use fsroot::RelPath;

use super::form::Expiry;
use super::portable::{directory, kept_apart};
use super::survey::{Fact, Facts, Kind};
use crate::error::{Error, escaped};
use crate::event::{Event, Observer};
use crate::family::Family;
use crate::options::Options;

/// Memory for the list of rows that are not written as usual.
const BUDGET_BYTES: usize = 4 << 20;

/// Bytes of sidecar lines gathered for one write.
const LINES_BYTES: usize = 256 << 10;

/// What happens to a row of a string or HyperLogLog, other than being written under its usual name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directive {
    /// It is not written.
    Skip,
    /// It is written under the fallback name although its own would do.
    Fallback,
}

/// What the second pass needs.
pub(crate) struct Plan {
    /// Directives by (source, offset) of the row.
    pub(super) directives: spill::Sorted,
    pub(crate) report: RedisReport,
}

/// What became of the Redis keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisReport {
    /// Strings written.
    pub strings: u64,
    /// HyperLogLogs written.
    pub hyperloglogs: u64,
    /// Keys with an expiry among those written.
    pub with_expiry: u64,
    /// Keys whose expiry is 0, which a server takes for expired: not written.
    pub hidden_by_zero_expiry: u64,
    /// Keys not written because they expired before the time that was asked for.
    pub dropped_expired: u64,
    /// Rows of a type that another type of the same key hides: not written.
    pub hidden_by_type: u64,
    /// Expiry rows without any key.
    pub orphan_expiries: u64,
    /// Expiry rows of keys whose type is not decoded yet.
    pub expiries_not_decoded: u64,
    /// Keys that took the fallback name only to be kept apart from others.
    pub kept_apart: u64,
}

/// Settles for every Redis key which type counts and when it expires, and writes the sidecars that say so.
pub(crate) fn plan(
    mut facts: Facts,
    options: &Options,
    keep_names_apart: bool,
    worker: &mut TreeWorker,
    observer: &dyn Observer,
) -> Result<Plan, Error> {
    if facts.legacy_headers > 0 {
        let example = facts.first_legacy_header.take().unwrap_or_default();
        observer.event(Event::RedisLegacyHeader {
            count: facts.legacy_headers,
            example,
        });
    }
    let scratch = &options.scratch;
    let apart = if keep_names_apart {
        Some(kept_apart(&mut facts.facts, scratch)?)
    } else {
        None
    };
    let mut planner = Planner {
        drop_expired_at_ms: options.drop_expired_at_ms,
        apart: Apart::new(apart)?,
        directives: spill::Sorter::new(Some(scratch.clone()), BUDGET_BYTES),
        keymap: keymap::Collector::new(keymap::Order::Encounter, scratch, BUDGET_BYTES),
        sidecars: [
            Sidecar::new("hll_ttl.jsonl"),
            Sidecar::new("strings_ttl.jsonl"),
        ],
        report: RedisReport::default(),
        not_decoded: BTreeMap::new(),
        first_orphan: None,
        keys: 0,
        worker,
        observer,
    };
    let mut group = Group::default();
    while let Some((key, fact)) = facts.facts.next()? {
        let fact = Fact::from_bytes(fact).ok_or(Error::Scratch("fact"))?;
        if group.key != key || !group.any {
            planner.settle(&group)?;
            group.start(key);
        }
        group.add(fact);
    }
    planner.settle(&group)?;
    planner.finish()
}

/// All facts about one key.
#[derive(Default)]
struct Group {
    any: bool,
    key: Vec<u8>,
    /// By precedence: the first is what a server shows.
    anchors: Vec<(Kind, Expiry, u32, u64)>,
    indexed: Option<u64>,
}

impl Group {
    fn start(&mut self, key: &[u8]) {
        self.any = true;
        self.key.clear();
        self.key.extend_from_slice(key);
        self.anchors.clear();
        self.indexed = None;
    }

    fn add(&mut self, fact: Fact) {
        match fact {
            // A collection's rows need not be neighbours, so its anchor may come several times.
            Fact::Anchor { kind, .. }
                if directory(kind).is_none() && self.anchors.iter().any(|a| a.0 == kind) => {}
            Fact::Anchor {
                kind,
                expiry,
                source,
                offset,
            } => self.anchors.push((kind, expiry, source, offset)),
            Fact::Indexed { expire_at_ms } => self.indexed = Some(expire_at_ms),
        }
    }
}

struct Planner<'a> {
    drop_expired_at_ms: Option<u64>,
    apart: Apart,
    directives: spill::Sorter,
    keymap: keymap::Collector,
    sidecars: [Sidecar; 2],
    report: RedisReport,
    not_decoded: BTreeMap<Family, u64>,
    first_orphan: Option<String>,
    keys: u64,
    worker: &'a mut TreeWorker,
    observer: &'a dyn Observer,
}

impl Planner<'_> {
    fn settle(&mut self, group: &Group) -> Result<(), Error> {
        if !group.any {
            return Ok(());
        }
        let Some((&(kind, expiry, source, offset), hidden)) = group.anchors.split_first() else {
            self.report.orphan_expiries += 1;
            self.first_orphan.get_or_insert_with(|| escaped(&group.key));
            return Ok(());
        };
        for &(other, _, source, offset) in hidden {
            self.hide(group, kind, other, source, offset)?;
        }
        let Some(directory) = directory(kind) else {
            if group.indexed.is_some() {
                *self.not_decoded.entry(kind.family()).or_default() += 1;
            }
            return Ok(());
        };
        let expire_at_ms = match expiry {
            Expiry::Never => None,
            Expiry::At(at) => Some(at),
            Expiry::Indexed => group.indexed,
        };
        match expire_at_ms {
            Some(0) => self.report.hidden_by_zero_expiry += 1,
            Some(at) if self.drop_expired_at_ms.is_some_and(|limit| at <= limit) => {
                self.report.dropped_expired += 1
            }
            _ => return self.write(group, kind, directory, expire_at_ms, (source, offset)),
        }
        self.direct(source, offset, Directive::Skip)
    }

    fn hide(
        &mut self,
        group: &Group,
        shown: Kind,
        hidden: Kind,
        source: u32,
        offset: u64,
    ) -> Result<(), Error> {
        self.observer.event(Event::RedisSeveralTypes {
            key: escaped(&group.key),
            shown: shown.name(),
            hidden: hidden.name(),
        });
        if directory(hidden).is_some() {
            self.report.hidden_by_type += 1;
            self.direct(source, offset, Directive::Skip)?;
        }
        Ok(())
    }

    /// Enters a key that the second pass writes into the sidecars.
    fn write(
        &mut self,
        group: &Group,
        kind: Kind,
        directory: u8,
        expire_at_ms: Option<u64>,
        (source, offset): (u32, u64),
    ) -> Result<(), Error> {
        self.keys += 1;
        match kind {
            Kind::Hll => self.report.hyperloglogs += 1,
            _ => self.report.strings += 1,
        }
        let mut segment = encode_text(&group.key);
        if self.apart.contains(&group.key, directory)? && segment.kind == SegmentKind::Plain {
            segment.text = fallback(&group.key);
            segment.kind = SegmentKind::Fallback;
            self.report.kept_apart += 1;
            self.direct(source, offset, Directive::Fallback)?;
        }
        if segment.kind == SegmentKind::Fallback {
            let record = keymap::Record {
                encoded: segment.text.clone().into_bytes(),
                original: group.key.clone(),
                kind: keymap::Kind::ShaFallback,
            };
            // Types lie one after the other in a snapshot, keys within them nearly in byte order.
            self.keymap
                .add((u64::from(directory) << 56) | self.keys, &record)?;
        }
        if let (Some(at), Some(sidecar)) =
            (expire_at_ms, self.sidecars.get_mut(usize::from(directory)))
        {
            self.report.with_expiry += 1;
            sidecar.line(&segment.text, at, self.worker)?;
        }
        Ok(())
    }

    fn direct(&mut self, source: u32, offset: u64, directive: Directive) -> Result<(), Error> {
        let value = match directive {
            Directive::Skip => 0,
            Directive::Fallback => 1,
        };
        self.directives.push(&row_key(source, offset), &[value])?;
        Ok(())
    }

    fn finish(self) -> Result<Plan, Error> {
        let mut report = self.report;
        for sidecar in self.sidecars {
            sidecar.finish(self.worker)?;
        }
        self.keymap
            .write(self.worker, &path("redis/db_0/KEYMAP.jsonl")?)?;
        for (family, count) in self.not_decoded {
            report.expiries_not_decoded += count;
            self.observer
                .event(Event::RedisTtlNotDecoded { family, count });
        }
        if report.orphan_expiries > 0 {
            let example = self.first_orphan.unwrap_or_default();
            self.observer.event(Event::RedisOrphanTtl {
                count: report.orphan_expiries,
                example,
            });
        }
        if report.kept_apart > 0 {
            self.observer.event(Event::NamesKeptApart {
                adapter: "redis",
                count: report.kept_apart,
            });
        }
        Ok(Plan {
            directives: self.directives.finish()?,
            report,
        })
    }
}

/// The place of a row, as a sorter's key: file order.
pub(super) fn row_key(source: u32, offset: u64) -> [u8; 12] {
    let mut key = [0; 12];
    for (to, from) in key
        .iter_mut()
        .zip(source.to_be_bytes().into_iter().chain(offset.to_be_bytes()))
    {
        *to = from;
    }
    key
}

/// Makes a path of the tree from one of our own names.
pub(crate) fn path(text: &str) -> Result<RelPath, Error> {
    RelPath::new(text).map_err(|_| Error::Scratch("path"))
}

/// Goes along the keys that are kept apart, in step with the keys of the plan.
struct Apart {
    keys: Option<spill::Sorted>,
    next: Option<(Vec<u8>, u8)>,
}

impl Apart {
    fn new(keys: Option<spill::Sorted>) -> Result<Apart, Error> {
        let mut apart = Apart { keys, next: None };
        apart.advance()?;
        Ok(apart)
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.next = None;
        if let Some(keys) = &mut self.keys
            && let Some((key, directory)) = keys.next()?
        {
            self.next = Some((key.to_vec(), directory.first().copied().unwrap_or_default()));
        }
        Ok(())
    }

    fn contains(&mut self, key: &[u8], directory: u8) -> Result<bool, Error> {
        while self
            .next
            .as_ref()
            .is_some_and(|(next, at)| (next.as_slice(), *at) < (key, directory))
        {
            self.advance()?;
        }
        Ok(self
            .next
            .as_ref()
            .is_some_and(|(next, at)| (next.as_slice(), *at) == (key, directory)))
    }
}

/// A `*_ttl.jsonl` file, made with its first line.
struct Sidecar {
    name: &'static str,
    file: Option<TreeFile>,
    lines: Vec<u8>,
}

impl Sidecar {
    fn new(name: &'static str) -> Sidecar {
        Sidecar {
            name,
            file: None,
            lines: Vec::new(),
        }
    }

    fn line(
        &mut self,
        segment: &str,
        expire_at_ms: u64,
        worker: &mut TreeWorker,
    ) -> Result<(), Error> {
        let mut line = Writer::new(&mut self.lines, Style::Compact, Escape::Plain);
        line.begin_object();
        line.name("key");
        line.string(segment);
        line.name("expire_at_ms");
        line.integer(expire_at_ms);
        line.end_object();
        self.lines.push(b'\n');
        if self.lines.len() >= LINES_BYTES {
            self.flush(worker)
        } else {
            Ok(())
        }
    }

    fn flush(&mut self, worker: &mut TreeWorker) -> Result<(), Error> {
        if self.lines.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(worker.create(&path(&format!("redis/db_0/{}", self.name))?)?);
        }
        if let Some(file) = &mut self.file {
            file.append(&self.lines)?;
        }
        self.lines.clear();
        Ok(())
    }

    fn finish(mut self, worker: &mut TreeWorker) -> Result<(), Error> {
        self.flush(worker)?;
        if let Some(file) = self.file {
            worker.finish(file)?;
        }
        Ok(())
    }
}

use std::path::Path;

use super::form::{self, Expiry, Form, clamped};
use crate::error::{Error, Place, RedisError, escaped};
use crate::family::Family;
use crate::row::VisibleRow;

/// Memory for sorting anchors and expiry rows.
const BUDGET_BYTES: usize = 24 << 20;

/// Types in the order in which a server looks for them; the first one that exists is what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    String,
    Hll,
    BareString,
    List,
    Hash,
    Set,
    SortedSet,
    Stream,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::String,
        Kind::Hll,
        Kind::BareString,
        Kind::List,
        Kind::Hash,
        Kind::Set,
        Kind::SortedSet,
        Kind::Stream,
    ];

    fn rank(self) -> u8 {
        Kind::ALL
            .iter()
            .zip(0..)
            .find(|(kind, _)| **kind == self)
            .map_or(u8::MAX, |(_, rank)| rank)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Hll => "hll",
            Kind::BareString => "bare string",
            Kind::List => "list",
            Kind::Hash => "hash",
            Kind::Set => "set",
            Kind::SortedSet => "sorted set",
            Kind::Stream => "stream",
        }
    }

    pub(crate) fn of(family: Family) -> Option<Kind> {
        match family {
            Family::RedisStrings => Some(Kind::String),
            Family::RedisHll => Some(Kind::Hll),
            Family::RedisLists => Some(Kind::List),
            Family::RedisHashes => Some(Kind::Hash),
            Family::RedisSets => Some(Kind::Set),
            Family::RedisSortedSets => Some(Kind::SortedSet),
            Family::RedisStreams => Some(Kind::Stream),
            Family::DynamoDb | Family::S3 | Family::RedisTtl | Family::Sqs => None,
        }
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Kind::String | Kind::BareString => Family::RedisStrings,
            Kind::Hll => Family::RedisHll,
            Kind::List => Family::RedisLists,
            Kind::Hash => Family::RedisHashes,
            Kind::Set => Family::RedisSets,
            Kind::SortedSet => Family::RedisSortedSets,
            Kind::Stream => Family::RedisStreams,
        }
    }
}

/// What is known of one Redis key from one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The key exists as this type; the row is at (source, offset).
    Anchor {
        kind: Kind,
        expiry: Expiry,
        source: u32,
        offset: u64,
    },
    /// The expiry index has this time for it.
    Indexed { expire_at_ms: u64 },
}

const INDEX_RANK: u8 = u8::MAX;

impl Fact {
    fn to_bytes(self) -> [u8; 22] {
        let (rank, state, time, source, offset) = match self {
            Fact::Anchor {
                kind,
                expiry,
                source,
                offset,
            } => {
                let (state, time) = match expiry {
                    Expiry::Never => (0, 0),
                    Expiry::At(time) => (1, time),
                    Expiry::Indexed => (2, 0),
                };
                (kind.rank(), state, time, source, offset)
            }
            Fact::Indexed { expire_at_ms } => (INDEX_RANK, 0, expire_at_ms, 0, 0),
        };
        let mut out = [0; 22];
        let fields = [rank, state]
            .into_iter()
            .chain(source.to_be_bytes())
            .chain(offset.to_be_bytes())
            .chain(time.to_be_bytes());
        for (to, from) in out.iter_mut().zip(fields) {
            *to = from;
        }
        out
    }

    /// Unpacks a fact from a sorter's record.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Fact> {
        let (&[rank, state], rest) = bytes.split_first_chunk::<2>()?;
        let (source, rest) = rest.split_first_chunk::<4>()?;
        let (offset, time) = rest.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(time.try_into().ok()?);
        if rank == INDEX_RANK {
            return Some(Fact::Indexed { expire_at_ms: time });
        }
        let expiry = match state {
            0 => Expiry::Never,
            1 => Expiry::At(time),
            2 => Expiry::Indexed,
            _ => return None,
        };
        Some(Fact::Anchor {
            kind: *Kind::ALL.get(usize::from(rank))?,
            expiry,
            source: u32::from_be_bytes(*source),
            offset: u64::from_be_bytes(*offset),
        })
    }
}

/// Collects what the plan needs to know of every Redis key: facts, sorted by key.
pub(crate) struct RedisSurvey {
    facts: spill::Sorter,
    last: (Option<Kind>, Vec<u8>),
    legacy_headers: u64,
    first_legacy_header: Option<String>,
}

/// The facts by key, and what was counted on the way.
pub(crate) struct Facts {
    pub(crate) facts: spill::Sorted,
    pub(crate) legacy_headers: u64,
    pub(crate) first_legacy_header: Option<String>,
}

impl RedisSurvey {
    pub(crate) fn new(scratch: &Path) -> RedisSurvey {
        RedisSurvey {
            facts: spill::Sorter::new(Some(scratch.to_owned()), BUDGET_BYTES),
            last: (None, Vec::new()),
            legacy_headers: 0,
            first_legacy_header: None,
        }
    }

    /// Notes a row of a string, HyperLogLog or bare string.
    ///
    /// # Errors
    ///
    /// A value that cannot be one.
    pub(crate) fn value(
        &mut self,
        kind: Kind,
        key: &[u8],
        row: &VisibleRow<'_>,
        head: &[u8],
        place: impl Fn() -> Place,
    ) -> Result<(), Error> {
        let form = form_of(kind, head, row.value.length).map_err(|what| Error::Redis {
            what,
            place: place(),
        })?;
        if form.looks_like_header {
            self.legacy_headers += 1;
            self.first_legacy_header.get_or_insert_with(|| escaped(key));
        }
        let fact = Fact::Anchor {
            kind,
            expiry: form.expiry,
            source: row.value.source,
            offset: row.offset,
        };
        self.facts.push(key, &fact.to_bytes())?;
        Ok(())
    }

    /// Notes that a key exists as a type that is not decoded yet. Rows of one collection follow each other.
    pub(crate) fn other(&mut self, kind: Kind, key: &[u8]) -> Result<(), Error> {
        if self.last.0 == Some(kind) && self.last.1 == key {
            return Ok(());
        }
        self.last.0 = Some(kind);
        self.last.1.clear();
        self.last.1.extend_from_slice(key);
        let fact = Fact::Anchor {
            kind,
            expiry: Expiry::Indexed,
            source: 0,
            offset: 0,
        };
        self.facts.push(key, &fact.to_bytes())?;
        Ok(())
    }

    /// Notes a row of the expiry index.
    ///
    /// # Errors
    ///
    /// A body that is not eight bytes long.
    pub(crate) fn index(
        &mut self,
        key: &[u8],
        body: &[u8],
        place: impl Fn() -> Place,
    ) -> Result<(), Error> {
        let bytes: [u8; 8] = body.try_into().map_err(|_| {
            let what = RedisError::TtlLength {
                length: body.len() as u64,
            };
            Error::Redis {
                what,
                place: place(),
            }
        })?;
        let fact = Fact::Indexed {
            expire_at_ms: clamped(u64::from_be_bytes(bytes)),
        };
        self.facts.push(key, &fact.to_bytes())?;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Facts, Error> {
        Ok(Facts {
            facts: self.facts.finish()?,
            legacy_headers: self.legacy_headers,
            first_legacy_header: self.first_legacy_header,
        })
    }
}

/// Reads the form of a value of one of the decoded types.
pub(super) fn form_of(kind: Kind, head: &[u8], length: u64) -> Result<Form, RedisError> {
    match kind {
        Kind::Hll => form::hll(head, length),
        Kind::String => Ok(form::string(head, length)),
        _ => Ok(Form {
            header_bytes: 0,
            expiry: Expiry::Indexed,
            looks_like_header: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_packing_and_sort_by_precedence() {
        let anchor = |kind, expiry| Fact::Anchor {
            kind,
            expiry,
            source: 3,
            offset: 1 << 40,
        };
        let facts = [
            anchor(Kind::String, Expiry::At(7)),
            anchor(Kind::Hll, Expiry::Never),
            anchor(Kind::Stream, Expiry::Indexed),
            Fact::Indexed {
                expire_at_ms: u64::MAX,
            },
        ];
        for fact in facts {
            assert_eq!(Fact::from_bytes(&fact.to_bytes()), Some(fact));
        }
        assert!(facts.map(Fact::to_bytes).is_sorted());
    }
}

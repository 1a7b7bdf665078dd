//! The table of key prefixes: what every row of a snapshot belongs to.

use crate::s3;

/// One of the server's interfaces, and the top directory of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Adapter {
    /// Tables and items.
    DynamoDb,
    /// Buckets and objects.
    S3,
    /// Redis keys.
    Redis,
    /// Queues and messages.
    Sqs,
}

impl Adapter {
    /// All adapters, in the order of the manifest.
    pub const ALL: [Adapter; 4] = [Adapter::DynamoDb, Adapter::S3, Adapter::Redis, Adapter::Sqs];

    /// Returns the name in options, manifests and directories.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Adapter::DynamoDb => "dynamodb",
            Adapter::S3 => "s3",
            Adapter::Redis => "redis",
            Adapter::Sqs => "sqs",
        }
    }
}

/// A kind of data that is decoded as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// DynamoDB tables, items and indexes.
    DynamoDb,
    /// S3 buckets, objects and uploads.
    S3,
    /// Redis strings.
    RedisStrings,
    /// Redis HyperLogLogs.
    RedisHll,
    /// The expiry index of all Redis types.
    RedisTtl,
    /// Redis hashes.
    RedisHashes,
    /// Redis lists.
    RedisLists,
    /// Redis sets.
    RedisSets,
    /// Redis sorted sets.
    RedisSortedSets,
    /// Redis streams.
    RedisStreams,
    /// SQS queues and messages.
    Sqs,
}

impl Family {
    /// Returns the adapter that the family belongs to.
    #[must_use]
    pub fn adapter(self) -> Adapter {
        match self {
            Family::DynamoDb => Adapter::DynamoDb,
            Family::S3 => Adapter::S3,
            Family::Sqs => Adapter::Sqs,
            _ => Adapter::Redis,
        }
    }

    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::DynamoDb => "dynamodb",
            Family::S3 => "s3",
            Family::RedisStrings => "redis-strings",
            Family::RedisHll => "redis-hll",
            Family::RedisTtl => "redis-ttl",
            Family::RedisHashes => "redis-hashes",
            Family::RedisLists => "redis-lists",
            Family::RedisSets => "redis-sets",
            Family::RedisSortedSets => "redis-sorted-sets",
            Family::RedisStreams => "redis-streams",
            Family::Sqs => "sqs",
        }
    }

    /// Says whether decoding this family is implemented.
    #[must_use]
    pub fn is_decoded(self) -> bool {
        matches!(
            self,
            Family::S3 | Family::RedisStrings | Family::RedisHll | Family::RedisTtl
        )
    }
}

/// What one row is, as far as its key prefix tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// A Redis string; the Redis key is the rest.
    RedisString,
    /// A Redis HyperLogLog; the Redis key is the rest.
    RedisHll,
    /// A row of the Redis expiry index; the Redis key is the rest.
    RedisTtl,
    /// A row of a Redis type that is not decoded yet, and where the Redis key stands in it.
    RedisOther(Family, RedisKey),
    /// A row of the S3 keyspace.
    S3(s3::Record),
    /// A row of another adapter that is not decoded yet.
    Other(Family),
    /// A row that carries nothing of the user's.
    Internal,
    /// The lock of a transaction.
    TransactionLock,
    /// The commit record of a transaction.
    TransactionCommit,
}

/// Where the Redis key stands behind the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedisKey {
    /// All of the rest.
    Rest,
    /// A four-byte length, then the key.
    Length,
    /// All of the rest but the last eight bytes.
    BeforeSequence,
    /// As `Length`; but a body of 24 or 32 bytes is the base row of a list whose key begins with `d|`.
    ListDelta,
    /// The row says nothing about a key of its own.
    None,
}

const fn redis(family: Family, key: RedisKey) -> Record {
    Record::RedisOther(family, key)
}

/// Every known prefix, in byte order. The longest one that matches a key decides.
pub(crate) const PREFIXES: &[(&[u8], Record)] = {
    use Family::{
        DynamoDb, RedisHashes, RedisLists, RedisSets, RedisSortedSets, RedisStreams, Sqs,
    };
    use RedisKey::{BeforeSequence, Length, ListDelta, Rest};
    &[
        (b"!ddb|gsi|", Record::Other(DynamoDb)),
        (b"!ddb|item|", Record::Other(DynamoDb)),
        (b"!ddb|meta|gen|", Record::Other(DynamoDb)),
        (b"!ddb|meta|table|", Record::Other(DynamoDb)),
        (b"!dist|", Record::Internal),
        (b"!encryption|", Record::Internal),
        (b"!fs|", Record::Internal),
        (b"!hs|fld|", redis(RedisHashes, Length)),
        (b"!hs|meta|", redis(RedisHashes, Length)),
        (b"!hs|meta|d|", redis(RedisHashes, Length)),
        (b"!lst|claim|", redis(RedisLists, RedisKey::None)),
        (b"!lst|itm|", redis(RedisLists, BeforeSequence)),
        (b"!lst|meta|", redis(RedisLists, Rest)),
        (b"!lst|meta|d|", redis(RedisLists, ListDelta)),
        (b"!redis|hash|", redis(RedisHashes, Rest)),
        (b"!redis|hll|", Record::RedisHll),
        (b"!redis|set|", redis(RedisSets, Rest)),
        (b"!redis|stream|", redis(RedisStreams, Rest)),
        (b"!redis|str|", Record::RedisString),
        (b"!redis|ttl|", Record::RedisTtl),
        (b"!redis|txn-wide-hash|", Record::Internal),
        (b"!redis|txn-wide-list|", Record::Internal),
        (b"!redis|txn-wide-set|", Record::Internal),
        (b"!redis|txn-wide-zset|", Record::Internal),
        (b"!redis|zset|", redis(RedisSortedSets, Rest)),
        (b"!s3route|", Record::Internal),
        (b"!s3|blob|", Record::S3(s3::Record::Blob)),
        (b"!s3|bucket|gen|", Record::S3(s3::Record::BucketGeneration)),
        (b"!s3|bucket|meta|", Record::S3(s3::Record::BucketMeta)),
        (b"!s3|chunkblob|", Record::S3(s3::Record::ChunkBlob)),
        (b"!s3|chunkref|", Record::S3(s3::Record::ChunkRef)),
        (b"!s3|gc|upload|", Record::Internal),
        (b"!s3|obj|head|", Record::S3(s3::Record::ObjectHead)),
        (b"!s3|upload|meta|", Record::S3(s3::Record::UploadMeta)),
        (b"!s3|upload|part|", Record::S3(s3::Record::UploadPart)),
        (b"!sqs|msg|byage|", Record::Other(Sqs)),
        (b"!sqs|msg|data|", Record::Other(Sqs)),
        (b"!sqs|msg|dedup|", Record::Other(Sqs)),
        (b"!sqs|msg|group|", Record::Other(Sqs)),
        (b"!sqs|msg|vis|", Record::Other(Sqs)),
        (b"!sqs|queue|gen|", Record::Other(Sqs)),
        (b"!sqs|queue|meta|", Record::Other(Sqs)),
        (b"!sqs|queue|seq|", Record::Other(Sqs)),
        (b"!sqs|queue|tombstone|", Record::Other(Sqs)),
        (b"!stream|entry|", redis(RedisStreams, Length)),
        (b"!stream|meta|", redis(RedisStreams, Length)),
        (b"!st|mem|", redis(RedisSets, Length)),
        (b"!st|meta|", redis(RedisSets, Length)),
        (b"!st|meta|d|", redis(RedisSets, Length)),
        (b"!txn|", Record::Internal),
        (b"!txn|cmt|", Record::TransactionCommit),
        (b"!txn|lock|", Record::TransactionLock),
        (b"!zs|mem|", redis(RedisSortedSets, Length)),
        (b"!zs|meta|", redis(RedisSortedSets, Length)),
        (b"!zs|meta|d|", redis(RedisSortedSets, Length)),
        (b"!zs|scr|", redis(RedisSortedSets, Length)),
    ]
};

/// For each row of the table how many of the rows behind it have a prefix that begins with its own.
const LONGER: [usize; PREFIXES.len()] = {
    let mut longer = [0; PREFIXES.len()];
    let mut at = 0;
    while at < PREFIXES.len() {
        let mut next = at + 1;
        while next < PREFIXES.len() && begins_with(PREFIXES[next].0, PREFIXES[at].0) {
            next += 1;
        }
        longer[at] = next - at - 1;
        at += 1;
    }
    longer
};

/// `slice::starts_with`, for constants.
const fn begins_with(bytes: &[u8], prefix: &[u8]) -> bool {
    let mut at = 0;
    while at < prefix.len() {
        if at == bytes.len() || bytes[at] != prefix[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Finds the table row of each key; remembers the last one, because rows of one family follow each other.
#[derive(Debug, Default)]
pub(crate) struct Router {
    last: Option<usize>,
}

impl Router {
    /// Returns the longest prefix of `user_key` and what it means; `None` for an unknown key.
    #[inline]
    pub(crate) fn route(&mut self, user_key: &[u8]) -> Option<(&'static [u8], Record)> {
        if let Some(at) = self.last
            && let Some(&(prefix, record)) = PREFIXES.get(at)
            && user_key.starts_with(prefix)
            && !matches_longer(at, user_key)
        {
            return Some((prefix, record));
        }
        self.last = find(user_key);
        self.last.and_then(|at| PREFIXES.get(at)).copied()
    }
}

/// Says whether a prefix that begins with that of row `at` matches too.
#[inline]
fn matches_longer(at: usize, user_key: &[u8]) -> bool {
    let longer = LONGER.get(at).copied().unwrap_or_default();
    longer > 0
        && PREFIXES
            .iter()
            .skip(at + 1)
            .take(longer)
            .any(|(prefix, _)| user_key.starts_with(prefix))
}

/// Returns the table row of the longest prefix of `user_key`.
///
/// The last row that does not sort behind the key is the one, or its prefix begins with the one's.
fn find(user_key: &[u8]) -> Option<usize> {
    let last = PREFIXES
        .partition_point(|(prefix, _)| *prefix <= user_key)
        .checked_sub(1)?;
    let covers_last = |at: usize| LONGER.get(at).is_some_and(|longer| at + longer >= last);
    let is_prefix = |at: usize| {
        PREFIXES
            .get(at)
            .is_some_and(|(prefix, _)| user_key.starts_with(prefix))
    };
    (0..=last)
        .rev()
        .find(|&at| covers_last(at) && is_prefix(at))
}

/// Returns the Redis key that a row of a not yet decoded type belongs to, from what stands behind its prefix.
pub(crate) fn redis_key(rest: &[u8], form: RedisKey) -> Option<&[u8]> {
    match form {
        RedisKey::None => None,
        RedisKey::Rest => Some(rest),
        RedisKey::BeforeSequence => rest.split_last_chunk::<8>().map(|(key, _)| key),
        RedisKey::Length | RedisKey::ListDelta => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
        }
    }
}

/// Says whether a key without a known prefix can be a Redis string of a very old server.
///
/// Keys in a name space that the server uses itself are not: a newer server may have added a kind of row.
pub(crate) fn may_be_bare(user_key: &[u8]) -> bool {
    const RESERVED: [&[u8]; 12] = [
        b"!ddb|",
        b"!dist|",
        b"!encryption|",
        b"!fs|",
        b"!hs|",
        b"!lst|",
        b"!redis|",
        b"!s3|",
        b"!sqs|",
        b"!st|",
        b"!stream|",
        b"!txn|",
    ];
    !RESERVED.iter().any(|prefix| user_key.starts_with(prefix)) && !user_key.starts_with(b"!zs|")
}

/// Returns the first component of a key without a known prefix, escaped: `!name|`, or nothing.
pub(crate) fn first_component(user_key: &[u8]) -> String {
    const LONGEST: usize = 64;
    match user_key.iter().take(LONGEST).position(|byte| *byte == b'|') {
        Some(at) if user_key.starts_with(b"!") => user_key
            .get(..=at)
            .unwrap_or_default()
            .escape_ascii()
            .to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, prefix: Option<&str>) {
        let found = Router::default()
            .route(key.as_bytes())
            .map(|(prefix, _)| prefix);
        assert_eq!(found, prefix.map(str::as_bytes), "{key}");
    }

    #[test]
    fn the_longest_prefix_decides() {
        check("!hs|meta|x", Some("!hs|meta|"));
        check("!hs|meta|d|x", Some("!hs|meta|d|"));
        check("!txn|lock|x", Some("!txn|lock|"));
        check("!txn|rb|x", Some("!txn|"));
        check("!redis|str", None);
        check("!s3|chunkref-rc|x", None);
        check("plain", None);
        check("", None);
    }

    #[test]
    fn remembering_the_last_prefix_changes_nothing() {
        let mut router = Router::default();
        for (prefix, _) in PREFIXES.iter().chain(PREFIXES.iter().rev()) {
            for tail in [b"".as_slice(), b"d|", b"d|x", b"zzz"] {
                let key = [prefix, tail].concat();
                assert_eq!(
                    router.route(&key),
                    Router::default().route(&key),
                    "{}",
                    key.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn the_table_is_in_byte_order() {
        assert!(PREFIXES.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn searching_finds_what_looking_at_every_row_finds() {
        for (prefix, _) in PREFIXES {
            for cut in 0..=prefix.len() {
                for tail in [b"".as_slice(), b"\0", b"d|", b"d|x", b"|", b"zzz", b"\xff"] {
                    let key = [&prefix[..cut], tail].concat();
                    let expected = (0..PREFIXES.len())
                        .filter(|&at| key.starts_with(PREFIXES[at].0))
                        .max_by_key(|&at| PREFIXES[at].0.len());
                    assert_eq!(find(&key), expected, "{}", key.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn unknown_rows_are_told_by_their_first_component() {
        for (key, expected) in [
            (&b"!new|a|b"[..], "!new|"),
            (b"!n\xff|", "!n\\xff|"),
            (b"plain|a", ""),
            (b"!none", ""),
        ] {
            assert_eq!(first_component(key), expected);
        }
        let long = [b"!".as_slice(), &[b'x'; 100], b"|"].concat();
        assert_eq!(first_component(&long), "");
    }
}

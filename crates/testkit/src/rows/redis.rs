//! Rows of Redis commands on strings and counters.

use crate::stream::{Row, protobuf};

/// The prefixes of conflict fences, which carry no data.
pub const FENCES: [&str; 4] = [
    "!redis|txn-wide-hash|",
    "!redis|txn-wide-list|",
    "!redis|txn-wide-set|",
    "!redis|txn-wide-zset|",
];

/// Gives a key of a collection: prefix, length of the Redis key, Redis key.
pub fn wide(prefix: &str, key: &[u8]) -> Vec<u8> {
    let length = u32::try_from(key.len()).expect("a key's length has 32 bits");
    [prefix.as_bytes(), &length.to_be_bytes(), key].concat()
}

/// Gives a key that is its prefix and the Redis key.
pub fn narrow(prefix: &str, key: &[u8]) -> Vec<u8> {
    [prefix.as_bytes(), key].concat()
}

/// Gives the body of a string row.
pub fn string_body(value: &[u8], expire_at_ms: Option<u64>) -> Vec<u8> {
    anchor(1, value, expire_at_ms)
}

/// Gives the body of a counter row. `members` are written in the order of their bytes.
pub fn hll_body(members: &[&[u8]], expire_at_ms: Option<u64>) -> Vec<u8> {
    anchor(2, &set_blob(members), expire_at_ms)
}

/// Gives the tagged blob of a set of strings.
pub fn set_blob(members: &[&[u8]]) -> Vec<u8> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members.dedup();
    let mut blob = b"\x00RS\x01".to_vec();
    for member in members {
        protobuf::bytes(1, member, &mut blob);
    }
    blob
}

fn anchor(form: u8, value: &[u8], expire_at_ms: Option<u64>) -> Vec<u8> {
    let mut body = vec![0xff, form, u8::from(expire_at_ms.is_some())];
    body.extend(expire_at_ms.map(u64::to_be_bytes).iter().flatten());
    body.extend_from_slice(value);
    body
}

/// Gives the row that finds a key by its expiry, or its tombstone.
pub fn expiry_row(key: &[u8], expire_at_ms: Option<u64>, ts: u64) -> Row {
    let index = narrow("!redis|ttl|", key);
    match expire_at_ms {
        Some(ms) => Row::live(index, ts, ms.to_be_bytes()),
        None => Row::tombstone(index, ts),
    }
}

/// Gives the ten rows of one `SET`: the string, its expiry row, the tombstones of every collection
/// that the key could have been, and the four fences.
pub fn set(key: &[u8], value: &[u8], expire_at_ms: Option<u64>, ts: u64) -> Vec<Row> {
    let mut rows = collection_tombstones(key, ts);
    rows.push(Row::live(
        narrow("!redis|str|", key),
        ts,
        string_body(value, expire_at_ms),
    ));
    rows.push(expiry_row(key, expire_at_ms, ts));
    rows.extend(FENCES.map(|fence| Row::live(narrow(fence, key), ts, [])));
    rows
}

/// Gives the rows of `EXPIRE` on a string: the same value in the new form, and the expiry row.
pub fn expire(key: &[u8], value: &[u8], expire_at_ms: u64, ts: u64) -> Vec<Row> {
    let body = string_body(value, Some(expire_at_ms));
    vec![
        Row::live(narrow("!redis|str|", key), ts, body),
        expiry_row(key, Some(expire_at_ms), ts),
    ]
}

/// Gives the rows of `DEL` on a string. The expiry row is deleted only where there was one.
pub fn del(key: &[u8], had_expiry: bool, ts: u64) -> Vec<Row> {
    let mut rows = collection_tombstones(key, ts);
    rows.push(Row::tombstone(narrow("!redis|str|", key), ts));
    if had_expiry {
        rows.push(expiry_row(key, None, ts));
    }
    rows
}

/// Gives the rows of `PFADD`, with all members that the counter has afterwards.
pub fn pfadd(key: &[u8], members: &[&[u8]], ts: u64) -> Vec<Row> {
    vec![
        Row::live(narrow("!redis|hll|", key), ts, hll_body(members, None)),
        expiry_row(key, None, ts),
    ]
}

fn collection_tombstones(key: &[u8], ts: u64) -> Vec<Row> {
    vec![
        Row::tombstone(wide("!hs|meta|", key), ts),
        Row::tombstone(narrow("!lst|meta|", key), ts),
        Row::tombstone(wide("!st|meta|", key), ts),
        Row::tombstone(wide("!zs|meta|", key), ts),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::to_hex;

    #[test]
    fn bodies_of_the_document() {
        let expiry = Some(1_735_693_200_000);
        assert_eq!(to_hex(&string_body(b"hello", None)), "ff010068656c6c6f");
        assert_eq!(
            to_hex(&string_body(b"tok", expiry)),
            "ff0101000001941f606a80746f6b"
        );
        assert_eq!(
            to_hex(&hll_body(&[b"bob", b"alice", b"bob"], expiry)),
            "ff0201000001941f606a80005253010a05616c6963650a03626f62"
        );
    }
}

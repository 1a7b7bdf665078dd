//! Rows out of arbitrary bytes: few keys and timestamps, so that they meet, and values that are nearly right.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use testkit::rows::s3::{ObjectName, Part, bucket_gen_key, bucket_meta_key, md5_hex};
use testkit::stream::{Header, Native, Row, inverted};

/// The commit watermark of every stream.
pub const T: u64 = 113_750_153_625_600_001;

/// Rows with distinct stream keys.
pub struct Given {
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
}

impl Given {
    fn new(rows: Vec<Row>) -> Given {
        let unique: BTreeMap<_, _> = rows
            .into_iter()
            .map(|row| (row.stream_key(), row))
            .collect();
        Given {
            rows: unique.into_values().collect(),
        }
    }
}

/// Builds the file: bare, or a runtime file of either version.
pub fn stream(given: &Given, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut native = Native::new(T).rows(given.rows.iter().cloned());
    if u.ratio(1, 2)? {
        native = native.meta_rows(9).sorted();
    }
    Ok(match u.int_in_range(0..=2)? {
        0 => native.build(),
        1 => Header::V1 { ceiling_ms: 7 }.runtime_file(&native.build()),
        _ => Header::V1 { ceiling_ms: 7 }.payload(&native.build()),
    })
}

fn timestamp(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(*u.choose(&[T, T - 1, T - 2, T - (1 << 40), 1, 0, u64::MAX, T + 5])?)
}

fn version(u: &mut Unstructured<'_>, key: Vec<u8>, body: Vec<u8>) -> Result<Row> {
    let ts = timestamp(u)?;
    if u.ratio(1, 5)? {
        return Ok(Row::tombstone(key, ts));
    }
    let expire_at = *u.choose(&[0, 0, 0, 0, 1, T, T + 1])?;
    Ok(Row::live(key, ts, body).with_expire_at(expire_at))
}

/// A short key; often the extension of another one by bytes that sort between versions.
fn key(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const STEMS: [&[u8]; 12] = [
        b"",
        b"a",
        b"A",
        b"a/b",
        b"fe",
        b"\xfe",
        b".",
        b"..",
        b"b64.x",
        b"d|",
        b"\xff\x00",
        b"%41",
    ];
    let mut key = u.choose(&STEMS)?.to_vec();
    match u.int_in_range(0..=7)? {
        0 => key.extend(inverted(timestamp(u)?)),
        1 => key.extend([0xfe, 0x6b, u.arbitrary()?]),
        2 => key.extend(u.arbitrary::<[u8; 3]>()?),
        3 => key.resize(
            *u.choose(&[80, 81, 177, 239, 240, 241, 300])?,
            u.arbitrary()?,
        ),
        4 => key.extend(b"0123456789abcdef0123456789abcdef__x"),
        _ => {}
    }
    Ok(key)
}

/// Rows of Redis keys, of families that are not decoded, of the store's own and unknown ones.
pub fn redis_rows(u: &mut Unstructured<'_>) -> Result<Given> {
    const PREFIXES: [&[u8]; 24] = [
        b"!redis|str|",
        b"!redis|str|",
        b"!redis|str|",
        b"!redis|hll|",
        b"!redis|hll|",
        b"!redis|ttl|",
        b"!redis|ttl|",
        b"!hs|meta|",
        b"!hs|fld|",
        b"!lst|meta|",
        b"!lst|meta|d|",
        b"!lst|itm|",
        b"!st|mem|",
        b"!zs|scr|",
        b"!stream|entry|",
        b"!redis|zset|",
        b"!redis|hash|",
        b"!redis|txn-wide-hash|",
        b"!txn|lock|",
        b"!txn|cmt|",
        b"!dist|",
        b"",
        b"!sqs|queue|meta|",
        b"!ddb|item|",
    ];
    let mut rows = Vec::new();
    while !u.is_empty() && rows.len() < 64 {
        let prefix = *u.choose(&PREFIXES)?;
        let key = [prefix, &key(u)?].concat();
        let body = redis_body(u)?;
        rows.push(version(u, key, body)?);
    }
    Ok(Given::new(rows))
}

fn redis_body(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const HEADERS: [&[u8]; 9] = [
        b"\xff\x01\x00",
        b"\xff\x01\x01",
        b"\xff\x01",
        b"\xff\x02\x00",
        b"\xff\x02\x01",
        b"\xff\x02",
        b"\x00RS\x01",
        b"",
        b"\xff\x01\x02",
    ];
    let mut body = u.choose(&HEADERS)?.to_vec();
    match u.int_in_range(0..=3)? {
        0 => body.extend(u.choose(&[0, 1, T, u64::MAX])?.to_be_bytes()),
        1 => body.extend(u.arbitrary::<[u8; 4]>()?),
        2 => {
            body.extend(7_u64.to_be_bytes());
            body.extend(b"value");
        }
        _ => {}
    }
    // Long bodies are left unread by the first pass.
    if u.ratio(1, 30)? {
        body.resize(300 << 10, 7);
    }
    Ok(body)
}

/// Rows of one or two buckets.
pub fn s3_rows(u: &mut Unstructured<'_>) -> Result<Given> {
    const BUCKETS: [&[u8]; 5] = [b"b", b"b", b"c", b"", b"..\xff"];
    let mut rows = Vec::new();
    while !u.is_empty() && rows.len() < 64 {
        let bucket = *u.choose(&BUCKETS)?;
        let key = object_key(u)?;
        let name = ObjectName {
            bucket,
            generation: *u.choose(&[1, 1, 1, 2, 0])?,
            key: &key,
        };
        let upload = *u.choose(&["u", "u", "v", "", "\0/.."])?;
        match u.int_in_range(0..=9)? {
            0 | 1 => {
                let generation = u.choose(&[1, 1, 2, 0])?;
                let record = format!(
                    r#"{{"bucket_name":"b","generation":{generation},"created_at_hlc":7,"owner":"o","region":"r","acl":"private"}}"#
                );
                let body = damaged(u, record.into_bytes())?;
                rows.push(version(u, bucket_meta_key(bucket), body)?);
            }
            2..=5 => object(u, name, upload, &mut rows)?,
            6 => {
                let body = u.arbitrary::<[u8; 5]>()?.to_vec();
                let (part, chunk) = (u.int_in_range(0..=2)?, u.int_in_range(0..=2)?);
                let blob = name.blob_key(upload, part, chunk, u.int_in_range(0..=1)?);
                rows.push(version(u, blob, body)?);
            }
            7 => {
                let row = version(u, name.upload_meta_key(upload), b"{}".to_vec())?;
                rows.push(row);
                let row = version(u, name.upload_part_key(upload, 1), b"{}".to_vec())?;
                rows.push(row);
            }
            8 => {
                let row = version(u, bucket_gen_key(bucket), 1_u64.to_be_bytes().to_vec())?;
                rows.push(row);
            }
            _ => {
                let mut body = vec![u.int_in_range(0..=3)?];
                body.extend(u.arbitrary::<[u8; 40]>()?);
                body.extend([0, 0]);
                let row = version(u, name.chunkref_key(upload, 1, 0, 0), body)?;
                rows.push(row);
            }
        }
    }
    Ok(Given::new(rows))
}

/// A manifest with its chunks, sometimes wrong in one place.
fn object(
    u: &mut Unstructured<'_>,
    name: ObjectName<'_>,
    upload: &str,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let body = vec![u.arbitrary::<u8>()?; *u.choose(&[0, 1, 5, 300 << 10])?];
    let part = Part::of(1, &body);
    let (count, sizes) = if body.is_empty() {
        (0, String::new())
    } else {
        (1, body.len().to_string())
    };
    let manifest = format!(
        r#"{{"upload_id":{:?},"etag":"{}","size_bytes":{},"last_modified_hlc":{},"content_type":"t","user_metadata":{{"a":"<"}},"parts":[{{"part_no":1,"etag":"{}","size_bytes":{},"chunk_count":{count},"chunk_sizes":[{sizes}]}}]}}"#,
        upload.replace('\0', ""),
        md5_hex(&body),
        body.len(),
        u.choose(&[0, 5, T, u64::MAX])?,
        part.etag,
        body.len(),
    );
    let manifest = damaged(u, manifest.into_bytes())?;
    let ts = timestamp(u)?;
    rows.push(Row::live(name.head_key(), ts, manifest));
    if count > 0 && !u.ratio(1, 8)? {
        rows.push(Row::live(name.blob_key(upload, 1, 0, 0), ts, body));
    }
    Ok(())
}

/// Overwrites a few bytes, sometimes.
fn damaged(u: &mut Unstructured<'_>, mut text: Vec<u8>) -> Result<Vec<u8>> {
    if u.ratio(1, 4)? {
        let at = u.choose_index(text.len())?;
        let patch: &[u8] = match u.int_in_range(0..=3)? {
            0 => b"null",
            1 => b"-1",
            2 => b"\"x\"",
            _ => u.bytes(2)?,
        };
        for (to, from) in text.iter_mut().skip(at).zip(patch) {
            *to = *from;
        }
    }
    Ok(text)
}

fn object_key(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const PARTS: [&[u8]; 18] = [
        b"a",
        b"b",
        b"A",
        b"",
        b".",
        b"..",
        b"_keys",
        b"_bucket.json",
        b"KEYMAP.jsonl",
        b"_orphans",
        b"_incomplete_uploads",
        b"a.elastickv-meta.json",
        b"a.elastickv-leaf-data",
        b"a.elastickv-meta.json.user-data",
        b"k.a",
        b"\\\0",
        b"\xff\n",
        b"con",
    ];
    let mut key = Vec::new();
    for index in 0..u.int_in_range(1..=3)? {
        if index > 0 {
            key.push(b'/');
        }
        key.extend_from_slice(u.choose(&PARTS)?);
        if u.ratio(1, 12)? {
            key.extend(vec![b'L'; *u.choose(&[200, 234, 235, 254, 1000])?]);
        }
    }
    Ok(key)
}

//! The modelled rows against those of real nodes.

use std::collections::BTreeMap;
use std::path::Path;

use testkit::rows::{Node, Put, redis, s3};
use testkit::shared::{read_snapshot, shared_dir};
use testkit::stream::Row;

/// Reads the versions of every key with a few lines of its own.
fn rows(path: &Path) -> Vec<Row> {
    let bytes = read_snapshot(path);
    let mut rest = &bytes[32..bytes.len() - 4];
    let mut take = || {
        let (length, after) = rest.split_first_chunk::<8>()?;
        let (field, after) = after.split_at(u64::from_le_bytes(*length) as usize);
        rest = after;
        Some(field)
    };
    let mut rows = Vec::new();
    while let Some(key) = take() {
        let value = take().unwrap();
        if key.starts_with(b"_meta_") {
            continue;
        }
        let (user_key, suffix) = key.split_at(key.len() - 8);
        rows.push(Row {
            user_key: user_key.to_vec(),
            commit_ts: !u64::from_be_bytes(suffix.try_into().unwrap()),
            flags: value[0],
            expire_at: u64::from_le_bytes(value[1..9].try_into().unwrap()),
            body: value[9..].to_vec(),
        });
    }
    rows
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(Row::stream_key);
    rows
}

#[test]
fn commands_leave_what_a_real_node_wrote() {
    let Some(shared) = shared_dir("rows of a real node") else {
        return;
    };
    let all = rows(&shared.join("golden/redis-simple/snapshot.fsm"));
    let of = |key: &str| -> Vec<Row> {
        let is_key = |row: &&Row| {
            let user_key = row.user_key.strip_suffix(key.as_bytes());
            user_key.is_some_and(|prefix| {
                prefix.starts_with(b"!") && matches!(prefix.last(), Some(b'|' | 0..32))
            })
        };
        all.iter().filter(is_key).cloned().collect()
    };
    let times = |key: &str| -> Vec<u64> {
        let mut times: Vec<_> = of(key).iter().map(|row| row.commit_ts).collect();
        times.sort_unstable();
        times.dedup();
        times
    };
    let expiry = |key: &str| {
        let rows = of(key);
        let index = rows
            .iter()
            .find(|row| row.user_key.starts_with(b"!redis|ttl|") && row.flags == 0)
            .unwrap();
        u64::from_be_bytes(index.body.as_slice().try_into().unwrap())
    };

    let ts = times("greeting");
    assert_eq!(
        of("greeting"),
        sorted(redis::set(b"greeting", b"hello", None, ts[0]))
    );
    assert_eq!(of("greeting").len(), 10);

    let ts = times("ttl-px");
    let at = Some(expiry("ttl-px"));
    assert_eq!(of("ttl-px"), sorted(redis::set(b"ttl-px", b"v", at, ts[0])));

    let ts = times("ttl-expire");
    let mut expected = redis::set(b"ttl-expire", b"v", None, ts[0]);
    expected.extend(redis::expire(
        b"ttl-expire",
        b"v",
        expiry("ttl-expire"),
        ts[1],
    ));
    assert_eq!(of("ttl-expire"), sorted(expected));

    let ts = times("ttl-deleted");
    let mut expected = redis::set(b"ttl-deleted", b"v", Some(expiry("ttl-deleted")), ts[0]);
    expected.extend(redis::del(b"ttl-deleted", true, ts[1]));
    expected.extend(redis::set(b"ttl-deleted", b"back without ttl", None, ts[2]));
    assert_eq!(of("ttl-deleted"), sorted(expected));

    let ts = times("del-1");
    let mut expected = redis::set(b"del-1", b"gone 1", None, ts[0]);
    expected.extend(redis::del(b"del-1", false, ts[1]));
    assert_eq!(of("del-1"), sorted(expected));

    let key = "hll-empty-member";
    let expected = redis::pfadd(key.as_bytes(), &[b""], times(key)[0]);
    assert_eq!(of(key), sorted(expected));
}

#[test]
fn an_object_has_the_records_of_a_real_one() {
    let Some(shared) = shared_dir("records of a real object") else {
        return;
    };
    let all = rows(&shared.join("golden/s3-dataset/snapshot.fsm"));
    let newest = |user_key: &[u8]| all.iter().find(|row| row.user_key == user_key).unwrap();
    let name = s3::ObjectName {
        bucket: b"rescued",
        generation: 1,
        key: b"labels.csv",
    };
    let head = newest(&name.head_key());
    let found: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&head.body).unwrap();
    let upload = found["upload_id"].as_str().unwrap();
    let body = &newest(&name.blob_key(upload, 1, 0, 0)).body;

    let manifest = s3::Manifest {
        upload_id: upload.into(),
        etag: s3::md5_hex(body),
        size_bytes: body.len() as u64,
        last_modified_hlc: head.commit_ts,
        content_type: found["content_type"].as_str().unwrap().into(),
        parts: vec![s3::Part::of(1, body)],
        ..s3::Manifest::default()
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(text(&s3::json(&manifest)), text(&head.body));
}

/// Commands of every kind, enough to see that a model repeats itself.
fn busy(seed: u64) -> Node {
    let mut node = Node::new(seed);
    node.set(b"a", b"1", None);
    node.set(b"a", b"2", Some(1_800_000_000_000));
    node.expire(b"a", 1_800_000_000_001);
    node.pfadd(b"h", &["x", "y"]);
    node.create_bucket("b");
    node.put("b", b"k/", b"", Put::default());
    node.put("b", b"k/", b"x", Put::default());
    node.multipart(
        "b",
        b"m",
        &[(2, b"tail"), (1, b"old"), (1, b"new ")],
        Put::default(),
    );
    node.open_upload("b", b"o", &[(1, b"pending")]);
    node.delete("b", b"k/");
    node.set_acl("b", "public-read");
    node.create_bucket("gone");
    node.put("gone", b"k", b"x", Put::default());
    node.delete_bucket("gone");
    node
}

#[test]
fn a_model_repeats_itself_and_knows_the_truth() {
    let node = busy(1);
    assert_eq!(node.runtime_file(), busy(1).runtime_file());
    assert_ne!(node.runtime_file(), busy(2).runtime_file());

    let stream = node.stream();
    let unique: BTreeMap<_, _> = stream.entries().iter().cloned().collect();
    assert_eq!(
        unique.len(),
        stream.entries().len(),
        "two rows share a key and a time"
    );

    let truth = node.truth();
    let redis = truth.redis.unwrap();
    assert_eq!(redis.keys.len(), 2);
    assert_eq!(
        redis.keys[0].expire_at_ms,
        Some((1_800_000_000_001, 1_800_000_000_001))
    );
    assert_eq!(redis.absent[0].key(), b"__ready__");
    let s3 = truth.s3.unwrap();
    assert_eq!(s3.absent_buckets, ["gone"]);
    assert_eq!(s3.buckets[0].objects.len(), 1);
    assert!(s3.buckets[0].objects[0].body.matches(b"new tail"));
    assert!(s3.buckets[0].objects[0].etag.ends_with("-2"));
    assert_eq!(s3.buckets[0].absent(), [b"k/".as_slice(), b"o"]);
}

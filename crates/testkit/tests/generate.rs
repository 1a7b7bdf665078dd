//! Generated snapshots are what a node with the same writes would have stored.

use testkit::generate::{Expiring, Generated, Objects, Strings, Workload, commit_ts, generate};
use testkit::rows::{redis, routing_table, s3};
use testkit::stream::{Header, Native, Row};

fn check(workload: &Workload, writes: u64, rows: Vec<Row>) {
    let mut bytes = Vec::new();
    let generated = generate(workload, &mut bytes).unwrap();

    let last_commit_ts = commit_ts(writes);
    let stream = Native::new(last_commit_ts)
        .rows(routing_table())
        .rows(rows)
        .meta_rows(writes + 1)
        .sorted();
    let ceiling_ms = (last_commit_ts >> 16) + 10_000;
    let expected = Header::V1 { ceiling_ms }.runtime_file(&stream.build());
    let footer = expected.last_chunk::<4>().unwrap();
    assert!(bytes == expected, "the bytes differ");
    assert_eq!(
        generated,
        Generated {
            bytes: expected.len() as u64,
            rows: stream.entries().len() as u64,
            last_commit_ts,
            crc32c: u32::from_be_bytes(*footer),
        }
    );
}

#[test]
fn strings_are_sets() {
    for expiring in [Expiring::None, Expiring::Half] {
        let strings = Strings {
            count: 30,
            value_bytes: 100,
            expiring,
            seed: 5,
        };
        let rows = (0..30).flat_map(|number| {
            let expiry = strings.expire_at_ms(number);
            assert_eq!(
                expiry.is_some(),
                expiring == Expiring::Half && number % 2 == 1
            );
            redis::set(
                strings.key(number).as_bytes(),
                &strings.value(number),
                expiry,
                commit_ts(number),
            )
        });
        check(&Workload::Strings(strings.clone()), 30, rows.collect());
    }
}

/// The rows of an object from its whole body, unlike the generator, which never holds one.
fn object_rows(objects: &Objects, number: u64) -> Vec<Row> {
    let ts = commit_ts(number);
    let (key, body) = (objects.key(number), objects.body(number));
    let name = s3::ObjectName {
        bucket: b"photos",
        generation: 1,
        key: key.as_bytes(),
    };
    let upload = testkit::random::Random::new(objects.seed ^ number).hex_id();
    let (version, part_bytes) = match objects.part_bytes {
        Some(bytes) => (ts, bytes),
        None => (0, u64::MAX),
    };
    let mut rows = Vec::new();
    let mut parts = Vec::new();
    for (part_no, bytes) in (1..).zip(body.chunks(part_bytes as usize)) {
        for (chunk_no, chunk) in (0..).zip(bytes.chunks(s3::CHUNK_BYTES)) {
            rows.push(Row::live(
                name.blob_key(&upload, part_no, chunk_no, version),
                ts,
                chunk,
            ));
        }
        parts.push(s3::Part {
            part_version: version,
            chunk_ref_version: version,
            ..s3::Part::of(part_no, bytes)
        });
    }
    let etags: Vec<_> = parts.iter().map(|part| part.etag.clone()).collect();
    let manifest = s3::Manifest {
        upload_id: upload,
        etag: match objects.part_bytes {
            Some(_) => s3::composite_etag(&etags),
            None => s3::md5_hex(&body),
        },
        size_bytes: body.len() as u64,
        last_modified_hlc: ts,
        content_type: "application/octet-stream".into(),
        parts,
        ..s3::Manifest::default()
    };
    rows.push(Row::live(name.head_key(), ts, s3::json(&manifest)));
    let bucket = s3::BucketMeta {
        bucket_name: "photos".into(),
        generation: 1,
        created_at_hlc: commit_ts(0),
        owner: String::new(),
        region: "us-east-1".into(),
        acl: "private".into(),
    };
    rows.push(Row::live(
        s3::bucket_meta_key(b"photos"),
        ts,
        s3::json(&bucket),
    ));
    rows
}

#[test]
fn objects_are_puts_and_uploads() {
    for (count, object_bytes, part_bytes) in [
        (250, 1024, None),
        (3, 0, None),
        (2, 2_500_000, None),
        (2, 2_500_000, Some(1_500_000)),
    ] {
        let objects = Objects {
            count,
            object_bytes,
            part_bytes,
            seed: 6,
        };
        let mut rows: Vec<Row> = (0..count)
            .flat_map(|number| object_rows(&objects, number))
            .collect();
        let counter = s3::bucket_gen_key(b"photos");
        rows.push(Row::live(counter, commit_ts(0), 1u64.to_be_bytes()));
        check(&Workload::Objects(objects), count, rows);
    }
}

#[test]
fn bodies_differ() {
    let objects = Objects {
        count: 2,
        object_bytes: 2 << 20,
        part_bytes: None,
        seed: 6,
    };
    let (first, second) = (objects.body(0), objects.body(1));
    assert_ne!(first, second);
    assert_ne!(first[..1 << 20], first[1 << 20..]);
}

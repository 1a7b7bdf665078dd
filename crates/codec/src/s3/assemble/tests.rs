use super::*;
use crate::row::Seen;
use crate::s3::record::parse_manifest;

fn found(part_no: u64, chunk_no: u64, version: u64, length: u64) -> Found {
    let value = ValueRef {
        source: 0,
        offset: 100 * part_no + 10 * chunk_no + version,
        length,
        seen: Seen::Head(0),
    };
    Found {
        part_no,
        chunk_no,
        version,
        reference_bytes: None,
        chunk: Some(Chunk {
            value,
            digest: None,
        }),
    }
}

fn reference(found: Found, bytes: u64) -> Found {
    Found {
        reference_bytes: Some(bytes),
        ..found
    }
}

/// Offsets of the body's chunks, or the fault.
fn check(manifest: &str, chunks: Vec<Found>, expected: Result<&[u64], &str>) {
    let offsets = || {
        let mut assembly = Assembly::new(parse_manifest(manifest.as_bytes()).unwrap())?;
        for chunk in chunks {
            assembly.add(chunk);
        }
        let complete = assembly.finish()?;
        Ok::<Vec<u64>, Fault>(
            complete
                .parts()
                .flatten()
                .map(|chunk| chunk.value.offset)
                .collect(),
        )
    };
    match (offsets(), expected) {
        (Ok(offsets), Ok(expected)) => assert_eq!(offsets, expected),
        (Err(fault), Err(id)) => assert_eq!(super::super::Error::from(fault).id(), id),
        (found, expected) => panic!("{found:?} instead of {expected:?}"),
    }
}

const TWO: &str = r#"{"size_bytes":9,"parts":[{"part_no":1,"size_bytes":5,"chunk_count":2,"chunk_sizes":[3,2],"part_version":7},{"part_no":2,"size_bytes":4,"chunk_count":1,"part_version":8}]}"#;

#[test]
fn declared_chunks_in_order() {
    let all = || vec![found(1, 0, 7, 3), found(1, 1, 7, 2), found(2, 0, 8, 4)];
    check(TWO, all(), Ok(&[107, 117, 208]));
    // Other attempts and references do not count, whatever their number.
    let mut more = all();
    more.insert(0, found(1, 0, 6, 9));
    more.push(found(2, 1, 9, 9));
    more.push(reference(found(2, 0, 8, 4), 4));
    check(TWO, more, Ok(&[107, 117, 208]));
}

#[test]
fn the_set_of_chunks_must_be_exact() {
    let wrong = Err("s3.incomplete-chunks");
    check(TWO, vec![found(1, 0, 7, 3), found(2, 0, 8, 4)], wrong);
    check(TWO, vec![found(1, 1, 7, 2), found(2, 0, 8, 4)], wrong);
    check(TWO, vec![], wrong);
    check(
        TWO,
        vec![
            found(1, 0, 7, 3),
            found(1, 1, 7, 2),
            found(2, 0, 8, 4),
            found(2, 1, 8, 4),
        ],
        wrong,
    );
    let three = r#"{"size_bytes":3,"parts":[{"part_no":1,"size_bytes":3,"chunk_count":3}]}"#;
    check(three, vec![found(1, 0, 0, 1), found(1, 2, 0, 1)], wrong);
    // A count that no memory could hold is just a wrong count.
    let huge = r#"{"size_bytes":1,"parts":[{"part_no":1,"size_bytes":1,"chunk_count":18446744073709551615}]}"#;
    check(huge, vec![found(1, 0, 0, 1)], wrong);
}

#[test]
fn sizes_must_agree() {
    let wrong = Err("s3.size-mismatch");
    check(
        TWO,
        vec![found(1, 0, 7, 2), found(1, 1, 7, 3), found(2, 0, 8, 4)],
        wrong,
    );
    check(
        TWO,
        vec![found(1, 0, 7, 3), found(1, 1, 7, 2), found(2, 0, 8, 5)],
        wrong,
    );
    let object = r#"{"size_bytes":999,"parts":[{"part_no":1,"size_bytes":5,"chunk_count":1}]}"#;
    check(object, vec![found(1, 0, 0, 5)], wrong);
    let list = r#"{"size_bytes":5,"parts":[{"part_no":1,"size_bytes":5,"chunk_count":1,"chunk_sizes":[4]}]}"#;
    check(list, vec![found(1, 0, 0, 5)], wrong);
    check(r#"{"size_bytes":1}"#, vec![], wrong);
    check(r#"{"size_bytes":-1}"#, vec![], wrong);
    let short = r#"{"size_bytes":5,"parts":[{"part_no":1,"size_bytes":5,"chunk_count":2,"chunk_sizes":[5]}]}"#;
    check(short, vec![], Err("s3.invalid-manifest"));
}

#[test]
fn empty_parts_take_no_chunks() {
    check(
        r#"{"size_bytes":0,"parts":[{"part_no":1}]}"#,
        vec![found(1, 0, 0, 5)],
        Ok(&[]),
    );
    check("{}", vec![found(1, 0, 0, 5)], Ok(&[]));
}

#[test]
fn the_body_follows_the_manifest() {
    let twice = r#"{"size_bytes":2,"parts":[{"part_no":1,"size_bytes":1,"chunk_count":1,"part_version":9},{"part_no":1,"size_bytes":1,"chunk_count":1,"part_version":7}]}"#;
    check(
        twice,
        vec![found(1, 0, 7, 1), found(1, 0, 9, 1)],
        Ok(&[109, 107]),
    );
    let same = r#"{"size_bytes":2,"parts":[{"part_no":1,"size_bytes":1,"chunk_count":1},{"part_no":1,"size_bytes":1,"chunk_count":1}]}"#;
    check(same, vec![found(1, 0, 0, 1)], Ok(&[100, 100]));
}

#[test]
fn references() {
    let offloaded = r#"{"size_bytes":6,"parts":[{"part_no":1,"size_bytes":6,"chunk_count":1,"chunk_sizes":[6],"part_version":3,"chunk_ref_version":91,"offloaded":true}]}"#;
    let inline = found(1, 0, 91, 6);
    let good = reference(inline.clone(), 6);
    check(offloaded, vec![inline.clone(), good.clone()], Ok(&[191]));
    check(offloaded, vec![inline], Err("s3.incomplete-chunks"));
    check(
        offloaded,
        vec![Found {
            chunk: None,
            ..good.clone()
        }],
        Err("s3.incomplete-chunks"),
    );
    check(
        offloaded,
        vec![reference(good, 7)],
        Err("s3.invalid-chunk-reference"),
    );
    check(
        offloaded,
        vec![reference(found(1, 0, 91, 5), 5)],
        Err("s3.invalid-chunk-reference"),
    );
    let no_sizes = r#"{"size_bytes":6,"parts":[{"part_no":1,"size_bytes":6,"chunk_count":1,"offloaded":true}]}"#;
    check(no_sizes, vec![], Err("s3.invalid-manifest"));
}

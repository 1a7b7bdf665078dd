use super::writer::{line_of, lines_of};
use super::{Collector, Kind, LINE_LIMIT_BYTES, LineError, Order, Reader, Record};
use proptest::prelude::*;

fn record(encoded: impl AsRef<[u8]>, original: impl AsRef<[u8]>, kind: Kind) -> Record {
    Record {
        encoded: encoded.as_ref().to_vec(),
        original: original.as_ref().to_vec(),
        kind,
    }
}

fn read_all(text: &[u8]) -> Result<Vec<Record>, LineError> {
    let mut reader = Reader::new(text);
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok(records)
}

fn check(record: &Record, expected: &str) {
    assert_eq!(
        String::from_utf8(line_of(record)).unwrap(),
        format!("{expected}\n")
    );
    assert_eq!(
        read_all(expected.as_bytes()).unwrap(),
        std::slice::from_ref(record)
    );
}

#[test]
fn lines_of_the_format_description() {
    check(
        &record("path/to.elastickv-leaf-data", "path/to", Kind::S3LeafData),
        r#"{"encoded":"path/to.elastickv-leaf-data","original":"cGF0aC90bw","kind":"s3-leaf-data"}"#,
    );
    check(
        &record(
            "evil.elastickv-meta.json.user-data",
            "evil.elastickv-meta.json",
            Kind::MetaSuffixRename,
        ),
        r#"{"encoded":"evil.elastickv-meta.json.user-data","original":"ZXZpbC5lbGFzdGlja3YtbWV0YS5qc29u","kind":"meta-suffix-rename"}"#,
    );
    check(
        &record(b"\xff.elastickv-leaf-data", b"\xff", Kind::S3LeafData),
        r#"{"encoded":"\ufffd.elastickv-leaf-data","original":"_w","kind":"s3-leaf-data","encoded_b64":"_y5lbGFzdGlja3YtbGVhZi1kYXRh"}"#,
    );
    check(
        &record("_keys/k.", "", Kind::S3KeyEscaped),
        r#"{"encoded":"_keys/k.","original":"","kind":"s3-key-escaped"}"#,
    );
}

#[test]
fn html_characters_stay_and_line_separators_do_not() {
    check(
        &record("<&>\u{2028}", "x", Kind::ShaFallback),
        r#"{"encoded":"<&>\u2028","original":"eA","kind":"sha-fallback"}"#,
    );
}

#[test]
fn readers_tolerate_what_a_later_version_may_add() {
    let records = read_all(
        br#" {"new":{"a":[1]},"kind":"later","encoded":"a","original":"YQ","encoded_b64":null} "#,
    )
    .unwrap();
    assert_eq!(records, [record("a", "a", Kind::Other("later".to_owned()))]);
}

#[test]
fn every_departure_is_an_error() {
    let good = r#"{"encoded":"a","original":"YQ","kind":"sha-fallback"}"#;
    let bad = [
        ("", "Json"),
        ("[]", "Json"),
        (r#"{"original":"YQ","kind":"sha-fallback"}"#, "Json"),
        (
            r#"{"encoded":null,"original":"YQ","kind":"sha-fallback"}"#,
            "Json",
        ),
        (r#"{"encoded":"a","kind":"sha-fallback"}"#, "Json"),
        (
            r#"{"encoded":"a","original":null,"kind":"sha-fallback"}"#,
            "Json",
        ),
        (r#"{"encoded":"a","original":"YQ"}"#, "Json"),
        (r#"{"encoded":"a","original":"YQ","kind":null}"#, "Json"),
        (
            r#"{"encoded":"","original":"YQ","kind":"sha-fallback"}"#,
            "Empty",
        ),
        (r#"{"encoded":"a","original":"YQ","kind":""}"#, "Empty"),
        (
            r#"{"encoded":"a","original":"YQ==","kind":"sha-fallback"}"#,
            "Base64",
        ),
        (
            r#"{"encoded":"a","original":"YR","kind":"sha-fallback"}"#,
            "Base64",
        ),
        (
            r#"{"encoded":"a","original":"+/","kind":"sha-fallback"}"#,
            "Base64",
        ),
        (
            r#"{"encoded":"a","original":"YQ","kind":"sha-fallback","encoded_b64":"!"}"#,
            "Base64",
        ),
        (
            r#"{"encoded":"a","original":"YQ","kind":"sha-fallback","encoded_b64":"Yg"}"#,
            "Disagreement",
        ),
        (
            r#"{"encoded":"../a","original":"YQ","kind":"s3-leaf-data"}"#,
            "Path",
        ),
        (
            r#"{"encoded":"a","original":"YQ","kind":"sha-fallback"} x"#,
            "Json",
        ),
    ];
    for (line, expected) in bad {
        let text = format!("{good}\n{line}\n{good}\n");
        let mut reader = Reader::new(text.as_bytes());
        assert!(reader.next_record().unwrap().is_some());
        let error = reader.next_record().unwrap_err();
        assert!(
            format!("{error:?}").starts_with(expected),
            "{line}: {error:?}"
        );
        assert_eq!(reader.line_number(), 2);
    }
}

#[test]
fn a_line_is_shorter_than_the_limit() {
    let frame = r#"{"encoded":"a","original":"","kind":"sha-fallback","pad":""}"#.len();
    let line = |length: usize| {
        format!(
            r#"{{"encoded":"a","original":"","kind":"sha-fallback","pad":"{}"}}"#,
            "x".repeat(length - frame)
        )
    };
    assert_eq!(
        read_all(line(LINE_LIMIT_BYTES - 1).as_bytes())
            .unwrap()
            .len(),
        1
    );
    assert!(matches!(
        read_all(line(LINE_LIMIT_BYTES).as_bytes()),
        Err(LineError::TooLong)
    ));
    // A one-MiB name fits.
    let long = record("x", vec![0xff; 1 << 20], Kind::ShaFallback);
    assert_eq!(read_all(&line_of(&long)).unwrap(), [long]);
}

fn collect(
    order: Order,
    uses: &[(u64, Record)],
    split_at: usize,
    budget_bytes: usize,
) -> Vec<Record> {
    let scratch = tempfile::tempdir().unwrap();
    let mut first = Collector::new(order, scratch.path(), budget_bytes);
    let mut second = Collector::new(order, scratch.path(), budget_bytes);
    for (index, (position, record)) in uses.iter().enumerate() {
        let collector = if index < split_at {
            &mut first
        } else {
            &mut second
        };
        collector.add(*position, record).unwrap();
    }
    first.absorb(second).unwrap();
    read_all(&lines_of(first)).unwrap()
}

#[test]
fn each_mapping_is_written_once_in_the_order_of_its_kind() {
    let [a, b, c] = ["a", "b", "c"].map(|name| record(name, name, Kind::ShaFallback));
    let uses = [
        (5, b.clone()),
        (9, a.clone()),
        (3, c.clone()),
        (1, b.clone()),
        (7, c.clone()),
    ];
    for split_at in 0..=uses.len() {
        assert_eq!(
            collect(Order::Encoded, &uses, split_at, 1 << 20),
            [a.clone(), b.clone(), c.clone()]
        );
        assert_eq!(
            collect(Order::Encounter, &uses, split_at, 1 << 20),
            [b.clone(), c.clone(), a.clone()]
        );
    }
}

proptest! {
    #[test]
    fn any_mapping_reads_back(
        encoded in prop::collection::vec(any::<u8>(), 1..40).prop_filter("is a path", |encoded| fsroot::RelPath::new(encoded).is_ok()),
        original in prop::collection::vec(any::<u8>(), 0..40)) {
        let record = record(encoded, original, Kind::S3LeafData);
        prop_assert_eq!(read_all(&line_of(&record)).unwrap(), vec![record]);
    }

    #[test]
    fn the_reader_takes_any_bytes(text in prop::collection::vec(any::<u8>(), 0..80)) {
        drop(read_all(&text));
    }
}

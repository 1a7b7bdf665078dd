//! The builder against the bytes printed in the format documents.

use sha2::{Digest, Sha256};
use testkit::hex::{hex, mixed, to_hex};
use testkit::stream::*;

/// The timestamp of the snapshot document's examples, and one a minute earlier.
const T: u64 = 0x0194_1f29_7c00_0001;
const T1: u64 = T - 65536 * 60000;
/// The ceiling of its header examples.
const CEILING_MS: u64 = 1_735_689_600_123;
/// The timestamp of the S3 document's examples.
const S3_T: u64 = 114_418_306_260_664_325;

fn greeting() -> Vec<u8> {
    Native::new(T)
        .row(Row::live(
            "!redis|str|greeting",
            T,
            mixed("ff0100 \"hello\""),
        ))
        .build()
}

fn check(actual: &[u8], expected: &str) {
    assert_eq!(to_hex(actual), to_hex(&hex(expected)));
}

#[test]
fn the_clock_packs_milliseconds_and_a_counter() {
    assert_eq!(hlc(1_735_689_600_000, 1), T);
    assert_eq!(T, 113_750_153_625_600_001);
}

#[test]
fn a_native_stream() {
    check(
        &greeting(),
        "454b565042424c31 0100007c291f9401
         1b00000000000000 2172656469737c7374727c6772656574696e67 fe6be0d683fffffe
         1100000000000000 00 0000000000000000 ff010068656c6c6f",
    );
}

#[test]
fn a_runtime_file_and_its_token() {
    let file = Header::V1 {
        ceiling_ms: CEILING_MS,
    }
    .runtime_file(&greeting());
    assert_eq!(to_hex(&file[..16]), "454b5654484c4331000001941f297c7b");
    assert_eq!(file[16..92], greeting());
    check(&file[92..], "c23e7d23");
    check(
        &token(100, 0xc23e_7d23),
        "454b5654010000000000000064c23e7d23",
    );
}

#[test]
fn the_second_header() {
    let header = Header::V2 {
        ceiling_ms: CEILING_MS,
        cutover: 42,
        extra: Vec::new(),
    };
    check(
        &header.build(),
        "454b5654484c4332 0010 000001941f297c7b 000000000000002a",
    );
}

#[test]
fn the_empty_files() {
    let header = Header::V1 { ceiling_ms: 0 };
    check(
        &header.runtime_file(&Native::new(0).build()),
        "454b5654484c4331 0000000000000000 454b565042424c31 0000000000000000 601ff484",
    );
    check(&with_footer(Native::new(0).build())[16..], "a36b13d0");
    check(&with_footer(Vec::new()), "00000000");
    assert_eq!(with_footer(clock_oracle(1)).len(), 12);
}

#[test]
fn several_versions_and_an_operational_row() {
    let body = |text: &str| mixed(&format!("ff0100 \"{text}\""));
    let stream = Native::new(T)
        .row(Row::live("!redis|str|a", T, body("new")))
        .row(Row::live("!redis|str|a", T1, body("old")))
        .row(Row::tombstone("!redis|str|b", T))
        .row(Row::live("!redis|str|b", T1, body("gone")))
        .row(Row::live("!redis|str|c", T1, body("v")))
        .operational(Operational::LastCommitTs(T))
        .row(Row::live("zz", T, "raw"));
    let expected = [
        (
            "2172656469737c7374727c61fe6be0d683fffffe",
            "000000000000000000ff01006e6577",
        ),
        (
            "2172656469737c7374727c61fe6be0d76e5ffffe",
            "000000000000000000ff01006f6c64",
        ),
        (
            "2172656469737c7374727c62fe6be0d683fffffe",
            "010000000000000000",
        ),
        (
            "2172656469737c7374727c62fe6be0d76e5ffffe",
            "000000000000000000ff0100676f6e65",
        ),
        (
            "2172656469737c7374727c63fe6be0d76e5ffffe",
            "000000000000000000ff010076",
        ),
        (
            "5f6d6574615f6c6173745f636f6d6d69745f7473",
            "0100007c291f9401",
        ),
        ("7a7afe6be0d683fffffe", "000000000000000000726177"),
    ];
    let actual: Vec<_> = stream
        .entries()
        .iter()
        .map(|(key, value)| (to_hex(key), to_hex(value)))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(actual, expected);
    assert_eq!(stream.clone().sorted().entries(), stream.entries());
}

#[test]
fn the_stream_of_the_memory_store() {
    let body = |text: &str| mixed(&format!("ff0100 \"{text}\""));
    let stream = MemoryStream::new(T, 0).key(
        "!redis|str|k",
        vec![
            Version::live(T - 1, body("old")),
            Version::live(T, body("new")),
        ],
    );
    check(
        &stream.build(),
        "454b564d56434332 01000000 dbb9fca7 0100007c291f9401 0000000000000000
         0c00000000000000 2172656469737c7374727c6b 0200000000000000
         0000007c291f9401 00 0000000000000000 0600000000000000 ff01006f6c64
         0100007c291f9401 00 0000000000000000 0600000000000000 ff01006e6577",
    );
}

#[test]
fn a_bucket_and_an_object() {
    let blob_key = mixed(
        "\"!s3|blob|photos\" 0001 0000000000000007 \"2026/04/img.jpg\" 0001
         \"00112233445566778899aabbccddeeff\" 0001 0000000000000001 0000000000000000",
    );
    let stream = Native::new(S3_T)
        .row(Row::live(blob_key, S3_T, "hello-world"))
        .row(Row::live(mixed("\"!s3|bucket|gen|photos\" 0001"), S3_T, hex("0000000000000007")))
        .row(Row::live(
            mixed("\"!s3|bucket|meta|photos\" 0001"),
            S3_T,
            r#"{"bucket_name":"photos","generation":7,"created_at_hlc":114418306260664325,"owner":"alice","region":"us-east-1","acl":"private"}"#,
        ))
        .row(Row::live(
            mixed("\"!s3|obj|head|photos\" 0001 0000000000000007 \"2026/04/img.jpg\" 0001"),
            S3_T,
            r#"{"upload_id":"00112233445566778899aabbccddeeff","etag":"2095312189753de6ad47dfe20cbe97ec","size_bytes":11,"last_modified_hlc":114418306260664325,"content_type":"image/jpeg","user_metadata":{"a":"1","b":"\u003c2\u003e"},"parts":[{"part_no":1,"etag":"2095312189753de6ad47dfe20cbe97ec","size_bytes":11,"chunk_count":1,"chunk_sizes":[11]}]}"#,
        ))
        .build();
    assert_eq!(stream.len(), 816);
    assert_eq!(
        to_hex(&Sha256::digest(&stream)),
        "24d698316705055d21fd9a58e34213514f0bf49aef140f97d37a487021c1b31a"
    );
}

#[test]
fn a_snap_file_and_a_log() {
    let payload = Header::V1 { ceiling_ms: 123 }.payload(b"EKVPBBL1external snapshot payload");
    check(&footer(&payload), "4938c217");
    let members = ConfState {
        voters: vec![1, 2],
        learners: Vec::new(),
    };
    check(
        &snap_file(7, 42, 0x4938_c217, &members),
        "089af0ace506 121f 0a11 454b565401000000000000002a4938c217 120a 0a0408010802 102a 1807",
    );
    check(
        Wal::after_snapshot(7, 42, members).frames(),
        "0400000000000084 08041000 00000000
         0400000000000084 08011000 00000000
         0e00000000000082 080510a0b39b8f081a0408001000 0000
         1400000000000084 080510ce83d687011a0a082a10071a0408010802 00000000
         0e00000000000082 080310dc94c3fe0c1a040807182a 0000",
    );
}

#[test]
fn a_bundle_of_tables() {
    let bundle = SstBundle::new(T).table("table", b"a", b"z");
    let manifest = bundle.manifest();
    let bytes = bundle.build();
    assert_eq!(&bytes[..8], b"EKVSSTI1");
    assert_eq!(bytes[8..16], (manifest.len() as i64).to_be_bytes());
    assert_eq!(bytes[16..48], Sha256::digest(&manifest)[..]);
    assert_eq!(&bytes[48..], [manifest.as_slice(), b"table"].concat());
}

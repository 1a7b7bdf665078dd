//! The worked examples of the format, byte for byte, and what every malformed input is called.

mod common;

use common::read;
use snapshot::{Disposition, ErrorKind, FooterPolicy, Keep};
use testkit::hex::hex;

/// `!redis|str|greeting` = `hello`, as a bare stream.
const BARE: &str = "454b565042424c31 0100007c291f9401 1b00000000000000
    2172656469737c7374727c6772656574696e67 fe6be0d683fffffe 1100000000000000
    00 0000000000000000 ff010068656c6c6f";

/// The same with an FSM header of version 1.
const HEADER: &str = "454b5654484c4331 000001941f297c7b";

const FOOTER: &str = "c23e7d23";

fn whole(_key: &[u8]) -> Keep {
    Keep::Whole
}

fn rows(text: &str, footer: FooterPolicy) -> Result<usize, ErrorKind> {
    read(&hex(text), footer, whole)
        .map(|rows| rows.len())
        .map_err(|error| error.kind)
}

/// Reads `text` under the usual rule and checks how often rows were found.
fn check(text: &str, expected: usize) {
    assert_eq!(
        rows(text, FooterPolicy::WithHeader).unwrap(),
        expected,
        "{text}"
    );
}

/// Reads `text` under the usual rule and checks what it is called.
fn check_error(text: &str, expected: &str, offset: u64) {
    let error = read(&hex(text), FooterPolicy::WithHeader, whole).unwrap_err();
    assert_eq!(
        (error.kind.to_string().as_str(), error.offset),
        (expected, offset),
        "{text}"
    );
}

#[test]
fn every_combination_of_layers() {
    check(BARE, 1);
    check(&format!("{HEADER} {BARE} {FOOTER}"), 1);
    let v2 = "454b5654484c4332 0010 000001941f297c7b 000000000000002a";
    assert_eq!(
        rows(&format!("{v2} {BARE}"), FooterPolicy::Optional).unwrap(),
        1
    );
    assert_eq!(
        rows(&format!("{HEADER} {BARE}"), FooterPolicy::Optional).unwrap(),
        1
    );
    check_error(
        &format!("{HEADER} {BARE}"),
        "the CRC32C footer is missing",
        92,
    );
    assert!(matches!(
        rows(BARE, FooterPolicy::Required),
        Err(ErrorKind::FooterMissing)
    ));
}

#[test]
fn a_node_without_data() {
    check(
        "454b5654484c4331 0000000000000000 454b565042424c31 0000000000000000 601ff484",
        0,
    );
    check("454b565042424c31 0000000000000000", 0);
    check("454b565042424c31 0000000000000000 a36b13d0", 0);
    check("00000000", 0);
}

#[test]
fn versions_deletions_and_operational_rows() {
    let rows = [
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
    let mut file = hex("454b565042424c31 0100007c291f9401");
    for (key, value) in rows {
        for field in [hex(key), hex(value)] {
            file.extend((field.len() as u64).to_le_bytes());
            file.extend(field);
        }
    }
    use Disposition::{Superseded, Tombstone, Visible};
    let seen: Vec<_> = read(&file, FooterPolicy::WithHeader, whole)
        .unwrap()
        .into_iter()
        .map(|row| row.disposition)
        .collect();
    let expected = [
        Some(Visible),
        Some(Superseded),
        Some(Tombstone),
        Some(Superseded),
        Some(Visible),
        None,
        Some(Visible),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_key_between_two_versions_of_another() {
    let keys = [
        "2172656469737c7374727c61fe6be0d683fffffe",
        "2172656469737c7374727c61fe6be0d684fe6be0d683fffffe",
        "2172656469737c7374727c61fe6be1d683fffffe",
    ];
    let mut file = hex("454b565042424c31 0100007c291f9401");
    for key in keys {
        let key = hex(key);
        file.extend((key.len() as u64).to_le_bytes());
        file.extend(key);
        file.extend(hex("0900000000000000 000000000000000000"));
    }
    let seen = read(&file, FooterPolicy::WithHeader, whole).unwrap();
    let seen: Vec<_> = seen.into_iter().filter_map(|row| row.disposition).collect();
    assert_eq!(
        seen,
        [
            Disposition::Visible,
            Disposition::Visible,
            Disposition::Superseded
        ]
    );
}

#[test]
fn the_streaming_form() {
    let stream = "454b564d56434332 01000000 dbb9fca7 0100007c291f9401 0000000000000000
        0c00000000000000 2172656469737c7374727c6b 0200000000000000
        0000007c291f9401 00 0000000000000000 0600000000000000 ff01006f6c64
        0100007c291f9401 00 0000000000000000 0600000000000000 ff01006e6577";
    let seen = read(&hex(stream), FooterPolicy::WithHeader, whole).unwrap();
    let seen: Vec<_> = seen
        .into_iter()
        .map(|row| (row.disposition, row.body_offset))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(Disposition::Superseded), 0x55),
            (Some(Disposition::Visible), 0x74)
        ]
    );
    let damaged = stream.replace("6f6c64", "6f6c65");
    check_error(
        &damaged,
        "store checksum is a7fcb9db, but the content has 5626bc71",
        0x7a,
    );
}

#[test]
fn malformed_inputs() {
    const EMPTY: &str = "454b565042424c31 0000000000000000";
    check_error("", "input ends inside the file's magic", 0);
    check_error("454b5650", "input ends inside the file's magic", 4);
    check_error(
        "454b565042424c31",
        "input ends inside the store stream's header",
        8,
    );
    check_error(
        &format!("{EMPTY} 00"),
        "input ends inside the key length",
        17,
    );
    check_error(
        &format!("{EMPTY} 00000000"),
        "footer is 00000000, but the content has a36b13d0",
        16,
    );
    check_error(
        &format!("{EMPTY} 0900100000000000"),
        "key length 1048585 exceeds the limit of 1048584 bytes",
        16,
    );
    check_error(
        &format!("{EMPTY} 0900000000000000 000000000000000000 2c00001000000000"),
        "value length 268435500 exceeds the limit of 268435499 bytes",
        33,
    );
    check_error(
        &format!("{EMPTY} 0500000000000000 73686f7274 0900000000000000 000000000000000000"),
        "key of 5 bytes is shorter than its version suffix",
        16,
    );
    let value = |value: &str| format!("{EMPTY} 0900000000000000 000000000000000000 {value}");
    check_error(
        &value("0800000000000000 0000000000000000"),
        "value of 8 bytes is shorter than its envelope",
        16,
    );
    check_error(
        &value("0900000000000000 08 0000000000000000"),
        "value flags 0x08 use reserved bits",
        16,
    );
    check_error(
        &value("0900000000000000 04 0000000000000000"),
        "value flags 0x04 use reserved bits",
        16,
    );
    check(&value("0900000000000000 02 0000000000000000"), 1);
    check_error(
        "454b5654484c4339 0000000000000000",
        "unknown FSM header version 0x39",
        7,
    );
    check_error(
        "454b5654484c4332 0008 0000",
        "FSM header states a payload of 8 bytes, allowed are 16 to 1024",
        8,
    );
}

#[test]
fn files_of_another_kind() {
    let kind = |text: &str| rows(text, FooterPolicy::WithHeader).unwrap_err();
    assert!(matches!(
        kind("454b565042424c32 0000000000000000"),
        ErrorKind::BadMagic { .. }
    ));
    assert!(matches!(
        kind("454b565353544931 0000"),
        ErrorKind::SstBundle
    ));
    assert!(matches!(
        kind("000001941f297c7b"),
        ErrorKind::Oracle {
            ceiling_ms: 1_735_689_600_123
        }
    ));
    assert!(matches!(
        kind("454b5654010000000000000064c23e7d23"),
        ErrorKind::Token
    ));
    assert!(matches!(
        kind("1f8b080000000000 0000"),
        ErrorKind::Packed { format: "gzip" }
    ));
    assert!(matches!(
        kind("28b52ffd00000000 0000"),
        ErrorKind::Packed { format: "zstd" }
    ));
}

#[test]
fn rows_out_of_order_or_twice() {
    let row = |key: &str| format!("0a00000000000000 {key} 0900000000000000 000000000000000000");
    let (a, b) = (row("6161 fe6be0d683fffffe"), row("6162 fe6be0d683fffffe"));
    let stream = |rows: &[&str]| format!("454b565042424c31 0000000000000000 {}", rows.concat());
    check(&stream(&[&a, &b]), 2);
    check_error(&stream(&[&b, &a]), "rows are not in key order", 51);
    check_error(&stream(&[&a, &a]), "two rows have the same stream key", 51);
}

#[test]
fn only_a_plausible_time_makes_an_oracle() {
    let kind = |bytes: u64| {
        let file = bytes.to_be_bytes().to_vec();
        read(&file, FooterPolicy::WithHeader, whole)
            .unwrap_err()
            .kind
    };
    let greatest = (1 << 48) - 1;
    assert!(matches!(kind(greatest), ErrorKind::Oracle { ceiling_ms } if ceiling_ms == greatest));
    assert!(matches!(kind(greatest + 1), ErrorKind::BadMagic { .. }));
}

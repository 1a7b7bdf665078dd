use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use fsroot::RelPath;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{Entry, LINE_LIMIT_BYTES, LineError, Reader, line_into};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn entry(path: impl AsRef<[u8]>) -> Entry {
    Entry {
        path: RelPath::new(path).unwrap(),
        digest: Sha256::digest(b"hello").into(),
    }
}

fn line_of(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    line_into(&entry.digest, entry.path.as_bytes(), &mut out);
    out
}

fn read_all(text: &[u8]) -> Vec<Result<Entry, LineError>> {
    let mut reader = Reader::new(text);
    std::iter::from_fn(|| reader.next_entry().unwrap()).collect()
}

fn check(path: &[u8], expected: &[u8]) {
    let entry = entry(path);
    assert_eq!(line_of(&entry), expected, "{}", expected.escape_ascii());
    assert_eq!(read_all(expected), [Ok(entry)]);
}

#[test]
fn lines_have_the_form_of_sha256sum() {
    check(
        b"redis/db_0/strings/greeting.bin",
        format!("{HELLO}  redis/db_0/strings/greeting.bin\n").as_bytes(),
    );
    check(b"a\\b", format!("\\{HELLO}  a\\\\b\n").as_bytes());
    check(b"a\nb\rc", format!("\\{HELLO}  a\\nb\\rc\n").as_bytes());
    check(b" a*\tb", format!("{HELLO}   a*\tb\n").as_bytes());
    // Invalid UTF-8 stays as it is, escaped or not.
    check(b"\xff", &[HELLO.as_bytes(), b"  \xff\n"].concat());
    check(
        b"\xff\n",
        &[b"\\", HELLO.as_bytes(), b"  \xff\\n\n"].concat(),
    );
}

#[test]
fn sha256sum_agrees() {
    let names: [&[u8]; 7] = [
        b"plain",
        b"a\\b",
        b"a\nb",
        b"a\rb",
        b"\xff\\\n",
        b" lead",
        b"*star",
    ];
    let directory = tempfile::tempdir().unwrap();
    let mut ours = Vec::new();
    for name in names {
        use std::os::unix::ffi::OsStrExt;
        std::fs::write(
            directory.path().join(std::ffi::OsStr::from_bytes(name)),
            "hello",
        )
        .unwrap();
        ours.extend(line_of(&entry(name)));
    }
    let checksums = directory.path().join("CHECKSUMS");
    std::fs::write(&checksums, &ours).unwrap();
    let status = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "CHECKSUMS"])
        .current_dir(&directory)
        .stdin(Stdio::null())
        .status();
    match status {
        Ok(status) => assert!(status.success()),
        Err(error) => eprintln!("skipped: sha256sum_agrees: {error}"),
    }
}

fn check_refused(line: &str, expected: LineError) {
    let good = format!("{HELLO}  good\n");
    let read = read_all(format!("{line}\n{good}").as_bytes());
    assert_eq!(read, [Err(expected), Ok(entry("good"))], "{line}");
}

#[test]
fn bad_lines_are_named_and_the_rest_is_read() {
    check_refused(&HELLO[1..], LineError::Digest);
    check_refused(HELLO, LineError::Digest);
    check_refused(&format!("{HELLO} a"), LineError::Digest);
    check_refused(&format!("{HELLO}\t a"), LineError::Digest);
    check_refused(&format!("{}  a", HELLO.to_uppercase()), LineError::Digest);
    check_refused(&format!(" {HELLO}  a"), LineError::Digest);
    check_refused(&format!("\\{HELLO}  a\\t"), LineError::Escape);
    check_refused(&format!("\\{HELLO}  a\\"), LineError::Escape);
    for path in ["", "/a", "a/", "a//b", ".", "./a", "..", "a/../b", "a\0b"] {
        let read = read_all(format!("{HELLO}  {path}\n").as_bytes());
        assert!(
            matches!(read[..], [Err(LineError::Path(_))]),
            "{path:?}: {read:?}"
        );
    }
    check_refused(
        &format!("{HELLO}  {}", "a/".repeat(LINE_LIMIT_BYTES)),
        LineError::TooLong,
    );
}

#[test]
fn blank_lines_a_missing_last_newline_and_binary_marks_are_tolerated() {
    let text = format!("\n{HELLO} *a\n\n{HELLO}  b");
    assert_eq!(read_all(text.as_bytes()), [Ok(entry("a")), Ok(entry("b"))]);
}

#[test]
fn line_numbers_count_blank_lines() {
    let text = format!("\n\n{HELLO}  a\n");
    let mut reader = Reader::new(text.as_bytes());
    reader.next_entry().unwrap();
    assert_eq!(reader.line_number(), 3);
}

#[test]
fn a_backslash_in_an_unmarked_line_is_a_backslash() {
    assert_eq!(
        read_all(format!("{HELLO}  a\\nb\n").as_bytes()),
        [Ok(entry("a\\nb"))]
    );
}

proptest! {
    #[test]
    fn any_path_reads_back(path in prop::string::bytes_regex("(?s-u)[^/\\x00.]([^/\\x00]|[\\\\\\n\\r]){0,20}").unwrap()) {
        let entry = entry(&path);
        let line = line_of(&entry);
        prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        prop_assert_eq!(read_all(&line), vec![Ok(entry)]);
        prop_assert!(HEXLOWER.decode(&line[usize::from(line[0] == b'\\')..][..64]).is_ok());
    }

    #[test]
    fn the_reader_takes_any_bytes(text in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read_all(&text));
    }
}

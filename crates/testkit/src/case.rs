//! Case files: a snapshot as text, and the tree it must become.
//!
//! ```text
//! ; a comment, on a line of its own
//! == stream 113750153625600001        ; native stream with that commit timestamp
//! live 113750153625600001             ; a version: live or tombstone
//!   key "!redis|str|greeting"         ; user key: hexadecimal and quoted text
//!   value ff0100 "hello"              ; body
//! raw                                 ; a row as it stands
//!   key "_meta_last_commit_ts"
//!   value 0100007c291f9401
//! == options --include-orphans        ; added to the command line
//! == exit 14
//! == event s3_key_escaped             ; an event that must appear; `no-event` for one that must not
//! == bytes redis/db_0/strings/greeting.bin
//! "hello"
//! == text redis/db_0/strings_ttl.jsonl
//! {"key":"old","expire_at_ms":1735693200000}
//! == json redis/db_0/hashes/a.json    ; like text, without the last line feed
//! ```
//!
//! A timestamp is decimal, `0x…`, or one of these minus a number (`0x…-65536`). Rows are sorted as a
//! node would; `== unsorted N` instead of `== stream N` keeps their order.

use crate::hex::mixed;
use crate::stream::{Native, Row};

/// A case.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Case {
    /// The native stream.
    pub stream: Vec<u8>,
    /// Options for the command line.
    pub options: Vec<String>,
    /// The exit code, 0 unless the case says otherwise.
    pub exit: i32,
    /// Names of events that must appear.
    pub events: Vec<String>,
    /// Names of events that must not appear.
    pub no_events: Vec<String>,
    /// All files of the tree but `MANIFEST.json` and `CHECKSUMS`, in the order of the case.
    pub files: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads a case.
///
/// # Panics
/// On text that is not one; the message names the line.
pub fn parse(text: &str) -> Case {
    let mut case = Case::default();
    for section in sections(text) {
        section.add_to(&mut case);
    }
    assert!(!case.stream.is_empty(), "the case has no stream");
    case
}

/// One `== …` line and what follows it.
struct Section<'a> {
    kind: &'a str,
    argument: &'a str,
    lines: Vec<&'a str>,
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("== ") {
            let (kind, argument) = head.split_once(' ').unwrap_or((head, ""));
            let lines = Vec::new();
            sections.push(Section {
                kind,
                argument,
                lines,
            });
        } else if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        } else {
            let blank = line.is_empty() || line.starts_with(';');
            assert!(blank, "before the first section: {line}");
        }
    }
    sections
}

impl Section<'_> {
    fn add_to(&self, case: &mut Case) {
        let word = || uncommented(self.argument).to_owned();
        match self.kind {
            "stream" => case.stream = self.stream().sorted().build(),
            "unsorted" => case.stream = self.stream().build(),
            "options" => case
                .options
                .extend(word().split_whitespace().map(str::to_owned)),
            "exit" => case.exit = word().parse().expect("an exit code is a number"),
            "event" => case.events.push(word()),
            "no-event" => case.no_events.push(word()),
            "bytes" => self.file(case, mixed(&self.data_lines().join(" "))),
            "text" => {
                let lines: Vec<_> = self.text_lines().map(|line| format!("{line}\n")).collect();
                self.file(case, lines.concat().into_bytes());
            }
            "json" => {
                let lines: Vec<_> = self.text_lines().collect();
                self.file(case, lines.join("\n").into_bytes());
            }
            other => panic!("no such section: {other}"),
        }
    }

    fn file(&self, case: &mut Case, bytes: Vec<u8>) {
        let mut path = Vec::new();
        crate::hex::quoted(self.argument, &mut path);
        case.files.push((path, bytes));
    }

    /// Lines with their comments and blank ends taken off; empty ones are dropped.
    fn data_lines(&self) -> Vec<&str> {
        let lines = self.lines.iter().map(|line| uncommented(line));
        lines.filter(|line| !line.is_empty()).collect()
    }

    /// Lines as they stand, but for comments and empty ones that separate sections.
    fn text_lines(&self) -> impl Iterator<Item = &str> {
        let kept = |line: &&&str| !line.is_empty() && !line.starts_with(';');
        self.lines.iter().filter(kept).copied()
    }

    fn stream(&self) -> Native {
        let mut stream = Native::new(timestamp(uncommented(self.argument)));
        let lines = self.data_lines();
        for row in lines.chunk_by(|_, next| next.starts_with("key ") || next.starts_with("value")) {
            let (&head, fields) = row.split_first().expect("chunks are not empty");
            let field = |name: &str| {
                let mut fields = fields.iter().filter_map(|line| line.strip_prefix(name));
                mixed(fields.next().unwrap_or_default())
            };
            let (key, value) = (field("key"), field("value"));
            stream = match head.split_once(' ') {
                None if head == "raw" => stream.raw(key, value),
                Some(("live", ts)) => stream.row(Row::live(key, timestamp(ts), value)),
                Some(("tombstone", ts)) => stream.row(Row::tombstone(key, timestamp(ts))),
                _ => panic!("not a row: {head}"),
            };
        }
        stream
    }
}

/// Takes a comment off, which begins with a semicolon outside of quotes.
fn uncommented(line: &str) -> &str {
    let mut open = false;
    let end = line.find(|character| {
        open ^= character == '"';
        character == ';' && !open
    });
    line[..end.unwrap_or(line.len())].trim()
}

fn timestamp(text: &str) -> u64 {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let parsed = match text.split_once('-') {
        None => number(text),
        Some((from, less)) => number(from).and_then(|from| Ok(from - number(less)?)),
    };
    parsed.unwrap_or_else(|error| panic!("not a timestamp: {error}: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Operational;

    const CASE: &str = r#"
; two strings
== stream 0x01941f297c000001 ; T
live 0x01941f297c000001
  key "!redis|str|b;"
  value ff0100 "a;b" ; not a comment within quotes
tombstone 0x01941f297c000001-65536
  key "!redis|str|" 61
raw
  key "_meta_last_commit_ts"
  value 0100007c291f9401

== options --partial --scope s3=b
== exit 14
== event one
== no-event two
== bytes a/<ff>
00 "x"
== text b
{"a":1}

== json c
{
}
"#;

    #[test]
    fn every_section_is_read() {
        let case = parse(CASE);
        let ts = 0x0194_1f29_7c00_0001;
        let stream = Native::new(ts)
            .row(Row::tombstone("!redis|str|a", ts - 65536))
            .row(Row::live("!redis|str|b;", ts, *b"\xff\x01\x00a;b"))
            .operational(Operational::LastCommitTs(ts));
        assert_eq!(case.stream, stream.build());
        assert_eq!(case.options, ["--partial", "--scope", "s3=b"]);
        assert_eq!(
            (case.exit, case.events, case.no_events),
            (14, vec!["one".into()], vec!["two".into()])
        );
        let files = [
            (b"a/\xff".to_vec(), b"\0x".to_vec()),
            (b"b".to_vec(), b"{\"a\":1}\n".to_vec()),
            (b"c".to_vec(), b"{\n}".to_vec()),
        ];
        assert_eq!(case.files, files);
    }

    #[test]
    #[should_panic(expected = "no such section: oops")]
    fn unknown_sections_are_refused() {
        parse("== stream 1\n== oops");
    }
}

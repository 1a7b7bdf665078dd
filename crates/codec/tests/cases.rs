//! Text cases: rows in, options, expected tree and events out.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codec::{Adapter, Adapters, BareStrings, Input, Names, OnBad, RawRows, UnknownRows};
use common::{Events, Files, decode, options};
use testkit::case::{self, Case};

/// Reads the options that cases use. They are spelled as on the command line.
fn parse(words: &[String], options: &mut codec::Options) {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--partial" => options.on_bad = OnBad::LeaveOut,
            "--ignore-unknown" => options.unknown = UnknownRows::Ignore,
            "--strict" => options.unknown = UnknownRows::Refuse,
            "--raw" => options.raw = RawRows::Write,
            "--adapter" => {
                options.adapters = match words.next().map(String::as_str) {
                    Some("s3") => Adapters {
                        s3: true,
                        ..Adapters::NONE
                    },
                    other => panic!("no case needs {other:?} yet"),
                }
            }
            "--scope" => {
                let (adapter, name) = words.next().and_then(|word| word.split_once('=')).unwrap();
                let adapter = Adapter::ALL
                    .into_iter()
                    .find(|a| a.name() == adapter)
                    .unwrap();
                let names = options.scope.0.entry(adapter).or_default();
                names.insert(name.as_bytes().to_vec());
            }
            "--bare-strings" => options.bare_strings = BareStrings::Decode,
            "--portable-names" => options.names = Names::Portable,
            "--drop-expired-at" => {
                options.drop_expired_at_ms = words.next().map(|at| at.parse().unwrap());
            }
            "--include-incomplete-uploads" => options.s3.include_incomplete_uploads = true,
            "--include-orphans" => options.s3.include_orphans = true,
            "--rename-collisions" => options.s3.rename_collisions = true,
            other => panic!("no case needs {other} yet"),
        }
    }
}

fn run(case: &Case, directory: &Path) -> (i32, Vec<&'static str>, BTreeMap<String, String>) {
    let mut options = options(directory);
    parse(&case.options, &mut options);
    let events = Events::default();
    let destination = directory.join("dump");
    let input = Input::memory("snapshot.fsm", case.stream.clone());
    let exit = match decode(&[input], &destination, &options, &events) {
        Ok(report) if report.is_complete() => 0,
        Ok(_) => 14,
        Err(error) => {
            assert!(!destination.exists(), "{error}");
            assert_eq!(fs::read_dir(directory).unwrap().count(), 0, "{error}");
            10
        }
    };
    let mut files = match exit {
        10 => Files::new(),
        _ => common::files(&destination),
    };
    files.remove("MANIFEST.json");
    files.remove("CHECKSUMS");
    let escaped = |(name, bytes): (String, Vec<u8>)| (name, bytes.escape_ascii().to_string());
    let files = files.into_iter().map(escaped).collect();
    (exit, events.names(), files)
}

fn check(path: &Path) {
    let name = path.display();
    let case = case::parse(&fs::read_to_string(path).unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let (exit, events, files) = run(&case, temporary.path());
    let expected: BTreeMap<String, String> = case
        .files
        .iter()
        .map(|(path, bytes)| {
            (
                path.escape_ascii().to_string(),
                bytes.escape_ascii().to_string(),
            )
        })
        .collect();
    assert_eq!(exit, case.exit, "{name}: exit code; events {events:?}");
    assert_eq!(files, expected, "{name}: files");
    for event in &case.events {
        assert!(
            events.contains(&event.as_str()),
            "{name}: no event {event} in {events:?}"
        );
    }
    for event in &case.no_events {
        assert!(!events.contains(&event.as_str()), "{name}: event {event}");
    }
}

fn check_all(family: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(family);
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().for_each(|path| check(path));
}

#[test]
fn redis() {
    check_all("redis");
}

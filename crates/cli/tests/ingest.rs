//! `ingest validate` and `ingest schema`.

mod common;

use std::process::Stdio;

use common::Place;
use testkit::command::moment::{send, until, until_it_handles};

const GOOD: &str = "\
apiVersion: tracebloc.io/v1
kind: IngestConfig
category: text_classification
table: reviews
intent: train
csv: labels.csv
texts: texts/
label: sentiment
";

#[test]
fn a_good_document_is_ok() {
    let place = Place::new();
    place.write("good.yaml", GOOD);
    let run = place.run(["ingest", "validate", "good.yaml"]).exits(0);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("good.yaml: ok\n", "")
    );
    let run = place
        .run_with_input(
            GOOD.as_bytes(),
            ["ingest", "validate", "-", "--format=json"],
        )
        .exits(0);
    assert_eq!(run.result()["violations"], 0);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let place = Place::new();
    place.write(
        "bad.yaml",
        GOOD.replace("intent: train", "intent: potato\nfoo: 1"),
    );
    let run = place.run(["ingest", "validate", "bad.yaml", "--format=json"]);
    let findings: Vec<_> = run
        .json()
        .into_iter()
        .filter(|line| line["type"] == "finding")
        .collect();
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(
        findings
            .iter()
            .any(|finding| finding["path"] == "intent" && finding["line"] == 5),
        "{findings:#?}"
    );
    run.fails(2, "ingest.invalid");
}

#[test]
fn what_is_no_document_is_an_error_of_its_own() {
    let place = Place::new();
    place.write("list.yaml", "- a\n");
    place.write("empty.yaml", " \n");
    let validate = |file: &str, id: &str| {
        place
            .run(["ingest", "validate", file, "--format=json"])
            .fails(3, id)
    };
    assert_eq!(
        validate("list.yaml", "ingest.not-a-mapping")["place"]["line"],
        1
    );
    validate("empty.yaml", "ingest.empty");
    validate("nowhere.yaml", "ingest.unreadable");
}

#[test]
fn the_schema_is_the_published_one() {
    let place = Place::new();
    let run = place.run(["ingest", "schema"]).exits(0);
    assert_eq!(run.stdout, include_str!("../../../docs/ingest.schema.json"));
    place
        .run(["ingest", "schema", "--format=json"])
        .exits(0)
        .result();
}

/// The lines are those of the format; no general error follows them.
#[test]
fn people_read_a_heading_and_one_line_for_each_problem() {
    let place = Place::new();
    place.write(
        "bad.yaml",
        GOOD.replace("intent: train", "intent: potato\nfoo: 1"),
    );
    let run = place.run(["ingest", "validate", "bad.yaml"]).exits(2);
    let expected = "\
bad.yaml: schema validation failed (2 issues)
  <root>: additional properties 'foo' not allowed (line 6, column 1)
  intent: value must be one of 'train', 'test' (line 5, column 9)
";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", expected));
}

#[test]
fn warnings_leave_a_document_valid_unless_their_age_is_named() {
    let place = Place::new();
    place.write(
        "old.yaml",
        GOOD.replace("table: reviews", "table: _reviews"),
    );
    let validate = |more: &[&str]| place.run(["ingest", "validate", "old.yaml"].iter().chain(more));
    let run = validate(&[]).exits(0);
    assert_eq!(run.stdout, "old.yaml: ok\n");
    assert!(
        run.stderr
            .contains("refused by older ingestors [table.underscore-first]"),
        "{}",
        run.stderr
    );
    let run = validate(&["--format=json"]).exits(0);
    let warning = &run.events("table.underscore-first")[0];
    assert_eq!(
        (&warning["type"], &warning["refused_by"]),
        (&"warning".into(), &serde_json::json!(["older"]))
    );
    assert_eq!(run.result()["warnings"], 1);
    let _passes = validate(&["--for-ingestor", "newest"]).exits(0);
    let run = validate(&["--for-ingestor", "older"]).exits(2);
    assert!(
        run.stderr
            .starts_with("old.yaml: schema validation failed (1 issue)\n  table: "),
        "{}",
        run.stderr
    );
}

/// Nobody writes to the pipe, so that opening it takes for ever; nor to standard input.
#[test]
fn a_signal_ends_the_wait_for_a_document() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo")
        .arg(place.path("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    for (file, name, code) in [("pipe", "INT", 130), ("-", "TERM", 143)] {
        let mut command = place.command(["ingest", "validate", file, "--format=json"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One handler after the other is installed; a signal before its own ends the program by itself.
        for signal in [1, 2, 15] {
            until_it_handles(&child, signal);
        }
        let input = child.stdin.take();
        send(&child, name);
        until("the program ends", || child.try_wait().unwrap().is_some());
        drop(input);
        let run = place.finish(child.wait_with_output().unwrap());
        run.fails(code, "run.stopped");
    }
}

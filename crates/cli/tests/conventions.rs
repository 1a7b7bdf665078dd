//! What holds for every command: forms, streams, colours, exit codes.

mod common;

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Place;

#[test]
fn the_result_is_the_last_line_of_json() {
    let place = Place::new();
    let result = place.run(["version", "--format", "json"]).exits(0).result();
    assert_eq!(result["command"], "version");
    assert_eq!(result["version"], env!("CARGO_PKG_VERSION"));
    let result = place
        .run(["completions", "bash", "--format", "json"])
        .exits(0)
        .result();
    assert!(result["script"].as_str().unwrap().contains("_longshore"));
}

#[test]
fn mistakes_on_the_command_line_are_results_too() {
    let place = Place::new();
    let error = place
        .run(["--format", "json", "bogus"])
        .fails(2, "usage.invalid");
    assert!(
        error["message"].as_str().unwrap().contains("bogus"),
        "{error}"
    );
    place
        .run(["version", "--format=json", "--bogus"])
        .fails(2, "usage.invalid");
    let run = place.run(["bogus"]).exits(2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
}

#[test]
fn help_is_a_result_and_missing_commands_are_a_mistake() {
    let place = Place::new();
    assert!(
        place
            .run(["--help"])
            .exits(0)
            .stdout
            .contains("Exit codes:")
    );
    let run = place.run::<&str>([]).exits(2);
    assert!(run.stdout.is_empty() && run.stderr.contains("Usage:"));
}

#[test]
fn colours_come_when_asked_for_and_only_then() {
    let place = Place::new();
    let error = |color: &str| {
        place
            .run(["man", "-o", "no/such/place", "--color", color])
            .exits(12)
            .stderr
    };
    assert!(error("always").contains("\x1b["));
    assert!(
        !error("auto").contains('\x1b'),
        "standard error is no terminal here"
    );
    assert!(!error("never").contains('\x1b'));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let place = Place::new();
    for arguments in [["completions", "zsh"], ["version", "--format=json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(arguments).stdout(writer).output().unwrap();
        let run = place.finish(output).exits(0);
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = place.command(["version"]).stdout(full).output().unwrap();
    let run = place.finish(output).exits(12);
    assert!(run.stderr.contains("[output.unwritable]"), "{}", run.stderr);
}

#[test]
fn pages_go_to_a_new_folder_as_a_whole() {
    let place = Place::new();
    place.run(["man", "-o", "pages"]).exits(0);
    let page = std::fs::read_to_string(place.path("pages/longshore-version.1")).unwrap();
    assert!(page.contains(".TH LONGSHORE-VERSION 1"), "{page}");

    let before = place.listing();
    place
        .run(["man", "-o", "pages", "--format=json"])
        .fails(13, "output.exists");
    assert_eq!(place.listing(), before);
}

/// Ten times the limit, because other tests run beside this one.
#[test]
fn help_is_instant() {
    let place = Place::new();
    let fastest = (0..5)
        .map(|_| {
            let began = Instant::now();
            place
                .command(["--help"])
                .stdout(Stdio::null())
                .status()
                .unwrap();
            began.elapsed()
        })
        .min();
    assert!(fastest < Some(Duration::from_millis(100)), "{fastest:?}");
}

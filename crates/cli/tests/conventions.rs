//! What holds for every command: forms, streams, colours, exit codes.

mod common;

use std::fs::File;

use common::Place;
use testkit::command::streams::closed_pipe;

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
    let error = place
        .run(["--format", "json", "snapshot", "decode"])
        .fails(2, "usage.invalid");
    assert!(
        error["message"].as_str().unwrap().contains("--output"),
        "{error}"
    );
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

/// Every command with arguments that make it succeed, in a place that [`furnished`] has prepared.
const COMMANDS: [&[&str]; 13] = [
    &["snapshot", "decode", "s.fsm", "-o", "closed"],
    &["snapshot", "inspect", "s.fsm"],
    &["snapshot", "verify", "dump"],
    &["snapshot", "find", "dump", "redis:k1"],
    &[
        "dataset",
        "check",
        "data",
        "--table=t",
        "--task=text_classification",
        "--label-column=label",
    ],
    &["ingest", "validate", "good.yaml"],
    &["ingest", "schema"],
    &["demo"],
    &["run", "list"],
    &["version"],
    &["completions", "zsh"],
    &["man", "-o", "pages"],
    &["--help"],
];

/// Where the sandbox of a place puts it.
const KUBECONFIG: &str = "--kubeconfig=../home/.local/share/longshore/sandbox/kubeconfig";

/// A sandbox's commands depend on each other, so they are run in this order.
const WITH_A_SANDBOX: [&[&str]; 10] = [
    &["sandbox", "up", "--allow-root"],
    &["sandbox", "status"],
    &["sandbox", "kubeconfig"],
    &["sandbox", "sql", "SELECT 1 AS one"],
    &["sandbox", "faults"],
    &["cluster", "info", KUBECONFIG],
    &["cluster", "doctor", KUBECONFIG],
    &["cluster", "clean", KUBECONFIG],
    &[
        "dataset",
        "push",
        "data",
        "--table=t",
        "--task=text_classification",
        "--label-column=label",
        "--dry-run=pod",
        KUBECONFIG,
    ],
    &["sandbox", "down"],
];

/// What needs a run in that sandbox, before it goes down.
const WITH_A_RUN: [&[&str]; 3] = [
    &["run", "wait", "k1", KUBECONFIG],
    &["run", "status", "k1", KUBECONFIG],
    &["run", "logs", "k1", KUBECONFIG],
];

/// Calls back for each command, when it can succeed.
fn each_command(place: &Place, mut call: impl FnMut(&[&str])) {
    for words in WITH_A_SANDBOX {
        if words == ["sandbox", "down"] {
            common::runs::submit(place, "k1", "pets");
            WITH_A_RUN.into_iter().for_each(&mut call);
        }
        call(words);
    }
}

fn furnished() -> Place {
    let place = Place::new();
    place.snapshot("s.fsm");
    place
        .run(["snapshot", "decode", "s.fsm", "-o", "dump"])
        .exits(0);
    place.write("data/labels.csv", "filename,label\na.txt,good\nb.txt,bad\n");
    place.write("data/texts/a.txt", "a fine thing\n");
    place.write("data/texts/b.txt", "a poor thing\n");
    place.write("good.yaml", include_str!("documents/good.yaml"));
    place
}

/// The reference lists every command, so none can be forgotten here.
#[test]
fn the_list_of_commands_is_complete() {
    let reference = include_str!("../../../docs/cli.md");
    let usages = reference
        .lines()
        .filter_map(|line| line.strip_prefix("Usage: longshore "));
    for usage in usages {
        let known = COMMANDS
            .iter()
            .chain(&WITH_A_SANDBOX)
            .chain(&WITH_A_RUN)
            .any(|words| {
                let name: Vec<&str> = words
                    .iter()
                    .copied()
                    .take_while(|word| usage.split(' ').any(|part| part == *word))
                    .collect();
                !name.is_empty() && usage.starts_with(&format!("{} [", name.join(" ")))
            });
        assert!(known, "{usage} is in no test of all commands");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let place = furnished();
    for words in COMMANDS {
        for format in ["text", "json"] {
            let arguments = words.iter().copied().chain(["--format", format]);
            let mut command = place.command(arguments);
            let run = place.complete(command.stdout(closed_pipe()));
            let run = run.exits(0);
            assert!(!run.stderr.contains("error"), "{words:?}: {}", run.stderr);
            for made in ["closed", "pages"] {
                drop(std::fs::remove_dir_all(place.path(made)));
            }
        }
    }
    for format in ["text", "json"] {
        each_command(&place, |words| {
            let arguments = words.iter().copied().chain(["--format", format]);
            let mut command = place.command(arguments);
            let run = place.complete(command.stdout(closed_pipe())).exits(0);
            assert!(!run.stderr.contains("error"), "{words:?}: {}", run.stderr);
        });
    }
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let place = furnished();
    let check = |words: &[&str]| {
        let mut command = place.command(words);
        let run = place.complete(command.stderr(closed_pipe())).exits(0);
        assert!(!run.stdout.is_empty(), "{words:?}");
    };
    COMMANDS.into_iter().for_each(check);
    each_command(&place, check);
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

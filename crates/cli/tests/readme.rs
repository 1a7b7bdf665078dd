//! The README's commands are run, and what it shows is what is printed.

mod common;

use std::process::Command;

use common::{Place, Run};

const README: &str = include_str!("../../../README.md");

/// The code block behind a marker.
fn block(marker: &str) -> Vec<&'static str> {
    let (_, rest) = README
        .split_once(marker)
        .unwrap_or_else(|| panic!("no {marker}"));
    let lines = rest
        .lines()
        .skip_while(|line| !line.starts_with("```"))
        .skip(1);
    lines.take_while(|line| !line.starts_with("```")).collect()
}

/// Runs a line under `/bin/sh` with the program in its path.
fn shell(place: &Place, line: &str) -> Run {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]);
    place.prepare(&mut command);
    let folder = place.program().parent().unwrap().display();
    command.env("PATH", format!("{folder}:/usr/bin:/bin"));
    place.complete(&mut command)
}

#[test]
fn every_command_works_as_written() {
    let place = Place::new();
    place.write(
        "crates/cli/demo/rescued.fsm",
        include_bytes!("../demo/rescued.fsm"),
    );
    let lines = block("<!-- run -->");
    assert!(lines.len() >= 5);
    for line in lines {
        shell(&place, line).exits(0);
    }
    place.run(["snapshot", "verify", "again"]).exits(0);
}

/// `cargo run` builds; what it would run is the program at hand. `.ci/run` runs the command itself.
#[test]
fn the_demo_prints_what_is_shown() {
    let place = Place::new();
    let [command] = block("<!-- main-command -->")[..] else {
        panic!("one command runs the main job");
    };
    let arguments = command.strip_prefix("cargo run --release -- ").unwrap();
    let printed = shell(&place, &format!("longshore {arguments}")).exits(0);
    let made = printed
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("tree       "))
        .unwrap();
    let shown = block("<!-- output: demo -->").join("\n");
    assert_eq!(
        printed.stdout.trim_end(),
        shown.replace("/tmp/longshore-demo", made)
    );
}

/// The command that passes the tests is the one that runs this test; `.ci/run` takes it from the README as well.
#[test]
fn the_test_command_runs_every_test() {
    assert_eq!(
        block("<!-- test-command -->"),
        ["cargo test --workspace --locked"]
    );
}

/// Every shell block has a marker, and so a test.
#[test]
fn no_command_is_left_untested() {
    let before_each: Vec<&str> = README.split("```sh\n").collect();
    let markers: Vec<&str> = before_each[..before_each.len() - 1]
        .iter()
        .filter_map(|text| text.trim_end().lines().next_back())
        .collect();
    assert_eq!(
        markers,
        [
            "<!-- main-command -->",
            "<!-- test-command -->",
            "<!-- run -->"
        ]
    );
}

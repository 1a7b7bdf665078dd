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

/// `cargo run` builds; what it would run is the program at hand.
#[test]
fn the_demo_prints_what_is_shown() {
    let place = Place::new();
    let shown = block("<!-- output: demo -->").join("\n");
    let printed = place.run(["demo", "-o", "tree"]).exits(0).stdout;
    assert_eq!(
        printed.trim_end(),
        shown.replace("/tmp/longshore-demo", "tree")
    );
}

/// Every other block of shell is one of the two set-up commands, which `.ci/run` and the test above stand for.
#[test]
fn no_command_is_left_untested() {
    let shell_blocks: Vec<&str> = README
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let mut commands: Vec<&str> = shell_blocks
        .iter()
        .flat_map(|block| block.lines())
        .collect();
    let tested = block("<!-- run -->");
    commands.retain(|command| !tested.contains(command));
    assert_eq!(
        commands,
        [
            "cargo run --release -- demo",
            "cargo test --workspace --locked"
        ]
    );
}

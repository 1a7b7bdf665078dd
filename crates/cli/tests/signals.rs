//! The first signal stops the work and leaves nothing; the second ends the process; what a killed run leaves, the next
//! one removes.

mod common;

use std::fs;
use std::io::Write;
use std::process::{Child, Stdio};

use common::{Place, redis_snapshot};
use testkit::command::moment::{
    send, until, until_it_handles, until_it_has_arrived, until_it_waits_to_complain,
};
use testkit::command::streams::full_pipe;
use testkit::rows::Node;
use testkit::stream::{Header, Row};

const SIGHUP: u32 = 1;
const SIGINT: u32 = 2;
const SIGTERM: u32 = 15;

/// Starts a decode that waits for the rest of its input.
fn waiting(place: &Place, stdout: Stdio) -> Child {
    let mut command = place.command(["snapshot", "decode", "-", "-o", "out", "--format=json"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(&redis_snapshot()[..1000])
        .unwrap();
    // One handler after the other is installed; a signal before its own ends the program by itself.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        until_it_handles(&child, signal);
    }
    child
}

#[track_caller]
fn stops(name: &str, code: i32) {
    let place = Place::new();
    let mut child = waiting(&place, Stdio::piped());
    let pipe = child.stdin.take();
    send(&child, name);
    let run = place.finish(child.wait_with_output().unwrap());
    drop(pipe);
    run.fails(code, "run.stopped");
    assert!(place.listing().is_empty(), "{:?}", place.listing());
    assert!(place.scratch_listing().is_empty());
}

#[test]
fn an_interrupt_stops_even_while_the_input_is_silent() {
    stops("INT", 130);
}

#[test]
fn termination_and_hangup_stop_too() {
    stops("TERM", 143);
    stops("HUP", 143);
}

/// Nobody reads the result, so a run that was stopped cannot end by itself.
#[test]
fn a_second_signal_ends_the_process_whatever_it_waits_for() {
    for (second, code) in [("INT", 130), ("TERM", 143)] {
        let place = Place::new();
        let (reader, writer) = full_pipe();
        let mut child = waiting(&place, writer.into());
        send(&child, "INT");
        until_it_has_arrived(&child, SIGINT);
        send(&child, second);
        until("the program ends", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{second}");
        drop(reader);
    }
}

/// Starts a decode that has staged its tree and now waits for somebody to read its warning.
///
/// Returns what keeps it waiting.
fn warning(place: &Place, arguments: &[&str]) -> (Child, std::io::PipeReader) {
    let mut node = Node::new(1);
    node.set(b"key", b"value", None);
    let stream = node.stream().row(Row::live(*b"!new|thing", 5, *b"1"));
    let header = Header::V1 { ceiling_ms: 0 };
    place.write("unknown.fsm", header.runtime_file(&stream.sorted().build()));
    let (reader, writer) = full_pipe();
    let words = ["snapshot", "decode", "unknown.fsm", "-o", "out"];
    let mut command = place.command(words.iter().chain(arguments));
    let child = command.stderr(writer).stdout(Stdio::null()).spawn();
    let child = child.unwrap();
    until_it_waits_to_complain(&child);
    (child, reader)
}

fn stagings(place: &Place) -> Vec<String> {
    let mut all = place.listing();
    all.retain(|name| name.starts_with(".out.") && !name.contains('/'));
    all
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_one() {
    let place = Place::new();
    let (mut child, _reader) = warning(&place, &[]);
    // While it lives, its staging is nobody else's business.
    place
        .run(["snapshot", "decode", "unknown.fsm", "-o", "out"])
        .exits(14);
    assert_eq!(stagings(&place).len(), 1);
    send(&child, "KILL");
    child.wait().unwrap();
    let left = stagings(&place);
    assert_eq!(left.len(), 1);

    let words = ["snapshot", "decode", "unknown.fsm", "-o", "out"];
    let run = place.run(words.iter().chain(&["--overwrite", "--format=json"]));
    let notes = run.events("staging_removed");
    assert_eq!(notes.len(), 1, "{}", run.stdout);
    let path = notes[0]["path"].as_str().unwrap();
    assert!(path.ends_with(&left[0]), "{path}");
    run.exits(14);
    assert!(stagings(&place).is_empty());
    place.run(["snapshot", "verify", "out"]).exits(14);
}

#[test]
fn a_run_that_is_killed_while_it_replaces_leaves_the_old_dump() {
    let place = Place::new();
    place.snapshot("s.fsm");
    place
        .run(["snapshot", "decode", "s.fsm", "-o", "out"])
        .exits(0);
    let old = fs::read(place.path("out/CHECKSUMS")).unwrap();
    let (mut child, _reader) = warning(&place, &["--overwrite"]);
    send(&child, "KILL");
    child.wait().unwrap();
    assert_eq!(fs::read(place.path("out/CHECKSUMS")).unwrap(), old);
    place.run(["snapshot", "verify", "out"]).exits(0);
}

/// Between its two renames, where the file system cannot exchange: the marker names the new tree by its file number.
#[test]
fn an_interrupted_replacement_is_completed_or_undone() {
    for (state, note) in [
        (Interrupted::BeforeTheNewTree, "replacement_completed"),
        (Interrupted::WithoutTheNewTree, "replacement_undone"),
    ] {
        let place = Place::new();
        place.snapshot("s.fsm");
        let decode = |to: &str| ["snapshot", "decode", "s.fsm", "-o", to].map(str::to_owned);
        place.run(decode("old")).exits(0);
        place.run(decode("new")).exits(0);
        state.leave(&place);

        let words = decode("out").into_iter();
        let run = place.run(words.chain(["--overwrite".to_owned(), "--format=json".to_owned()]));
        assert_eq!(run.events(note).len(), 1, "{state:?}: {}", run.stdout);
        run.exits(0);
        assert!(stagings(&place).is_empty(), "{:?}", stagings(&place));
        place.run(["snapshot", "verify", "out"]).exits(0);
    }
}

/// What a run can leave that dies with a replacement under way.
#[derive(Clone, Copy, Debug)]
enum Interrupted {
    /// The old tree is aside, the new one has not got its name yet.
    BeforeTheNewTree,
    /// The same, and somebody has removed the new tree.
    WithoutTheNewTree,
}

impl Interrupted {
    /// Makes the state out of the dumps `old` and `new`, by the names that a run gives.
    fn leave(self, place: &Place) {
        use std::os::unix::fs::MetadataExt;

        let name = |word: &str| place.path(format!(".out.longshore-{word}.00000000000000aa"));
        let new = fs::metadata(place.path("new")).unwrap();
        fs::write(name("replacing"), format!("{}\n", new.ino())).unwrap();
        fs::rename(place.path("old"), name("replaced")).unwrap();
        match self {
            Interrupted::BeforeTheNewTree => {
                fs::rename(place.path("new"), name("staging")).unwrap();
            }
            Interrupted::WithoutTheNewTree => fs::remove_dir_all(place.path("new")).unwrap(),
        }
    }
}

/// Nobody writes to the pipe, so that opening it takes for ever.
#[test]
fn a_signal_ends_the_wait_for_a_snapshot() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo")
        .arg(place.path("pipe"))
        .status();
    assert!(made.unwrap().success());
    let mut command = place.command(["snapshot", "decode", "pipe", "-o", "out", "--format=json"]);
    let mut child = place.spawn(&mut command);
    for signal in [1, 2, 15] {
        until_it_handles(&child, signal);
    }
    send(&child, "TERM");
    until("the program ends", || child.try_wait().unwrap().is_some());
    let run = place.finish(child.wait_with_output().unwrap());
    run.fails(143, "run.stopped");
}

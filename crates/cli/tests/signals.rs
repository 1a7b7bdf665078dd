//! The first signal stops the work and leaves nothing; the second ends the process.

mod common;

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Place, redis_snapshot};

/// Starts a decode that waits for the rest of its input.
fn waiting(place: &Place) -> Child {
    let mut command = place.command(["snapshot", "decode", "-", "-o", "out", "--format=json"]);
    let mut child = place.spawn(command.stdin(Stdio::piped()));
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(&redis_snapshot()[..1000])
        .unwrap();
    // The handlers are in place long before this; a signal that comes too early would end the process by itself.
    std::thread::sleep(Duration::from_millis(500));
    child
}

fn signal(child: &Child, name: &str) {
    // The shell's own `kill` is everywhere; the program of that name is not.
    let line = format!("kill {name} {}", child.id());
    let status = Command::new("/bin/sh").args(["-c", &line]).status();
    assert!(status.unwrap().success());
}

#[track_caller]
fn stops(name: &str, code: i32) {
    let place = Place::new();
    let mut child = waiting(&place);
    let pipe = child.stdin.take();
    signal(&child, name);
    let run = place.finish(child.wait_with_output().unwrap());
    drop(pipe);
    run.fails(code, "run.stopped");
    assert!(place.listing().is_empty(), "{:?}", place.listing());
    assert!(place.scratch_listing().is_empty());
}

#[test]
fn an_interrupt_stops_even_while_the_input_is_silent() {
    stops("-INT", 130);
}

#[test]
fn termination_and_hangup_stop_too() {
    stops("-TERM", 143);
    stops("-HUP", 143);
}

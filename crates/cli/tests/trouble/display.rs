//! The line that shows how far a push is goes away on every way out.

use std::process::{Child, Stdio};

use testkit::command::moment::{send, until};
use testkit::command::streams::terminal;

use crate::common::screen::Screen;
use crate::port::Port;

/// The API server does not answer, for ever.
const MUTE: &str = "rules: [{name: mute, on: request, times: 0, fault: {stall: {direction: out}}}]";

/// The transfer stands still, for ever.
const STALL: &str = "rules: [{name: stall, on: exec, match: {command: \" receive \"}, times: 0, fault: {stall: {direction: in, after: 1000}}}]";

/// Pushes with standard error on a terminal, interferes, and requires the end of what appeared there. Returns all of it.
fn pushed(
    port: &Port,
    flags: &[&str],
    interfere: impl FnOnce(&Child, &Screen),
    end: &str,
) -> String {
    let (controller, user) = terminal();
    let screen = Screen::default();
    let watcher = screen.watch(controller);
    let pushing = port.pushing("notes", flags);
    let words = pushing.get_args().filter(|word| *word != "--progress=none");
    let mut command = port.place.command(words);
    command.arg("--color=never");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(user))
        .spawn()
        .unwrap();
    drop(command);
    interfere(&child, &screen);
    child.wait().unwrap();
    watcher.join().unwrap();
    let shown = screen.text().replace("\r\n", "\n");
    let (_, last) = shown.rsplit_once("\r\u{1b}[K").unwrap();
    assert!(last.starts_with(end), "{shown:?}");
    shown
}

/// Waits until the line shows what goes on, and sends a signal.
fn stop_while(label: &'static str) -> impl FnOnce(&Child, &Screen) {
    move |child, screen| {
        until("it is shown what goes on", || screen.text().contains(label));
        send(child, "INT");
    }
}

#[test]
fn nothing_of_it_is_left_behind() {
    let port = Port::open();
    port.write("data/texts/a.txt", "a long thing\n".repeat(10_000));
    // Before anything is sent, by a signal and by an error.
    port.script(MUTE);
    pushed(
        &port,
        &[],
        stop_while("looking at the cluster"),
        "stopped: ",
    );
    let slow = ["--request-timeout=1s"];
    pushed(&port, &slow, |_, _| (), "error: a check failed");
    // In the middle, likewise.
    port.script(STALL);
    pushed(&port, &[], stop_while("sending"), "stopped: ");
    let slow = ["--stall-timeout=1s", "--retry-budget=1s"];
    pushed(&port, &slow, |_, _| (), "error: ");
    // And at the end.
    port.script("seed: 0");
    let shown = pushed(&port, &[], |_, _| (), "");
    assert!(shown.ends_with("\r\u{1b}[K"), "{shown:?}");
}

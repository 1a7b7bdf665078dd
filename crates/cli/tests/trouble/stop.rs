//! Somebody stops a push, once and twice, or closes the terminal.

use std::process::{Command, Stdio};

use testkit::command::moment::{send, until};
use testkit::command::streams::terminal;

use crate::before::plugin;
use crate::port::Port;

/// The transfer stands still, for ever.
const STALL: &str = "{name: stall, on: exec, match: {command: \" receive \"}, times: 0, fault: {stall: {direction: in, after: 1000}}}";

/// Whoever wants to delete a pod waits, for ever.
const HOLD: &str = "{name: hold, on: request, match: {resource: pods, verb: delete}, times: 0, fault: {stall: {direction: in}}}";

fn port() -> Port {
    let port = Port::open();
    port.write("data/texts/a.txt", "a long thing\n".repeat(10_000));
    port
}

#[test]
fn the_first_signal_cleans_up() {
    let port = port();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        port.script(&format!("rules: [{STALL}]"));
        let child = port.start("notes", &[]);
        port.until_fired("stall");
        send(&child, signal);
        port.end(child).fails(code, "run.stopped");
        port.is_clean("notes");
    }
    port.script("seed: 0");
    port.push("notes", &[]).exits(0);
}

/// Ctrl-C of a terminal does not reach what the plugin has started, which is in a group of its own.
#[test]
fn a_signal_to_the_program_alone_ends_its_credential_plugin() {
    let port = port();
    let note = port.path("note");
    let script = format!(
        "sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait",
        note.display()
    );
    port.edit(|config| config["users"][0]["user"] = plugin(&script));
    let child = port.start("notes", &[]);
    until("the plugin has started something", || note.exists());
    send(&child, "INT");
    port.end(child).fails(130, "run.stopped");
    let stat = format!(
        "/proc/{}/stat",
        std::fs::read_to_string(&note).unwrap().trim()
    );
    until("that has ended too", || {
        std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn the_second_signal_ends_at_once_what_the_first_one_waits_for() {
    let port = port();
    port.script(&format!("rules: [{STALL}, {HOLD}]"));
    let child = port.start("notes", &["--cleanup-timeout=1h"]);
    port.until_fired("stall");
    send(&child, "INT");
    port.until_fired("hold");
    send(&child, "INT");
    let run = port.end(child);
    assert_eq!((run.code, run.signal), (Some(130), None));
    assert_eq!(port.pods().len(), 1, "nobody has waited for it");
}

#[test]
fn cleaning_up_has_its_own_budget() {
    let port = port();
    port.script(&format!("rules: [{STALL}, {HOLD}]"));
    let child = port.start("notes", &["--cleanup-timeout=2s"]);
    port.until_fired("stall");
    send(&child, "INT");
    let run = port.end(child);
    assert_eq!(run.events("push_pod_left").len(), 1, "{}", run.stdout);
    run.fails(130, "run.stopped");
}

#[test]
fn a_stop_while_it_is_submitted_names_the_key() {
    let port = Port::open();
    port.script(
        "rules: [{name: mute, on: port_forward, times: 0, fault: {stall: {direction: out}}}]",
    );
    let child = port.start("notes", &[]);
    port.until_fired("mute");
    send(&child, "TERM");
    let error = port.end(child).fails(143, "push.stopped-submitting");
    assert!(error["place"]["key"].is_string(), "{error}");
    assert_eq!(port.pods(), [""; 0]);
    assert!(!port.is_locked("notes"));
}

#[test]
fn a_terminal_that_is_closed_is_a_signal() {
    let port = port();
    port.script(&format!("rules: [{STALL}]"));
    let (controller, user) = terminal();
    let pushing = port.pushing("notes", &["--no-input"]);
    // As the leader of a session on that terminal, which is who is told when it goes away.
    let mut command = Command::new("setsid");
    command
        .arg("--ctty")
        .arg(pushing.get_program())
        .args(pushing.get_args());
    port.prepare(&mut command);
    let mut child = command
        .stdin(Stdio::from(user.try_clone().unwrap()))
        .stdout(Stdio::from(user.try_clone().unwrap()))
        .stderr(Stdio::from(user))
        .spawn()
        .unwrap();
    port.until_fired("stall");
    drop(controller);
    drop(command);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    port.is_clean("notes");
}

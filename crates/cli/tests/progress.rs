//! Progress on a terminal, and only there.

mod common;

use std::io::Write;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use common::screen::Screen;
use common::{Place, redis_snapshot};
use testkit::command::moment::{until, until_it_handles};
use testkit::command::streams::terminal;

/// Starts a decode of a standard input that has not ended yet, with standard error on a terminal.
fn start(place: &Place, flags: &[&str]) -> (Child, Screen, JoinHandle<()>) {
    let (controller, user) = terminal();
    let screen = Screen::default();
    let watcher = screen.watch(controller);
    let words = ["snapshot", "decode", "-", "-o", "out"];
    let mut command = place.command(words.iter().chain(flags));
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(user))
        .spawn()
        .unwrap();
    until_it_handles(&child, 2);
    (child, screen, watcher)
}

/// Ends the input and gives what standard output had.
fn finish(mut child: Child, watcher: JoinHandle<()>) -> String {
    child
        .stdin
        .take()
        .unwrap()
        .write_all(redis_snapshot())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    watcher.join().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn slow_work_shows_a_line_that_vanishes_at_the_end() {
    let place = Place::new();
    let (child, screen, watcher) = start(&place, &[]);
    until("progress is shown", || {
        screen.text().contains("reading standard input")
    });
    let result = finish(child, watcher);
    assert!(result.starts_with("snapshot   -"), "{result}");
    let shown = screen.text();
    assert!(shown.ends_with("\r\x1b[K"), "{shown:?}");
    assert!(!shown.contains('\n'), "{shown:?}");
}

#[test]
fn no_progress_is_shown_where_none_is_wanted() {
    let place = Place::new();
    let (child, screen, watcher) = start(&place, &["--progress=none"]);
    // Longer than the patience of a terminal; a slow machine only makes this weaker.
    std::thread::sleep(Duration::from_millis(400));
    finish(child, watcher);
    assert_eq!(screen.text(), "");
}

//! Inputs that do not stay as they are while they are read, and a standard input that nobody redirected.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use common::{Place, redis_snapshot};
use testkit::command::moment::until_it_waits_to_complain;
use testkit::command::streams::{full_pipe, terminal};
use testkit::rows::Node;
use testkit::stream::{Header, Row};

/// Decodes `snapshot.fsm`, changes it after every row was seen and before the body is copied, and lets it go on.
///
/// The run waits there for somebody to read its warning of an unknown row.
#[track_caller]
fn changed(change: impl FnOnce(&Place), code: i32, id: &str) {
    let mut node = Node::new(1);
    node.create_bucket("b");
    node.put("b", b"large", &[8; 1 << 20], Default::default());
    node.put("b", b"small", b"a small body", Default::default());
    let stream = node.stream().row(Row::live(*b"!new|thing", 5, *b"1"));
    let file = Header::V1 { ceiling_ms: 0 }.runtime_file(&stream.sorted().build());

    let place = Place::new();
    place.write("snapshot.fsm", file);
    let before = place.listing();
    let (reader, writer) = full_pipe();
    let words = [
        "snapshot",
        "decode",
        "snapshot.fsm",
        "-o",
        "out",
        "--no-etag",
    ];
    let mut command = place.command(words);
    let mut child = command
        .stderr(writer)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // With it goes this process's copy of the writer, without which the reader would see no end.
    drop(command);
    until_it_waits_to_complain(&child);
    change(&place);
    let said = std::thread::spawn(|| std::io::read_to_string(reader).unwrap());
    let status = child.wait().unwrap();
    let said = said.join().unwrap();
    let said = said.trim_start_matches('x');
    assert_eq!(status.code(), Some(code), "{said}");
    assert!(said.contains(&format!("[{id}]")), "{said}");
    assert!(said.contains("remedy:"), "{said}");
    assert_eq!(place.listing(), before, "something was left behind");
    assert!(place.scratch_listing().is_empty());
}

#[test]
fn a_file_that_shrinks_is_told() {
    let shrink = |place: &Place| {
        let file = fs::File::options()
            .write(true)
            .open(place.path("snapshot.fsm"));
        file.unwrap().set_len(100_000).unwrap();
    };
    changed(shrink, 12, "input.changed");
}

fn overwrite(text: &[u8]) -> impl FnOnce(&Place) {
    move |place| {
        let path = place.path("snapshot.fsm");
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(text.len()).position(|window| window == text);
        bytes[at.unwrap()] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

/// A small body was read before the change, so the second reading notices.
#[test]
fn a_file_whose_bytes_change_is_told() {
    changed(overwrite(b"a small body"), 12, "input.changed");
}

/// A large body is read once, after the change. That it is not what the node wrote is what the footer says.
#[test]
fn bytes_that_change_before_they_are_read_are_damage() {
    changed(overwrite(&[8; 64]), 10, "snapshot.footer-mismatch");
}

/// A node removes its oldest snapshot whenever it has taken a new one; a name without a file is what is left of that
/// between listing and opening.
#[test]
fn a_snapshot_that_is_gone_when_it_is_opened_is_told() {
    let place = Place::new();
    fs::create_dir_all(place.path("node/fsm-snap")).unwrap();
    symlink(
        place.path("removed"),
        place.path("node/fsm-snap/0000000000000001.fsm"),
    )
    .unwrap();
    let before = place.listing();
    let words = ["snapshot", "decode", "node", "-o", "out", "--format=json"];
    let error = place.run(words).fails(12, "input.vanished");
    assert_eq!(error["retryable"], true);
    assert!(error["remedy"].as_str().unwrap().contains("stop the node"));
    assert_eq!(place.listing(), before);

    // With `--all` the others are decoded.
    place.snapshot("node/fsm-snap/00000000000001b4.fsm");
    let run = place.run(words.iter().chain(&["--all"]));
    let error = run.fails(14, "decode.snapshots-left-out");
    assert!(
        error["causes"][0]
            .as_str()
            .unwrap()
            .contains("input.vanished")
    );
    place.run(["snapshot", "verify", "out/436"]).exits(0);
}

#[test]
fn a_terminal_is_no_snapshot() {
    let place = Place::new();
    for command in [&["decode", "-", "-o", "out"][..], &["inspect", "-"]] {
        let (_controller, user) = terminal();
        let words = ["snapshot"].iter().chain(command);
        let mut command = place.command(words.chain(&["--format=json"]));
        let run = place.complete(command.stdin(Stdio::from(user)));
        let error = run.fails(2, "input.terminal");
        assert_eq!(error["place"]["argument"], "-");
        assert!(error["remedy"].as_str().unwrap().contains("Redirect"));
        assert!(place.listing().is_empty() && place.scratch_listing().is_empty());
    }
}

#[test]
fn an_input_that_cannot_be_two_things_at_once_is_refused() {
    let place = Place::new();
    let words = ["snapshot", "decode", "-", "-", "-o", "out", "--format=json"];
    place
        .run_with_input(redis_snapshot(), words)
        .fails(2, "usage.input-twice");
    assert!(place.listing().is_empty());
}

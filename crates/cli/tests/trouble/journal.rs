//! The journal of runs is locked, broken or full: a run that could not be found again is not begun.

use std::process::Command;

use testkit::command::small_disk::SmallDisk;

use crate::common::runs::{journal_path, write_journal};
use crate::port::{Port, told};

#[test]
fn a_journal_that_is_locked_or_broken_ends_it_before_anything_is_sent() {
    let port = Port::open();
    for (text, id) in [
        ("{", "journal.corrupt"),
        ("{\"version\": 9}", "journal.newer"),
    ] {
        write_journal(&port, text);
        let error = told(port.push("notes", &[]), 3, id);
        assert!(error["place"]["path"].is_string() || error["message"].is_string());
        assert_eq!(std::fs::read_to_string(journal_path(&port)).unwrap(), text);
        port.is_clean("notes");
    }
    std::fs::remove_file(journal_path(&port)).unwrap();
    let folder = journal_path(&port);
    let held = fsroot::lock_folder_ambient(folder.parent().unwrap()).unwrap();
    let error = told(
        port.push("notes", &["--journal-timeout=1s"]),
        12,
        "journal.locked",
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("--journal-timeout"), "{message}");
    port.is_clean("notes");
    drop(held);
    port.push("notes", &[]).exits(0);
}

#[test]
fn a_journal_on_a_full_disk_ends_it_before_anything_is_sent() {
    let port = Port::open();
    let Some(disk) = SmallDisk::new(&port, "disk", "64k") else {
        return;
    };
    let pushing = port.pushing("notes", &["--format=json"]);
    let mut full = Command::new("/bin/sh");
    full.args([
        "-c",
        "head -c 1000000 /dev/zero > disk/fill 2> /dev/null; exec \"$@\"",
        "sh",
    ]);
    full.arg(pushing.get_program()).args(pushing.get_args());
    let mut command = disk.wrap(&full);
    command.env("XDG_STATE_HOME", port.path("disk"));
    let error = told(port.complete(&mut command), 12, "output.disk-full");
    assert!(
        error["place"]["path"].as_str().unwrap().contains("disk"),
        "{error}"
    );
    port.is_clean("notes");
}

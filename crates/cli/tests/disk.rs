//! Full disks and foreign file systems: a clear error, and nothing left behind.

mod common;

use common::{Place, Run, redis_snapshot};
use serde_json::Value;
use testkit::command::small_disk::SmallDisk;
use testkit::rows::Node;
use testkit::stream::{Header, Native, Row};

/// A snapshot whose tree is larger than the small disk: one object, and many strings.
fn large() -> Vec<u8> {
    let mut node = Node::new(1);
    for number in 0..300_u32 {
        node.set(&number.to_be_bytes(), &[7; 4000], None);
    }
    node.create_bucket("b");
    node.put("b", b"large", &[8; 1 << 20], Default::default());
    node.runtime_file()
}

/// A snapshot of transactions that ended, with so long keys that sorting them exceeds memory.
fn many_transactions() -> Vec<u8> {
    let record = |number: u64| {
        let mut key = b"!txn|cmt|".to_vec();
        key.extend([b'k'; 60_000]);
        key.extend(number.to_be_bytes());
        key.extend([0; 8]);
        Row::live(key, 1000 + number, *b"committed")
    };
    let rows = (0..80).map(record);
    let store = Native::new(2000).meta_rows(9).rows(rows).sorted().build();
    Header::V1 { ceiling_ms: 0 }.runtime_file(&store)
}

/// Runs `decode` with a disk of 512 KiB at `disk`, and checks what is left there and elsewhere.
#[track_caller]
fn fails(
    place: &Place,
    disk: &SmallDisk<'_>,
    input: &[u8],
    arguments: &[&str],
    code: i32,
    id: &str,
) -> Value {
    let before = place.listing();
    let words = ["snapshot", "decode", "--format=json"];
    let command = place.command(words.iter().chain(arguments));
    let run: Run = place.complete_with_input(input, &mut disk.wrap(&command));
    let error = run.fails(code, id);
    assert_eq!(disk.left(), [""; 0], "something was left on the disk");
    assert_eq!(place.listing(), before, "something was left behind");
    assert_eq!(place.scratch_listing(), [""; 0], "scratch files were left");
    assert!(error["remedy"].is_string(), "{error}");
    assert!(error["place"]["path"].is_string(), "{error}");
    error
}

#[test]
fn a_disk_that_is_full_of_the_tree() {
    let place = Place::new();
    place.write("large.fsm", large());
    let Some(disk) = SmallDisk::new(&place, "disk", "512k") else {
        return;
    };
    for adapter in ["redis", "s3", "all"] {
        let arguments = ["large.fsm", "-o", "disk/out", "--adapter", adapter];
        let error = fails(&place, &disk, b"", &arguments, 12, "output.disk-full");
        assert_eq!(error["retryable"], true, "{error}");
    }
}

#[test]
fn a_disk_that_is_full_of_standard_input() {
    let place = Place::new();
    let Some(disk) = SmallDisk::new(&place, "disk", "512k") else {
        return;
    };
    let arguments = ["-", "-o", "out", "--spool-dir", "disk"];
    let error = fails(&place, &disk, &large(), &arguments, 12, "input.spool-full");
    assert_eq!(error["retryable"], true, "{error}");
    let remedy = error["remedy"].as_str().unwrap();
    assert!(remedy.contains("--spool-dir"), "{remedy}");
}

#[test]
fn a_disk_that_is_full_of_sorted_runs() {
    let place = Place::new();
    place.write("transactions.fsm", many_transactions());
    let Some(disk) = SmallDisk::new(&place, "disk", "512k") else {
        return;
    };
    let arguments = ["transactions.fsm", "-o", "out", "--scratch-dir", "disk"];
    let error = fails(&place, &disk, b"", &arguments, 12, "scratch.disk-full");
    assert_eq!(error["retryable"], true, "{error}");
    let remedy = error["remedy"].as_str().unwrap();
    assert!(remedy.contains("--scratch-dir"), "{remedy}");
    // With room it is no error.
    place
        .run(["snapshot", "decode", "transactions.fsm", "-o", "out"])
        .exits(0);
}

/// The staged tree lies beside its destination, and a mount point's neighbours are on another file system.
#[test]
fn a_mount_point_is_no_destination() {
    let place = Place::new();
    place.write("s.fsm", redis_snapshot());
    let Some(disk) = SmallDisk::new(&place, "disk", "4m") else {
        return;
    };
    for more in [
        &["s.fsm", "-o", "disk"][..],
        &["s.fsm", "-o", "disk", "--overwrite"],
    ] {
        let error = fails(&place, &disk, b"", more, 12, "output.other-file-system");
        let remedy = error["remedy"].as_str().unwrap();
        assert!(remedy.contains("inside the mounted one"), "{remedy}");
    }
    let inside = place.command(["snapshot", "decode", "s.fsm", "-o", "disk/out"]);
    place.complete(&mut disk.wrap(&inside)).exits(0);
}

/// Lists of more names than memory holds are sorted on disk, and so is what a check of a dump compares.
#[test]
fn a_disk_that_is_full_of_listed_names() {
    let place = Place::new();
    place.write("s.fsm", redis_snapshot());
    place
        .run(["snapshot", "decode", "s.fsm", "-o", "dump"])
        .exits(0);
    let Some(disk) = SmallDisk::new(&place, "disk", "512k") else {
        return;
    };
    let long = vec!["d".repeat(250); 32].join("/");
    let mut listed = std::fs::read_to_string(place.path("dump/CHECKSUMS")).unwrap();
    for number in 0..2_500 {
        listed.push_str(&format!("{}  {number}/{long}\n", "0".repeat(64)));
    }
    place.write("dump/CHECKSUMS", listed);
    let before = place.listing();
    let words = "snapshot verify dump --scratch-dir disk --format=json";
    let command = place.command(words.split(' '));
    let error = place
        .complete(&mut disk.wrap(&command))
        .fails(12, "scratch.disk-full");
    assert_eq!(disk.left(), [""; 0], "something was left on the disk");
    assert_eq!(place.listing(), before);
    assert_eq!(error["retryable"], true, "{error}");
    let remedy = error["remedy"].as_str().unwrap();
    assert!(remedy.contains("--scratch-dir"), "{remedy}");
    // With room there are findings, and no error.
    place.run(["snapshot", "verify", "dump"]).exits(11);
}

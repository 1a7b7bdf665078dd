//! `snapshot decode` and `demo`: inputs, refusals, and that nothing is left behind.

mod common;

use std::fs;

use common::{Place, redis_snapshot};
use testkit::stream::{ConfState, snap_file_with};

const NAME: &str = "00000000000001b4.fsm";

/// A data directory with a snapshot where its node put it.
fn data_directory(place: &Place) {
    place.snapshot(&format!("node/fsm-snap/{NAME}"));
}

#[test]
fn the_demo_decodes_verifies_and_fits_a_screen() {
    let place = Place::new();
    let run = place.run(["demo", "--output", "out"]).exits(0);
    assert!(run.stdout.lines().count() <= 40, "{}", run.stdout);
    assert!(run.stdout.contains("bucket     rescued"), "{}", run.stdout);
    place.run(["snapshot", "verify", "out"]).exits(0);
    place.run(["demo", "--format=json"]).exits(0).result();
}

#[test]
fn file_directory_and_standard_input_give_the_same_files() {
    let place = Place::new();
    data_directory(&place);
    let file = place.snapshot("copy.fsm");
    place
        .run(["snapshot", "decode", file.to_str().unwrap(), "-o", "a"])
        .exits(0);
    place
        .run(["snapshot", "decode", "node", "-o", "b"])
        .exits(0);
    place
        .run(["snapshot", "decode", "node/fsm-snap", "-o", "c"])
        .exits(0);
    place
        .run_with_input(redis_snapshot(), ["snapshot", "decode", "-", "-o", "d"])
        .exits(0);
    let key = |tree: &str| fs::read(place.path(tree).join("redis/db_0/strings/k1.bin")).unwrap();
    for tree in ["b", "c", "d"] {
        assert_eq!(key(tree), key("a"), "{tree}");
    }
    assert!(place.scratch_listing().is_empty());
}

#[test]
fn two_runs_are_identical() {
    let place = Place::new();
    data_directory(&place);
    let sums = |tree: &str| {
        place
            .run(["snapshot", "decode", "node", "-o", tree])
            .exits(0);
        fs::read(place.path(tree).join("CHECKSUMS")).unwrap()
    };
    assert_eq!(sums("one"), sums("two"));
    let manifest = fs::read_to_string(place.path("one/MANIFEST.json")).unwrap();
    assert!(manifest.contains("2023-11-14T22:13:20Z"), "{manifest}");
}

#[test]
fn the_result_tells_where_every_row_went() {
    let place = Place::new();
    data_directory(&place);
    let result = place
        .run(["snapshot", "decode", "node", "-o", "out", "--format=json"])
        .exits(0)
        .result();
    let rows = &result["rows"];
    let parts = [
        "operational",
        "superseded",
        "deleted",
        "expired",
        "not_selected",
        "internal",
        "unknown",
    ];
    let mut sum: u64 = parts.iter().map(|part| rows[part].as_u64().unwrap()).sum();
    sum += rows["families"]
        .as_object()
        .unwrap()
        .values()
        .map(|one| one["rows"].as_u64().unwrap())
        .sum::<u64>();
    assert_eq!(rows["total"], sum);
    assert_eq!(
        (rows["total"].as_u64(), &result["files"]),
        (Some(4093), &106.into())
    );
    assert_eq!(result["inputs"][0]["index"], 0x1b4);
    assert_eq!(result["inputs"][0]["crc32c"], "d2e6f307");
}

/// Runs `decode`, expects an error, and that the folder is what it was.
#[track_caller]
fn refuses(place: &Place, arguments: &[&str], code: i32, id: &str) -> serde_json::Value {
    let before = place.listing();
    let run = place.run(
        ["snapshot", "decode", "--format=json"]
            .iter()
            .chain(arguments),
    );
    let error = run.fails(code, id);
    assert_eq!(place.listing(), before, "something was left behind");
    assert!(
        place.scratch_listing().is_empty(),
        "scratch files were left behind"
    );
    assert!(error["place"].is_object(), "no place: {error}");
    assert!(error["remedy"].is_string(), "no remedy: {error}");
    error
}

#[test]
fn inputs_that_cannot_be_used_say_why() {
    let place = Place::new();
    place.write("plain/file", "x");
    place.write("unfinished/fsm-snap/0000000000000001.fsm.tmp", "x");
    place.write("young/wal/0000000000000000-0000000000000000.wal", "");
    place.write("renamed/fsm-snap/backup.fsm", "x");
    place.snapshot(&format!("many/group-1/fsm-snap/{NAME}"));
    place.write("packed.fsm.gz", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]);
    place.write("empty.fsm", "");
    let file = |name: &'static str| [name, "-o", "out"];
    refuses(&place, &file("nowhere"), 12, "input.not-found");
    refuses(&place, &file("plain"), 3, "input.no-data-directory");
    refuses(&place, &file("unfinished"), 3, "input.only-unfinished");
    refuses(&place, &file("young"), 3, "input.no-snapshot");
    refuses(&place, &file("renamed"), 3, "input.no-snapshot");
    refuses(&place, &file("packed.fsm.gz"), 10, "snapshot.packed");
    refuses(&place, &file("empty.fsm"), 10, "snapshot.truncated");
    let groups = refuses(&place, &file("many"), 2, "input.several-groups");
    assert!(
        groups["remedy"].as_str().unwrap().contains("many/group-1"),
        "{groups}"
    );
}

#[test]
fn damage_names_the_place() {
    let place = Place::new();
    let mut bytes = redis_snapshot().to_vec();
    let cut = bytes.len() - 100;
    place.write("cut.fsm", &bytes[..cut]);
    let error = refuses(&place, &["cut.fsm", "-o", "out"], 10, "snapshot.truncated");
    assert_eq!(error["place"]["path"], "cut.fsm");
    assert!(
        error["place"]["offset"].is_u64() && error["place"]["entry"].is_u64(),
        "{error}"
    );

    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    place.write("wrong.fsm", &bytes);
    refuses(
        &place,
        &["wrong.fsm", "-o", "out"],
        10,
        "snapshot.footer-mismatch",
    );
}

#[test]
fn destinations_are_respected() {
    let place = Place::new();
    place.snapshot("s.fsm");
    place.write("mine/letter.txt", "keep");
    refuses(
        &place,
        &["s.fsm", "-o", "no/such/parent"],
        12,
        "output.parent-missing",
    );
    refuses(&place, &["s.fsm", "-o", "mine"], 13, "output.exists");
    refuses(
        &place,
        &["s.fsm", "-o", "mine", "--overwrite"],
        13,
        "output.not-a-dump",
    );

    place
        .run(["snapshot", "decode", "s.fsm", "-o", "dump"])
        .exits(0);
    refuses(&place, &["s.fsm", "-o", "dump"], 13, "output.exists");
    place
        .run(["snapshot", "decode", "s.fsm", "-o", "dump", "--overwrite"])
        .exits(0);
}

#[test]
fn a_token_that_cannot_be_read_stops_the_run() {
    let place = Place::new();
    data_directory(&place);
    place.write(
        "node/snap/0000000000000001-00000000000001b4.snap",
        "garbage",
    );
    let error = refuses(&place, &["node", "-o", "out"], 10, "input.token-unreadable");
    assert!(
        error["remedy"].as_str().unwrap().contains("--no-token"),
        "{error}"
    );
    let file = format!("node/fsm-snap/{NAME}");
    refuses(&place, &[&file, "-o", "out"], 10, "input.token-unreadable");
    place
        .run(["snapshot", "decode", "node", "-o", "out", "--no-token"])
        .exits(0);
}

#[test]
fn one_group_given_twice_is_noticed() {
    let place = Place::new();
    place.snapshot("one.fsm");
    place.snapshot("two.fsm");
    refuses(
        &place,
        &["one.fsm", "two.fsm", "-o", "out"],
        2,
        "input.same-group",
    );
    refuses(
        &place,
        &["one.fsm", "./one.fsm", "-o", "out"],
        2,
        "usage.input-twice",
    );
}

#[test]
fn all_snapshots_go_to_trees_of_their_own() {
    let place = Place::new();
    data_directory(&place);
    place.write(
        "node/fsm-snap/0000000000000001.fsm",
        include_bytes!("empty.fsm"),
    );
    place.write("node/fsm-snap/0000000000000002.fsm", "damaged snapshot");
    let run = place.run([
        "snapshot",
        "decode",
        "node",
        "--all",
        "-o",
        "all",
        "--format=json",
    ]);
    let error = run.fails(14, "decode.snapshots-left-out");
    assert_eq!(error["place"]["index"], 2);
    let trees: Vec<String> = place
        .listing()
        .into_iter()
        .filter(|name| name.matches('/').count() == 1 && name.starts_with("all"))
        .collect();
    assert_eq!(trees, ["all/1", "all/436"]);

    place.write("bad/fsm-snap/0000000000000002.fsm", "damaged snapshot");
    refuses(
        &place,
        &["bad", "--all", "-o", "none"],
        10,
        "snapshot.bad-magic",
    );
}

#[test]
fn the_log_tells_what_the_snapshot_has_not() {
    let place = Place::new();
    data_directory(&place);
    // One entry, index 440, as the description of the log frames it.
    let record = [8, 2, 16, 5, 26, 7, 8, 0, 16, 1, 24, 0xb8, 3];
    let mut log = vec![13, 0, 0, 0, 0, 0, 0, 0x83];
    log.extend(record);
    log.extend([0; 64]);
    place.write("node/wal/0000000000000000-0000000000000000.wal", log);
    let run = place.run(["snapshot", "decode", "node", "-o", "out", "--format=json"]);
    let events = run.events("log_entries_not_in_snapshot");
    assert_eq!(events[0]["entries"], 4, "{events:?}");
    assert_eq!(run.exits(0).result()["inputs"][0]["log"]["last_index"], 440);
}

/// Nothing is known of what follows a snapshot that the log was not read up to.
#[test]
fn a_log_that_cannot_be_read_is_not_taken_for_its_end() {
    // Index 3, long before the snapshot, and then a record that breaks off.
    let early: &[u8] = &[
        12, 0, 0, 0, 0, 0, 0, 0x84, 8, 2, 16, 5, 26, 6, 8, 0, 16, 1, 24, 3, 0, 0, 0, 0, 99,
    ];
    for log in [b"garbage".as_slice(), &[], &[0; 64], early] {
        let place = Place::new();
        data_directory(&place);
        place.write("node/wal/0000000000000000-0000000000000000.wal", log);
        let run = place.run(["snapshot", "decode", "node", "-o", "out", "--format=json"]);
        let events = run.events("log_unreadable");
        assert_eq!(
            (events.len(), &events[0]["entries"]),
            (1, &serde_json::Value::Null),
            "{log:?}"
        );
        assert!(run.exits(0).result()["inputs"][0]["log"]["entries_behind"].is_null());
    }
}

#[test]
fn a_pipe_among_the_log_files_is_not_waited_for() {
    let place = Place::new();
    data_directory(&place);
    std::fs::create_dir(place.path("node/wal")).unwrap();
    let pipe = place.path("node/wal/0000000000000000-0000000000000000.wal");
    let made = std::process::Command::new("mkfifo").arg(pipe).status();
    assert!(made.unwrap().success());
    let run = place.run(["snapshot", "decode", "node", "-o", "out", "--format=json"]);
    let events = run.events("log_unreadable");
    let unread = events[0]["unread"].as_str().unwrap();
    assert!(unread.ends_with(".wal: not a regular file"), "{unread}");
    drop(run.exits(0));
}

/// What a folder without logs says about the log is nothing.
#[test]
fn a_log_without_files_tells_nothing() {
    let place = Place::new();
    data_directory(&place);
    std::fs::create_dir(place.path("node/wal")).unwrap();
    let run = place.run(["snapshot", "decode", "node", "-o", "out", "--format=json"]);
    assert!(run.events("log_ends_with_snapshot").is_empty());
    assert!(run.exits(0).result()["inputs"][0]["log"].is_null());
}

/// Old nodes kept the snapshot where newer ones keep its token.
#[test]
fn a_snapshot_inside_an_old_snap_file_is_told() {
    let snap = snap_file_with(7, 42, redis_snapshot(), &ConfState::default());
    let place = Place::new();
    let name = "snap/0000000000000007-000000000000002a.snap";
    for node in ["bare", "empty"] {
        place.write(format!("{node}/{name}"), &snap);
    }
    std::fs::create_dir(place.path("empty/fsm-snap")).unwrap();
    for node in ["bare", "empty"] {
        let error = refuses(&place, &[node, "-o", "out"], 10, "input.inline-snapshot");
        let path = error["place"]["path"].as_str().unwrap();
        assert!(path.ends_with(name), "{error}");
    }
}

#[test]
fn a_full_spool_is_told_and_leaves_nothing() {
    let place = Place::new();
    let error = place
        .run_with_input(
            redis_snapshot(),
            [
                "snapshot",
                "decode",
                "-",
                "-o",
                "out",
                "--spool-dir",
                "gone",
                "--format=json",
            ],
        )
        .fails(12, "input.spool-unusable");
    assert!(error["remedy"].as_str().unwrap().contains("--spool-dir"));
    assert!(!place.path("out").exists());
}

#[test]
fn inspect_tells_and_writes_nothing() {
    let place = Place::new();
    data_directory(&place);
    let before = place.listing();
    let result = place
        .run(["snapshot", "inspect", "node", "--format=json"])
        .exits(0)
        .result();
    let snapshot = &result["snapshots"][0];
    assert_eq!(snapshot["crc32c"], "d2e6f307");
    assert_eq!(
        (
            snapshot["rows"]["total"].as_u64(),
            snapshot["index"].as_u64()
        ),
        (Some(4093), Some(436))
    );
    let text = place.run(["snapshot", "inspect", "node"]).exits(0).stdout;
    assert!(text.contains("footer d2e6f307 verified"), "{text}");
    assert_eq!(place.listing(), before);
}

//! `longshore dataset push`, as a user runs it, against the sandbox that a user starts.

mod common;

use std::ops::Deref;
use std::process::Command;

use common::lab::Lab;
use serde_json::Value;

/// A sandbox, and a folder of texts beside it.
struct Dock(Lab);

impl Dock {
    fn new() -> Self {
        let lab = Lab::start();
        lab.write("data/labels.csv", "filename,label\na.txt,good\nb.txt,bad\n");
        lab.write("data/texts/a.txt", "a fine thing\n");
        lab.write("data/texts/b.txt", "a poor thing\n");
        Self(lab)
    }

    fn push(&self, table: &str, more: &[&str]) -> testkit::command::Run {
        let words = ["dataset", "push", "data", "--table", table];
        let flags = ["--task=text_classification", "--label-column=label"];
        self.ask(&[&words, &flags[..], more].concat())
    }
}

impl Deref for Dock {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.0
    }
}

#[test]
fn what_was_delivered_is_told_proved_and_not_delivered_twice() {
    let dock = Dock::new();
    let result = dock.push("notes", &["--receipt=receipt"]).exits(0).result();
    assert_eq!(result["status"], "succeeded");
    assert_eq!(
        (&result["files"], &result["rows"]),
        (&3.into(), &Value::Null)
    );
    assert_eq!(result["summary"]["inserted_records"], 2);
    assert_eq!(result["reclaimed"], true);
    // The reference's tool, not our own code, says that the receipt is about these files.
    let checked = Command::new("sha256sum")
        .args(["--check", "--quiet", "../receipt"])
        .current_dir(dock.path("data"))
        .status()
        .unwrap();
    assert!(checked.success());
    let receipt = std::fs::read_to_string(dock.path("receipt")).unwrap();
    let manifest = result["manifest_sha256"].as_str().unwrap();
    assert!(
        receipt.contains(&format!("# manifest sha256: {manifest}\n")),
        "{receipt}"
    );
    // The cluster has it now; nothing is sent over it.
    let refused = dock.push("notes", &[]);
    refused.fails(6, "table.exists");
}

#[test]
fn a_receipt_that_cannot_be_kept_is_said_before_anything_is_sent() {
    let dock = Dock::new();
    let cases = [
        ("no/such/receipt", 12, "output.parent-missing"),
        ("data", 13, "output.not-replaceable"),
        // A slip of the hand must not cost the dataset.
        ("data/labels.csv", 13, "receipt.not-a-receipt"),
    ];
    for (file, code, id) in cases {
        let receipt = format!("--receipt={file}");
        for flags in [&[receipt.as_str()][..], &[&receipt, "--dry-run"]] {
            dock.push("notes", flags).fails(code, id);
        }
    }
    let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'notes'";
    let rows = dock.run(["sandbox", "sql", sql]).exits(0);
    assert!(rows.stdout.contains('0'), "{}", rows.stdout);
    // An older one is replaced.
    dock.push("notes", &["--receipt=receipt"]).exits(0);
    dock.push("more_notes", &["--receipt=receipt"]).exits(0);
    let receipt = std::fs::read_to_string(dock.path("receipt")).unwrap();
    assert!(receipt.contains("# table: more_notes\n"), "{receipt}");
}

#[test]
fn a_receipt_has_every_name_as_it_is() {
    let dock = Dock::new();
    let odd = [
        "new\nline.txt",
        "back\\slash.txt",
        "tab\there.txt",
        "bell\u{7}.txt",
        "ü.txt",
    ];
    let mut labels = "filename,label\n".to_owned();
    for (name, label) in odd.iter().zip(["good", "bad"].into_iter().cycle()) {
        labels.push_str(&format!("\"{name}\",{label}\n"));
        dock.write(format!("data/texts/{name}"), "a fine thing\n");
    }
    dock.write("data/labels.csv", &labels);
    dock.push("notes", &["--receipt=receipt"]).exits(0);
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--quiet", "--strict", "../receipt"]);
    let checked = check.current_dir(dock.path("data")).status().unwrap();
    assert!(checked.success());
    let receipt = std::fs::read_to_string(dock.path("receipt")).unwrap();
    let lines = receipt.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.count(), 1 + 2 + odd.len(), "{receipt}");
}

#[test]
fn a_dry_run_leaves_nothing_and_says_what_it_did_not_see() {
    let dock = Dock::new();
    let looked = dock.push("notes", &["--dry-run"]).exits(0).result();
    assert_eq!(looked["status"], "dry-run");
    assert_eq!(looked["not_checked"].as_array().unwrap().len(), 4);
    let seen = dock.push("notes", &["--dry-run=pod"]).exits(0).result();
    assert!(seen["volume"]["free_bytes"].as_u64().unwrap() > 0);
    assert_eq!(seen["not_checked"].as_array().unwrap().len(), 0);
    let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'notes'";
    let rows = dock.run(["sandbox", "sql", sql]).exits(0);
    assert!(rows.stdout.contains('0'), "{}", rows.stdout);
}

#[test]
fn a_run_that_was_left_alone_is_found_by_its_key() {
    let dock = Dock::new();
    let result = dock.push("notes", &["--detach"]).exits(0).result();
    assert_eq!(
        (&result["status"], &result["detached"]),
        (&"detached".into(), &"requested".into())
    );
    let key = result["idempotency_key"].as_str().unwrap();
    dock.ask(&["run", "wait", key]).exits(0);
}

#[test]
fn a_run_that_fails_is_not_called_a_success() {
    let dock = Dock::new();
    let failed = dock.push("fail_notes", &[]).exits(9).result();
    assert_eq!(
        (&failed["status"], &failed["error"]["id"]),
        (&"failed".into(), &"run.failed".into())
    );
    // The ingestor ends with an error after its summary, which is told all the same.
    let partial = dock.push("partial_notes", &[]).exits(9).result();
    assert_eq!(partial["summary"]["complete"], true, "{partial}");
}

#[test]
fn nothing_reaches_the_cluster_before_the_folder_is_sound() {
    let dock = Dock::new();
    // Whatever comes to the cluster would say that there is no kubeconfig.
    let push = |table: &str| {
        let table = format!("--table={table}");
        let words = ["dataset", "push", "data", &table, "--format=json"];
        let flags = ["--task=text_classification", "--label-column=label"];
        let gone = ["--kubeconfig=no/such/file"];
        dock.run([&words[..], &flags, &gone].concat())
    };
    std::fs::remove_file(dock.path("data/texts/b.txt")).unwrap();
    push("notes").fails(3, "dataset.data");
    dock.write("data/texts/b.txt", "a poor thing\n");
    push("../../etc").fails(2, "dataset.flags");
    push("notes").fails(3, "kubeconfig.unreadable");
}

#[test]
fn compressed_files_arrive_as_they_are() {
    let dock = Dock::new();
    let text = "a thing like any other, said again and again\n".repeat(40_000);
    dock.write("data/texts/a.txt", &text);
    // More than goes over the connection when it is compressed.
    let script = "rules: [{name: far, on: exec, match: {command: \" receive \"}, fault: {cut: {direction: in, after: 500000}}}]";
    dock.write("faults", script);
    for (table, flags, sessions) in [("small", &["--compress=gzip"][..], 1), ("large", &[], 2)] {
        dock.run(["sandbox", "faults", "faults"]).exits(0);
        let result = dock.push(table, flags).exits(0).result();
        assert_eq!(result["sessions"], sessions, "{table}: {result}");
        assert_eq!(result["summary"]["inserted_records"], 2);
    }
    dock.push("other", &["--compress=zip"])
        .fails(2, "usage.invalid");
}

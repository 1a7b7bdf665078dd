//! `longshore run …`: the journal, and runs in a sandbox.

mod common;

use std::ops::Deref;

use common::Place;
use common::runs::{self, entry, journal_of, journal_path, write_journal};
use serde_json::{Value, json};

#[test]
fn an_empty_journal_is_no_error() {
    let place = Place::new();
    let result = place
        .run(["run", "list", "--format=json"])
        .exits(0)
        .result();
    assert_eq!(result["runs"], json!([]));
    let json = ["--format=json"];
    place
        .run(["run", "status", "k1", json[0]])
        .fails(3, "run.unknown");
    place
        .run(["run", "wait", "not a key", json[0]])
        .fails(2, "usage.key");
}

#[test]
fn a_journal_that_is_not_understood_is_left_alone() {
    let place = Place::new();
    for (text, id) in [
        ("{", "journal.corrupt"),
        ("{\"version\": 9}", "journal.newer"),
    ] {
        write_journal(&place, text);
        for command in [["run", "list"].as_slice(), &["run", "logs", "k1"]] {
            let run = place.run([command, &["--format=json"]].concat());
            run.fails(3, id);
        }
        let kept = std::fs::read_to_string(journal_path(&place)).unwrap();
        assert_eq!(kept, text);
    }
}

#[test]
fn a_run_without_an_answer_and_one_of_another_cluster() {
    let place = Place::new();
    let runs = [
        entry("k1", "pets", "https://127.0.0.1:1", None),
        entry("k2", "pets", "https://elsewhere:6443", Some("j")),
    ];
    write_journal(&place, &journal_of(&runs));
    let config = json!({
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    });
    let kubeconfig = place.write("kubeconfig", config.to_string());
    let kubeconfig = kubeconfig.display().to_string();
    let run = |command: &str, key: &str| {
        place.run([
            "run",
            command,
            key,
            "--kubeconfig",
            &kubeconfig,
            "--format=json",
        ])
    };
    run("wait", "k1").fails(9, "run.unanswered");
    run("status", "k2").fails(3, "run.other-cluster");
    let list = place
        .run(["run", "list", "--format=json"])
        .exits(0)
        .result();
    assert_eq!(list["runs"].as_array().unwrap().len(), 2);
}

/// A sandbox with runs in it.
struct Lab(common::lab::Lab);

impl Lab {
    fn start() -> Self {
        Self(common::lab::Lab::start())
    }

    fn run(&self, arguments: &[&str]) -> testkit::command::Run {
        self.ask(&[&["run"], arguments].concat())
    }

    fn submit(&self, key: &str, table: &str) {
        runs::submit(&self.0, key, table);
    }

    fn state(&self, key: &str) -> Value {
        let list = self.0.run(["run", "list", "--format=json"]).exits(0);
        let runs = list.result()["runs"].as_array().unwrap().clone();
        let run = runs.into_iter().find(|run| run["key"] == key).unwrap();
        run["state"].clone()
    }
}

impl Deref for Lab {
    type Target = common::lab::Lab;

    fn deref(&self) -> &common::lab::Lab {
        &self.0
    }
}

#[test]
fn a_run_is_waited_for_and_its_end_is_kept() {
    let lab = Lab::start();
    lab.submit("good", "pets");
    let run = lab.run(&["wait", "good"]).exits(0);
    let result = run.result();
    assert_eq!(result["status"], "succeeded", "{result}");
    assert_eq!(result["summary"]["inserted_records"], 1);
    assert_eq!(result["summary"]["complete"], true);
    assert!(run.events("log").iter().any(|event| {
        event["line"]
            .as_str()
            .unwrap()
            .contains("INGESTION SUMMARY")
    }));
    assert_eq!(lab.state("good"), "succeeded");

    let status = lab.run(&["status", "good"]).exits(0).result();
    assert_eq!(
        (&status["status"], &status["pod_phase"]),
        (&json!("succeeded"), &json!("Succeeded"))
    );
    let kubeconfig = lab.kubeconfig.display().to_string();
    let text = lab
        .0
        .run(["run", "logs", "good", "--kubeconfig", &kubeconfig])
        .exits(0);
    assert!(
        text.stdout.contains("All validations passed"),
        "{}",
        text.stdout
    );
    assert!(!text.stdout.contains('\u{1b}'));
    let text = lab
        .0
        .run(["run", "wait", "good", "--kubeconfig", &kubeconfig])
        .exits(0);
    assert!(
        text.stdout.contains("Success rate:           100.0%"),
        "{}",
        text.stdout
    );
}

#[test]
fn runs_that_fail_say_nothing_or_go_on() {
    let lab = Lab::start();
    lab.submit("bad", "fail_pets");
    let error = lab.run(&["wait", "bad"]).fails(9, "run.failed");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("BackoffLimitExceeded"),
        "{error}"
    );
    assert_eq!(lab.state("bad"), "failed");

    lab.submit("quiet", "nobanner_pets");
    let result = lab.run(&["wait", "quiet"]).exits(0).result();
    assert_eq!(
        (&result["status"], &result["summary"]),
        (&json!("succeeded"), &Value::Null)
    );

    lab.submit("partial", "partial_pets");
    lab.run(&["wait", "partial"]).fails(9, "run.failed");

    lab.submit("long", "slow_pets");
    lab.run(&["wait", "long", "--watch-timeout", "1s"])
        .fails(9, "run.not-ended");
    assert_eq!(lab.state("long"), "running");
    let status = lab.run(&["status", "long"]).exits(0).result();
    assert_eq!(status["status"], "running");
}

//! The service does not answer, or refuses; the Job goes away; its log may not be read.

use std::sync::Arc;

use sandbox::kinds;
use sandbox::node::{Image, ImageRule};
use serde_json::json;
use testkit::command::moment::until;

use crate::port::{NAMESPACE, Port, told};

#[test]
fn a_service_that_goes_away_before_it_answers_is_asked_again_with_the_same_key() {
    let port = Port::open();
    // The first one takes the request and is gone; the second one is gone before it has it all.
    port.script(
        "rules:\n\
         - {name: lost, on: port_forward, fault: {cut: {direction: out, after: 0}}}\n\
         - {name: gone, on: port_forward, skip: 1, fault: {cut: {direction: in, after: 200}}}\n",
    );
    let run = port.push("notes", &[]).exits(0);
    port.every_rule_fired();
    assert!(!run.events("push_submission_unanswered").is_empty());
    assert_eq!(run.events("push_submitting").len(), 1);
    assert_eq!(port.jobs().len(), 1);
    assert_eq!(port.pods(), [""; 0]);
}

#[test]
fn a_service_that_never_answers_leaves_a_key_to_go_on_with() {
    for flags in [&[][..], &["--idempotency-key=mine"]] {
        let port = endless();
        port.script(
            "rules: [{name: mute, on: port_forward, times: 0, fault: {cut: {direction: out, after: 0}}}]",
        );
        let run = port.push("notes", &[flags, &["--retry-budget=1s"]].concat());
        let key = run.result()["idempotency_key"].clone();
        let error = told(run, 8, "submit.unanswered");
        assert_eq!(
            (&error["place"]["key"], &error["retryable"]),
            (&key, &json!(true))
        );
        assert_eq!(port.pods(), [""; 0]);
        assert!(!port.is_locked("notes"));
        // It was accepted all the same, and the same command finds it.
        assert_eq!(port.jobs().len(), 1);
        port.script("seed: 0");
        let again = port.push("notes", &[flags, &["--detach"]].concat());
        let again = again.exits(0).result();
        assert_eq!(
            (&again["idempotency_key"], &again["replay"]),
            (&key, &json!(true))
        );
        assert_eq!(port.jobs().len(), 1);
    }
}

#[test]
fn a_key_of_something_else_and_one_that_is_used_up() {
    let port = Port::open();
    let key = "--idempotency-key=mine";
    told(port.push("fail_notes", &[key]), 9, "run.failed");
    told(port.push("other_notes", &[key]), 8, "submit.conflict");
    let error = told(port.push("fail_notes", &[key]), 8, "submit.replayed");
    assert_eq!(error["place"]["key"], "mine");
    // Without a key there is a new run each time.
    for _ in 0..2 {
        told(port.push("fail_notes", &[]), 9, "run.failed");
    }
    assert_eq!(port.jobs().len(), 3);
    assert_eq!(port.pods(), [""; 0]);
    assert!(!port.is_locked("fail_notes") && !port.is_locked("other_notes"));
}

#[test]
fn what_the_service_refuses_is_told_with_its_words() {
    let port = Port::open();
    // It is there, and not in the release's policy.
    let error = told(
        port.push("notes", &["--ingestor-sa=default"]),
        5,
        "submit.denied",
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("may not ingest into notes"), "{message}");
    assert_eq!(port.jobs(), [""; 0]);
    assert_eq!(port.pods(), [""; 0]);
    assert!(!port.is_locked("notes"));
}

#[test]
fn the_key_is_told_before_anything_is_submitted() {
    let port = Port::open();
    port.script(
        "rules: [{name: mute, on: port_forward, times: 0, fault: {stall: {direction: out}}}]",
    );
    let told = port.path("told");
    let mut pushing = port.pushing("notes", &["--format=json"]);
    pushing.stdout(std::fs::File::create(&told).unwrap());
    let mut child = pushing.spawn().unwrap();
    until("the key is told", || {
        let told = std::fs::read_to_string(&told).unwrap();
        told.lines()
            .any(|line| line.contains("\"push_submitting\""))
    });
    // Whatever becomes of the program now.
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_an_unanswered_submission_has_brought_is_told_as_such() {
    let port = Port::open();
    port.script(
        "rules: [{name: mute, on: port_forward, times: 0, fault: {cut: {direction: out, after: 0}}}]",
    );
    let run = port.push("notes", &["--retry-budget=1s"]);
    let key = run.result()["idempotency_key"].clone();
    told(run, 8, "submit.unanswered");
    port.script("seed: 0");
    until("the Job is done", || {
        let job = port.get(&kinds::JOB, &port.jobs()[0]);
        job["status"]["succeeded"] == 1
    });
    let error = told(port.push("notes", &[]), 6, "table.exists");
    assert_eq!(error["place"]["key"], key);
    let label = format!("tracebloc.io/ingestion-run={}", key.as_str().unwrap());
    assert!(
        error["remedy"].as_str().unwrap().contains(&label),
        "{error}"
    );
    assert_eq!(port.jobs().len(), 1);
    assert_eq!(port.pods(), [""; 0]);
}

/// A sandbox whose Jobs go on until they are deleted.
fn endless() -> Port {
    Port::with(|config| {
        let image = Image::Task(Arc::new(|_| Box::pin(std::future::pending())));
        let prefix = "longshore.sandbox/ingestor".to_owned();
        config.node.images.insert(0, ImageRule { prefix, image });
    })
}

#[test]
fn a_job_that_is_deleted_and_a_log_that_may_not_be_read() {
    let port = endless();
    let child = port.start("notes", &[]);
    until("the run is watched", || {
        !port.jobs().is_empty() && port.pods().is_empty()
    });
    let job = &port.jobs()[0];
    port.delete(&kinds::JOB, job);
    let error = told(port.end(child), 9, "run.gone");
    assert_eq!(error["place"]["job"], format!("{NAMESPACE}/{job}"));
    assert_eq!(port.pods(), [""; 0]);

    let port = Port::open();
    port.script("rules: [{name: deaf, on: log, times: 0, fault: {answer: {code: 403}}}]");
    let run = port.push("notes", &[]).exits(0);
    port.every_rule_fired();
    assert_eq!(run.events("run_log_forbidden").len(), 1, "{}", run.stdout);
    assert_eq!(run.result()["summary"], json!(null));
}

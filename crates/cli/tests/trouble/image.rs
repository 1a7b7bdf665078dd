//! The stage pod does not come about.

use testkit::command::Run;

use crate::port::{Port, told};

#[test]
fn what_admission_says_is_told() {
    let port = Port::open();
    let check = |skip: u32, (code, said): (u16, &str), (exit, id): (i32, &str)| -> Run {
        let fault = format!("answer: {{code: {code}, message: \"{said}\"}}");
        let matching = "{resource: pods, verb: create}";
        port.script(&format!(
            "rules: [{{name: no, on: request, match: {matching}, skip: {skip}, times: 0, fault: {{{fault}}}}}]"
        ));
        let run = port.push("notes", &[]);
        port.every_rule_fired();
        told(run.clone(), exit, id);
        port.is_clean("notes");
        run
    };
    let webhook = "admission webhook 'images.example' denied the request: not from there";
    let quota = "pods 'x' is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1";
    let security =
        "pods 'x' is forbidden: violates PodSecurity 'restricted:latest': seccompProfile";
    // The first question is whether the pod would be admitted; the second one is meant.
    for skip in [0, 1] {
        let run = check(skip, (400, webhook), (7, "stage.policy"));
        assert!(run.stdout.contains("not from there"), "{}", run.stdout);
        check(skip, (403, quota), (7, "stage.quota"));
        check(skip, (403, security), (7, "stage.pod-security"));
    }
}

#[test]
fn an_image_that_does_not_run_or_is_not_to_be_had() {
    let port = Port::open();
    for (image, id) in [
        ("sandbox.invalid/other-architecture:1", "stage.architecture"),
        ("sandbox.invalid/missing:1", "stage.image"),
        ("sandbox.invalid/empty:1", "stage.not-ready"),
    ] {
        let flag = format!("--stage-pod-image={image}");
        let run = port.push("notes", &[&flag]);
        assert!(run.stdout.contains(image), "{}", run.stdout);
        told(run, 7, id);
        port.is_clean("notes");
    }
}

#[test]
fn a_pod_that_finds_no_place_is_told_with_its_limit() {
    let port = Port::open();
    // The scheduler never gets to it.
    port.script("rules: [{name: away, on: request, match: {resource: pods, verb: get}, times: 0, fault: {answer: {code: 503}}}]");
    let error = told(
        port.push("notes", &["--pod-timeout=2s"]),
        7,
        "stage.too-slow",
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("--pod-timeout"), "{message}");
    port.is_clean("notes");
}

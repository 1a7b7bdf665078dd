//! `longshore cluster …` against a sandbox, and without a cluster.

mod common;

use common::Place;
use common::lab::Lab;
use serde_json::{Value, json};

/// Runs a command about the lab's cluster.
fn cluster(lab: &Lab, arguments: &[&str]) -> testkit::command::Run {
    lab.ask(&[&["cluster"], arguments].concat())
}

/// A kubeconfig for a server where nobody listens.
fn nobody(place: &Place, user: Value) -> String {
    let config = json!({
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "lab"}}],
    });
    place
        .write("kubeconfig", config.to_string())
        .display()
        .to_string()
}

fn info(place: &Place, kubeconfig: &str) -> testkit::command::Run {
    place.run([
        "cluster",
        "info",
        "--kubeconfig",
        kubeconfig,
        "--format",
        "json",
    ])
}

#[test]
fn info_tells_three_blocks_and_no_token() {
    let lab = Lab::start();
    let run = cluster(&lab, &["info"]).exits(0);
    let result = run.result();
    assert_eq!(result["release"]["chart_version"], "1.9.62");
    assert_eq!(result["release"]["ingestor_account_source"], "release");
    assert_eq!(result["token"]["source"], "TokenRequest");
    let text = lab
        .run([
            "cluster",
            "info",
            "--kubeconfig",
            &lab.kubeconfig.display().to_string(),
        ])
        .exits(0);
    for heading in ["Kubeconfig:", "Parent release:", "Ingestor SA token:"] {
        assert!(text.stdout.contains(heading), "{}", text.stdout);
    }
    // Every token here is a signed one, and begins like this.
    assert!(!format!("{}{}", run.stdout, text.stdout).contains("eyJ"));
}

#[test]
fn a_token_that_is_too_short_lived_is_refused_and_the_rest_is_told() {
    let lab = Lab::start();
    let run = cluster(&lab, &["info", "--token-expiry-seconds", "100"]);
    let result = run.clone().result();
    run.fails(5, "token.refused");
    assert_eq!(result["release"]["name"], "demo");
    assert_eq!(result["token"], Value::Null);
}

#[test]
fn info_shows_the_kubeconfig_also_when_discovery_fails() {
    let lab = Lab::start();
    let run = cluster(&lab, &["info", "--namespace", "default"]);
    let result = run.clone().result();
    run.fails(4, "release.none");
    assert_eq!(result["kubeconfig"]["namespace"], "default");
    assert_eq!(result["kubeconfig"]["namespace_source"], "flag");
    assert_eq!(result["release"], Value::Null);
}

#[test]
fn doctor_makes_every_check_and_clean_finds_nothing() {
    let lab = Lab::start();
    let result = cluster(&lab, &["doctor"]).exits(0).result();
    let names: Vec<&str> = result["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for name in [
        "api-server",
        "release",
        "volume",
        "permissions",
        "token",
        "stage-pod",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let run = cluster(&lab, &["doctor", "--namespace", "default"]);
    assert_eq!(run.events("release.none").len(), 1);
    run.fails(4, "release.none");
    let result = cluster(&lab, &["clean", "--dry-run"]).exits(0).result();
    assert_eq!(result["pods"], json!([]));
    assert_eq!(result["tables"], Value::Null);
    let result = cluster(&lab, &["clean"]).exits(0).result();
    assert_eq!(result["tables"], json!([]));
}

#[test]
fn a_server_that_is_not_there_is_its_own_error() {
    let place = Place::new();
    let kubeconfig = nobody(&place, json!({"token": "secret"}));
    let run = info(&place, &kubeconfig);
    assert!(!run.stdout.contains("secret"));
    let error = run.fails(15, "server.unreachable");
    assert_eq!(error["retryable"], true);
    let run = place.run([
        "cluster",
        "doctor",
        "--kubeconfig",
        &kubeconfig,
        "--format",
        "json",
    ]);
    // The same trouble, found by a check.
    assert_eq!(run.fails(15, "server.unreachable")["retryable"], true);
}

#[test]
fn what_is_wrong_with_a_kubeconfig_is_local() {
    let place = Place::new();
    info(&place, "nowhere").fails(3, "kubeconfig.unreadable");
    place
        .run(["cluster", "info", "--format", "json"])
        .fails(3, "kubeconfig.none");
    let broken = place.write(
        "broken",
        "users: [{name: u, user: {token: [very-secret]}}]\n",
    );
    let run = info(&place, &broken.display().to_string());
    assert!(!run.stdout.contains("very-secret"), "{}", run.stdout);
    run.fails(3, "kubeconfig.malformed");
    let kubeconfig = nobody(&place, json!({}));
    let run = place.run([
        "cluster",
        "info",
        "--kubeconfig",
        &kubeconfig,
        "--context",
        "d",
        "--format",
        "json",
    ]);
    let error = run.fails(3, "kubeconfig.unknown-context");
    assert!(
        error["remedy"].as_str().unwrap().contains("--context: c"),
        "{error}"
    );
    let run = place.run([
        "cluster",
        "info",
        "--kubeconfig",
        &kubeconfig,
        "--namespace",
        "../x",
        "--format",
        "json",
    ]);
    run.fails(2, "usage.namespace");
}

#[test]
fn an_empty_option_counts_as_not_given() {
    let place = Place::new();
    let kubeconfig = nobody(&place, json!({}));
    let mut command = place.command([
        "cluster",
        "info",
        "--kubeconfig",
        "",
        "--context",
        "",
        "--namespace",
        "",
        "--format",
        "json",
    ]);
    command.env("KUBECONFIG", format!(":/nowhere/at-all:{kubeconfig}"));
    let run = place.complete(&mut command);
    assert_eq!(run.result()["kubeconfig"]["namespace"], "lab");
    run.fails(15, "server.unreachable");
}

#[test]
fn a_credential_plugin_that_fails_or_waits_is_named() {
    let place = Place::new();
    let plugin = |script: &str, more: Value| {
        let mut exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
            "interactiveMode": "IfAvailable",
        });
        for (name, value) in more.as_object().unwrap() {
            exec[name] = value.clone();
        }
        nobody(&place, json!({"exec": exec}))
    };
    let failing = plugin("echo 'session expired' >&2; exit 1", json!({}));
    let error = info(&place, &failing).fails(3, "credential.failed");
    assert_eq!(error["causes"], json!(["session expired"]));
    let waiting = plugin("exec sleep 600", json!({}));
    let run = place.run([
        "cluster",
        "info",
        "--kubeconfig",
        &waiting,
        "--credential-timeout",
        "1s",
        "--format",
        "json",
    ]);
    let error = run.fails(3, "credential.timeout");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("--credential-timeout"),
        "{error}"
    );
    let asking = plugin("true", json!({"interactiveMode": "Always"}));
    info(&place, &asking).fails(3, "credential.needs-terminal");
    let missing = plugin(
        "true",
        json!({"command": "/nowhere/login", "installHint": "Get it at the desk."}),
    );
    let error = info(&place, &missing).fails(3, "credential.not-started");
    assert_eq!(error["remedy"], "Get it at the desk.");
}

#[test]
fn a_server_with_another_certificate_is_not_asked() {
    let lab = Lab::start();
    let text = std::fs::read_to_string(&lab.kubeconfig).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    // A certificate of another authority: this machine's own collection has none for the sandbox.
    config["clusters"][0]["cluster"]
        .as_object_mut()
        .unwrap()
        .remove("certificate-authority-data");
    let other = lab.write("other", config.to_string()).display().to_string();
    info(&lab, &other).fails(15, "server.certificate");
    config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(true);
    let open = lab.write("open", config.to_string()).display().to_string();
    let run = lab
        .run([
            "cluster",
            "doctor",
            "--kubeconfig",
            &open,
            "--format",
            "json",
        ])
        .exits(0);
    assert_eq!(run.events("server.certificate-unchecked").len(), 1);
    config["users"][0]["user"]["token"] = json!("wrong");
    let stranger = lab
        .write("stranger", config.to_string())
        .display()
        .to_string();
    info(&lab, &stranger).fails(5, "server.unauthorized");
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let lab = Lab::start();
    let text = std::fs::read_to_string(&lab.kubeconfig).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["clusters"][0]["cluster"]["proxy-url"] = json!("http://me:secret@127.0.0.1:1");
    let behind = lab
        .write("behind", config.to_string())
        .display()
        .to_string();
    let run = info(&lab, &behind);
    assert!(!run.stdout.contains("secret"), "{}", run.stdout);
    assert_eq!(run.result()["kubeconfig"]["proxy"], "http://127.0.0.1:1");
    run.fails(15, "server.proxy");
}

//! Before anything is made: credential, server, namespace, permissions.

use futures_util::FutureExt as _;
use sandbox::kinds;
use serde_json::{Value, json};

use crate::common::runs::journal_path;
use crate::port::{Port, told};

/// A user who logs in with a program.
pub(crate) fn plugin(script: &str) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
        "interactiveMode": "IfAvailable",
    }})
}

type Change = Box<dyn Fn(&mut Value)>;

fn cluster(change: impl Fn(&mut Value) + 'static) -> Change {
    Box::new(move |config| change(&mut config["clusters"][0]["cluster"]))
}

fn user(user: Value) -> Change {
    Box::new(move |config| config["users"][0]["user"] = user.clone())
}

#[test]
fn what_the_kubeconfig_leads_to_is_told() {
    let port = Port::open();
    let sound = std::fs::read_to_string(&port.kubeconfig).unwrap();
    let two_lines = "echo 'session expired' >&2; echo 'log in again' >&2; exit 1";
    let cases: [(Change, &[&str], i32, &str); 8] = [
        (user(plugin(two_lines)), &[], 3, "credential.failed"),
        (
            user(plugin("exec sleep 600")),
            &["--credential-timeout=1s"],
            3,
            "credential.timeout",
        ),
        (
            user(json!({"token": "stale"})),
            &[],
            5,
            "server.unauthorized",
        ),
        (
            cluster(|it| {
                drop(
                    it.as_object_mut()
                        .unwrap()
                        .remove("certificate-authority-data"),
                )
            }),
            &[],
            15,
            "server.certificate",
        ),
        (
            cluster(|it| it["server"] = json!("https://127.0.0.1:1")),
            &[],
            15,
            "server.unreachable",
        ),
        (
            cluster(|it| it["proxy-url"] = json!("http://127.0.0.1:1")),
            &[],
            15,
            "server.proxy",
        ),
        (
            Box::new(|_| ()),
            &["--namespace=nowhere"],
            5,
            "release.unreadable",
        ),
        (Box::new(|_| ()), &["--ingestor-sa=nobody"], 5, "token.none"),
    ];
    for (change, flags, code, id) in cases {
        port.edit(change);
        told(port.push("notes", flags), code, id);
        std::fs::write(&port.kubeconfig, &sound).unwrap();
    }
    port.is_clean("notes");
    // Whoever may look says more.
    port.rewrite(port.sandbox().keys().admin());
    let run = port.push("notes", &["--namespace=nowhere"]);
    assert_eq!(run.events("namespace.missing").len(), 1);
    told(run, 4, "namespace.missing");
    port.is_clean("notes");
}

#[test]
fn words_of_several_lines_stay_lines() {
    let port = Port::open();
    let script = "echo 'session expired' >&2; echo 'log in again' >&2; exit 1";
    port.edit(|config| config["users"][0]["user"] = plugin(script));
    let mut command = port.pushing("notes", &[]);
    let run = port.complete(&mut command).exits(3);
    let expected = "because: session expired\n           log in again\n";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn a_dry_run_makes_nothing() {
    let port = Port::open();
    let mut pods = port.changes(&kinds::POD);
    let run = port.push("notes", &["--dry-run"]).exits(0);
    assert_eq!(run.result()["not_checked"].as_array().unwrap().len(), 4);
    // Not one that is gone again either.
    while let Some(change) = pods.next().now_or_never() {
        let labels = &change.unwrap().object["metadata"]["labels"];
        assert!(labels["tracebloc.io/component"].is_null(), "{labels}");
    }
    assert!(!journal_path(&port).exists());
    port.is_clean("notes");
    // One with a pod takes it away again.
    port.push("notes", &["--dry-run=pod"]).exits(0);
    port.is_clean("notes");
}

#[test]
fn a_table_that_holds_data_is_left_alone() {
    let port = Port::open();
    std::fs::create_dir(port.shared().join("notes")).unwrap();
    std::fs::write(port.shared().join("notes/a.txt"), "old").unwrap();
    port.script("rules: [{name: sent, on: exec, match: {command: \" receive \"}, times: 0, fault: {drip: {}}}]");
    let error = told(port.push("notes", &[]), 6, "table.exists");
    assert_eq!(error["place"]["path"], "/data/shared/notes");
    assert_eq!(port.matched("sent"), 0, "nothing was sent");
    port.is_clean("notes");
    assert_eq!(
        std::fs::read(port.shared().join("notes/a.txt")).unwrap(),
        b"old"
    );
}

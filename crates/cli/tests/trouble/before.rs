//! Before anything is made: credential, server, namespace, permissions.

use serde_json::{Value, json};

use crate::port::{Port, told};

/// A user who logs in with a program.
fn plugin(script: &str) -> Value {
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

//! A credential that ends in the middle, a proxy that lets no WebSocket through, clocks that are apart.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sandbox::clock::Clock;
use sandbox::kinds;
use serde_json::json;

use crate::port::{NAMESPACE, Port, told};

/// Stands still when some of the data has arrived.
const STALL: &str = "rules: [{name: stall, on: exec, match: {command: \" receive \"}, fault: {stall: {direction: in, after: 300000}}}]";

/// A sandbox whose user logs in with a program, which notes each time, and the file from which it takes its token.
fn with_plugin(port: Port) -> (Port, PathBuf) {
    let file = port.write("../token", "");
    // By this machine's clock it is over since long ago.
    let script = format!(
        r#"echo >> {0}.runs
printf '{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"%s","expirationTimestamp":"2020-01-01T00:00:00Z"}}}}' "$(cat {0})""#,
        file.display()
    );
    port.edit(|config| {
        config["users"][0]["user"] = json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
            "interactiveMode": "Never",
        }});
    });
    std::fs::write(&file, port.token()).unwrap();
    (port, file)
}

/// The same with a file that is long enough to be interrupted.
fn at_sea() -> (Port, PathBuf) {
    let port = Port::open();
    port.write("data/texts/a.txt", "a long thing\n".repeat(100_000));
    with_plugin(port)
}

/// Lets the old tokens of the user be worth nothing any more, and the connections that they opened end.
fn expire(port: &Port) {
    let old = port.get(&kinds::SERVICE_ACCOUNT, "pusher");
    port.delete(&kinds::SERVICE_ACCOUNT, "pusher");
    let meta =
        json!({"name": "pusher", "namespace": NAMESPACE, "labels": old["metadata"]["labels"]});
    let again = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta});
    port.sandbox()
        .create(&kinds::SERVICE_ACCOUNT, again)
        .unwrap();
}

#[test]
fn a_credential_that_expires_in_a_long_upload_is_fetched_again() {
    let (port, file) = at_sea();
    port.script(STALL);
    let child = port.start("notes", &[]);
    port.until_fired("stall");
    expire(&port);
    std::fs::write(&file, port.token()).unwrap();
    port.cut_all();
    let run = port.end(child).exits(0);
    assert!(!run.events("push_interrupted").is_empty(), "{}", run.stdout);
    assert!(run.result()["sessions"].as_u64().unwrap() >= 2);
    assert_eq!(port.pods(), [""; 0]);
}

#[test]
fn a_credential_that_expires_for_good_ends_the_upload() {
    let (port, _file) = at_sea();
    port.script(STALL);
    let child = port.start("notes", &[]);
    port.until_fired("stall");
    expire(&port);
    port.cut_all();
    let run = port.end(child);
    // Nobody may delete the pod any more; it ends by itself, and the next run removes it.
    assert_eq!(run.events("push_pod_left").len(), 1, "{}", run.stdout);
    told(run, 5, "server.unauthorized");
    assert!(!port.is_staged("notes"));
    assert_eq!(port.jobs(), [""; 0]);
}

#[test]
fn a_way_that_lets_no_websocket_through_is_named() {
    let port = Port::open();
    for (on, code, id) in [
        ("exec", 15, "server.no-upgrade"),
        ("port_forward", 8, "tunnel.no-upgrade"),
    ] {
        port.script(&format!(
            "rules: [{{name: no, on: {on}, times: 0, fault: {{answer: {{code: 403, empty: true}}}}}}]"
        ));
        let error = told(port.push("notes", &[]), code, id);
        assert!(error["remedy"].as_str().unwrap().contains("WebSocket"));
        assert_eq!(port.pods(), [""; 0]);
        assert!(!port.is_locked("notes"));
        assert_eq!(port.jobs(), [""; 0]);
    }
}

/// A server whose clock is wrong by so much.
#[derive(Debug)]
struct Apart(SignedDuration);

impl Clock for Apart {
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.0
    }
}

#[test]
fn clocks_that_are_apart_change_nothing() {
    let day = SignedDuration::from_hours(24);
    for apart in [-day, day] {
        let (port, token) = with_plugin(Port::at(Arc::new(Apart(apart)), |_| {}));
        let run = port.push("notes", &[]).exits(0);
        assert!(
            run.json().iter().all(|line| line["type"] != "warning"),
            "{}",
            run.stdout
        );
        assert_eq!(port.pods(), [""; 0]);
        let runs = std::fs::read_to_string(token.with_extension("runs")).unwrap();
        assert_eq!(runs.lines().count(), 1, "the program is run once");
    }
}

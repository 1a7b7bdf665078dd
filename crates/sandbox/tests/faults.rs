//! What each fault does to pods, volumes, logs and tunnels, over TLS as a client sees it, and when it counts as fired.

mod lab;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lab::{Heard, Lab, SILENCE, claimed, end_stdin, hear, is_ready, pod, stdin};
use sandbox::fault::Restart;
use sandbox::kinds;
use sandbox::node::container::Mounts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Error, Message};

const V5: &str = "v5.channel.k8s.io";
const V4: &str = "v4.channel.k8s.io";
const POD: &str = "/api/v1/namespaces/default/pods/p";

async fn with_volume_of(bytes: Option<u64>) -> Lab {
    let lab = Lab::with(|config| config.node.volume_bytes = bytes).await;
    lab.pod(claimed(&lab, "p"), is_ready).await;
    lab
}

/// Where the kernel lets nobody make namespaces, volumes cannot be filled or made read-only.
fn has_namespaces(lab: &Lab) -> bool {
    let has = lab.sandbox().node().has_namespaces() == Some(true);
    if !has {
        testkit::shared::skip(
            "sandbox volume faults",
            "user and mount namespaces are not allowed here",
        );
    }
    has
}

/// Runs a script in the pod, feeds it and hears it out.
async fn shell(lab: &Lab, script: &str, input: &[u8]) -> Heard {
    let mut socket = lab.open_exec("p", &["sh", "-c", script], V5).await.unwrap();
    for part in input.chunks(64 << 10) {
        stdin(&mut socket, part).await;
    }
    end_stdin(&mut socket).await;
    hear(&mut socket).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_volume_takes_no_more() {
    let lab = with_volume_of(Some(8 << 20)).await;
    if !has_namespaces(&lab) {
        return;
    }
    lab.script("rules: [{name: full, on: exec, fault: {fill_volume: {after: 100000}}}]");
    // What cannot be written is read all the same: a session whose input nobody reads hangs.
    let script = "cat > /data/shared/x; code=$?; cat > /dev/null; exit $code";
    let heard = shell(&lab, script, &vec![7; 4 << 20]).await;
    assert_ne!(heard.code(), 0);
    assert!(
        heard.stderr.contains("No space left on device"),
        "{heard:?}"
    );
    lab.every_rule_fired();
    let heard = shell(&lab, "head -c 9000 /dev/zero > /data/shared/y", b"").await;
    assert!(
        heard.stderr.contains("No space left on device"),
        "it stays full: {heard:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_without_a_size_is_not_filled_and_does_not_count() {
    let lab = with_volume_of(None).await;
    lab.script("rules: [{name: full, on: exec, fault: {fill_volume: {}}}]");
    let heard = shell(&lab, "cat > /tmp/x; true", b"x").await;
    assert_eq!(heard.code(), 0);
    assert_eq!(lab.faults.unfired(), ["full"]);
    assert_eq!(lab.faults.report()[0].armed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_volume_cannot_be_written() {
    let lab = with_volume_of(None).await;
    if !has_namespaces(&lab) {
        return;
    }
    lab.script("rules: [{name: ro, on: exec, fault: {read_only_volume: {after: 2}}}]");
    let script = "while read -r name; do
        if echo x > /data/shared/$name; then echo wrote $name; else echo refused $name; fi; done";
    let mut socket = lab.open_exec("p", &["sh", "-c", script], V5).await.unwrap();
    stdin(&mut socket, b"a\n").await;
    // The fault waits for the kernel, so what comes after it meets a volume that is read-only.
    stdin(&mut socket, b"b\n").await;
    end_stdin(&mut socket).await;
    let heard = hear(&mut socket).await;
    assert!(heard.stdout.ends_with("refused b\n"), "{heard:?}");
    assert!(heard.stderr.contains("Read-only file system"), "{heard:?}");
    lab.every_rule_fired();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_being_written_becomes_read_only_when_the_file_is_closed() {
    let lab = with_volume_of(None).await;
    if !has_namespaces(&lab) {
        return;
    }
    lab.script("rules: [{name: ro, on: exec, fault: {read_only_volume: {after: 1}}}]");
    let script = "exec 3> /data/shared/x; echo open; cat >&3; exec 3>&-
        while touch /data/shared/y 2> /dev/null; do sleep 0.01; done; wc -c < /data/shared/x";
    let mut socket = lab.open_exec("p", &["sh", "-c", script], V5).await.unwrap();
    socket.next().await;
    stdin(&mut socket, b"whole").await;
    end_stdin(&mut socket).await;
    let heard = hear(&mut socket).await;
    assert_eq!(heard.stdout.trim(), "5", "{heard:?}");
    // The script can be done a moment before the command that struck it is.
    lab.until_every_rule_fired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_a_volume_stays_writable_and_does_not_count() {
    let lab = Lab::with(|config| config.node.mounts = Mounts::Rewritten).await;
    lab.pod(claimed(&lab, "p"), is_ready).await;
    lab.script("rules: [{name: ro, on: exec, fault: {read_only_volume: {}}}]");
    let command = ["sh", "-c", "cat > \"$1\"", "sh", "/data/shared/x"];
    let mut socket = lab.open_exec("p", &command, V5).await.unwrap();
    stdin(&mut socket, b"x").await;
    end_stdin(&mut socket).await;
    assert_eq!(hear(&mut socket).await.code(), 0);
    assert_eq!(lab.faults.unfired(), ["ro"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_deleted_in_the_middle_of_its_input() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    lab.script("rules: [{name: gone, on: exec, fault: {delete_pod: {after: 5}}}]");
    let mut socket = lab
        .open_exec("p", &["sh", "-c", "cat; exit 0"], V5)
        .await
        .unwrap();
    stdin(&mut socket, b"1234").await;
    let first = socket.next().await.unwrap().unwrap();
    assert_eq!(first.into_data(), &b"\x011234"[..]);
    assert_eq!(lab.faults.unfired(), ["gone"], "one byte is missing");
    stdin(&mut socket, b"56789").await;
    assert_eq!(hear(&mut socket).await.code(), 137);
    lab.every_rule_fired();
    let away = async {
        while lab.get(POD).await.0 != 404 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), away)
        .await
        .expect("the pod goes away");
}

/// A dead kubelet: the stream ends in order, so nothing in it tells a client that the container runs on.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_ends_in_order_while_its_container_runs() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "echo one; echo two; exec sleep 1000"), is_ready)
        .await;
    lab.script("rules: [{name: kubelet, on: log, fault: {end_log: {after: 4}}}]");
    let follow = format!("{POD}/log?follow=true");
    let raw = lab.raw(&follow).await;
    assert!(raw.contains("one\n") && !raw.contains("two"), "{raw}");
    assert!(
        raw.ends_with("0\r\n\r\n"),
        "the body has its proper end: {raw:?}"
    );
    lab.every_rule_fired();
    let object = lab.get(POD).await.1;
    assert!(object.contains("\"phase\":\"Running\""), "{object}");
    until_the_log_is(&lab, "one\ntwo\n").await;
}

/// A container may be ready before its command has said anything.
async fn until_the_log_is(lab: &Lab, expected: &str) {
    let path = format!("{POD}/log");
    let waiting = async {
        while lab.get(&path).await.1 != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    waited.unwrap_or_else(|_| panic!("the log is never {expected:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_never_ends_counts_when_it_should_have() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "echo one; exec sleep 1000"), is_ready)
        .await;
    lab.script("rules: [{name: end, on: log, fault: {never_end: {}}}]");
    let path = format!("{POD}/log?follow=true");
    let follow = lab.raw(&path);
    assert!(tokio::time::timeout(lab::SILENCE, follow).await.is_err());
    assert_eq!(
        lab.faults.unfired(),
        ["end"],
        "the container runs, so the log would not have ended"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delayed_comes_late_and_whole() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "echo one; exec sleep 1000"), is_ready)
        .await;
    until_the_log_is(&lab, "one\n").await;
    lab.script(
        "rules:
  - {name: exec, on: exec, fault: {delay: {millis: 60}}}
  - {name: log, on: log, fault: {delay: {millis: 60}}}
  - {name: tunnel, on: port_forward, fault: {delay: {millis: 60}}}
  - {name: request, on: request, match: {resource: services}, fault: {delay: {millis: 60}}}",
    );
    let wait = Duration::from_millis(60);
    let begun = Instant::now();
    assert_eq!(lab.exec("p", &["echo", "x"]).await.stdout, "x\n");
    assert!(begun.elapsed() >= wait);
    let begun = Instant::now();
    assert_eq!(lab.get(&format!("{POD}/log")).await.1, "one\n");
    assert!(begun.elapsed() >= wait);
    let begun = Instant::now();
    lab.open("p/portforward?ports=1", V4).await.unwrap();
    assert!(begun.elapsed() >= wait);
    let begun = Instant::now();
    assert_eq!(lab.get("/api/v1/namespaces/default/services").await.0, 200);
    assert!(begun.elapsed() >= wait);
    lab.every_rule_fired();
}

/// With a time it is a delay; without one nobody ever gets an answer, and the server goes on with everybody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_stalls_holds_nobody_else_up() {
    let lab = Lab::start().await;
    lab.script(
        "rules:
  - {name: short, on: request, match: {resource: secrets}, fault: {stall: {direction: in, millis: 60}}}
  - {name: ever, on: request, match: {resource: services}, fault: {stall: {direction: out}}}",
    );
    let begun = Instant::now();
    assert_eq!(lab.get("/api/v1/namespaces/default/secrets").await.0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(60));
    let services = "/api/v1/namespaces/default/services";
    tokio::select! {
        answer = lab.get(services) => panic!("{answer:?}"),
        () = async {
            lab.until_every_rule_fired().await;
            tokio::time::sleep(SILENCE).await;
        } => {}
    }
    assert_eq!(lab.get(services).await.0, 200, "the fault struck once");
}

/// Echoes one connection and counts what comes.
async fn echo_once() -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let counter = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&counter);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            counter.fetch_add(read, Ordering::SeqCst);
            // The tunnel may be gone.
            drop(stream.write_all(&buffer[..read]).await);
        }
    });
    (port, counted)
}

/// Opens a tunnel, sends bytes and returns the data frames that come back, and whether the tunnel ended before as many had come.
///
/// Silence counts once `back` bytes are there.
async fn through(lab: &Lab, port: u16, sent: &[u8], back: usize) -> (Vec<Vec<u8>>, bool) {
    let mut socket = lab
        .open(&format!("p/portforward?ports={port}"), V4)
        .await
        .unwrap();
    stdin(&mut socket, sent).await;
    let mut frames = Vec::new();
    let mut come = 0;
    let mut announced = 0;
    while come < sent.len() {
        let patience = match come < back {
            true => Duration::from_secs(60),
            false => SILENCE,
        };
        match tokio::time::timeout(patience, socket.next()).await {
            Ok(Some(Ok(Message::Binary(_)))) if announced < 2 => announced += 1,
            Ok(Some(Ok(Message::Binary(bytes)))) => {
                come += bytes.len() - 1;
                frames.push(bytes[1..].to_vec());
            }
            Ok(_) => return (frames, true),
            Err(_) => return (frames, false),
        }
    }
    drop(socket.close(None).await);
    (frames, false)
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_are_cut_stalled_and_dripped() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    let sent = b"0123456789";
    // The fault; what comes back; whether the tunnel ends; how many bytes the port has seen.
    for (fault, back, ends, seen) in [
        ("cut: {direction: in, after: 4}", &sent[..4], true, 4),
        ("cut: {direction: out, after: 4}", &sent[..4], true, 10),
        ("stall: {direction: in, after: 4}", &sent[..4], false, 4),
        ("stall: {direction: out, after: 4}", &sent[..4], false, 10),
        (
            "stall: {direction: in, after: 4, millis: 30}",
            &sent[..],
            false,
            10,
        ),
        ("drip: {}", &sent[..], false, 10),
        ("delete_pod: {after: 10}", &sent[..], false, 10),
    ] {
        lab.script(&format!(
            "rules: [{{name: {:?}, on: port_forward, fault: {{{fault}}}}}]",
            fault
        ));
        let (port, counted) = echo_once().await;
        // An end is waited for, silence is not.
        let expected = if ends { sent.len() } else { back.len() };
        let (frames, has_ended) = through(&lab, port, sent, expected).await;
        // What is cut may have been on its way back still.
        if fault.starts_with("cut: {direction: in") {
            assert!(back.starts_with(&frames.concat()), "{fault}: {frames:?}");
        } else {
            assert_eq!(frames.concat(), back, "{fault}");
        }
        assert_eq!(has_ended, ends, "{fault}");
        if fault.starts_with("drip") {
            assert_eq!(frames.len(), 10);
        }
        let all = async {
            while counted.load(Ordering::SeqCst) < seen {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let all = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert!(
            all.is_ok() && counted.load(Ordering::SeqCst) == seen,
            "{fault}"
        );
        lab.every_rule_fired();
    }
    assert!(
        lab.sandbox()
            .store()
            .get(&kinds::POD, "default", "p")
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_are_refused_and_left_open() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    lab.script("rules: [{name: a, on: port_forward, fault: {answer: {code: 403, empty: true}}}]");
    let error = lab.open("p/portforward?ports=1", V4).await.unwrap_err();
    let Error::Http(answer) = error else {
        panic!("{error}")
    };
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.body().clone().unwrap_or_default().len()
        ),
        (403, 0)
    );
    lab.every_rule_fired();
    lab.script("rules: [{name: n, on: port_forward, fault: {never_end: {}}}]");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut socket = lab
        .open(&format!("p/portforward?ports={port}"), V4)
        .await
        .unwrap();
    drop(listener.accept().await.unwrap());
    for _ in 0..2 {
        socket.next().await.unwrap().unwrap();
    }
    lab.until_every_rule_fired().await;
    let end = tokio::time::timeout(SILENCE, socket.next()).await;
    assert!(end.is_err(), "two announcements and no end: {end:?}");
}

/// A server that was asked to end takes nothing new, and lets commands go on for a while.
#[tokio::test(flavor = "multi_thread")]
async fn commands_outlive_an_api_server_that_was_asked_to_end() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    let mut one = lab.open_exec("p", &["cat"], V5).await.unwrap();
    // Longer than this test: the command ends before the server does.
    let restart = Restart {
        grace: Duration::from_secs(3600),
        pause: Duration::ZERO,
    };
    let sandbox = lab.sandbox().clone();
    let restarted = tokio::spawn(async move { sandbox.restart_api_after(restart).await });
    while !lab.is_away().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stdin(&mut one, b"said while it ends").await;
    end_stdin(&mut one).await;
    let heard = hear(&mut one).await;
    assert_eq!(
        (heard.stdout.as_str(), heard.code()),
        ("said while it ends", 0)
    );
    restarted.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_cut_when_the_grace_of_an_api_server_is_over() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    let mut cut = lab.open_exec("p", &["cat"], V5).await.unwrap();
    let restart = Restart {
        grace: Duration::from_millis(100),
        pause: Duration::ZERO,
    };
    lab.sandbox().restart_api_after(restart).await.unwrap();
    let heard = hear(&mut cut).await;
    assert_eq!(
        (&heard.status, heard.close),
        (&None, None),
        "cut without a word"
    );
    assert_eq!(lab.get(POD).await.0, 200);
}

/// Which of many requests are struck, and after how many bytes a stream is cut, is the seed's to say.
#[tokio::test(flavor = "multi_thread")]
async fn one_seed_one_story() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "seq 100000; exec sleep 1000"), is_ready)
        .await;
    let script = "seed: 11
rules:
  - {name: some, on: request, times: 0, percent: 50, match: {resource: secrets}, fault: {answer: {code: 500}}}
  - {name: log, on: log, times: 0, fault: {end_log: {after: {from: 1, to: 100000}}}}";
    let story = async |script: &str| {
        lab.script(script);
        let mut told = Vec::new();
        for _ in 0..16 {
            told.push(usize::from(
                lab.get("/api/v1/namespaces/default/secrets").await.0,
            ));
            // Other traffic does not disturb it.
            lab.get("/api/v1/namespaces/default/configmaps").await;
        }
        for _ in 0..4 {
            told.push(lab.get(&format!("{POD}/log?follow=true")).await.1.len());
        }
        lab.every_rule_fired();
        told
    };
    let first = story(script).await;
    assert!(first.contains(&200) && first.contains(&500), "{first:?}");
    assert_eq!(first, story(script).await);
    assert_ne!(first, story(&script.replace("seed: 11", "seed: 12")).await);
}

/// The call that sets and reports faults is the administrator's, and no fault strikes it.
#[tokio::test(flavor = "multi_thread")]
async fn faults_are_set_and_read_by_a_call() {
    let lab = Lab::start().await;
    let admin = lab.sandbox().keys().admin().to_owned();
    let call = async |method: &str, token: &str, body: &str| {
        let answer = lab.send(method, "/longshore/faults", token, body).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let code: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        (code, body)
    };
    let script = "{\"rules\": [{\"name\": \"all\", \"on\": \"request\", \"times\": 0, \"fault\": {\"answer\": {\"code\": 500}}}]}";
    let (code, report) = call("PUT", &admin, script).await;
    assert_eq!((code, &report["unfired"][0]), (200, &"all".into()));
    assert_eq!(lab.get("/version").await.0, 500);
    let (code, report) = call("GET", &admin, "").await;
    let fired = serde_json::json!({"name": "all", "matched": 1, "armed": 1, "fired": 1});
    assert_eq!((code, &report["rules"][0]), (200, &fired));
    assert_eq!(report["unfired"], serde_json::json!([]));
    let (code, refusal) = call("PUT", &admin, "rules: 7").await;
    assert_eq!((code, &refusal["kind"]), (400, &"Status".into()));
    assert_eq!(call("POST", &admin, script).await.0, 405);
    assert_eq!(call("GET", "nonsense", "").await.0, 401);
    let account = lab
        .sandbox()
        .store()
        .get(&kinds::SERVICE_ACCOUNT, "default", "default");
    let token = sandbox::auth::issue(lab.sandbox(), &account.unwrap(), 3600, None);
    assert_eq!(call("PUT", &token, script).await.0, 403);
    assert_eq!(
        lab.faults.report()[0].fired,
        1,
        "what was refused changed nothing"
    );
}

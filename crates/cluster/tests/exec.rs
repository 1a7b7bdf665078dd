//! Commands in containers of a sandbox, with and without harm.

mod lab;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster::exec::{self, Container};
use cluster::far::{End, Event, Far as _, INPUT_MAX_BYTES, Process, StartError};
use cluster::limits::Limits;
use futures_util::FutureExt as _;
use lab::{Lab, NAMESPACE, is_ready, pod};
use serde_json::json;
use sha2::{Digest as _, Sha256};

#[derive(Debug, Default, PartialEq)]
struct Said {
    stdout: Vec<u8>,
    stderr: String,
    end: Option<End>,
}

async fn lab() -> Lab {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    lab
}

/// For tests of the silence that is borne; all others bear more of it.
fn short_stall() -> Limits {
    Limits {
        stall: Duration::from_secs(4),
        ..Limits::default()
    }
}

async fn start(lab: &Lab, script: &str) -> Result<Process, StartError> {
    start_within(lab, script, Limits::default()).await
}

async fn start_within(lab: &Lab, script: &str, limits: Limits) -> Result<Process, StartError> {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    exec::start(&lab.client, NAMESPACE, "p", "main", command, &limits).await
}

async fn hear(process: &mut Process) -> Said {
    let mut said = Said::default();
    while let Some(event) = process.events.recv().await {
        assert_eq!(said.end, None, "something after the end");
        match event {
            Event::Stdout(bytes) => said.stdout.extend_from_slice(&bytes),
            Event::Stderr(bytes) => said.stderr.push_str(&String::from_utf8_lossy(&bytes)),
            Event::Ended(end) => said.end = Some(end),
        }
    }
    said
}

/// Sends everything, ends the input, and hears the process out meanwhile.
async fn talk(mut process: Process, input: Vec<u8>, piece: usize) -> Said {
    let (sender, _) = tokio::sync::mpsc::channel(1);
    let sender = std::mem::replace(&mut process.input, sender);
    let sending = async move {
        for piece in Bytes::from(input).chunks(piece) {
            if sender.send(Bytes::copy_from_slice(piece)).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(sending, hear(&mut process)).1
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn sum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digest}  -\n")
}

fn is_lost(said: &Said, word: &str) -> bool {
    matches!(&said.end, Some(End::Lost(text)) if text.contains(word))
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_and_codes_come_back() {
    let lab = lab().await;
    let mut process = start(&lab, "echo out; echo err >&2; exit 3").await.unwrap();
    let said = hear(&mut process).await;
    let expected = Said {
        stdout: b"out\n".to_vec(),
        stderr: "err\n".to_owned(),
        end: Some(End::Exit(3)),
    };
    assert_eq!(said, expected);
    let said = talk(start(&lab, "true").await.unwrap(), Vec::new(), 1).await;
    assert_eq!(said.end, Some(End::Success));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_refused() {
    let lab = lab().await;
    let command = vec!["/no/such/program".to_owned()];
    let process = exec::start(
        &lab.client,
        NAMESPACE,
        "p",
        "main",
        command,
        &Limits::default(),
    )
    .await;
    let said = hear(&mut process.unwrap()).await;
    assert!(
        matches!(&said.end, Some(End::Refused(text)) if text.contains("/no/such/program")),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn input_arrives_whole_in_every_size_of_piece() {
    let lab = lab().await;
    // Larger pieces than a message may have are cut, never fragmented: a fragment would lose a byte each.
    for (length, piece) in [
        (0, 1),
        (1, 1),
        (3000, 7),
        (INPUT_MAX_BYTES, INPUT_MAX_BYTES),
        (INPUT_MAX_BYTES + 1, INPUT_MAX_BYTES + 1),
        (9_000_001, 3 << 20),
        (9_000_001, 100_000),
    ] {
        let input = noise(length);
        let expected = sum(&input);
        let process = start(&lab, "sha256sum; true").await.unwrap();
        let said = talk(process, input, piece).await;
        assert_eq!(String::from_utf8_lossy(&said.stdout), expected, "{length}");
        assert_eq!(said.end, Some(End::Success));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_output_does_not_block_the_input() {
    let lab = lab().await;
    let input = noise(20 << 20);
    let process = start(&lab, "cat; true").await.unwrap();
    let said = talk(process, input.clone(), INPUT_MAX_BYTES).await;
    assert!(said.stdout == input && said.end == Some(End::Success));
}

#[tokio::test(flavor = "multi_thread")]
async fn v4_delivers_but_cannot_end_the_input() {
    let lab = lab().await;
    lab.script("rules: [{name: v4, on: exec, times: 0, fault: {refuse_v5: {}}}]");
    let input = noise(1_000_000);
    let expected = sum(&input);
    let script = "dd bs=1000 count=1000 iflag=fullblock 2>&- | sha256sum; true";
    let process = start(&lab, script).await.unwrap();
    let said = talk(process, input, 65_000).await;
    assert_eq!(String::from_utf8_lossy(&said.stdout), expected);
    assert_eq!(said.end, Some(End::Success));
    lab.every_rule_fired();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drops_a_process_ends_its_input() {
    let lab = lab().await;
    let mut process = start(&lab, "echo $$; cat > /dev/null; true").await.unwrap();
    let Some(Event::Stdout(pid)) = process.events.recv().await else {
        panic!("no pid");
    };
    drop(process);
    let pid = String::from_utf8(pid.to_vec()).unwrap();
    let script = format!("while kill -0 {}; do sleep 0.1; done", pid.trim());
    let mut waiting = start(&lab, &script).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), hear(&mut waiting)).await;
    assert_eq!(ended.unwrap().end, Some(End::Success));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_without_a_status_is_a_loss() {
    let lab = lab().await;
    for (fault, word) in [
        ("cut: {direction: in, after: 1000}", "connection"),
        ("cut: {direction: out, after: 2}", "connection"),
        ("lose_status: {}", "without a status"),
        (
            "stall: {direction: in, after: 1000}",
            "4 s (--stall-timeout)",
        ),
        ("stall: {direction: out}", "4 s (--stall-timeout)"),
        // The last one: it takes a moment until the server is back.
        ("restart_api: {after: 1000, millis: 100}", "connection"),
    ] {
        lab.script(&format!(
            "rules: [{{name: x, on: exec, fault: {{{fault}}}}}]"
        ));
        let process = start_within(&lab, "cat; echo over", short_stall());
        let process = process.await.unwrap();
        let said = talk(process, noise(40 << 20), INPUT_MAX_BYTES).await;
        assert!(is_lost(&said, word), "{fault}: {:?}", said.end);
        lab.every_rule_fired();
        lab.script("rules: []");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_of_a_live_process_is_no_stall() {
    let lab = lab().await;
    let process = start_within(&lab, "sleep 6; echo late", short_stall());
    let mut process = process.await.unwrap();
    let said = hear(&mut process).await;
    assert_eq!(
        (said.stdout.as_slice(), said.end),
        (b"late\n".as_slice(), Some(End::Success))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_listener_is_no_stall() {
    let lab = lab().await;
    let process = start_within(&lab, "cat; true", short_stall());
    let mut process = process.await.unwrap();
    let (sender, _) = tokio::sync::mpsc::channel(1);
    let sender = std::mem::replace(&mut process.input, sender);
    let sending = async move {
        for _ in 0..200 {
            let piece = Bytes::from(vec![7; INPUT_MAX_BYTES]);
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    };
    // Everything on the way is full by then, and nothing moves because nobody listens here.
    let hearing = async {
        tokio::time::sleep(short_stall().stall + Duration::from_secs(2)).await;
        hear(&mut process).await
    };
    let said = tokio::join!(sending, hearing).1;
    assert_eq!(said.end, Some(End::Success));
    assert_eq!(said.stdout.len(), 200 * INPUT_MAX_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_137() {
    let lab = lab().await;
    lab.script("rules: [{name: kill, on: exec, fault: {kill: {after: 1000}}}]");
    let process = start(&lab, "cat > /dev/null; true").await.unwrap();
    let said = talk(process, noise(5000), 500).await;
    assert_eq!(said.end, Some(End::Exit(137)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_gone() {
    let lab = lab().await;
    let check = async |pod: &str, container: &str, word: &str| {
        let command = vec!["true".to_owned()];
        let limits = Limits::default();
        let result = exec::start(&lab.client, NAMESPACE, pod, container, command, &limits).await;
        let error = result.unwrap_err();
        assert!(
            matches!(&error, StartError::Gone(text) if text.contains(word)),
            "{error:?}"
        );
    };
    check("nobody", "main", "\"nobody\" not found").await;
    check("p", "other", "other").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_verb_is_named() {
    let lab = lab().await;
    for (verb, missing) in [("get", "create"), ("create", "get")] {
        let rules = json!([{"apiGroups": [""], "resources": ["pods/exec"], "verbs": [verb]}]);
        let client = lab.client_with(&format!("only-{verb}"), rules).await;
        let command = vec!["true".to_owned()];
        let result =
            exec::start(&client, NAMESPACE, "p", "main", command, &Limits::default()).await;
        let error = result.unwrap_err();
        assert!(
            matches!(&error, StartError::Forbidden(text) if text.contains(missing)),
            "{error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_is_not_let_through() {
    let lab = lab().await;
    let check = async |answer: &str, fits: fn(&StartError) -> bool| {
        lab.script(&format!(
            "rules: [{{name: x, on: request, match: {{resource: pods/exec}}, times: 0, fault: {{answer: {{{answer}}}}}}}]"
        ));
        let error = start(&lab, "true").await.unwrap_err();
        assert!(fits(&error), "{answer}: {error:?}");
        lab.every_rule_fired();
    };
    check("code: 403, empty: true", |error| {
        matches!(error, StartError::NoUpgrade(text) if text.contains("HTTP 403 without a body"))
    })
    .await;
    check("code: 403", |error| {
        matches!(error, StartError::Forbidden(_))
    })
    .await;
    check("code: 401", |error| {
        matches!(error, StartError::Unauthorized(_))
    })
    .await;
    check("code: 426, empty: true", |error| {
        matches!(error, StartError::NoUpgrade(_))
    })
    .await;
    check("code: 500", |error| {
        matches!(error, StartError::Unreachable { .. })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away() {
    let lab = lab().await;
    let client = lab.client.clone();
    lab.running.stop().await;
    let command = vec!["true".to_owned()];
    let result = exec::start(&client, NAMESPACE, "p", "main", command, &Limits::default()).await;
    assert!(matches!(result, Err(StartError::Unreachable { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_is_renewed_once() {
    let lab = lab().await;
    let stale = lab.client_of("no such token").await;
    let renewed = Arc::new(AtomicUsize::new(0));
    let (count, fresh) = (Arc::clone(&renewed), lab.client.clone());
    let container = Container::new(stale.clone(), NAMESPACE, "p", "main", Limits::default());
    let container = container.renewing(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let fresh = fresh.clone();
        async move { Ok(fresh) }.boxed()
    }));
    for _ in 0..2 {
        let mut process = container.start(vec!["true".to_owned()]).await.unwrap();
        assert_eq!(hear(&mut process).await.end, Some(End::Success));
    }
    assert_eq!(renewed.load(Ordering::Relaxed), 1, "the fresh one is kept");

    let container = Container::new(stale.clone(), NAMESPACE, "p", "main", Limits::default());
    let container = container.renewing(Arc::new(move || {
        let stale = stale.clone();
        async move { Ok(stale) }.boxed()
    }));
    let result = container.start(vec!["true".to_owned()]).await;
    assert!(matches!(result, Err(StartError::Unauthorized(_))));
}

//! Sessions with real processes, driven by a WebSocket library that shares nothing with the server.
//!
//! What is expected is what real clusters were seen to do.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::{Exit, Harm, Process, Protocol, Session, serve};
use crate::fault::{Damage, Faults, Script, Stream, Target};
use crate::hook::Struck;

/// Long enough for what must not come to come.
const SILENCE: Duration = Duration::from_millis(300);

#[derive(Debug, Default)]
struct Noted(Mutex<Vec<Damage>>);

impl Harm for Noted {
    fn strike(&self, damage: Damage, struck: Struck) -> BoxFuture<'_, ()> {
        self.0.lock().unwrap().push(damage);
        struck.count();
        Box::pin(std::future::ready(()))
    }
}

struct Client {
    socket: WebSocketStream<DuplexStream>,
    faults: Faults,
    harm: Arc<Noted>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default, PartialEq)]
struct Heard {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<Value>,
    close: Option<u16>,
}

impl Client {
    async fn start(protocol: Protocol, script: &str) -> Self {
        Self::with_faults(protocol, script, "rules: []").await
    }

    /// Runs a shell script as the process.
    async fn with_faults(protocol: Protocol, script: &str, faults: &str) -> Self {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let mut start = std::process::Command::new("/bin/sh");
        start.args(&command[1..]).process_group(0);
        let mut child = tokio::process::Command::from(start)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (told, exit) = watch::channel(None);
        let process = Process {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            exit,
        };
        tokio::spawn(async move {
            let status = child.wait().await.unwrap();
            told.send_replace(Some(Exit::of(status)));
        });
        let ledger = Faults::default();
        ledger.set(Script::parse(faults).unwrap());
        let stream = Stream {
            namespace: "ns",
            pod: "pod",
            container: "c",
            command: &command,
        };
        let harm = Arc::new(Noted::default());
        let session = Session {
            protocol,
            plan: ledger.stream(Target::Exec, &stream),
            harm: Arc::clone(&harm) as Arc<dyn Harm>,
            gone: CancellationToken::new(),
        };
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let server = tokio::spawn(serve(theirs, &[], process, session));
        let limits = WebSocketConfig::default().max_write_buffer_size(80 << 20);
        Self {
            socket: WebSocketStream::from_raw_socket(ours, Role::Client, Some(limits)).await,
            faults: ledger,
            harm,
            server,
        }
    }

    async fn stdin(&mut self, bytes: &[u8]) {
        let mut message = vec![0];
        message.extend_from_slice(bytes);
        self.socket.send(Message::binary(message)).await.unwrap();
    }

    async fn end_stdin(&mut self) {
        let message = Message::binary(vec![255, 0]);
        self.socket.send(message).await.unwrap();
    }

    /// Listens until the connection ends.
    async fn hear(&mut self) -> Heard {
        let mut heard = Heard::default();
        while let Some(Ok(message)) = self.socket.next().await {
            match message {
                Message::Binary(bytes) => heard.take(&bytes),
                Message::Close(frame) => heard.close = frame.map(|frame| frame.code.into()),
                _ => {}
            }
        }
        heard
    }

    /// Listens until the process has said that much, and nothing has come for a while after.
    async fn hear_silence_after(&mut self, bytes: usize) -> Heard {
        let mut heard = Heard::default();
        while heard.stdout.len() + heard.stderr.len() < bytes {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => heard.take(&bytes),
                other => panic!("expected output, got {other:?}"),
            }
        }
        while let Ok(message) = tokio::time::timeout(SILENCE, self.socket.next()).await {
            match message {
                Some(Ok(Message::Binary(bytes))) => heard.take(&bytes),
                other => panic!("expected silence, got {other:?}"),
            }
        }
        heard
    }

    fn every_rule_fired(&self) {
        assert!(
            self.faults.unfired().is_empty(),
            "{:?}",
            self.faults.report()
        );
    }
}

impl Heard {
    fn take(&mut self, bytes: &[u8]) {
        match bytes[0] {
            1 => self.stdout.extend_from_slice(&bytes[1..]),
            2 => self.stderr.extend_from_slice(&bytes[1..]),
            3 => self.status = Some(serde_json::from_slice(&bytes[1..]).unwrap()),
            channel => panic!("nothing is sent on channel {channel}"),
        }
    }

    fn is_success(&self) -> bool {
        self.close == Some(1000)
            && self.status == Some(serde_json::json!({"metadata": {}, "status": "Success"}))
    }

    fn exit_code(&self) -> &str {
        let status = self.status.as_ref().expect("a status");
        assert_eq!(status["reason"], "NonZeroExitCode");
        assert_eq!(status["details"]["causes"][0]["reason"], "ExitCode");
        status["details"]["causes"][0]["message"].as_str().unwrap()
    }
}

fn scratch() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x").display().to_string();
    (directory, file)
}

async fn contents_once_there(path: &str) -> Vec<u8> {
    loop {
        match std::fs::read(Path::new(path)) {
            Ok(bytes) if !bytes.is_empty() => return bytes,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn a_command_says_what_it_says_and_how_it_ended() {
    let script = "echo out; echo err >&2; exit 3";
    let mut client = Client::start(Protocol::V5, script).await;
    let heard = client.hear().await;
    assert_eq!(
        (&heard.stdout[..], &heard.stderr[..]),
        (&b"out\n"[..], &b"err\n"[..])
    );
    assert_eq!((heard.exit_code(), heard.close), ("3", Some(1000)));
    let heard = Client::start(Protocol::V4, "exit 0").await.hear().await;
    assert!(heard.is_success());
    let heard = Client::start(Protocol::V4, "kill -9 $$").await.hear().await;
    assert_eq!(heard.exit_code(), "137");
}

#[tokio::test]
async fn v5_ends_stdin_while_stdout_goes_on() {
    let mut client = Client::start(Protocol::V5, "cat; echo end").await;
    client.stdin(b"one ").await;
    client.stdin(b"two ").await;
    client.end_stdin().await;
    let heard = client.hear().await;
    assert_eq!(heard.stdout, b"one two end\n");
    assert!(heard.is_success());
}

#[tokio::test]
async fn v4_knows_no_end_of_a_channel() {
    let mut client = Client::start(Protocol::V4, "cat; echo end").await;
    client.stdin(b"one").await;
    client.end_stdin().await;
    assert_eq!(client.hear_silence_after(3).await.stdout, b"one");
}

#[tokio::test]
async fn a_close_frame_delivers_the_data_and_no_status() {
    let (_directory, file) = scratch();
    let script = format!("cat > {file}.part; mv {file}.part {file}");
    let mut client = Client::start(Protocol::V4, &script).await;
    client.stdin(b"everything").await;
    client.socket.close(None).await.unwrap();
    let heard = client.hear().await;
    assert_eq!(heard.status, None);
    assert_eq!(contents_once_there(&file).await, b"everything");
}

#[tokio::test]
async fn a_lost_client_is_a_plain_end_of_input() {
    let (_directory, file) = scratch();
    let script = format!("cat > {file}.part; echo status $? >> {file}.part; mv {file}.part {file}");
    let mut client = Client::start(Protocol::V5, &script).await;
    client.stdin(b"half ").await;
    drop(client.socket);
    assert_eq!(contents_once_there(&file).await, b"half status 0\n");
    client.server.await.unwrap();
}

#[tokio::test]
async fn an_output_that_ends_cuts_stdin_off_with_success() {
    let (_directory, file) = scratch();
    let script = format!("exec cat > {file}");
    let mut client = Client::start(Protocol::V5, &script).await;
    // The process has no stdout any more; nothing was sent, nothing was ended by the client.
    let heard = client.hear().await;
    assert!(heard.is_success());
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}

#[tokio::test]
async fn an_output_that_ends_in_the_middle_of_input_cuts_it_off_with_success() {
    let (_directory, file) = scratch();
    // The pipe is full and a write waits when stdout ends.
    let script = format!("sleep 0.1; exec cat > {file}");
    let mut client = Client::start(Protocol::V5, &script).await;
    client.stdin(&vec![7; 8 << 20]).await;
    let heard = tokio::time::timeout(Duration::from_secs(20), client.hear()).await;
    assert!(heard.expect("an end").is_success());
    assert!(std::fs::read(&file).unwrap().len() < 8 << 20);
}

#[tokio::test]
async fn an_output_that_stays_open_lets_everything_through() {
    let (_directory, file) = scratch();
    let script = format!("cat > {file}; true");
    let mut client = Client::start(Protocol::V5, &script).await;
    let sent = vec![7; 5 << 20];
    client.stdin(&sent).await;
    client.end_stdin().await;
    assert!(client.hear().await.is_success());
    assert_eq!(std::fs::read(&file).unwrap(), sent);
}

#[tokio::test]
async fn input_left_unread_leaves_the_session_hanging() {
    let script = "head -c 10 > /dev/null; echo full >&2; exit 1";
    let mut client = Client::start(Protocol::V5, script).await;
    client.stdin(&vec![7; 1 << 20]).await;
    let heard = client.hear_silence_after(5).await;
    assert_eq!(heard.stderr, b"full\n");
    assert_eq!((heard.status, heard.close), (None, None));
    drop(client.socket);
    client.server.await.unwrap();
}

#[tokio::test]
async fn input_that_was_drained_gets_its_status() {
    let script = "head -c 10 > /dev/null; echo full >&2; cat > /dev/null; exit 1";
    let mut client = Client::start(Protocol::V5, script).await;
    client.stdin(&vec![7; 1 << 20]).await;
    client.end_stdin().await;
    assert_eq!(client.hear().await.exit_code(), "1");
}

#[tokio::test]
async fn parts_of_a_message_lose_a_byte_each() {
    let mut client = Client::start(Protocol::V5, "cat").await;
    let part = |bytes: &'static [u8], opcode, last| {
        Message::Frame(Frame::message(bytes, OpCode::Data(opcode), last))
    };
    for message in [
        part(b"\0abc", Data::Binary, false),
        part(b"\0def", Data::Continue, false),
        part(b"ghi", Data::Continue, true),
    ] {
        client.socket.send(message).await.unwrap();
    }
    client.end_stdin().await;
    let heard = client.hear().await;
    // "g" names a channel that does not exist.
    assert_eq!(heard.stdout, b"abcdef");
    assert!(heard.is_success());
}

#[tokio::test]
async fn thirty_two_mebibytes_pass_and_one_more_byte_closes() {
    let mut client = Client::start(Protocol::V5, "wc -c").await;
    client.stdin(&vec![0; (32 << 20) - 1]).await;
    client.end_stdin().await;
    let heard = client.hear().await;
    assert_eq!(heard.stdout.trim_ascii(), b"33554431");
    let mut client = Client::start(Protocol::V5, "wc -c").await;
    // The server need not read to the end of what it refuses, so sending it can fail.
    let too_long = Message::binary(vec![0; (32 << 20) + 1]);
    drop(client.socket.send(too_long).await);
    let heard = client.hear().await;
    assert!(heard.status.is_none());
    assert!(
        matches!(heard.close, None | Some(1000)),
        "{:?}",
        heard.close
    );
}

#[tokio::test]
async fn a_process_that_does_not_read_stops_the_pongs() {
    let mut client = Client::start(Protocol::V5, "read line; cat > /dev/null").await;
    client.stdin(&vec![7; 1 << 20]).await;
    client
        .socket
        .send(Message::Ping(vec![1].into()))
        .await
        .unwrap();
    assert!(matches!(
        client.socket.next().await,
        Some(Ok(Message::Pong(payload))) if payload[..] == [1]
    ));
    // More than may be in flight, so the server cannot read on to the ping.
    let mut stuck = Client::start(Protocol::V5, "exec sleep 1000").await;
    stuck.stdin(&vec![7; 15 << 20]).await;
    let fill = async {
        stuck.stdin(&vec![7; 2 << 20]).await;
        stuck.socket.send(Message::Ping(vec![2].into())).await
    };
    assert!(tokio::time::timeout(SILENCE, fill).await.is_err());
    assert!(
        tokio::time::timeout(SILENCE, stuck.socket.next())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_cut_after_n_bytes_delivers_n_bytes() {
    for bytes in [0, 1, 65_536, 100_000] {
        let (_directory, file) = scratch();
        let faults = format!(
            "rules: [{{name: cut, on: exec, fault: {{cut: {{direction: in, after: {bytes}}}}}}}]"
        );
        let script = format!("wc -c > {file}.part; mv {file}.part {file}");
        let mut client = Client::with_faults(Protocol::V5, &script, &faults).await;
        let mut message = vec![0];
        message.resize(300_001, 7);
        // The connection may be gone before everything is sent.
        drop(client.socket.send(Message::binary(message)).await);
        let heard = client.hear().await;
        assert_eq!(heard, Heard::default());
        let count = contents_once_there(&file).await;
        assert_eq!(count.trim_ascii(), bytes.to_string().as_bytes());
        client.every_rule_fired();
    }
}

#[tokio::test]
async fn a_cut_of_the_output_delivers_n_bytes() {
    let faults = "rules: [{name: cut, on: exec, fault: {cut: {direction: out, after: 7}}}]";
    let mut client = Client::with_faults(Protocol::V5, "echo 0123456789", faults).await;
    let heard = client.hear().await;
    assert_eq!(heard.stdout, b"0123456");
    assert_eq!((&heard.status, heard.close), (&None, None));
    client.every_rule_fired();
}

#[tokio::test]
async fn a_killed_kubelet_ends_input_and_says_success() {
    let (_directory, file) = scratch();
    let script = format!("wc -c > {file}.part; mv {file}.part {file}; exit 4");
    let faults = "rules: [{name: kubelet, on: exec, fault: {end_stdin: {after: 1000}}}]";
    let mut client = Client::with_faults(Protocol::V5, &script, faults).await;
    client.stdin(&[7; 5000]).await;
    assert!(client.hear().await.is_success());
    assert_eq!(contents_once_there(&file).await.trim_ascii(), b"1000");
    client.every_rule_fired();
}

#[tokio::test]
async fn a_restarted_runtime_says_success_and_the_process_waits_for_ever() {
    let (_directory, file) = scratch();
    let script = format!("head -c 1000 > {file}; cat > /dev/null; echo ended > {file}");
    let faults = "rules: [{name: runtime, on: exec, fault: {lose_end_of_input: {after: 1000}}}]";
    let mut client = Client::with_faults(Protocol::V5, &script, faults).await;
    client.stdin(&[7; 5000]).await;
    assert!(client.hear().await.is_success());
    drop(client.socket);
    assert_eq!(contents_once_there(&file).await.len(), 1000);
    let waiting = tokio::time::timeout(SILENCE, &mut client.server).await;
    assert!(waiting.is_err(), "the process has not ended");
    assert_eq!(std::fs::read(&file).unwrap().len(), 1000);
    assert!(client.faults.unfired().is_empty());
}

#[tokio::test]
async fn the_end_can_be_lost_in_several_ways() {
    let faults = "rules: [{name: tail, on: exec, fault: {lose_stdout_tail: {bytes: 4}}}]";
    let mut client = Client::with_faults(Protocol::V5, "echo 0123456789", faults).await;
    let heard = client.hear().await;
    assert_eq!(heard.stdout, b"0123456");
    assert!(heard.is_success());
    client.every_rule_fired();

    let faults = "rules: [{name: status, on: exec, fault: {lose_status: {}}}]";
    let mut client = Client::with_faults(Protocol::V5, "echo x", faults).await;
    let heard = client.hear().await;
    assert_eq!(heard.stdout, b"x\n");
    assert_eq!((&heard.status, heard.close), (&None, Some(1000)));
    client.every_rule_fired();

    let faults = "rules: [{name: end, on: exec, fault: {never_end: {}}}]";
    let mut client = Client::with_faults(Protocol::V5, "echo x", faults).await;
    let heard = client.hear_silence_after(2).await;
    assert_eq!((&heard.stdout[..], heard.status), (&b"x\n"[..], None));
    // The process may have ended a moment after its last word.
    while !client.faults.unfired().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.hear_silence_after(0).await;
}

#[tokio::test]
async fn a_drip_is_slow_and_whole() {
    let faults = "rules: [{name: drip, on: exec, fault: {drip: {}}}]";
    let mut client = Client::with_faults(Protocol::V5, "cat", faults).await;
    client.stdin(b"0123456789").await;
    client.end_stdin().await;
    let mut frames = Vec::new();
    while let Some(Ok(Message::Binary(bytes))) = client.socket.next().await {
        frames.push(bytes.len());
    }
    assert_eq!(frames[..10], [2; 10], "each byte behind a channel byte");
    client.every_rule_fired();
}

#[tokio::test]
async fn a_stall_ends_or_does_not() {
    let faults =
        "rules: [{name: stall, on: exec, fault: {stall: {direction: in, after: 3, millis: 1}}}]";
    let mut client = Client::with_faults(Protocol::V5, "cat", faults).await;
    client.stdin(b"0123456789").await;
    client.end_stdin().await;
    assert_eq!(client.hear().await.stdout, b"0123456789");
    client.every_rule_fired();

    let faults = "rules: [{name: stall, on: exec, fault: {stall: {direction: in, after: 3}}}]";
    let mut client = Client::with_faults(Protocol::V5, "cat", faults).await;
    client.stdin(b"0123456789").await;
    assert_eq!(client.hear_silence_after(3).await.stdout, b"012");
}

#[tokio::test]
async fn what_the_node_does_is_asked_of_the_node() {
    let faults = "rules:
  - {name: a, on: exec, fault: {kill: {after: 2}}}
  - {name: b, on: exec, fault: {fill_volume: {after: 1}}}
  - {name: c, on: exec, fault: {delete_pod: {after: 99}}}";
    let mut client = Client::with_faults(Protocol::V5, "cat > /dev/null", faults).await;
    client.stdin(b"0123456789").await;
    client.end_stdin().await;
    assert!(client.hear().await.is_success());
    let struck = client.harm.0.lock().unwrap().clone();
    assert_eq!(struck, [Damage::FillVolume, Damage::Kill]);
    assert_eq!(client.faults.unfired(), ["c"]);
}

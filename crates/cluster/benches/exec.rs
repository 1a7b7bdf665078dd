//! How fast exec takes input: our loop beside kube's own stream, the same bytes into the same program in one run.
//!
//! `cargo bench -p cluster --bench exec`

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::time::{Duration, Instant};

use bytes::Bytes;
use cluster::exec;
use cluster::far::{End, Event, INPUT_MAX_BYTES};
use cluster::limits::Limits;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams};
use lab::{Lab, NAMESPACE, is_ready, pod};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Pieces of the longest kind: 1 GiB.
const PIECES: usize = 4096;
const ROUNDS: usize = 3;

/// Takes everything and holds its outputs open, or the input would be cut off.
const INTO_NOTHING: &str = "cat > /dev/null; true";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let lab = Lab::start().await;
        lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
        let piece = Bytes::from(vec![7; INPUT_MAX_BYTES]);
        let expected = digest(&piece);
        let (mut ours, mut hashed, mut stock) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(with_ours(&lab, INTO_NOTHING, &piece).await.0);
            let (rate, said) = with_ours(&lab, "sha256sum; true", &piece).await;
            assert!(said.starts_with(&expected), "{said} is not {expected}");
            hashed.push(rate);
            stock.push(with_kube(&lab, INTO_NOTHING, &piece).await);
        }
        let (ours, hashed, stock) = (median(ours), median(hashed), median(stock));
        print(&format!("ours, into cat           {ours:>6.0} MiB/s"));
        print(&format!("ours, into sha256sum     {hashed:>6.0} MiB/s"));
        print(&format!("kube's stream, into cat  {stock:>6.0} MiB/s"));
        print(&format!("ours / kube's            {:>6.2}", ours / stock));
        lab.running.stop().await;
    });
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn print(line: &str) {
    println!("{line}");
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn rate(time: Duration) -> f64 {
    ((PIECES * INPUT_MAX_BYTES) >> 20) as f64 / time.as_secs_f64()
}

fn digest(piece: &[u8]) -> String {
    let mut hash = Sha256::new();
    for _ in 0..PIECES {
        hash.update(piece);
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn with_ours(lab: &Lab, script: &str, piece: &Bytes) -> (f64, String) {
    let begun = Instant::now();
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let limits = Limits::default();
    let process = exec::start(&lab.client, NAMESPACE, "p", "main", command, &limits).await;
    let mut process = process.unwrap();
    for _ in 0..PIECES {
        process.input.send(piece.clone()).await.unwrap();
    }
    let (sender, _) = tokio::sync::mpsc::channel(1);
    drop(std::mem::replace(&mut process.input, sender));
    let mut said = String::new();
    while let Some(event) = process.events.recv().await {
        match event {
            Event::Stdout(bytes) => said.push_str(&String::from_utf8_lossy(&bytes)),
            Event::Stderr(_) => {}
            Event::Ended(end) => assert_eq!(end, End::Success),
        }
    }
    (rate(begun.elapsed()), said)
}

async fn with_kube(lab: &Lab, script: &str, piece: &Bytes) -> f64 {
    let begun = Instant::now();
    let streams = AttachParams::default()
        .stdin(true)
        .stdout(true)
        .stderr(false);
    // As generous as it can be made; its messages stay as large as its reader's buffer.
    let streams = streams.max_stdin_buf_size(4 << 20);
    let pods = Api::<Pod>::namespaced(lab.client.clone(), NAMESPACE);
    let mut process = pods
        .exec("p", ["sh", "-c", script], &streams)
        .await
        .unwrap();
    let status = process.take_status().unwrap();
    let mut output = process.stdout().unwrap();
    let mut input = process.stdin().unwrap();
    for _ in 0..PIECES {
        input.write_all(piece).await.unwrap();
    }
    input.shutdown().await.unwrap();
    drop(input);
    output.read_to_end(&mut Vec::new()).await.unwrap();
    let status = status.await.unwrap();
    assert_eq!(status.status.as_deref(), Some("Success"));
    rate(begun.elapsed())
}

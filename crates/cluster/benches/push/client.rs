//! The client, in a process of its own.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cluster::Connection;
use cluster::exec::Container;
use cluster::far::{End, Event, Far as _, INPUT_MAX_BYTES};
use cluster::limits::Limits;
use cluster::target::{Choice, Surroundings, load};
use cluster::transfer::{self, PayloadSource, Setup, Silent, Source};
use dataset::Request;
use dataset::names::TableName;
use fsroot::Root;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cost;
use crate::place::{Address, UNPACK};

/// The first argument of such a process.
pub(crate) const WORD: &str = "as-client";

/// As the transfer sends it.
const FRAME_BYTES: usize = 2 << 20;

/// Does one thing, and returns its nanoseconds, those that the processors spent before it, and the memory of the process.
pub(crate) fn main(words: &[String]) -> String {
    let (what, data) = (words[0].as_str(), PathBuf::from(&words[1]));
    let address = Address::parse(&words[2..]);
    let source = checked(&data);
    let before = cost::processor().as_nanos();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let took = match what {
        "read" => timed(|| read(&*source)),
        _ => runtime.block_on(async {
            let connection = connect(&address).await;
            let client = connection.client().await.unwrap();
            let pod = Container::new(
                client.clone(),
                &address.namespace,
                &address.pod,
                "stage",
                Limits::default(),
            );
            let begun = Instant::now();
            match what {
                "push" => push(&pod, source, &address).await,
                "cat" => cat(&pod, &*source).await,
                _ => stock(client, &address, &data).await,
            }
            begun.elapsed()
        }),
    };
    let resident = cost::resident_kib();
    format!("{} {before} {resident}", took.as_nanos())
}

fn timed(something: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    something();
    begun.elapsed()
}

/// A checked dataset, whatever its size.
fn checked(root: &Path) -> Arc<dyn Source> {
    let today = jiff::civil::date(2026, 1, 1);
    let request = Request {
        table: Some("bench".to_owned()),
        label_column: Some("label".to_owned()),
        intent: Some("train".to_owned()),
        payload: true,
        total_max_bytes: u64::MAX,
        file_max_bytes: u64::MAX,
        ..Request::new("image_classification", today, std::env::temp_dir())
    };
    let report = dataset::check(root, &request, &dataset::Silent).unwrap();
    let payload = report.payload.unwrap();
    Arc::new(PayloadSource::new(
        payload,
        Root::open_ambient(root).unwrap(),
    ))
}

async fn connect(address: &Address) -> Connection {
    let choice = Choice {
        kubeconfig: Some(address.kubeconfig.clone()),
        namespace: Some(address.namespace.clone()),
        ..Choice::default()
    };
    let target = load(&choice, &Surroundings::default()).unwrap();
    Connection::open(target, Limits::default()).await.unwrap()
}

async fn push(pod: &Container, source: Arc<dyn Source>, address: &Address) {
    let setup = Setup::new(TableName::fixed("bench"), "bench", &address.pod);
    let receipt = transfer::carry(pod, source, &setup, &Silent).await.unwrap();
    assert_eq!(receipt.sessions, 1);
    transfer::publish(pod, &setup, &receipt).await.unwrap();
    transfer::release(pod, &setup).await.unwrap();
}

/// Reads everything once, in frames, and forgets it.
fn read(source: &dyn Source) {
    let mut frame = Vec::with_capacity(FRAME_BYTES);
    for index in 0..source.len() {
        let file = source.open(index).unwrap();
        let mut left = source.file(index).unwrap().unwrap().size_bytes;
        while left > 0 {
            if frame.len() == FRAME_BYTES {
                std::hint::black_box(&frame);
                frame = Vec::with_capacity(FRAME_BYTES);
            }
            let room = left.min((FRAME_BYTES - frame.len()) as u64);
            let read = (&file).take(room).read_to_end(&mut frame).unwrap();
            left -= read as u64;
        }
    }
}

/// Sends as many bytes into a program that throws them away.
async fn cat(pod: &Container, source: &dyn Source) {
    let mut left = source.total_bytes();
    let piece = Bytes::from(vec![7; INPUT_MAX_BYTES]);
    // It holds its outputs open, or the input would be cut off.
    let script = "cat > /dev/null; true";
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let mut process = pod.start(command).await.unwrap();
    while left > 0 {
        let length = left.min(INPUT_MAX_BYTES as u64);
        left -= length;
        let length = usize::try_from(length).unwrap();
        process.input.send(piece.slice(..length)).await.unwrap();
    }
    let (sender, _) = tokio::sync::mpsc::channel(1);
    drop(std::mem::replace(&mut process.input, sender));
    while let Some(event) = process.events.recv().await {
        if let Event::Ended(end) = event {
            assert_eq!(end, End::Success);
        }
    }
}

/// Sends what `tar` makes through kube's own stream into another `tar`.
async fn stock(client: kube::Client, address: &Address, data: &Path) {
    let mut tar = tokio::process::Command::new("tar");
    let tar = tar.args(["cf", "-", "."]).current_dir(data);
    let mut tar = tar.stdout(Stdio::piped()).spawn().unwrap();
    let mut archive = tar.stdout.take().unwrap();
    let streams = AttachParams {
        container: Some("stage".to_owned()),
        ..AttachParams::default()
    };
    let streams = streams.stdin(true).stdout(true).stderr(false);
    let pods = Api::<Pod>::namespaced(client, &address.namespace);
    let command = ["/bin/sh", "-c", UNPACK, "sh", &address.loose];
    let streams = streams.max_stdin_buf_size(4 << 20);
    let mut process = pods.exec(&address.pod, command, &streams).await.unwrap();
    let status = process.take_status().unwrap();
    let mut output = process.stdout().unwrap();
    let mut input = process.stdin().unwrap();
    let mut buffer = vec![0; INPUT_MAX_BYTES];
    loop {
        match archive.read(&mut buffer).await.unwrap() {
            0 => break,
            count => input.write_all(&buffer[..count]).await.unwrap(),
        }
    }
    input.shutdown().await.unwrap();
    drop(input);
    output.read_to_end(&mut Vec::new()).await.unwrap();
    let status = status.await.unwrap();
    assert_eq!(status.status.as_deref(), Some("Success"));
    assert!(tar.wait().await.unwrap().success());
}

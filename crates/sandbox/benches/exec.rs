//! How fast exec takes input: a client that sends frames of 1 MiB into `cat`, beside a bare TLS socket pair in the same run.
//!
//! `cargo bench -p sandbox --bench exec`

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::{Lab, is_ready, pod};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const FRAME_BYTES: usize = 1 << 20;
const FRAMES: usize = 1024;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let lab = Lab::start().await;
        lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
        let (mut bare, mut exec) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            bare.push(bare_pair().await);
            exec.push(exec_stdin(&lab).await);
        }
        let (bare, exec) = (median(bare), median(exec));
        print(&format!("bare TLS pair  {bare:>6.0} MiB/s"));
        print(&format!("exec stdin     {exec:>6.0} MiB/s"));
        print(&format!("ratio          {:>6.2}", exec / bare));
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
    FRAMES as f64 / time.as_secs_f64()
}

async fn exec_stdin(lab: &Lab) -> f64 {
    let command = ["sh", "-c", "cat > /dev/null; true"];
    let socket = lab
        .open_exec("p", &command, "v5.channel.k8s.io")
        .await
        .unwrap();
    let mut io = socket.into_inner();
    // A masked binary frame whose mask is zero: the client's own work is no part of what is measured.
    let mut frame = vec![0x82, 0xff];
    frame.extend_from_slice(&(FRAME_BYTES as u64 + 1).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.push(0);
    frame.resize(frame.len() + FRAME_BYTES, 7);
    let begun = Instant::now();
    for _ in 0..FRAMES {
        io.write_all(&frame).await.unwrap();
    }
    io.write_all(&[0x82, 0x82, 0, 0, 0, 0, 255, 0])
        .await
        .unwrap();
    io.flush().await.unwrap();
    // The status comes when everything was read.
    let mut status = Vec::new();
    drop(io.read_to_end(&mut status).await);
    let time = begun.elapsed();
    assert!(String::from_utf8_lossy(&status).contains("Success"));
    rate(time)
}

async fn bare_pair() -> f64 {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(default_provider());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let reading = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tls = TlsAcceptor::from(Arc::new(server))
            .accept(tcp)
            .await
            .unwrap();
        let mut buffer = vec![0; 256 * 1024];
        let mut left = FRAMES * FRAME_BYTES;
        while left > 0 {
            left -= tls.read(&mut buffer).await.unwrap();
        }
    });
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = TlsConnector::from(Arc::new(client))
        .connect(name, tcp)
        .await
        .unwrap();
    let block = vec![7; FRAME_BYTES];
    let begun = Instant::now();
    for _ in 0..FRAMES {
        tls.write_all(&block).await.unwrap();
    }
    tls.flush().await.unwrap();
    reading.await.unwrap();
    rate(begun.elapsed())
}

//! A proxy on the way: one that lets through, and one that does not.

mod site;

use std::sync::Arc;

use cluster::api::Refusal;
use cluster::release::{self, ReleaseError};
use cluster::stage::close;
use cluster::target::{Choice, Surroundings, load};
use cluster::{Connection, token};
use serde_json::{Value, json};
use site::{NAMESPACE, Site, User, opened, plan, quick, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Serves CONNECT (RFC 9110, 9.3.6) with that status line, and tunnels after a 200. Returns its port.
async fn proxy(status: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                let answer = format!("HTTP/1.1 {status}\r\n\r\n");
                client.write_all(answer.as_bytes()).await.unwrap();
                if status.starts_with("200") {
                    let mut server = TcpStream::connect(target).await.unwrap();
                    drop(copy_bidirectional(&mut client, &mut server).await);
                }
            });
        }
    });
    port
}

async fn through(site: &Site, port: u16) -> Arc<Connection> {
    let path = site.kubeconfig(User::Pusher, NAMESPACE);
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["clusters"][0]["cluster"]["proxy-url"] = json!(format!("http://127.0.0.1:{port}"));
    std::fs::write(&path, config.to_string()).unwrap();
    let choice = Choice {
        kubeconfig: Some(path),
        ..Choice::default()
    };
    let target = load(&choice, &Surroundings::default()).unwrap();
    Arc::new(Connection::open(target, quick()).await.unwrap())
}

#[tokio::test]
async fn requests_and_exec_go_through_a_proxy() {
    let site = Site::start().await;
    let connection = through(&site, proxy("200 OK").await).await;
    let token = token::obtain(&connection, NAMESPACE, "ingestor", token::FOR_A_RUN).await;
    assert!(token.is_ok(), "{token:?}");
    let plan = plan(&connection, request("t")).await;
    let (pod, _) = opened(&connection, &plan, &CancellationToken::new()).await;
    let pod = pod.unwrap();
    let container = pod.container(&connection).await.unwrap();
    let process = cluster::far::Far::start(&container, vec!["true".to_owned()]).await;
    assert!(process.is_ok(), "{process:?}");
    close(&connection, &pod).await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let site = Site::start().await;
    for status in [
        "403 Forbidden",
        "407 Proxy Authentication Required",
        "502 Bad Gateway",
    ] {
        let connection = through(&site, proxy(status).await).await;
        let found = release::find(&connection, None).await;
        let Err(ReleaseError::Api(error)) = found else {
            panic!("{status}: {found:?}");
        };
        assert!(
            matches!(error.refusal, Refusal::Proxy(_)),
            "{status}: {error:?}"
        );
    }
}

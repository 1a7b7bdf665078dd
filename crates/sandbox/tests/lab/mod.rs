//! A sandbox for one test, and a client that shares nothing with it: TLS by rustls, WebSockets by tungstenite.

#![allow(
    dead_code,
    reason = "each test program uses the part of the laboratory that it needs"
)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sandbox::fault::{Faults, Script};
use sandbox::kinds::{self, Kind};
use sandbox::node::container::{Mounts, Tools};
use sandbox::store::Object;
use sandbox::{Config, Running, Sandbox};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Long enough for what must not come to come.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

pub(crate) type Socket = WebSocketStream<TlsStream<TcpStream>>;

pub(crate) struct Lab {
    pub(crate) running: Running,
    pub(crate) faults: Faults,
    _directory: tempfile::TempDir,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::new(directory.path());
        change(&mut config);
        let faults = config.node.faults.clone();
        let running = Sandbox::start(config, Arc::new(faults.clone()))
            .await
            .unwrap();
        // The controllers make these too, sooner or later.
        for (kind, name) in [
            (&kinds::SERVICE_ACCOUNT, "default"),
            (&kinds::CONFIG_MAP, "kube-root-ca.crt"),
        ] {
            let object =
                json!({"metadata": {"name": name, "namespace": "default"}, "data": {"ca.crt": ""}});
            drop(running.sandbox().store().create(kind, object));
        }
        Self {
            running,
            faults,
            _directory: directory,
        }
    }

    pub(crate) async fn of(mounts: Mounts, tools: Tools) -> Self {
        Self::with(|config| {
            config.node.mounts = mounts;
            config.node.tools = tools;
        })
        .await
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.running.sandbox()
    }

    pub(crate) fn script(&self, text: &str) {
        self.faults.set(Script::parse(text).unwrap());
    }

    pub(crate) fn every_rule_fired(&self) {
        assert!(
            self.faults.unfired().is_empty(),
            "{:?}",
            self.faults.report()
        );
    }

    /// Waits for what is counted when it is done, which a client cannot see.
    pub(crate) async fn until_every_rule_fired(&self) {
        let waiting = async {
            while !self.faults.unfired().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.faults.report()));
    }

    /// Makes a pod and waits until its status fits.
    pub(crate) async fn pod(&self, pod: Value, fits: impl Fn(&Value) -> bool) -> Object {
        let made = self.sandbox().create(&kinds::POD, pod).unwrap();
        self.wait(
            &kinds::POD,
            made["metadata"]["name"].as_str().unwrap(),
            fits,
        )
        .await
    }

    pub(crate) async fn wait(
        &self,
        kind: &'static Kind,
        name: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Object {
        let store = self.sandbox().store();
        let mut watch = store.watch(kind, Some("default"), None).unwrap();
        let waiting = async {
            loop {
                if let Ok(object) = store.get(kind, "default", name)
                    && fits(&object)
                {
                    return object;
                }
                watch.next().await.unwrap();
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), waiting).await {
            Ok(object) => object,
            Err(_) => panic!("{name}: {:#?}", store.get(kind, "default", name)),
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.sandbox().ca_pem().as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = self.sandbox().address();
        let tcp = TcpStream::connect(address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::IpAddress(address.ip().into());
        connector.connect(name, tcp).await.unwrap()
    }

    /// Says whether nobody listens where the API server should.
    pub(crate) async fn is_away(&self) -> bool {
        TcpStream::connect(self.sandbox().address()).await.is_err()
    }

    /// Opens a stream of a pod.
    pub(crate) async fn open(&self, path: &str, protocols: &str) -> Result<Socket, Error> {
        let address = self.sandbox().address();
        let url = format!("wss://{address}/api/v1/namespaces/default/pods/{path}");
        let mut request = url.into_client_request().unwrap();
        let token = format!("Bearer {}", self.sandbox().keys().admin());
        request
            .headers_mut()
            .insert("authorization", token.parse().unwrap());
        if !protocols.is_empty() {
            let protocols = protocols.parse().unwrap();
            request
                .headers_mut()
                .insert("sec-websocket-protocol", protocols);
        }
        let io = self.connect().await;
        let (socket, _) = tokio_tungstenite::client_async(request, io).await?;
        Ok(socket)
    }

    /// Runs a command and hears it out.
    pub(crate) async fn exec(&self, pod: &str, command: &[&str]) -> Heard {
        hear(
            &mut self
                .open_exec(pod, command, "v5.channel.k8s.io")
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn open_exec(
        &self,
        pod: &str,
        command: &[&str],
        protocols: &str,
    ) -> Result<Socket, Error> {
        let words: String = command
            .iter()
            .map(|word| format!("&command={}", encode(word)))
            .collect();
        let path = format!("{pod}/exec?stdin=true&stdout=true&stderr=true{words}");
        self.open(&path, protocols).await
    }

    /// Sends a plain GET and reads what comes until the connection ends.
    pub(crate) async fn raw(&self, path: &str) -> String {
        self.send("GET", path, self.sandbox().keys().admin(), "")
            .await
    }

    /// Sends a request and reads what comes until the connection ends.
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: &str) -> String {
        let mut io = self.connect().await;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        io.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A cut answer ends without TLS's own goodbye.
        drop(io.read_to_end(&mut answer).await);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a plain GET and reads the answer: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.raw(path).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let code = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let is_chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        let body = if is_chunked {
            dechunk(body)
        } else {
            body.to_owned()
        };
        (code, body)
    }
}

fn dechunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&rest[..size.min(rest.len())]);
        body = rest.get(size + 2..).unwrap_or("");
    }
    whole
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: Option<Value>,
    pub(crate) close: Option<u16>,
}

impl Heard {
    pub(crate) fn code(&self) -> i32 {
        let status = self.status.as_ref().expect("a status");
        if status["status"] == "Success" {
            return 0;
        }
        let code = &status["details"]["causes"][0]["message"];
        code.as_str().unwrap().parse().unwrap()
    }
}

pub(crate) async fn hear(socket: &mut Socket) -> Heard {
    let mut heard = Heard::default();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(bytes) => match bytes[0] {
                1 => heard.stdout.push_str(&String::from_utf8_lossy(&bytes[1..])),
                2 => heard.stderr.push_str(&String::from_utf8_lossy(&bytes[1..])),
                3 => heard.status = Some(serde_json::from_slice(&bytes[1..]).unwrap()),
                _ => {}
            },
            Message::Close(frame) => heard.close = frame.map(|frame| frame.code.into()),
            _ => {}
        }
    }
    heard
}

pub(crate) async fn stdin(socket: &mut Socket, bytes: &[u8]) {
    let mut message = vec![0];
    message.extend_from_slice(bytes);
    socket.send(Message::binary(message)).await.unwrap();
}

pub(crate) async fn end_stdin(socket: &mut Socket) {
    socket.send(Message::binary(vec![255, 0])).await.unwrap();
}

/// Makes a claim, and a pod that has it at `/data/shared`.
pub(crate) fn claimed(lab: &Lab, name: &str) -> Value {
    let claim = json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    lab.sandbox().create(&kinds::CLAIM, claim).unwrap();
    let mut wanted = pod(name, "exec sleep 1000");
    wanted["spec"]["volumes"] =
        json!([{"name": "v", "persistentVolumeClaim": {"claimName": name}}]);
    wanted["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "v", "mountPath": "/data/shared"}]);
    wanted
}

/// A pod of one container that runs a shell script.
pub(crate) fn pod(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "main", "image": "any", "command": ["/bin/sh", "-c", script],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|it| it["type"] == "Ready" && it["status"] == "True")
}

pub(crate) fn in_phase(phase: &'static str) -> impl Fn(&Value) -> bool {
    move |pod| pod["status"]["phase"] == phase
}

pub(crate) fn waits_for(reason: &'static str) -> impl Fn(&Value) -> bool {
    move |pod| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
}

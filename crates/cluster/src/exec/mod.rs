//! Commands in a pod's container, over our own loop on a WebSocket.
//!
//! The stock one sends small messages, ends no input, and lets an output that nobody reads block the input. Here one message is one
//! frame, something always reads, and every queue has a bound.

mod pulse;
mod session;
mod status;

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::Resource as _;
use kube::api::{AttachParams, Request};
use tokio::sync::mpsc;

use crate::far::{self, Far, Process, StartError};
use crate::limits::Limits;
use crate::websocket::{self, Ask, Protocol, Refusal};

/// What came back and was not taken yet, in messages of usually 32 KiB.
const EVENTS_WAITING: usize = 16;

/// Best first: only v5 can end the input.
const OFFERED: &[Protocol] = &[Protocol::V5, Protocol::V4];

/// Starts a command in a container. It runs until it ends or the [`Process`] is dropped; the connection is served by a task.
///
/// A refused credential is tried once more with the same client; [`Container`] can also be told how to get a new one.
pub async fn start(
    client: &Client,
    namespace: &str,
    pod: &str,
    container: &str,
    command: Vec<String>,
    limits: &Limits,
) -> Result<Process, StartError> {
    let ask = ask(namespace, pod, container, command)?;
    let (socket, protocol) = websocket::open(client, &ask, limits).await?;
    let (input, pieces) = mpsc::channel(far::INPUT_WAITING);
    let (telling, events) = mpsc::channel(EVENTS_WAITING);
    tokio::spawn(session::run(
        socket,
        protocol,
        pieces,
        telling,
        limits.clone(),
    ));
    Ok(Process { input, events })
}

fn ask(
    namespace: &str,
    pod: &str,
    container: &str,
    command: Vec<String>,
) -> Result<Ask, StartError> {
    let streams = AttachParams {
        container: Some(container.to_owned()),
        stdin: true,
        stdout: true,
        stderr: true,
        tty: false,
        ..AttachParams::default()
    };
    let request = Request::new(Pod::url_path(&(), Some(namespace)));
    let request = request.exec(pod, command, &streams);
    // Only a name that makes no address comes here, and such a pod cannot be.
    let request = request.map_err(|error| StartError::Gone(crate::cause::chain(&error)))?;
    Ok(Ask {
        request,
        offered: OFFERED,
        resource: "pods/exec",
    })
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthorized(text) => Self::Unauthorized(text),
            Refusal::Forbidden(text) => Self::Forbidden(text),
            Refusal::Gone(text) => Self::Gone(text),
            Refusal::NoUpgrade(text) => Self::NoUpgrade(text),
            Refusal::Unreachable {
                reason,
                retry_after,
            } => Self::Unreachable {
                reason,
                retry_after,
            },
        }
    }
}

/// How a client with a fresh credential is had: by reading the kubeconfig again. An error is the reason, as half a sentence.
pub type Renew = Arc<dyn Fn() -> BoxFuture<'static, Result<Client, String>> + Send + Sync>;

/// A container of a pod, as the place where processes are started.
#[derive(Clone)]
pub struct Container {
    client: Arc<tokio::sync::Mutex<Client>>,
    namespace: String,
    pod: String,
    name: String,
    limits: Limits,
    renew: Option<Renew>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Container({}/{}/{})",
            self.namespace, self.pod, self.name
        )
    }
}

impl Container {
    /// Names a container.
    #[must_use]
    pub fn new(client: Client, namespace: &str, pod: &str, name: &str, limits: Limits) -> Self {
        Self {
            client: Arc::new(tokio::sync::Mutex::new(client)),
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            name: name.to_owned(),
            limits,
            renew: None,
        }
    }

    /// Says how a client with a fresh credential is had, for uploads that outlive the first one.
    #[must_use]
    pub fn renewing(mut self, renew: Renew) -> Self {
        self.renew = Some(renew);
        self
    }

    async fn attempt(&self, command: Vec<String>) -> Result<Process, StartError> {
        let client = self.client.lock().await.clone();
        start(
            &client,
            &self.namespace,
            &self.pod,
            &self.name,
            command,
            &self.limits,
        )
        .await
    }

    async fn attempt_twice(&self, command: Vec<String>) -> Result<Process, StartError> {
        let Some(renew) = &self.renew else {
            return self.attempt(command).await;
        };
        match self.attempt(command.clone()).await {
            Err(StartError::Unauthorized(_)) => {
                let fresh = renew().await.map_err(StartError::Unauthorized)?;
                *self.client.lock().await = fresh;
                self.attempt(command).await
            }
            other => other,
        }
    }
}

impl Far for Container {
    fn start<'a>(&'a self, command: Vec<String>) -> BoxFuture<'a, Result<Process, StartError>> {
        self.attempt_twice(command).boxed()
    }
}

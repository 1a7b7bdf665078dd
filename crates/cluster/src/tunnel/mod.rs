//! HTTP to a pod behind a Service, through the API server.
//!
//! A tunnel is one port-forward connection with HTTP spoken over it directly: no socket listens anywhere, so nobody else on this
//! machine can use it. What stands behind the Service is asked of its endpoint slices where that is allowed, else of its pods.

mod backend;
mod pipe;

pub use backend::{Backend, backends};

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, Resource as _};

use crate::cause;
use crate::limits::Limits;
use crate::websocket::{self, Ask, Protocol, Refusal};
use pipe::Fate;

/// Longest answer that is read.
pub const ANSWER_MAX_BYTES: usize = 1 << 20;

/// Why a tunnel could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TunnelError {
    /// The Service is not there, or cannot be used.
    #[error("service {service} {reason}")]
    Service {
        /// Its name.
        service: String,
        /// What is wrong with it, as the rest of a sentence.
        reason: String,
    },
    /// No pod behind the Service is ready.
    #[error("no pod behind service {service} is ready ({seen} seen)")]
    NobodyReady {
        /// The Service's name.
        service: String,
        /// Pods that there are, ready or not.
        seen: usize,
    },
    /// The API server refuses. Asking again does not help.
    #[error("the way to the service is not allowed: {0}")]
    Forbidden(String),
    /// The credential is not accepted.
    #[error("the credential is not accepted: {0}")]
    Unauthorized(String),
    /// Something on the way does not let the upgrade to a WebSocket through.
    #[error("the connection cannot be upgraded to a WebSocket: {0}")]
    NoUpgrade(String),
    /// The pod is gone. Another one may do.
    #[error("pod {pod} is gone: {reason}")]
    Gone {
        /// Its name.
        pod: String,
        /// What the API server said.
        reason: String,
    },
    /// No connection. Asking again may help.
    #[error("no connection: {reason}")]
    Unreachable {
        /// What went wrong.
        reason: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
}

impl TunnelError {
    fn of(refusal: Refusal, pod: &str) -> Self {
        match refusal {
            Refusal::Unauthorized(text) => Self::Unauthorized(text),
            Refusal::Forbidden(text) => Self::Forbidden(text),
            Refusal::NoUpgrade(text) => Self::NoUpgrade(text),
            Refusal::Gone(reason) => Self::Gone {
                pod: pod.to_owned(),
                reason,
            },
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

/// An HTTP connection to a pod.
#[derive(Debug)]
pub struct Tunnel {
    http: SendRequest<Full<Bytes>>,
    fate: Arc<Fate>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body, cut at [`ANSWER_MAX_BYTES`].
    pub body: Bytes,
}

/// No answer came, or not all of it. Whether the request was served is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer: {0}")]
pub struct Unanswered(pub String);

/// Opens a connection to one pod.
pub async fn connect(
    client: &Client,
    namespace: &str,
    backend: &Backend,
    limits: &Limits,
) -> Result<Tunnel, TunnelError> {
    let request = kube::api::Request::new(Pod::url_path(&(), Some(namespace)));
    let request = request.portforward(&backend.pod, &[backend.port]);
    let gone = |reason| TunnelError::Gone {
        pod: backend.pod.clone(),
        reason,
    };
    let ask = Ask {
        request: request.map_err(|error| gone(cause::chain(&error)))?,
        offered: &[Protocol::V4],
        resource: "pods/portforward",
    };
    let opened = websocket::open(client, &ask, limits).await;
    let (socket, _) = opened.map_err(|refusal| TunnelError::of(refusal, &backend.pod))?;
    let (io, fate) = pipe::open(socket);
    let (http, connection) = match http1::handshake(TokioIo::new(io)).await {
        Ok(pair) => pair,
        Err(error) => return Err(gone(cause::chain(&error))),
    };
    // It ends when the sender is dropped; what breaks it is told to whoever waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    Ok(Tunnel { http, fate })
}

impl Tunnel {
    /// Sends a request and reads the answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
        let answer = self.http.send_request(request).await;
        let answer = answer.map_err(|error| self.broken(&error))?;
        let status = answer.status();
        match Limited::new(answer.into_body(), ANSWER_MAX_BYTES)
            .collect()
            .await
        {
            Ok(body) => Ok(Answer {
                status,
                body: body.to_bytes(),
            }),
            Err(error) => Err(self.broken(&*error)),
        }
    }

    /// The pod's own word about the port before what HTTP makes of it.
    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> Unanswered {
        Unanswered(self.fate.told().unwrap_or_else(|| cause::chain(error)))
    }
}

//! A WebSocket to a subresource of a pod.
//!
//! The handshake is ours and goes through [`Client::send`], because `Client::connect` keeps what a refusal needs to itself: whether
//! there was a body at all, and how long to wait.

mod refusal;

pub(crate) use refusal::Refusal;

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::limits::Limits;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Longest refusal that is read.
const REFUSAL_MAX_BYTES: usize = 64 << 10;

/// A subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Channels; none of them can end before the connection does.
    V4,
    /// As v4, and a message on channel 255 ends a channel.
    V5,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4.channel.k8s.io",
            Self::V5 => "v5.channel.k8s.io",
        }
    }
}

/// What is asked for: a request built by kube, the subprotocols that are spoken, best first, and what RBAC calls it.
pub(crate) struct Ask {
    /// Path and query.
    pub(crate) request: Request<Vec<u8>>,
    /// Never empty: a server that is offered none accepts and then says nothing.
    pub(crate) offered: &'static [Protocol],
    /// Such as `pods/exec`.
    pub(crate) resource: &'static str,
}

/// Opens a WebSocket. A credential that is refused is tried once more, in case the client has got a fresh one by then.
pub(crate) async fn open(
    client: &Client,
    ask: &Ask,
    limits: &Limits,
) -> Result<(Socket, Protocol), Refusal> {
    match attempt(client, ask, limits).await {
        Err(Refusal::Unauthorized(_)) => attempt(client, ask, limits).await,
        other => other,
    }
}

async fn attempt(
    client: &Client,
    ask: &Ask,
    limits: &Limits,
) -> Result<(Socket, Protocol), Refusal> {
    let shaking = shake(client, ask);
    match tokio::time::timeout(limits.request, shaking).await {
        Ok(result) => result,
        Err(_) => Err(Refusal::Unreachable {
            reason: format!(
                "no answer for {}",
                crate::limits::told("request-timeout", limits.request)
            ),
            retry_after: None,
        }),
    }
}

async fn shake(client: &Client, ask: &Ask) -> Result<(Socket, Protocol), Refusal> {
    let key = generate_key();
    let request = request(ask, &key);
    let response = client.send(request).await.map_err(refusal::of_transport)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refuse(ask, response).await);
    }
    let protocol = agreed(response.headers(), &key, ask.offered).map_err(Refusal::NoUpgrade)?;
    match hyper::upgrade::on(response).await {
        Ok(io) => {
            let io = TokioIo::new(io);
            let socket = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
            Ok((socket, protocol))
        }
        Err(error) => Err(Refusal::NoUpgrade(crate::cause::chain(&error))),
    }
}

fn request(ask: &Ask, key: &str) -> Request<Body> {
    let names: Vec<_> = ask.offered.iter().map(|one| one.name()).collect();
    // One header: servers read only the first.
    let names = names.join(", ");
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = ask.request.uri().clone();
    *request.method_mut() = ask.request.method().clone();
    let headers = request.headers_mut();
    let mut put = |name: HeaderName, value: &str| {
        // Base64 and our own constants are always header values.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(CONNECTION, "Upgrade");
    put(UPGRADE, "websocket");
    put(SEC_WEBSOCKET_VERSION, "13");
    put(SEC_WEBSOCKET_KEY, key);
    put(SEC_WEBSOCKET_PROTOCOL, &names);
    request
}

/// Checks an answer that switches protocols (RFC 6455, 4.1) and returns the subprotocol.
fn agreed(headers: &HeaderMap, key: &str, offered: &[Protocol]) -> Result<Protocol, String> {
    let text = |name: HeaderName| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    if !text(UPGRADE).eq_ignore_ascii_case("websocket") {
        return Err("the answer switches to something else".to_owned());
    }
    if text(SEC_WEBSOCKET_ACCEPT) != derive_accept_key(key.as_bytes()) {
        return Err("the answer belongs to another request".to_owned());
    }
    let name = text(SEC_WEBSOCKET_PROTOCOL);
    let found = offered.iter().find(|one| one.name() == name);
    found
        .copied()
        .ok_or_else(|| format!("the server chose the subprotocol {name:?}"))
}

async fn refuse(ask: &Ask, response: Response<Body>) -> Refusal {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, REFUSAL_MAX_BYTES).collect().await;
    // A body that breaks off is as good as none: the status code still counts.
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let answer = refusal::Answer {
        code: head.status.as_u16(),
        body: &body,
        retry_after: retry_after(&head.headers),
    };
    refusal::of_answer(&answer, ask.resource)
}

/// Seconds only: API servers send nothing else.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(hyper::header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[Protocol] = &[Protocol::V5, Protocol::V4];
    // The example of RFC 6455, 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn answer(upgrade: &str, accept: &str, protocol: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, upgrade.parse().unwrap());
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap());
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.parse().unwrap());
        headers
    }

    #[test]
    fn an_answer_has_to_be_ours() {
        let check = |headers: HeaderMap, expected| {
            assert_eq!(
                agreed(&headers, KEY, BOTH).ok(),
                expected,
                "{:?}",
                agreed(&headers, KEY, BOTH)
            );
        };
        let (v4, v5) = ("v4.channel.k8s.io", "v5.channel.k8s.io");
        check(answer("websocket", ACCEPT, v5), Some(Protocol::V5));
        check(answer("WebSocket", ACCEPT, v4), Some(Protocol::V4));
        check(answer("SPDY/3.1", ACCEPT, v5), None);
        check(answer("websocket", "AAAA", v5), None);
        check(answer("websocket", ACCEPT, "channel.k8s.io"), None);
        check(HeaderMap::new(), None);
    }

    #[test]
    fn one_header_offers_everything_in_order() {
        let ask = Ask {
            request: Request::get("/x?y=z").body(Vec::new()).unwrap(),
            offered: BOTH,
            resource: "pods/exec",
        };
        let request = request(&ask, KEY);
        assert_eq!(request.uri(), "/x?y=z");
        let offered: Vec<_> = request
            .headers()
            .get_all(SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .collect();
        assert_eq!(offered, ["v5.channel.k8s.io, v4.channel.k8s.io"]);
    }
}

//! From an HTTP request to a WebSocket.

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};

use super::websocket::accept_key;
use crate::Failure;
use crate::api::body::{self, Body};

const KEY: &str = "sec-websocket-key";
const ACCEPT: &str = "sec-websocket-accept";
const PROTOCOL: &str = "sec-websocket-protocol";

/// Returns the subprotocols that a client offers.
pub(super) fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(PROTOCOL).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

/// Accepts the upgrade: the answer to send, and what becomes the connection.
pub(super) fn accept(
    mut request: Request<Incoming>,
    protocol: Option<&'static str>,
) -> Result<(Response<Body>, OnUpgrade), Failure> {
    let headers = request.headers();
    let asks = headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let Some(key) = headers.get(KEY).filter(|_| asks) else {
        return Err(Failure::new(
            400,
            "BadRequest",
            "only WebSocket upgrades are served: the sandbox does not speak SPDY",
        ));
    };
    let accept = accept_key(key.as_bytes());
    let mut response = Response::new(body::whole(Vec::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        headers.insert(PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok((response, hyper::upgrade::on(&mut request)))
}

/// Refuses without a word, as a real server refuses an unknown subprotocol. No `Status`: this is no answer of authorisation.
pub(super) fn forbidden() -> Response<Body> {
    let mut response = Response::new(body::whole(Vec::new()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

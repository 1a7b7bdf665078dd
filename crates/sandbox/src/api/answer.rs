//! Answers: JSON objects, and refusals as `Status`.

use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::Value;

use crate::Failure;

use super::body::{self, Body};

/// Answers with an object.
#[must_use]
pub fn json(code: u16, object: &Value) -> Response<Body> {
    let mut bytes = object.to_string().into_bytes();
    bytes.push(b'\n');
    raw(code, "application/json", bytes)
}

/// Answers with a refusal, as a `Status` object.
#[must_use]
pub fn failure(failure: &Failure) -> Response<Body> {
    let mut response = json(failure.code, &failure.to_status());
    if let Some(seconds) = failure.retry_after_seconds {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Answers with bytes of a content type.
#[must_use]
pub fn raw(code: u16, content_type: &'static str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(body::whole(bytes));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

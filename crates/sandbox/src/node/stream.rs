//! The streams of a pod. The API calls these after authentication and authorisation; the query of the request is still to be read.

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::api::{Body, answer};
use crate::store::Object;
use crate::{Failure, Sandbox};

/// The pod that a request names, as it was when the request came.
#[derive(Clone, Debug)]
pub struct PodRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The pod; it exists.
    pub object: Object,
}

/// Serves `pods/NAME/exec`.
pub async fn exec(_sandbox: &Sandbox, _pod: PodRef, _request: Request<Incoming>) -> Response<Body> {
    answer::failure(&no_streams())
}

/// Serves `pods/NAME/portforward`.
pub async fn port_forward(
    _sandbox: &Sandbox,
    _pod: PodRef,
    _request: Request<Incoming>,
) -> Response<Body> {
    answer::failure(&no_streams())
}

/// Serves `pods/NAME/log`.
pub async fn log(_sandbox: &Sandbox, _pod: PodRef, _request: Request<Incoming>) -> Response<Body> {
    answer::failure(&no_streams())
}

fn no_streams() -> Failure {
    Failure::new(501, "", "this node has no streams")
}

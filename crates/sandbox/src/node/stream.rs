//! The streams of a pod. The API calls these after authentication and authorisation; the query of the request is still to be read.

mod exec;
mod log;
mod query;

use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::Value;

use super::forward;
use crate::api::{Body, answer};
use crate::fault::Plan;
use crate::hook::Answer;
use crate::store::{Object, str_at};
use crate::{Failure, Sandbox};

use query::Query;

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
pub async fn exec(sandbox: &Sandbox, pod: PodRef, request: Request<Incoming>) -> Response<Body> {
    let served = exec::serve(sandbox, pod, request).await;
    served.unwrap_or_else(|failure| answer::failure(&failure))
}

/// Serves `pods/NAME/portforward`.
pub async fn port_forward(
    sandbox: &Sandbox,
    pod: PodRef,
    request: Request<Incoming>,
) -> Response<Body> {
    let served = forward::serve(sandbox, pod, request).await;
    served.unwrap_or_else(|failure| answer::failure(&failure))
}

/// Serves `pods/NAME/log`.
pub async fn log(sandbox: &Sandbox, pod: PodRef, request: Request<Incoming>) -> Response<Body> {
    let served = log::serve(sandbox, &pod, &Query::of(&request)).await;
    served.unwrap_or_else(|failure| answer::failure(&failure))
}

/// Waits and answers instead, if a fault wants it so.
pub(super) async fn disturbed(plan: &Plan) -> Option<Response<Body>> {
    if let Some(delay) = plan.delay() {
        tokio::time::sleep(delay).await;
    }
    plan.answer().map(|answer| faulty(&answer))
}

fn faulty(wanted: &Answer) -> Response<Body> {
    let reason = match wanted.code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let message = wanted.message.as_deref().unwrap_or("a fault was asked for");
    let mut failure = Failure::new(wanted.code, reason, message);
    failure.retry_after_seconds = wanted.retry_after_seconds;
    let mut response = answer::failure(&failure);
    if !wanted.has_status {
        *response.body_mut() = crate::api::body::whole(Vec::new());
    }
    response
}

/// Finds the container that a request means: the named one, or the only one.
pub(super) fn container(pod: &PodRef, wanted: &str) -> Result<String, Failure> {
    let all = |field: &str| {
        let containers = pod.object["spec"][field].as_array().into_iter().flatten();
        containers
            .map(|container| str_at(container, "/name").to_owned())
            .collect::<Vec<_>>()
    };
    let (main, init) = (all("containers"), all("initContainers"));
    let name = &pod.name;
    match (wanted, main.as_slice()) {
        ("", [only]) => Ok(only.clone()),
        ("", _) => Err(bad_request(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            main.join(" ")
        ))),
        (wanted, _) if main.iter().chain(&init).any(|known| known == wanted) => {
            Ok(wanted.to_owned())
        }
        (wanted, _) => Err(bad_request(format!(
            "container {wanted} is not valid for pod {name}"
        ))),
    }
}

/// Why a container that has not started cannot be spoken to.
pub(super) fn waiting_reason(pod: &Value, container: &str) -> Option<String> {
    let statuses = pod["status"]["containerStatuses"].as_array()?;
    let status = statuses.iter().find(|status| status["name"] == container)?;
    Some(status["state"]["waiting"]["reason"].as_str()?.to_owned())
}

pub(super) fn bad_request(message: impl Into<String>) -> Failure {
    Failure::new(400, "BadRequest", message)
}

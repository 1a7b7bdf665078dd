//! `/longshore/faults`: puts a fault script in force and says what came of it. Outside of the Kubernetes API, and the
//! administrator's only; no fault strikes it.

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::json;

use crate::auth::{MASTERS, User};
use crate::fault::Script;
use crate::{Failure, Sandbox};

use super::answer;
use super::body::Body;

/// Where it is.
pub const PATH: &str = "/longshore/faults";

/// Longest script that is read.
const SCRIPT_BYTES: usize = 1 << 20;

/// Serves GET, which reports, and PUT, which replaces the script and so begins the report anew.
pub(super) async fn serve(
    sandbox: &Sandbox,
    user: &User,
    request: Request<Incoming>,
) -> Response<Body> {
    let served = report(sandbox, user, request).await;
    served.unwrap_or_else(|failure| answer::failure(&failure))
}

async fn report(
    sandbox: &Sandbox,
    user: &User,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    if !user.groups.iter().any(|group| group == MASTERS) {
        let why = "only the administrator may see and set faults";
        return Err(Failure::new(403, "Forbidden", why));
    }
    let faults = &sandbox.config().node.faults;
    match *request.method() {
        Method::GET => {}
        Method::PUT => faults.set(script(request.into_body()).await?),
        _ => return Err(Failure::method_not_allowed()),
    }
    let report = json!({"rules": faults.report(), "unfired": faults.unfired()});
    Ok(answer::json(200, &report))
}

async fn script(body: Incoming) -> Result<Script, Failure> {
    let bytes = Limited::new(body, SCRIPT_BYTES).collect().await;
    let bytes = bytes
        .map_err(|error| Failure::bad_request(format!("no script: {error}")))?
        .to_bytes();
    let text = str::from_utf8(&bytes).map_err(|error| Failure::bad_request(error.to_string()))?;
    Script::parse(text).map_err(|error| Failure::bad_request(error.to_string()))
}

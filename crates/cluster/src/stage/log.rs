//! What a container that ended has left in its log.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use super::{CONTAINER, Cause};
use crate::Connection;
use crate::api::Call;

/// Lines, and bytes, of a log that are read.
const LINES: i64 = 5;
const BYTES: i64 = 2000;

/// Adds the end of the log to the cause. A program for another processor says so there and nowhere else.
pub(super) async fn last_words(
    connection: &Connection,
    namespace: &str,
    pod: &str,
    cause: Cause,
) -> Cause {
    let call = Call::of("get", "pods/log", namespace, pod);
    let parameters = LogParams {
        container: Some(CONTAINER.to_owned()),
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        ..LogParams::default()
    };
    let log = connection
        .ask(call, |client| {
            let api: Api<Pod> = Api::namespaced(client, namespace);
            let parameters = parameters.clone();
            async move { api.logs(pod, &parameters).await }
        })
        .await;
    match log {
        Ok(log) => cause.with_log(log.trim()),
        Err(_) => cause,
    }
}

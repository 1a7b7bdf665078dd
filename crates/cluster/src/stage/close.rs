//! Deleting a pod, with a budget of its own.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, PropagationPolicy};
use tokio::time::Instant;

use super::StagePod;
use crate::Connection;
use crate::api::{ApiError, Call, Refusal};

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Deletes a stage pod, at once and without a time of grace. That it is gone already is fine.
///
/// Attempts go on for as long as cleaning up may take, whatever became of the run: pass no cancelled future in between.
///
/// # Errors
/// When it could not be deleted; it ends by itself when its deadline is over.
pub async fn close(connection: &Connection, pod: &StagePod) -> Result<(), ApiError> {
    delete(connection, &pod.namespace, &pod.name).await
}

pub(super) async fn delete(
    connection: &Connection,
    namespace: &str,
    name: &str,
) -> Result<(), ApiError> {
    let budget = connection.limits().clean_up;
    let until = Instant::now() + budget;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let error = match once(connection, left, namespace, name).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match error.refusal {
            Refusal::NotFound(_) => return Ok(()),
            ref refusal if refusal.is_passing() && Instant::now() + PAUSE < until => {
                tokio::time::sleep(PAUSE).await;
            }
            _ => return Err(error),
        }
    }
}

async fn once(
    connection: &Connection,
    limit: Duration,
    namespace: &str,
    name: &str,
) -> Result<(), ApiError> {
    let parameters = DeleteParams {
        grace_period_seconds: Some(0),
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    let limit = limit.min(connection.limits().request);
    let call = Call::of("delete", "pods", namespace, name);
    connection
        .ask_within(limit, call, |client| {
            let api: Api<Pod> = Api::namespaced(client, namespace);
            let parameters = parameters.clone();
            async move { api.delete(name, &parameters).await.map(drop) }
        })
        .await
}

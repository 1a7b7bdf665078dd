//! Creating the pod, also when the answer gets lost.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use tokio::time::Instant;

use super::{Plan, annotation};
use crate::Connection;
use crate::api::{ApiError, Call, Refusal};

/// Who refused the pod, if it was not a matter of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// A quota of the namespace.
    Quota,
    /// The namespace's level of pod security.
    PodSecurity,
    /// A policy of the cluster: an admission webhook, or a rule of the server's own.
    Policy,
    /// Something else in admission or validation.
    Other,
}

impl Gate {
    /// Tells an admission refusal from missing permissions, by the words that API servers use for each.
    ///
    /// Both come as 403; that of permissions says which user cannot do what.
    pub(crate) fn of(refusal: &Refusal) -> Option<(Self, String)> {
        let (code, message) = match refusal {
            Refusal::Forbidden(message) => (403, message),
            Refusal::Answer { code, message, .. } => (*code, message),
            _ => return None,
        };
        let has = |words: &str| message.contains(words);
        let gate = match code {
            _ if has("admission webhook")
                || has("failed calling webhook")
                || has("AdmissionPolicy") =>
            {
                Self::Policy
            }
            _ if has("violates PodSecurity") => Self::PodSecurity,
            403 if has("quota") => Self::Quota,
            403 if message.trim_end().ends_with(':') || has(" cannot ") => return None,
            400..500 if code != 401 && code != 429 => Self::Other,
            _ => return None,
        };
        Some((gate, message.clone()))
    }
}

/// How long to wait between attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Creates the pod under a name that was chosen here.
///
/// A lost answer leaves open whether there is a pod, so the next attempt uses the same name: "exists already" then means that
/// it is there. Attempts go on until the budget is used up.
pub(super) async fn create(
    connection: &Connection,
    plan: &Plan,
    pod: &Pod,
    name: &str,
) -> Result<(), ApiError> {
    let until = Instant::now() + connection.limits().pod_create;
    let mut is_uncertain = false;
    loop {
        let call = Call::of("create", "pods", &plan.namespace, name);
        let answer = connection
            .ask(call, |client| {
                let api: Api<Pod> = Api::namespaced(client, &plan.namespace);
                async move { api.create(&PostParams::default(), pod).await }
            })
            .await;
        let Err(error) = answer else {
            return Ok(());
        };
        if matches!(error.refusal, Refusal::Exists(_)) && is_uncertain {
            return match is_ours(connection, plan, name).await {
                true => Ok(()),
                false => Err(error),
            };
        }
        is_uncertain |= error.refusal.is_passing();
        if !error.refusal.is_passing() || Instant::now() + PAUSE >= until {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether a pod of that name carries this run's id.
async fn is_ours(connection: &Connection, plan: &Plan, name: &str) -> bool {
    let found = get(connection, &plan.namespace, name).await;
    let annotations = found.ok().and_then(|pod| pod.metadata.annotations);
    let run = annotations.and_then(|mut all| all.remove(annotation::RUN));
    run.as_deref() == Some(plan.owner.run.as_str())
}

/// Reads a pod.
pub(super) async fn get(
    connection: &Connection,
    namespace: &str,
    name: &str,
) -> Result<Pod, ApiError> {
    let call = Call::of("get", "pods", namespace, name);
    connection
        .ask(call, |client| {
            let api: Api<Pod> = Api::namespaced(client, namespace);
            async move { api.get(name).await }
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(code: u16, message: &str) -> Option<Gate> {
        let message = message.to_owned();
        let refusal = match code {
            403 => Refusal::Forbidden(message),
            code => Refusal::Answer {
                code,
                reason: String::new(),
                message,
            },
        };
        Gate::of(&refusal).map(|(gate, _)| gate)
    }

    #[test]
    fn admission_and_permissions_are_told_apart() {
        for (code, message, expected) in [
            (
                403,
                "pods is forbidden: User \"u\" cannot create resource \"pods\" in API group \"\" in the namespace \"lab\"",
                None,
            ),
            (403, "pods \"x\" is forbidden: ", None),
            (
                403,
                "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
                Some(Gate::Quota),
            ),
            (
                403,
                "pods \"x\" is forbidden: failed quota: q: must specify limits.cpu for: stage",
                Some(Gate::Quota),
            ),
            (
                403,
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
                Some(Gate::PodSecurity),
            ),
            (
                400,
                "admission webhook \"policy.example\" denied the request: images only from here",
                Some(Gate::Policy),
            ),
            (
                403,
                "pods \"x\" is forbidden: error looking up service account lab/ingestor: serviceaccount \"ingestor\" not found",
                Some(Gate::Other),
            ),
            (
                403,
                "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no images from there",
                Some(Gate::Policy),
            ),
            (422, "Pod \"x\" is invalid: spec", Some(Gate::Other)),
            (500, "etcd", None),
            (429, "slow down", None),
        ] {
            assert_eq!(gate(code, message), expected, "{message}");
        }
    }
}

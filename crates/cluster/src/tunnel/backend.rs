//! Which pods stand behind a Service, and on which port.

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};

use super::TunnelError;
use crate::cause;
use crate::limits::{Limits, told};

/// The port that is meant when a Service has several: its name, and the number that the chart promises.
const PORT_NAME: &str = "http";
const PORT: i32 = 8080;

/// A pod, and the port its container listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Its name.
    pub pod: String,
    /// The container's port, not the Service's.
    pub port: u16,
}

/// Finds the ready pods behind a Service, in the order in which they should be tried.
pub async fn backends(
    client: &Client,
    namespace: &str,
    service: &str,
    limits: &Limits,
) -> Result<Vec<Backend>, TunnelError> {
    let finding = find(client, namespace, service);
    let found = tokio::time::timeout(limits.request, finding).await;
    found.unwrap_or_else(|_| {
        let limit = told("request-timeout", limits.request);
        Err(TunnelError::Unreachable {
            reason: format!("no answer for {limit}"),
            retry_after: None,
        })
    })
}

async fn find(
    client: &Client,
    namespace: &str,
    service: &str,
) -> Result<Vec<Backend>, TunnelError> {
    let found = Api::<Service>::namespaced(client.clone(), namespace)
        .get(service)
        .await
        .map_err(|error| refused(error, service))?;
    let port = port_of(&found).ok_or_else(|| TunnelError::Service {
        service: service.to_owned(),
        reason: format!("has no port {PORT} and none named {PORT_NAME}"),
    })?;
    let slices = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), namespace)
        .list(&slices)
        .await;
    // Slices need a permission that a push otherwise does not; pods tell the same.
    if let Ok(slices) = slices {
        let ready = of_slices(&slices.items, port);
        if !ready.is_empty() {
            return Ok(ready);
        }
    }
    let selector = selector_of(&found).ok_or_else(|| TunnelError::Service {
        service: service.to_owned(),
        reason: "selects no pods".to_owned(),
    })?;
    let pods = Api::<Pod>::namespaced(client.clone(), namespace)
        .list(&ListParams::default().labels(&selector))
        .await
        .map_err(|error| refused(error, service))?;
    let ready = of_pods(&pods.items, port);
    if ready.is_empty() {
        return Err(TunnelError::NobodyReady {
            service: service.to_owned(),
            seen: pods.items.len(),
        });
    }
    Ok(ready)
}

fn refused(error: kube::Error, service: &str) -> TunnelError {
    let text = cause::of_kube(&error);
    match error {
        kube::Error::Api(status) if status.is_not_found() => TunnelError::Service {
            service: service.to_owned(),
            reason: "does not exist".to_owned(),
        },
        kube::Error::Api(status) if status.is_forbidden() => TunnelError::Forbidden(text),
        kube::Error::Api(status) if status.code == 401 => TunnelError::Unauthorized(text),
        _ => TunnelError::Unreachable {
            reason: text,
            retry_after: None,
        },
    }
}

/// The only port, or the one with the name, or the one with the number.
fn port_of(service: &Service) -> Option<&ServicePort> {
    let ports = service.spec.as_ref()?.ports.as_deref()?;
    let by = |fits: fn(&&ServicePort) -> bool| ports.iter().find(fits);
    match ports {
        [only] => Some(only),
        _ => by(|port| port.name.as_deref() == Some(PORT_NAME))
            .or_else(|| by(|port| port.port == PORT)),
    }
}

fn selector_of(service: &Service) -> Option<String> {
    let labels = service.spec.as_ref()?.selector.as_ref()?;
    let pairs: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

fn of_slices(slices: &[EndpointSlice], port: &ServicePort) -> Vec<Backend> {
    slices
        .iter()
        .filter_map(|slice| {
            let mut ports = slice.ports.iter().flatten();
            // An unnamed port is an empty name here and no name there.
            let name = port.name.as_deref().unwrap_or_default();
            let found = ports.find(|one| one.name.as_deref().unwrap_or_default() == name)?;
            Some((slice, u16::try_from(found.port?).ok()?))
        })
        .flat_map(|(slice, port)| slice.endpoints.iter().map(move |one| (one, port)))
        // No condition means ready.
        .filter(|(one, _)| {
            let conditions = one.conditions.as_ref();
            conditions.and_then(|is| is.ready).unwrap_or(true)
        })
        .filter_map(|(one, port)| {
            let target = one.target_ref.as_ref()?;
            let is_pod = target.kind.as_deref() == Some("Pod");
            let pod = target.name.clone().filter(|_| is_pod)?;
            Some(Backend { pod, port })
        })
        .collect()
}

fn of_pods(pods: &[Pod], port: &ServicePort) -> Vec<Backend> {
    pods.iter()
        .filter(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none())
        .filter_map(|pod| {
            Some(Backend {
                pod: pod.name_any(),
                port: target_port(pod, port)?,
            })
        })
        .collect()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|is| is.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one.type_ == "Ready" && one.status == "True")
}

/// A number, or a name that is looked up in the pod's containers; without one the Service's own number.
fn target_port(pod: &Pod, port: &ServicePort) -> Option<u16> {
    let number = match port.target_port.as_ref() {
        None => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.as_ref()?.containers.iter();
            let mut ports = containers.flat_map(|one| one.ports.iter().flatten());
            ports
                .find(|one| one.name.as_ref() == Some(name))?
                .container_port
        }
    };
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(ports: Value) -> Service {
        serde_json::from_value(json!({"spec": {"selector": {"app": "manager"}, "ports": ports}}))
            .unwrap()
    }

    fn pod(name: &str, ready: &str, extra: Value) -> Pod {
        let mut pod = json!({
            "metadata": {"name": name},
            "spec": {"containers": [{"name": "side"}, {"name": "api", "ports": [{"name": "web", "containerPort": 9090}]}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            pod["metadata"][key] = value.clone();
        }
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn the_service_says_which_port() {
        let check = |ports: Value, expected: Option<i32>| {
            let service = service(ports);
            assert_eq!(port_of(&service).map(|port| port.port), expected);
        };
        check(json!([{"port": 80}]), Some(80));
        check(
            json!([{"name": "metrics", "port": 9}, {"name": "http", "port": 80}]),
            Some(80),
        );
        check(
            json!([{"name": "metrics", "port": 9}, {"name": "api", "port": 8080}]),
            Some(8080),
        );
        check(
            json!([{"name": "a", "port": 1}, {"name": "b", "port": 2}]),
            None,
        );
        check(json!([]), None);
    }

    #[test]
    fn only_ready_pods_that_stay_are_tried() {
        let pods = [
            pod("starting", "False", json!({})),
            pod(
                "leaving",
                "True",
                json!({"deletionTimestamp": "2026-11-21T18:00:00Z"}),
            ),
            pod("good", "True", json!({})),
        ];
        let check = |ports: Value, expected: u16| {
            let service = service(ports);
            let found = of_pods(&pods, port_of(&service).unwrap());
            let expected = Backend {
                pod: "good".to_owned(),
                port: expected,
            };
            assert_eq!(found, [expected]);
        };
        check(json!([{"port": 8080}]), 8080);
        check(json!([{"port": 80, "targetPort": 8081}]), 8081);
        check(json!([{"port": 80, "targetPort": "web"}]), 9090);
        let service = service(json!([{"port": 80, "targetPort": "nothing"}]));
        assert_eq!(of_pods(&pods, port_of(&service).unwrap()), []);
    }

    #[test]
    fn slices_name_ready_pods_and_the_real_port() {
        let slice: EndpointSlice = serde_json::from_value(json!({
            "metadata": {"name": "x"}, "addressType": "IPv4",
            "ports": [{"name": "other", "port": 1}, {"name": "http", "port": 9090}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "conditions": {"ready": false}, "targetRef": {"kind": "Pod", "name": "no"}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "yes"}},
                {"addresses": ["10.0.0.3"], "targetRef": {"kind": "Pod", "name": "unsaid"}},
                {"addresses": ["10.0.0.4"]},
            ],
        })).unwrap();
        let service = service(json!([{"name": "http", "port": 80}]));
        let found = of_slices(&[slice], port_of(&service).unwrap());
        let expected = ["yes", "unsaid"].map(|pod| Backend {
            pod: pod.to_owned(),
            port: 9090,
        });
        assert_eq!(found, expected);
    }
}

//! The Service in front of the release, and the port behind it.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::Api;

use super::find::Facts;
use super::{Service, chart};
use crate::Connection;
use crate::api::Call;

/// Finds the Service by its two possible names. One that cannot be read is assumed to be as the chart makes it.
pub(super) async fn find(connection: &Connection, facts: &Facts) -> Service {
    for name in names(facts) {
        let call = Call::of("get", "services", &facts.namespace, &name);
        let found = connection
            .ask(call, |client| {
                let api: Api<core::Service> = Api::namespaced(client, &facts.namespace);
                let name = name.clone();
                async move { api.get(&name).await }
            })
            .await;
        if let Ok(service) = found {
            return seen(name, service, facts);
        }
    }
    Service {
        name: chart::MANAGER.to_owned(),
        is_seen: false,
        target_port: facts.ports.get("http").copied().unwrap_or(chart::PORT),
        selector: facts.selector.clone(),
    }
}

fn names(facts: &Facts) -> Vec<String> {
    let of_release = format!("{}-{}", facts.name, chart::MANAGER);
    match facts.name.is_empty() {
        true => vec![chart::MANAGER.to_owned()],
        false => vec![chart::MANAGER.to_owned(), of_release],
    }
}

fn seen(name: String, service: core::Service, facts: &Facts) -> Service {
    let spec = service.spec.unwrap_or_default();
    let selector = spec.selector.filter(|selector| !selector.is_empty());
    Service {
        name,
        is_seen: true,
        target_port: target_port(&spec.ports.unwrap_or_default(), facts),
        selector: selector.unwrap_or_else(|| facts.selector.clone()),
    }
}

/// The port behind the service's own: a number, or the name of a container's port.
fn target_port(ports: &[core::ServicePort], facts: &Facts) -> u16 {
    let ours = ports
        .iter()
        .find(|port| port.port == i32::from(chart::PORT))
        .or_else(|| {
            ports
                .iter()
                .find(|port| port.name.as_deref() == Some("http"))
        })
        .or_else(|| ports.first());
    let Some(port) = ours else {
        return chart::PORT;
    };
    let number = match &port.target_port {
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) => facts.ports.get(name).copied(),
        None => u16::try_from(port.port).ok(),
    };
    number.unwrap_or(chart::PORT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_port_behind_the_service_is_read() {
        let facts = Facts {
            ports: [("http".to_owned(), 9090)].into(),
            ..Facts::default()
        };
        for (ports, expected) in [
            (json!([{"port": 8080, "targetPort": 8081}]), 8081),
            (json!([{"port": 8080, "targetPort": "http"}]), 9090),
            (json!([{"port": 8080, "targetPort": "other"}]), 8080),
            (json!([{"port": 8080}]), 8080),
            (
                json!([{"port": 1}, {"name": "http", "port": 80, "targetPort": 7}]),
                7,
            ),
            (json!([]), 8080),
        ] {
            let service = json!({"spec": {"ports": ports}});
            let service = serde_json::from_value(service).unwrap();
            let seen = seen("jobs-manager".to_owned(), service, &facts);
            assert_eq!(seen.target_port, expected, "{ports}");
        }
    }
}

//! Readiness.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::node::container::{Attach, Container};
use crate::node::pods::{Pod, lock};

/// How often a container is asked. Probes' own periods and delays are for clusters that have better things to do.
const PERIOD: Duration = Duration::from_millis(50);

/// Waits until a container is ready: at once without a probe.
pub(super) async fn ready(container: &Value, pod: &Pod, place: Option<&Arc<Container>>) {
    let Some(probe) = container
        .get("readinessProbe")
        .filter(|probe| probe.is_object())
    else {
        return;
    };
    while !asks(probe, container, pod, place).await {
        tokio::time::sleep(PERIOD).await;
    }
}

async fn asks(probe: &Value, container: &Value, pod: &Pod, place: Option<&Arc<Container>>) -> bool {
    if let Some(words) = probe["exec"]["command"].as_array() {
        let argv: Vec<String> = words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let Some(Ok(mut started)) = place.map(|place| place.spawn(&argv, Attach::default())) else {
            return false;
        };
        let exit = started.exit.wait_for(Option::is_some).await;
        return exit.is_ok_and(|exit| exit.is_some_and(|exit| exit.code == 0));
    }
    // An HTTP probe that connects is taken for one that succeeds.
    let port = [&probe["tcpSocket"]["port"], &probe["httpGet"]["port"]]
        .into_iter()
        .find_map(|port| number(port, container));
    match port {
        Some(port) => {
            let port = lock(&pod.ports).get(&port).copied().unwrap_or(port);
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_ok()
        }
        None => true,
    }
}

/// A port by number, or by the name that the container gives it.
fn number(port: &Value, container: &Value) -> Option<u16> {
    if let Some(name) = port.as_str() {
        let ports = container["ports"].as_array()?;
        let named = ports.iter().find(|port| port["name"] == name)?;
        return number(&named["containerPort"], container);
    }
    port.as_u64().and_then(|port| u16::try_from(port).ok())
}

//! Finding the one Deployment that is the release.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams};

use super::{Account, AccountSource, Release, ReleaseError, account, chart, service};
use crate::Connection;
use crate::api::{ApiError, Call};
use crate::target::NamespaceSource;

/// How long all namespaces are looked through, where nobody chose one.
const SCAN: Duration = Duration::from_secs(5);

/// Finds the release in the connection's namespace.
///
/// Where nobody chose that namespace and it has none, all others are looked through, if that is allowed: exactly one release
/// is then taken. A given account is believed; else the release's ConfigMap names it.
///
/// # Errors
/// When there is none or more than one, or the cluster cannot be asked.
pub async fn find(
    connection: &Connection,
    given_account: Option<&str>,
) -> Result<Release, ReleaseError> {
    let target = connection.target();
    let here = list(connection, &target.namespace).await?;
    let deployment = match here.len() {
        0 if target.namespace_source == NamespaceSource::Flag => {
            return Err(none(&target.namespace, false));
        }
        0 => elsewhere(connection).await?,
        _ => one_of(here, &target.namespace)?,
    };
    describe(connection, deployment, given_account).await
}

fn none(namespace: &str, looked_everywhere: bool) -> ReleaseError {
    ReleaseError::None {
        namespace: namespace.to_owned(),
        looked_everywhere,
    }
}

/// Lists the Deployments that may be the release; in all namespaces if none is named.
async fn list(connection: &Connection, namespace: &str) -> Result<Vec<Deployment>, ApiError> {
    let call = Call::of("list", "deployments", namespace, "");
    let parameters = ListParams::default().labels(chart::LABELS);
    let answer = connection
        .ask(call, |client| {
            let api: Api<Deployment> = match namespace.is_empty() {
                true => Api::all(client),
                false => Api::namespaced(client, namespace),
            };
            let parameters = parameters.clone();
            async move { api.list(&parameters).await }
        })
        .await?;
    let found = answer.items.into_iter().filter(is_manager);
    Ok(found.collect())
}

/// Four Deployments of the chart carry the same labels; the name tells them apart.
fn is_manager(deployment: &Deployment) -> bool {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let before = name.strip_suffix(chart::MANAGER);
    before.is_some_and(|before| before.is_empty() || before.ends_with('-'))
}

fn one_of(mut found: Vec<Deployment>, namespace: &str) -> Result<Deployment, ReleaseError> {
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(none(namespace, false)),
        (Some(last), false) => {
            found.push(last);
            let mut names: Vec<String> = found
                .into_iter()
                .filter_map(|it| it.metadata.name)
                .collect();
            names.sort();
            Err(ReleaseError::Several {
                namespace: namespace.to_owned(),
                names,
            })
        }
    }
}

/// Looks through all namespaces. Not being allowed to is no error: then there is just none in the first one.
async fn elsewhere(connection: &Connection) -> Result<Deployment, ReleaseError> {
    let namespace = &connection.target().namespace;
    let scan = tokio::time::timeout(SCAN, list(connection, "")).await;
    let Ok(Ok(found)) = scan else {
        return Err(none(namespace, false));
    };
    let mut others: Vec<String> = found
        .iter()
        .filter_map(|it| it.metadata.namespace.clone())
        .collect();
    others.sort();
    others.dedup();
    match others.as_slice() {
        [] => Err(none(namespace, true)),
        [other] => one_of(found, other),
        _ => Err(ReleaseError::Elsewhere {
            namespace: namespace.clone(),
            others,
        }),
    }
}

async fn describe(
    connection: &Connection,
    deployment: Deployment,
    given_account: Option<&str>,
) -> Result<Release, ReleaseError> {
    let facts = facts(deployment);
    let service = service::find(connection, &facts).await;
    let account = match given_account.filter(|name| !name.is_empty()) {
        Some(name) => Account {
            name: name.to_owned(),
            source: AccountSource::Flag,
        },
        None => account::find(connection, &facts.namespace, &facts.name).await,
    };
    Ok(Release {
        namespace: facts.namespace,
        name: facts.name,
        deployment: facts.deployment,
        chart_version: facts.chart_version,
        app_version: facts.app_version,
        ingestor_digest: facts.ingestor_digest,
        has_http: facts.has_http,
        service,
        account,
    })
}

/// What the Deployment itself says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) deployment: String,
    pub(super) chart_version: String,
    pub(super) app_version: String,
    pub(super) ingestor_digest: Option<String>,
    pub(super) has_http: bool,
    /// Named ports of its containers.
    pub(super) ports: BTreeMap<String, u16>,
    /// Labels of its pods.
    pub(super) selector: BTreeMap<String, String>,
}

pub(super) fn facts(deployment: Deployment) -> Facts {
    let labels = deployment.metadata.labels.unwrap_or_default();
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    let chart = label("helm.sh/chart");
    let spec = deployment.spec.unwrap_or_default();
    let containers = spec.template.spec.map(|spec| spec.containers);
    let containers = containers.unwrap_or_default();
    let variable = |name: &str| {
        let variables = containers.first()?.env.as_ref()?;
        let found = variables.iter().find(|variable| variable.name == name)?;
        found.value.clone().filter(|value| !value.is_empty())
    };
    let ports = containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten());
    let named = ports.filter_map(|port| {
        let number = u16::try_from(port.container_port).ok()?;
        Some((port.name.clone()?, number))
    });
    Facts {
        namespace: deployment.metadata.namespace.unwrap_or_default(),
        name: label("app.kubernetes.io/instance"),
        deployment: deployment.metadata.name.unwrap_or_default(),
        chart_version: chart.strip_prefix("client-").unwrap_or(&chart).to_owned(),
        app_version: label("app.kubernetes.io/version"),
        ingestor_digest: variable("INGESTOR_IMAGE_DIGEST"),
        has_http: variable("INGESTION_HTTP_DISABLED").is_none(),
        ports: named.collect(),
        selector: spec.selector.match_labels.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(name: &str) -> Deployment {
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
    }

    #[test]
    fn siblings_with_the_same_labels_are_passed_over() {
        for (name, fits) in [
            ("jobs-manager", true),
            ("demo-jobs-manager", true),
            ("mysql-client", false),
            ("demo-requests-proxy", false),
            ("demo-egress-proxy", false),
            ("notjobs-manager", false),
            ("jobs-manager-2", false),
        ] {
            assert_eq!(is_manager(&named(name)), fits, "{name}");
        }
    }

    #[test]
    fn two_releases_are_named_and_neither_is_taken() {
        let error = one_of(
            vec![named("b-jobs-manager"), named("a-jobs-manager")],
            "lab",
        );
        let said = error.unwrap_err().to_string();
        assert_eq!(
            said,
            "2 parent releases in namespace lab: a-jobs-manager, b-jobs-manager"
        );
    }

    #[test]
    fn versions_and_digest_come_from_labels_and_the_first_container() {
        let deployment = json!({
            "metadata": {"name": "demo-jobs-manager", "namespace": "lab", "labels": {
                "app.kubernetes.io/instance": "demo", "app.kubernetes.io/version": "1.9",
                "helm.sh/chart": "client-1.9.62",
            }},
            "spec": {"selector": {"matchLabels": {"app": "manager"}}, "template": {"spec": {"containers": [
                {"name": "api", "ports": [{"name": "http", "containerPort": 9090}], "env": [
                    {"name": "INGESTOR_IMAGE_DIGEST", "value": "sha256:1"},
                    {"name": "INGESTION_HTTP_DISABLED", "value": ""},
                ]},
                {"name": "b", "env": [{"name": "INGESTOR_IMAGE_DIGEST", "value": "sha256:2"}]},
            ]}}},
        });
        let facts = facts(serde_json::from_value(deployment).unwrap());
        assert_eq!(facts.chart_version, "1.9.62");
        assert_eq!(facts.app_version, "1.9");
        assert_eq!(facts.name, "demo");
        assert_eq!(facts.ingestor_digest.as_deref(), Some("sha256:1"));
        assert!(facts.has_http);
        assert_eq!(facts.ports["http"], 9090);
        let other = json!({"metadata": {"labels": {"helm.sh/chart": "other-1"}}});
        let other = super::facts(serde_json::from_value(other).unwrap());
        assert_eq!(other.chart_version, "other-1");
    }
}

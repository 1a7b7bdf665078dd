//! The ingestor's service account, as the release's policy names it.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;
use serde::Deserialize;

use super::{Account, AccountSource, chart};
use crate::Connection;
use crate::api::Call;

const FILE: &str = "ingestion-authz.yaml";

/// Names the ConfigMap of a release.
pub(crate) fn config_map(release: &str) -> String {
    format!("{release}-ingestion-authz")
}

/// Reads the account from the policy. Whatever stands in the way, the usual name is the answer.
pub(super) async fn find(connection: &Connection, namespace: &str, release: &str) -> Account {
    let name = config_map(release);
    let call = Call::of("get", "configmaps", namespace, &name);
    let found = connection
        .ask(call, |client| {
            let api: Api<ConfigMap> = Api::namespaced(client, namespace);
            let name = name.clone();
            async move { api.get(&name).await }
        })
        .await;
    let policy = found.ok().and_then(|map| map.data?.remove(FILE));
    match policy.and_then(|policy| only_account(&policy, namespace)) {
        Some(name) => Account {
            name,
            source: AccountSource::Policy,
        },
        None => Account {
            name: chart::ACCOUNT.to_owned(),
            source: AccountSource::Usual,
        },
    }
}

#[derive(Deserialize)]
struct Policy {
    #[serde(default)]
    allowed: Vec<Allowed>,
}

#[derive(Deserialize)]
struct Allowed {
    #[serde(default)]
    service_account: String,
    #[serde(default)]
    namespace: String,
}

/// The one distinct account of the namespace, if it is just one.
fn only_account(policy: &str, namespace: &str) -> Option<String> {
    let policy: Policy = serde_saphyr::from_str(policy).ok()?;
    let mut names: Vec<String> = policy
        .allowed
        .into_iter()
        .filter(|entry| entry.namespace == namespace && !entry.service_account.is_empty())
        .map(|entry| entry.service_account)
        .collect();
    names.sort();
    names.dedup();
    match names.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_name_of_the_namespace_counts() {
        for (policy, expected) in [
            (
                "allowed:\n  - {service_account: a, namespace: lab, table_prefixes: ['*']}",
                Some("a"),
            ),
            (
                "allowed:\n  - {service_account: a, namespace: lab}\n  - {service_account: a, namespace: lab}\n  - {service_account: b, namespace: other}\n  - {namespace: lab}",
                Some("a"),
            ),
            (
                "allowed:\n  - {service_account: a, namespace: lab}\n  - {service_account: b, namespace: lab}",
                None,
            ),
            ("allowed: []", None),
            ("{}", None),
            ("allowed: 7", None),
            (":\n:", None),
        ] {
            assert_eq!(only_account(policy, "lab").as_deref(), expected, "{policy}");
        }
    }
}

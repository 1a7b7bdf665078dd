//! What this user may do, asked beforehand for every verb that a run needs.

use futures_util::stream::{self, StreamExt as _};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use crate::Connection;
use crate::api::{ApiError, Call};
use crate::release::{Release, chart, config_map};

/// Reviews that are under way at a time.
const AT_ONCE: usize = 8;

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the namespace of the release.
    Namespace,
    /// In no namespace.
    Cluster,
}

/// How much a run needs a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing works without.
    Required,
    /// A token is had with this or with the other permission that is so marked.
    Token,
    /// Something is not told or not checked without. Says what.
    Useful(&'static str),
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `get`, `list`, `create`, `delete`.
    pub verb: &'static str,
    /// API group; empty for the core.
    pub group: &'static str,
    /// The resource with its subresource.
    pub resource: &'static str,
    /// The object that it is needed for, if it is known; empty for all.
    pub name: String,
    /// Where that lies.
    pub scope: Scope,
    /// How much it is needed.
    pub need: Need,
}

/// What the server says about a permission.
#[derive(Debug)]
pub struct Answer {
    /// The permission.
    pub permission: Permission,
    /// Whether it is granted; an error when that could not be asked.
    pub is_granted: Result<bool, ApiError>,
}

/// Lists every permission that a run uses (formats, 4.3). Objects whose names are known are asked for by name: a role may be
/// for them alone.
#[must_use]
pub fn needed(release: Option<&Release>) -> Vec<Permission> {
    let account = release.map_or(chart::ACCOUNT, |release| &release.account.name);
    let service = release.map_or(chart::MANAGER, |release| &release.service.name);
    let policy = release.map_or_else(String::new, |release| config_map(&release.name));
    let row = |verb, group, resource, name: &str, need| Permission {
        verb,
        group,
        resource,
        name: name.to_owned(),
        scope: Scope::Namespace,
        need,
    };
    let required = |verb, group, resource, name| row(verb, group, resource, name, Need::Required);
    let mut all = vec![
        required("list", "apps", "deployments", ""),
        required("get", "", "services", service),
        required("get", "", "configmaps", &policy),
        required("get", "", "persistentvolumeclaims", chart::CLAIM),
        required("create", "", "pods", ""),
        required("get", "", "pods", ""),
        required("list", "", "pods", ""),
        required("delete", "", "pods", ""),
        required("get", "", "pods/log", ""),
        required("get", "batch", "jobs", ""),
    ];
    // Servers before 1.35 judge a WebSocket by `get` alone, later ones by both.
    for resource in ["pods/exec", "pods/portforward"] {
        all.extend(["get", "create"].map(|verb| required(verb, "", resource, "")));
    }
    all.push(row(
        "create",
        "",
        "serviceaccounts/token",
        account,
        Need::Token,
    ));
    all.push(row("list", "", "secrets", "", Need::Token));
    let events = "why a pod does not start is told without the cluster's own notes";
    all.push(row("list", "", "events", "", Need::Useful(events)));
    let nodes = "the architecture of the node is not checked beforehand";
    let classes = "whether a claim that is not bound will bind is not known";
    for (group, resource, without) in [
        ("", "nodes", nodes),
        ("storage.k8s.io", "storageclasses", classes),
    ] {
        all.push(Permission {
            scope: Scope::Cluster,
            ..row("get", group, resource, "", Need::Useful(without))
        });
    }
    all
}

/// Asks the server about permissions, several at a time. The answers come in the order of the questions.
pub async fn review(
    connection: &Connection,
    namespace: &str,
    permissions: Vec<Permission>,
) -> Vec<Answer> {
    let asked = permissions.into_iter().map(|permission| async move {
        let is_granted = one(connection, namespace, &permission).await;
        Answer {
            permission,
            is_granted,
        }
    });
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

async fn one(
    connection: &Connection,
    namespace: &str,
    permission: &Permission,
) -> Result<bool, ApiError> {
    let question = question(namespace, permission);
    let call = Call::of("create", "selfsubjectaccessreviews", "", "");
    let answer = connection
        .ask(call, |client| {
            let api: Api<SelfSubjectAccessReview> = Api::all(client);
            let question = &question;
            async move { api.create(&PostParams::default(), question).await }
        })
        .await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn question(namespace: &str, permission: &Permission) -> SelfSubjectAccessReview {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (resource, subresource) = match permission.resource.split_once('/') {
        Some((resource, subresource)) => (resource, subresource),
        None => (permission.resource, ""),
    };
    let attributes = ResourceAttributes {
        verb: Some(permission.verb.to_owned()),
        group: given(permission.group),
        resource: Some(resource.to_owned()),
        subresource: given(subresource),
        name: given(&permission.name),
        namespace: match permission.scope {
            Scope::Namespace => Some(namespace.to_owned()),
            Scope::Cluster => None,
        },
        ..ResourceAttributes::default()
    };
    SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_and_port_forward_are_asked_for_with_both_verbs() {
        let all = needed(None);
        for resource in ["pods/exec", "pods/portforward"] {
            let verbs: Vec<&str> = all
                .iter()
                .filter(|permission| permission.resource == resource)
                .map(|permission| permission.verb)
                .collect();
            assert_eq!(verbs, ["get", "create"]);
        }
    }

    #[test]
    fn a_subresource_has_a_field_of_its_own() {
        let all = needed(None);
        let token = all.iter().find(|it| it.resource == "serviceaccounts/token");
        let question = question("lab", token.unwrap());
        let asked = question.spec.resource_attributes.unwrap();
        assert_eq!(asked.resource.as_deref(), Some("serviceaccounts"));
        assert_eq!(asked.subresource.as_deref(), Some("token"));
        assert_eq!(asked.name.as_deref(), Some("ingestor"));
        assert_eq!(asked.namespace.as_deref(), Some("lab"));
    }
}

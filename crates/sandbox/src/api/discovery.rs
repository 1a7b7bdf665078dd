//! What there is: versions, groups and resources, in the plain form that every client understands.

use serde_json::{Value, json};

use crate::kinds::{self, Kind};

const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// Reviews and requests: kinds that are answered and not kept. Group, plural, kind, namespaced.
pub(super) const REVIEWS: [(&str, &str, &str, bool); 6] = [
    (
        "authentication.k8s.io",
        "selfsubjectreviews",
        "SelfSubjectReview",
        false,
    ),
    (
        "authentication.k8s.io",
        "tokenreviews",
        "TokenReview",
        false,
    ),
    (
        "authorization.k8s.io",
        "localsubjectaccessreviews",
        "LocalSubjectAccessReview",
        true,
    ),
    (
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        false,
    ),
    (
        "authorization.k8s.io",
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        false,
    ),
    (
        "authorization.k8s.io",
        "subjectaccessreviews",
        "SubjectAccessReview",
        false,
    ),
];

/// Answers `/version`.
#[must_use]
pub(super) fn version(minor: u8) -> Value {
    json!({
        "major": "1", "minor": minor.to_string(), "gitVersion": git_version(minor),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
        "compiler": "", "platform": format!("{}/{}", std::env::consts::OS, crate::node::architecture()),
    })
}

/// Spells the version that server and node say they have.
#[must_use]
pub(crate) fn git_version(minor: u8) -> String {
    format!("v1.{minor}.0+longshore-sandbox")
}

/// Answers a path of discovery; `None` where there is nothing.
#[must_use]
pub(super) fn answer(path: &str) -> Option<Value> {
    match path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["api"] => Some(
            json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ),
        ["apis"] => {
            let groups: Vec<Value> = groups().iter().map(|name| group(name)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => groups().contains(name).then(|| {
            let mut group = group(name);
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            group
        }),
        ["api", "v1"] => Some(resources("")),
        ["apis", name, "v1"] => groups().contains(name).then(|| resources(name)),
        _ => None,
    }
}

fn groups() -> Vec<&'static str> {
    let stored = kinds::ALL.iter().map(|kind| kind.group);
    let mut groups: Vec<&str> = stored
        .chain(REVIEWS.iter().map(|review| review.0))
        .filter(|group| !group.is_empty())
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn group(name: &str) -> Value {
    let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

fn resources(group: &str) -> Value {
    let mut resources = Vec::new();
    for kind in kinds::ALL.iter().filter(|kind| kind.group == group) {
        resources.push(resource(kind));
        resources.extend(subresources(kind));
    }
    for (of, plural, kind, is_namespaced) in REVIEWS.iter().filter(|review| review.0 == group) {
        let _: &&str = of;
        let singular = kind.to_lowercase();
        resources.push(json!({
            "name": plural, "singularName": singular, "namespaced": is_namespaced, "kind": kind, "verbs": ["create"],
        }));
    }
    let version = if group.is_empty() {
        "v1".to_owned()
    } else {
        format!("{group}/v1")
    };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources})
}

fn resource(kind: &Kind) -> Value {
    let mut resource = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.is_namespaced(), "kind": kind.kind,
        "verbs": VERBS,
    });
    if *kind == kinds::NAMESPACE {
        resource["verbs"] = VERBS
            .iter()
            .filter(|verb| **verb != "deletecollection")
            .copied()
            .collect();
    }
    if !kind.short.is_empty() {
        resource["shortNames"] = kind.short.into();
    }
    if kind.in_all {
        resource["categories"] = json!(["all"]);
    }
    resource
}

fn subresources(kind: &Kind) -> Vec<Value> {
    let one = |sub: &str, of: &str, verbs: &[&str]| {
        json!({
            "name": format!("{}/{sub}", kind.plural), "singularName": "", "namespaced": kind.is_namespaced(), "kind": of,
            "verbs": verbs,
        })
    };
    let mut found = Vec::new();
    if kind.has_status {
        found.push(one("status", kind.kind, &["get", "patch", "update"]));
    }
    match kind.plural {
        "pods" => {
            found.push(one("exec", "PodExecOptions", &["create", "get"]));
            found.push(one("log", "Pod", &["get"]));
            found.push(one(
                "portforward",
                "PodPortForwardOptions",
                &["create", "get"],
            ));
        }
        "namespaces" => found.push(one("finalize", "Namespace", &["update"])),
        "serviceaccounts" => {
            let mut token = one("token", "TokenRequest", &["create"]);
            token["group"] = "authentication.k8s.io".into();
            token["version"] = "v1".into();
            found.push(token);
        }
        "deployments" | "replicasets" => {
            let mut scale = one("scale", "Scale", &["get", "patch", "update"]);
            scale["group"] = "autoscaling".into();
            scale["version"] = "v1".into();
            found.push(scale);
        }
        _ => {}
    }
    found
}

//! Role-based access control, as bindings and roles in the store say.

use serde_json::Value;

use crate::Sandbox;
use crate::api::request::Info;
use crate::kinds;
use crate::store::{Object, name_of, namespace_of, str_at};

use super::{MASTERS, User};

/// Whether a request may pass, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may.
    pub is_allowed: bool,
    /// The rule that let it pass, as reviews tell it.
    pub reason: String,
}

/// Decides whether `user` may do what `info` says.
#[must_use]
pub fn authorize(sandbox: &Sandbox, user: &User, info: &Info) -> Decision {
    if user.groups.iter().any(|group| group == MASTERS) {
        return Decision {
            is_allowed: true,
            reason: String::new(),
        };
    }
    let mut grants = Vec::new();
    for_each_rule(sandbox, user, &info.namespace, |rule, why| {
        if grants.is_empty() && allows(rule, info) {
            grants.push(why());
        }
    });
    grants
        .pop()
        .map_or_else(Decision::default, |reason| Decision {
            is_allowed: true,
            reason,
        })
}

/// Lists the rules that hold for `user` in a namespace.
#[must_use]
pub fn rules_of(sandbox: &Sandbox, user: &User, namespace: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    if user.groups.iter().any(|group| group == MASTERS) {
        rules.push(serde_json::json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        rules.push(serde_json::json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
    }
    for_each_rule(sandbox, user, namespace, |rule, _| rules.push(rule.clone()));
    rules
}

fn for_each_rule(
    sandbox: &Sandbox,
    user: &User,
    namespace: &str,
    mut visit: impl FnMut(&Value, &dyn Fn() -> String),
) {
    let (cluster_wide, _) = sandbox.store().list(&kinds::CLUSTER_ROLE_BINDING, None);
    let local = if namespace.is_empty() {
        Vec::new()
    } else {
        sandbox
            .store()
            .list(&kinds::ROLE_BINDING, Some(namespace))
            .0
    };
    for binding in cluster_wide.iter().chain(&local) {
        let Some(subject) = subject_of(binding, user) else {
            continue;
        };
        let Some(role) = role_of(sandbox, binding) else {
            continue;
        };
        for rule in role["rules"].as_array().into_iter().flatten() {
            visit(rule, &|| explain(binding, &subject));
        }
    }
}

fn subject_of(binding: &Value, user: &User) -> Option<String> {
    binding["subjects"].as_array()?.iter().find_map(|subject| {
        let name = str_at(subject, "/name");
        match str_at(subject, "/kind") {
            "User" if name == user.name => Some(format!("User \"{name}\"")),
            "Group" if user.groups.iter().any(|group| group == name) => {
                Some(format!("Group \"{name}\""))
            }
            "ServiceAccount" => {
                let namespace = str_at(subject, "/namespace");
                let namespace = if namespace.is_empty() {
                    namespace_of(binding)
                } else {
                    namespace
                };
                (format!("system:serviceaccount:{namespace}:{name}") == user.name)
                    .then(|| format!("ServiceAccount \"{name}/{namespace}\""))
            }
            _ => None,
        }
    })
}

fn role_of(sandbox: &Sandbox, binding: &Value) -> Option<Object> {
    let name = str_at(binding, "/roleRef/name");
    match str_at(binding, "/roleRef/kind") {
        "ClusterRole" => sandbox.store().get(&kinds::CLUSTER_ROLE, "", name).ok(),
        "Role" => sandbox
            .store()
            .get(&kinds::ROLE, namespace_of(binding), name)
            .ok(),
        _ => None,
    }
}

fn explain(binding: &Value, subject: &str) -> String {
    let namespace = namespace_of(binding);
    let place = if namespace.is_empty() {
        String::new()
    } else {
        format!("/{namespace}")
    };
    format!(
        "RBAC: allowed by {} \"{}{place}\" of {} \"{}\" to {subject}",
        str_at(binding, "/kind"),
        name_of(binding),
        str_at(binding, "/roleRef/kind"),
        str_at(binding, "/roleRef/name"),
    )
}

fn allows(rule: &Value, info: &Info) -> bool {
    let has = |field: &str, wanted: &str| {
        rule[field]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|one| one == "*" || one == wanted)
    };
    if !has("verbs", &info.verb) {
        return false;
    }
    if info.resource.is_empty() {
        return rule["nonResourceURLs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|path| {
                path == info.path
                    || path
                        .strip_suffix('*')
                        .is_some_and(|prefix| info.path.starts_with(prefix))
            });
    }
    let whole = info.whole_resource();
    let any_parent = format!("*/{}", info.subresource);
    let is_resource = rule["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|one| one == "*" || one == whole || !info.subresource.is_empty() && one == any_parent);
    let is_name = rule["resourceNames"].as_array().is_none_or(|names| {
        names.is_empty() || !info.name.is_empty() && names.iter().any(|name| *name == info.name)
    });
    has("apiGroups", &info.group) && is_resource && is_name
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::allows;
    use crate::api::request::{Info, Query};

    fn check(rule: &Value, allowed: &[(&str, &str)], denied: &[(&str, &str)]) {
        let verdict = |(method, path): &(&str, &str)| {
            allows(rule, &Info::read(method, path, &Query::default()))
        };
        for request in allowed {
            assert!(verdict(request), "{request:?}");
        }
        for request in denied {
            assert!(!verdict(request), "{request:?}");
        }
    }

    #[test]
    fn a_pod_is_not_its_subresources() {
        let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create"]});
        check(
            &rule,
            &[
                ("GET", "/api/v1/namespaces/a/pods/p"),
                ("POST", "/api/v1/namespaces/a/pods"),
            ],
            &[
                ("GET", "/api/v1/namespaces/a/pods"),
                ("POST", "/api/v1/namespaces/a/pods/p/exec"),
                ("GET", "/api/v1/namespaces/a/pods/p/log"),
                ("GET", "/apis/apps/v1/namespaces/a/deployments/p"),
            ],
        );
    }

    #[test]
    fn names_narrow_a_rule_to_those_objects() {
        let rule =
            json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "resourceNames": ["p"]});
        check(
            &rule,
            &[("DELETE", "/api/v1/namespaces/a/pods/p")],
            &[
                ("DELETE", "/api/v1/namespaces/a/pods/q"),
                ("GET", "/api/v1/namespaces/a/pods"),
                ("GET", "/version"),
            ],
        );
    }

    #[test]
    fn paths_that_are_no_resource_have_rules_of_their_own() {
        let rule = json!({"nonResourceURLs": ["/version", "/api/*"], "verbs": ["get"]});
        check(
            &rule,
            &[("GET", "/version"), ("GET", "/api/v1")],
            &[("POST", "/version"), ("GET", "/metrics")],
        );
    }
}

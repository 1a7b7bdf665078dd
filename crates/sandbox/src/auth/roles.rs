//! The roles every cluster starts with, as far as something here uses them, and the least role a push needs.

use serde_json::{Value, json};

/// Builds cluster roles and their bindings, as `(kind, object)`.
#[must_use]
pub fn bootstrap() -> Vec<(&'static crate::kinds::Kind, Value)> {
    let discovery = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    let everything = json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]);
    let reviews = json!([
        {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "verbs": ["create"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]);
    let delegator = json!([
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]);
    let public = json!([{"nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"]}]);
    let authenticated =
        json!([{"kind": "Group", "apiGroup": RBAC, "name": "system:authenticated"}]);
    let everybody = json!([
        {"kind": "Group", "apiGroup": RBAC, "name": "system:authenticated"},
        {"kind": "Group", "apiGroup": RBAC, "name": "system:unauthenticated"},
    ]);
    vec![
        role("cluster-admin", everything),
        role(
            "system:discovery",
            json!([{"nonResourceURLs": discovery, "verbs": ["get"]}]),
        ),
        role("system:basic-user", reviews),
        role("system:auth-delegator", delegator),
        role("system:public-info-viewer", public),
        role("view", namespaced(&["get", "list", "watch"], false)),
        role("edit", namespaced(&["*"], true)),
        role("admin", admin()),
        binding(
            "cluster-admin",
            json!([{"kind": "Group", "apiGroup": RBAC, "name": "system:masters"}]),
        ),
        binding("system:discovery", authenticated.clone()),
        binding("system:basic-user", authenticated),
        binding("system:public-info-viewer", everybody),
    ]
}

/// Returns the rules that are the least a push needs in the namespace of its release.
#[must_use]
pub fn pusher_rules() -> Value {
    json!([
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["services", "configmaps", "persistentvolumeclaims"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "get", "list", "delete"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["pods/exec", "pods/portforward"], "verbs": ["get", "create"]},
    ])
}

const RBAC: &str = "rbac.authorization.k8s.io";

fn role(name: &str, rules: Value) -> (&'static crate::kinds::Kind, Value) {
    let labels = json!({"kubernetes.io/bootstrapping": "rbac-defaults"});
    (
        &crate::kinds::CLUSTER_ROLE,
        json!({"metadata": {"name": name, "labels": labels}, "rules": rules}),
    )
}

fn binding(name: &str, subjects: Value) -> (&'static crate::kinds::Kind, Value) {
    let reference = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": name});
    let object = json!({"metadata": {"name": name}, "roleRef": reference, "subjects": subjects});
    (&crate::kinds::CLUSTER_ROLE_BINDING, object)
}

/// What `view` and `edit` cover: a viewer sees no Secrets, an editor runs things in pods.
fn namespaced(verbs: &[&str], is_editor: bool) -> Value {
    let mut core = vec![
        "configmaps",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "pods/status",
        "serviceaccounts",
        "services",
    ];
    if is_editor {
        core.extend([
            "secrets",
            "serviceaccounts/token",
            "pods/exec",
            "pods/portforward",
        ]);
    }
    json!([
        {"apiGroups": [""], "resources": core, "verbs": verbs},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale", "replicasets", "replicasets/scale"], "verbs": verbs},
        {"apiGroups": ["batch"], "resources": ["jobs", "jobs/status"], "verbs": verbs},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
    ])
}

fn admin() -> Value {
    let mut rules = namespaced(&["*"], true);
    if let Some(rules) = rules.as_array_mut() {
        rules.push(
            json!({"apiGroups": [RBAC], "resources": ["roles", "rolebindings"], "verbs": ["*"]}),
        );
        rules.push(json!({"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"], "verbs": ["create"]}));
    }
    rules
}

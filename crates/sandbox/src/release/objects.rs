//! The chart's objects.

use serde_json::{Value, json};

use super::{IMAGES, RELEASE, SERVICE};
use crate::kinds::{self, Kind};
use crate::{Failure, Sandbox};

pub(super) fn install(sandbox: &Sandbox, namespace: &str) -> Result<(), Failure> {
    let restricted = json!({
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    });
    let made = sandbox.create(
        &kinds::NAMESPACE,
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": restricted}}),
    );
    match made {
        Err(failure) if failure.code != 409 => return Err(failure),
        _ => {}
    }
    let volume = format!("{RELEASE}-{namespace}-data-pv");
    for (kind, object) in storage(namespace, &volume)
        .into_iter()
        .chain(accounts(namespace))
        .chain(workloads(namespace))
    {
        sandbox.create(kind, object)?;
    }
    Ok(())
}

type Objects = Vec<(&'static Kind, Value)>;

/// Metadata with the labels that discovery goes by.
fn meta(namespace: &str, name: &str) -> Value {
    json!({
        "name": name, "namespace": namespace,
        "labels": {
            "app.kubernetes.io/name": "client",
            "app.kubernetes.io/instance": RELEASE,
            "app.kubernetes.io/version": "1.9.62",
            "app.kubernetes.io/managed-by": "Helm",
            "helm.sh/chart": "client-1.9.62",
        },
    })
}

fn storage(namespace: &str, volume: &str) -> Objects {
    let mut claim = meta(namespace, "client-pvc");
    claim["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    vec![
        (
            &kinds::VOLUME,
            json!({
                "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
                "spec": {
                    "capacity": {"storage": "50Gi"}, "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
                    "claimRef": {"namespace": namespace, "name": "client-pvc"},
                    "hostPath": {"path": format!("/volumes/{namespace}/client"), "type": "DirectoryOrCreate"},
                },
            }),
        ),
        (
            &kinds::CLAIM,
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": claim,
                "spec": {
                    "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": volume,
                    "resources": {"requests": {"storage": "50Gi"}},
                },
            }),
        ),
    ]
}

fn accounts(namespace: &str) -> Objects {
    let plain = |name: &str| json!({"name": name, "namespace": namespace});
    let account = |name: &str| {
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(namespace, name)});
        (&kinds::SERVICE_ACCOUNT, object)
    };
    let role = |name: &str, rules: Value| {
        let object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": plain(name), "rules": rules,
        });
        (&kinds::ROLE, object)
    };
    let binding = |name: &str| {
        let object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": plain(name),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name.trim_end_matches("-rbac"), "namespace": namespace}],
        });
        (&kinds::ROLE_BINDING, object)
    };
    let manager = format!("{RELEASE}-jobs-manager");
    let manager_rbac = format!("{manager}-rbac");
    let policy = format!(
        "allowed:\n  - {{service_account: \"ingestor\", namespace: \"{namespace}\", table_prefixes: [\"*\"]}}\n"
    );
    vec![
        account("ingestor"),
        account(&manager),
        account("pusher"),
        (
            &kinds::SECRET,
            json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": meta(namespace, &format!("{RELEASE}-secrets")),
                "stringData": {
                    "CLIENT_ID": "sandbox-client", "CLIENT_PASSWORD": "not-a-password",
                    "POD_TOKEN_SIGNING_SECRET": "not-a-secret",
                },
            }),
        ),
        (
            &kinds::SECRET,
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
                "metadata": {
                    "name": "ingestor-static-token", "namespace": namespace,
                    "annotations": {"kubernetes.io/service-account.name": "ingestor"},
                },
            }),
        ),
        (
            &kinds::CONFIG_MAP,
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": meta(namespace, &format!("{RELEASE}-ingestion-authz")),
                "data": {"ingestion-authz.yaml": policy},
            }),
        ),
        role(
            &manager_rbac,
            json!([
                {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "create", "delete"]},
                {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]},
                {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["create", "get"]},
            ]),
        ),
        binding(&manager_rbac),
        role("pusher", crate::auth::roles::pusher_rules()),
        binding("pusher"),
    ]
}

fn workloads(namespace: &str) -> Objects {
    let locked = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let manager = format!("{RELEASE}-jobs-manager");
    let pod_security = |uid: u32| json!({"runAsNonRoot": true, "runAsUser": uid, "seccompProfile": {"type": "RuntimeDefault"}});
    // Siblings with the same labels, which discovery has to skip.
    let sibling = |name: &str, app: &str, uid: u32| {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(namespace, name),
            "spec": {
                "replicas": 0, "selector": {"matchLabels": {"app": app}},
                "template": {
                    "metadata": {"labels": {"app": app}},
                    "spec": {"securityContext": pod_security(uid), "containers": [
                        {"name": app, "image": format!("{IMAGES}idle:1"), "securityContext": locked},
                    ]},
                },
            },
        });
        (&kinds::DEPLOYMENT, object)
    };
    vec![
        (
            &kinds::SERVICE,
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": meta(namespace, SERVICE),
                "spec": {
                    "selector": {"app": "manager"}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}],
                },
            }),
        ),
        (
            &kinds::DEPLOYMENT,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(namespace, &manager),
                "spec": {
                    "replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": "manager"}},
                    "template": {"metadata": {"labels": {"app": "manager"}}, "spec": {
                        "serviceAccountName": manager,
                        "securityContext": pod_security(1000),
                        "containers": [
                            {
                                "name": "api", "image": format!("{IMAGES}jobs-manager:1"),
                                "ports": [{"name": "http", "containerPort": 8080}],
                                "readinessProbe": {"tcpSocket": {"port": 8080}},
                                "securityContext": locked,
                                "env": [
                                    {"name": "INGESTOR_IMAGE_DIGEST", "value": ""},
                                    {"name": "CLIENT_PVC", "value": "client-pvc"},
                                    {"name": "MYSQL_HOST", "value": "mysql-client"},
                                ],
                                "volumeMounts": [
                                    {"name": "shared-volume", "mountPath": "/data/shared"},
                                    {"name": "ingestion-authz", "mountPath": "/etc/tracebloc"},
                                ],
                            },
                            {
                                "name": "pods-monitor-container", "image": format!("{IMAGES}idle:1"),
                                "securityContext": locked,
                            },
                        ],
                        "volumes": [
                            {"name": "shared-volume", "persistentVolumeClaim": {"claimName": "client-pvc"}},
                            {"name": "ingestion-authz", "configMap": {"name": format!("{RELEASE}-ingestion-authz")}},
                        ],
                    }},
                },
            }),
        ),
        sibling("mysql-client", "mysql-client", 999),
        sibling(&format!("{RELEASE}-requests-proxy"), "requests-proxy", 1000),
    ]
}

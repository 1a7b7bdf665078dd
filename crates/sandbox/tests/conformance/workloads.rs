//! Pods, Jobs and Services as the server takes them, before any node has seen them.

use serde_json::json;

use super::cluster::{Cluster, MERGE, refused};

pub(crate) async fn a_pod_needs_its_account_and_gets_its_defaults(cluster: &Cluster) {
    let pods = cluster.core("pods?dryRun=All");
    let pod = |account: &str| {
        json!({
            "metadata": {"name": "plain"},
            "spec": {"serviceAccountName": account, "containers": [{"name": "c", "image": "registry.example/i:1"}]},
        })
    };
    let missing = format!(
        "pods \"plain\" is forbidden: error looking up service account {}/none: serviceaccount \"none\" not found",
        cluster.namespace
    );
    refused(
        cluster.post(&pods, pod("none")).await,
        403,
        "Forbidden",
        &missing,
    );
    let made = cluster.post(&pods, pod("default")).await.unwrap();
    let spec = &made["spec"];
    assert_eq!(spec["restartPolicy"], "Always");
    assert_eq!(spec["terminationGracePeriodSeconds"], 30);
    assert_eq!(spec["containers"][0]["imagePullPolicy"], "IfNotPresent");
    assert_eq!(
        spec["containers"][0]["terminationMessagePath"],
        "/dev/termination-log"
    );
    assert_eq!(
        spec["containers"][0]["volumeMounts"][0]["mountPath"],
        "/var/run/secrets/kubernetes.io/serviceaccount"
    );
    assert_eq!(spec["tolerations"].as_array().unwrap().len(), 2);
    assert_eq!(
        (
            made["status"]["phase"].as_str(),
            made["status"]["qosClass"].as_str()
        ),
        (Some("Pending"), Some("BestEffort"))
    );
    refused(
        cluster
            .post(&pods, json!({"metadata": {"name": "a"}, "spec": {}}))
            .await,
        422,
        "Invalid",
        "Pod \"a\" is invalid: spec.containers: Required value",
    );
    refused(
        cluster.get(&cluster.core("pods/plain")).await,
        404,
        "NotFound",
        "pods \"plain\" not found",
    );
}

pub(crate) async fn a_jobs_template_must_end(cluster: &Cluster) {
    let job = |policy: &str| {
        json!({"metadata": {"name": "j"}, "spec": {"template": {"spec": {
            "restartPolicy": policy, "containers": [{"name": "c", "image": "registry.example/i:1"}],
        }}}})
    };
    let refusal = cluster
        .post(&cluster.group("batch", "jobs?dryRun=All"), job("Always"))
        .await
        .unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"));
    let made = cluster
        .post(&cluster.group("batch", "jobs?dryRun=All"), job("Never"))
        .await
        .unwrap();
    assert_eq!(
        (
            made["spec"]["backoffLimit"].as_u64(),
            made["spec"]["completions"].as_u64()
        ),
        (Some(6), Some(1))
    );
}

pub(crate) async fn a_service_has_an_address(cluster: &Cluster) {
    let service = json!({
        "metadata": {"name": "s"}, "spec": {"selector": {"app": "none"}, "ports": [{"name": "http", "port": 80}]},
    });
    let made = cluster
        .post(&cluster.core("services"), service)
        .await
        .unwrap();
    let address = made["spec"]["clusterIP"].as_str().unwrap();
    assert!(address.parse::<std::net::Ipv4Addr>().is_ok(), "{address}");
    assert_eq!(made["spec"]["ports"][0]["targetPort"], 80);
    let path = cluster.group(
        "discovery.k8s.io",
        "endpointslices?labelSelector=kubernetes.io/service-name%3Ds",
    );
    cluster
        .until("the endpoint slice", &path, |list| {
            list["items"]
                .as_array()
                .is_some_and(|items| items.len() == 1)
        })
        .await;
    refused(
        cluster
            .post(
                &cluster.core("services"),
                json!({"metadata": {"name": "t"}, "spec": {"selector": {"a": "b"}}}),
            )
            .await,
        422,
        "Invalid",
        "Service \"t\" is invalid: spec.ports: Required value",
    );
}

pub(crate) async fn a_service_keeps_its_address(cluster: &Cluster) {
    let service = json!({"metadata": {"name": "kept"}, "spec": {"ports": [{"port": 80}]}});
    let made = cluster.post(&cluster.core("services"), service).await;
    let path = cluster.core("services/kept");
    let taken = made.unwrap()["spec"]["clusterIP"].clone();
    let other = if taken == "10.96.0.77" {
        "10.96.0.78"
    } else {
        "10.96.0.77"
    };
    let patch = json!({"spec": {"clusterIP": other, "clusterIPs": [other]}});
    refused(
        cluster.patch(&path, MERGE, patch).await,
        422,
        "Invalid",
        &format!(
            "Service \"kept\" is invalid: spec.clusterIPs[0]: Invalid value: [\"{other}\"]: may not change once set"
        ),
    );
}

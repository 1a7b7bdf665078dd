//! Objects: names, versions, patches, selectors, watches. The sentences are those of Kubernetes 1.35.4.

use serde_json::{Value, json};

use super::cluster::{Cluster, MERGE, refused};

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"a": "1"}})
}

pub(crate) async fn names_are_taken_once(cluster: &Cluster) {
    let maps = cluster.core("configmaps");
    let made = cluster.post(&maps, map("taken")).await.unwrap();
    assert_eq!(
        (made["kind"].as_str(), made["apiVersion"].as_str()),
        (Some("ConfigMap"), Some("v1"))
    );
    assert_eq!(made["metadata"]["namespace"], cluster.namespace.as_str());
    refused(
        cluster.post(&maps, map("taken")).await,
        409,
        "AlreadyExists",
        "configmaps \"taken\" already exists",
    );
    let generated = cluster
        .post(&maps, json!({"metadata": {"generateName": "made-"}}))
        .await
        .unwrap();
    let name = generated["metadata"]["name"].as_str().unwrap();
    assert!(
        name.starts_with("made-") && name.len() == "made-".len() + 5,
        "{name}"
    );
}

pub(crate) async fn a_stale_update_conflicts(cluster: &Cluster) {
    let made = cluster
        .post(&cluster.core("configmaps"), map("stale"))
        .await
        .unwrap();
    let path = cluster.core("configmaps/stale");
    let mut first = made.clone();
    first["data"]["a"] = "2".into();
    let first = cluster.put(&path, first).await.unwrap();
    assert_ne!(
        first["metadata"]["resourceVersion"],
        made["metadata"]["resourceVersion"]
    );
    assert_eq!(first["metadata"]["uid"], made["metadata"]["uid"]);
    refused(
        cluster.put(&path, made).await,
        409,
        "Conflict",
        "Operation cannot be fulfilled on configmaps \"stale\": the object has been modified; please apply your changes to the \
         latest version and try again",
    );
    refused(
        cluster.put(&path, map("other")).await,
        400,
        "BadRequest",
        "the name of the object (other) does not match the name on the URL (stale)",
    );
}

pub(crate) async fn patches_of_three_kinds_apply(cluster: &Cluster) {
    cluster
        .post(&cluster.core("configmaps"), map("patched"))
        .await
        .unwrap();
    let path = cluster.core("configmaps/patched");
    let merged = cluster
        .patch(&path, MERGE, json!({"data": {"b": "2"}}))
        .await
        .unwrap();
    assert_eq!(merged["data"], json!({"a": "1", "b": "2"}));
    let operations = json!([{"op": "test", "path": "/data/a", "value": "1"}, {"op": "remove", "path": "/data/a"}]);
    let patched = cluster
        .patch(&path, "application/json-patch+json", operations)
        .await
        .unwrap();
    assert_eq!(patched["data"], json!({"b": "2"}));
    let strategic = "application/strategic-merge-patch+json";
    let patched = cluster
        .patch(&path, strategic, json!({"data": {"c": "3", "b": null}}))
        .await
        .unwrap();
    assert_eq!(patched["data"], json!({"c": "3"}));
    let wrong = json!([{"op": "test", "path": "/data/c", "value": "9"}]);
    refused(
        cluster
            .patch(&path, "application/json-patch+json", wrong)
            .await,
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    );
}

pub(crate) async fn unknown_fields_are_refused_on_request(cluster: &Cluster) {
    let body = json!({"metadata": {"name": "unknown"}, "dota": {}});
    refused(
        cluster
            .post(
                &cluster.core("configmaps?fieldValidation=Strict"),
                body.clone(),
            )
            .await,
        400,
        "BadRequest",
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dota\"",
    );
    let made = cluster
        .post(&cluster.core("configmaps"), body)
        .await
        .unwrap();
    assert!(made.get("dota").is_none());
}

pub(crate) async fn wrong_names_and_types_are_refused(cluster: &Cluster) {
    let maps = cluster.core("configmaps");
    refused(
        cluster.post(&maps, json!({"metadata": {}})).await,
        422,
        "Invalid",
        "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
    );
    refused(
        cluster
            .post(
                &maps,
                json!({"metadata": {"name": "typed"}, "data": {"a": 5}}),
            )
            .await,
        400,
        "BadRequest",
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field \
         ConfigMap.data of type string",
    );
    refused(
        cluster
            .post(
                &maps,
                json!({"metadata": {"name": "far", "namespace": "elsewhere"}}),
            )
            .await,
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    );
    let label = json!({"metadata": {"name": "labelled", "labels": {"a": "_x"}}});
    let refusal = cluster.post(&maps, label).await.unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"));
    assert!(
        refusal
            .message
            .contains("metadata.labels: Invalid value: \"_x\": a valid label must be"),
        "{}",
        refusal.message
    );
}

pub(crate) async fn a_list_comes_in_pages(cluster: &Cluster) {
    for name in ["page-a", "page-b", "page-c"] {
        let labelled = json!({"metadata": {"name": name, "labels": {"pages": "yes"}}});
        cluster
            .post(&cluster.core("configmaps"), labelled)
            .await
            .unwrap();
    }
    let mut names = Vec::new();
    let mut next = String::new();
    loop {
        let path = cluster.core(&format!(
            "configmaps?limit=2&labelSelector=pages&continue={next}"
        ));
        let page = cluster.get(&path).await.unwrap();
        assert_eq!(page["kind"], "ConfigMapList");
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["metadata"]["name"].as_str().unwrap().to_owned()),
        );
        match page["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => next = token.to_owned(),
            _ => break,
        }
    }
    assert_eq!(names, ["page-a", "page-b", "page-c"]);
}

pub(crate) async fn selectors_narrow_a_list(cluster: &Cluster) {
    for (name, tier) in [("sel-a", "front"), ("sel-b", "back")] {
        let labelled = json!({"metadata": {"name": name, "labels": {"tier": tier}}});
        cluster
            .post(&cluster.core("configmaps"), labelled)
            .await
            .unwrap();
    }
    for (query, expected) in [
        ("labelSelector=tier%3Dback", &["sel-b"][..]),
        (
            "labelSelector=tier%20in%20(back,front)",
            &["sel-a", "sel-b"],
        ),
        ("labelSelector=tier,tier!%3Dback", &["sel-a"]),
        ("fieldSelector=metadata.name%3Dsel-b", &["sel-b"]),
    ] {
        let list = cluster
            .get(&cluster.core(&format!("configmaps?{query}")))
            .await
            .unwrap();
        let names: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{query}");
    }
    refused(
        cluster
            .get(&cluster.core("configmaps?labelSelector=a%3D%3D%3D"))
            .await,
        400,
        "BadRequest",
        "unable to parse requirement: found '=', expected: identifier",
    );
    refused(
        cluster
            .get(&cluster.core("pods?fieldSelector=spec.bogus%3D1"))
            .await,
        400,
        "BadRequest",
        "field label not supported: spec.bogus",
    );
}

pub(crate) async fn a_watch_tells_every_change(cluster: &Cluster) {
    let maps = cluster.core("configmaps");
    let list = cluster.get(&maps).await.unwrap();
    let from = list["metadata"]["resourceVersion"].as_str().unwrap();
    let labelled = json!({"metadata": {"name": "watched", "labels": {"watch": "me"}}});
    cluster.post(&maps, labelled).await.unwrap();
    let path = cluster.core("configmaps/watched");
    cluster
        .patch(&path, MERGE, json!({"data": {"a": "1"}}))
        .await
        .unwrap();
    // To a watcher with a selector an object that no longer matches is gone.
    cluster
        .patch(
            &path,
            MERGE,
            json!({"metadata": {"labels": {"watch": null}}}),
        )
        .await
        .unwrap();
    cluster.delete(&path, Value::Null).await.unwrap();
    let query = format!("configmaps?watch=1&resourceVersion={from}&timeoutSeconds=1");
    let told = |events: Vec<Value>| -> Vec<String> {
        let own = events
            .into_iter()
            .filter(|event| event["object"]["metadata"]["name"] == "watched");
        own.map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        told(cluster.watch(&cluster.core(&query)).await),
        ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    );
    let narrowed = cluster.core(&format!("{query}&labelSelector=watch%3Dme"));
    assert_eq!(
        told(cluster.watch(&narrowed).await),
        ["ADDED", "MODIFIED", "DELETED"]
    );
    let initial = cluster.core(
        "configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
    );
    let events = cluster.watch(&initial).await;
    let bookmark = events
        .iter()
        .find(|event| event["type"] == "BOOKMARK")
        .unwrap();
    assert_eq!(
        bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

pub(crate) async fn a_watch_from_before_the_history_is_told_so(cluster: &Cluster) {
    let events = cluster
        .watch(&cluster.core("configmaps?watch=1&resourceVersion=1&timeoutSeconds=1"))
        .await;
    // A server whose history still reaches back that far may also tell all of it.
    if let Some(error) = events.iter().find(|event| event["type"] == "ERROR") {
        assert_eq!(
            (
                error["object"]["code"].as_u64(),
                error["object"]["reason"].as_str()
            ),
            (Some(410), Some("Expired"))
        );
    }
}

pub(crate) async fn a_deletion_with_another_uid_conflicts(cluster: &Cluster) {
    let made = cluster
        .post(&cluster.core("configmaps"), map("kept"))
        .await
        .unwrap();
    let path = cluster.core("configmaps/kept");
    let refusal = cluster
        .delete(&path, json!({"preconditions": {"uid": "other"}}))
        .await
        .unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (409, "Conflict"));
    let deleted = cluster.delete(&path, Value::Null).await.unwrap();
    assert_eq!(
        (deleted["kind"].as_str(), deleted["status"].as_str()),
        (Some("Status"), Some("Success"))
    );
    assert_eq!(deleted["details"]["uid"], made["metadata"]["uid"]);
}

pub(crate) async fn what_is_not_there_is_not_found(cluster: &Cluster) {
    refused(
        cluster.get(&cluster.core("pods/none")).await,
        404,
        "NotFound",
        "pods \"none\" not found",
    );
    refused(
        cluster.get("/api/v1/bogus").await,
        404,
        "NotFound",
        "the server could not find the requested resource",
    );
    refused(
        cluster
            .post("/api/v1/namespaces/longshore-nowhere/configmaps", map("x"))
            .await,
        404,
        "NotFound",
        "namespaces \"longshore-nowhere\" not found",
    );
    refused(
        cluster
            .patch(&cluster.core("configmaps/none"), MERGE, json!({}))
            .await,
        404,
        "NotFound",
        "configmaps \"none\" not found",
    );
}

pub(crate) async fn bodies_have_known_types(cluster: &Cluster) {
    let path = cluster.core("configmaps?dryRun=All");
    let yaml = "metadata:\n  name: typed\ndata: {a: '1'}\n";
    let ask = async |kind: &str| cluster.ask("POST", &path, kind, yaml.into()).await;
    let made = ask("application/yaml").await.unwrap();
    assert_eq!(made["data"]["a"], "1");
    refused(
        ask("text/plain").await,
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: application/json, \
         application/yaml, application/vnd.kubernetes.protobuf",
    );
}

pub(crate) async fn a_version_is_a_number(cluster: &Cluster) {
    let why = "resourceVersion: Invalid value: \"new\": strconv.ParseUint: parsing \"new\": invalid syntax";
    let list = cluster.core("configmaps?resourceVersion=new");
    refused(
        cluster.get(&list).await,
        400,
        "BadRequest",
        &format!("invalid resource version: {why}"),
    );
    let watch = cluster.get(&format!("{list}&watch=1")).await.unwrap_err();
    assert_eq!((watch.code, watch.message.as_str()), (500, why));
}

pub(crate) async fn a_node_tells_of_itself(cluster: &Cluster) {
    let nodes = cluster.get("/api/v1/nodes").await.unwrap();
    let status = &nodes["items"][0]["status"];
    let conditions = status["conditions"].as_array().unwrap();
    assert!(
        conditions
            .iter()
            .any(|one| one["type"] == "Ready" && one["status"] == "True")
    );
    let info = &status["nodeInfo"];
    let labels = &nodes["items"][0]["metadata"]["labels"];
    assert_eq!(info["architecture"], labels["kubernetes.io/arch"]);
    assert_eq!(info["operatingSystem"], "linux");
    assert!(status["capacity"]["cpu"].is_string());
}

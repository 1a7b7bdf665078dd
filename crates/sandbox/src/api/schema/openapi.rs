//! The OpenAPI documents, put together from the types: what `kubectl apply` and `kubectl explain` look things up in.

use serde_json::{Map, Value, json};

use crate::kinds::{self, Kind};

use super::schema;

/// Builds the OpenAPI v2 document.
#[must_use]
pub(crate) fn v2() -> Value {
    let definitions: Map<String, Value> = schema().types.clone().into_iter().collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1"},
        "paths": paths(|_| true, "v2"),
        "definitions": definitions,
    })
}

/// Builds the list of OpenAPI v3 documents, one a group.
#[must_use]
pub(crate) fn v3_index() -> Value {
    let mut groups: Vec<String> = kinds::ALL
        .iter()
        .map(|kind| group_path(kind.group))
        .collect();
    groups.extend(
        [
            "apis/authentication.k8s.io/v1",
            "apis/authorization.k8s.io/v1",
        ]
        .map(str::to_owned),
    );
    groups.sort();
    groups.dedup();
    let paths: Map<String, Value> = groups
        .into_iter()
        .map(|group| {
            let url = json!({"serverRelativeURL": format!("/openapi/v3/{group}?hash=1")});
            (group, url)
        })
        .collect();
    json!({"paths": paths})
}

/// Builds the OpenAPI v3 document of a group, given as `api/v1` or `apis/GROUP/v1`.
#[must_use]
pub(crate) fn v3(group: &str) -> Option<Value> {
    v3_index()["paths"].get(group)?;
    let schemas: Map<String, Value> = schema()
        .types
        .iter()
        .map(|(name, node)| (name.clone(), with_v3_references(node)))
        .collect();
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1"},
        "paths": paths(|kind| group_path(kind.group) == group, "v3"),
        "components": {"schemas": schemas},
    }))
}

fn group_path(group: &str) -> String {
    if group.is_empty() {
        "api/v1".to_owned()
    } else {
        format!("apis/{group}/v1")
    }
}

/// The paths, as far as clients read them: kubectl looks for the `fieldValidation` parameter of `patch`.
fn paths(is_wanted: impl Fn(&Kind) -> bool, version: &str) -> Map<String, Value> {
    let parameter = |name: &str| match version {
        "v2" => json!({"name": name, "in": "query", "type": "string", "uniqueItems": true}),
        _ => {
            json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
        }
    };
    let mut paths = Map::new();
    for kind in kinds::ALL.iter().filter(|kind| is_wanted(kind)) {
        let id = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        let operation = |action: &str, parameters: &[&str]| {
            json!({
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": id,
                "parameters": parameters.iter().map(|name| parameter(name)).collect::<Vec<_>>(),
            })
        };
        let writing = ["dryRun", "fieldManager", "fieldValidation"];
        let place = if kind.is_namespaced() {
            "namespaces/{namespace}/"
        } else {
            ""
        };
        let collection = format!("/{}/{place}{}", group_path(kind.group), kind.plural);
        paths.insert(
            format!("{collection}/{{name}}"),
            json!({
                "get": operation("get", &[]),
                "put": operation("put", &writing),
                "patch": operation("patch", &writing),
                "delete": operation("delete", &["dryRun"]),
            }),
        );
        let one = json!({"get": operation("list", &["labelSelector", "fieldSelector"]), "post": operation("post", &writing)});
        paths.insert(collection, one);
    }
    paths
}

fn with_v3_references(node: &Value) -> Value {
    match node {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                match value
                    .as_str()
                    .and_then(|path| path.strip_prefix("#/definitions/"))
                {
                    Some(name) if key == "$ref" => {
                        (key.clone(), format!("#/components/schemas/{name}").into())
                    }
                    _ => (key.clone(), with_v3_references(value)),
                }
            })
            .collect(),
        Value::Array(values) => values.iter().map(with_v3_references).collect(),
        other => other.clone(),
    }
}

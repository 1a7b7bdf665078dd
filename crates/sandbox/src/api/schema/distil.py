#!/usr/bin/env python3
"""Distils the OpenAPI v2 document of a real API server to the types the sandbox serves.

usage: kubectl get --raw /openapi/v2 | distil.py > types.json

Descriptions go, types no served kind reaches go; what stays is what clients and the sandbox decide by: fields, their types,
required ones, merge keys, and which kind a type is.
"""
import json
import sys

SERVED = {
    "": "ConfigMap Event Namespace Node PersistentVolumeClaim PersistentVolume Pod Secret ServiceAccount Service",
    "apps": "Deployment ReplicaSet",
    "batch": "Job",
    "coordination.k8s.io": "Lease",
    "discovery.k8s.io": "EndpointSlice",
    "rbac.authorization.k8s.io": "ClusterRoleBinding ClusterRole RoleBinding Role",
    "storage.k8s.io": "StorageClass",
    "authentication.k8s.io": "TokenReview TokenRequest SelfSubjectReview",
    "authorization.k8s.io": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview LocalSubjectAccessReview",
}
KEPT = ("type", "format", "required", "additionalProperties", "items", "$ref", "properties", "x-kubernetes-group-version-kind",
        "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields")


def slim(node):
    out = {}
    for key in KEPT:
        if key not in node:
            continue
        value = node[key]
        if key == "properties":
            value = {name: slim(child) for name, child in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            value = slim(value)
        elif key == "x-kubernetes-group-version-kind":
            value = [one for one in value if one["version"] == "v1"]
            if len(value) != 1:
                continue
        out[key] = value
    return out


def refs(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value.rsplit("/", 1)[-1]
            else:
                yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def main():
    definitions = {name: slim(node) for name, node in json.load(sys.stdin)["definitions"].items()}
    todo = ["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", "io.k8s.apimachinery.pkg.apis.meta.v1.Status"]
    for name, node in definitions.items():
        for one in node.get("x-kubernetes-group-version-kind", []):
            kinds = SERVED.get(one["group"], "").split()
            if one["version"] == "v1" and (one["kind"] in kinds or one["kind"].removesuffix("List") in kinds):
                todo.append(name)
    found = {}
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = definitions[name]
            todo.extend(refs(definitions[name]))
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(found[name], sort_keys=True, separators=(',', ':'))}" for name in sorted(found))
    print("{\n" + lines + "\n}")


main()

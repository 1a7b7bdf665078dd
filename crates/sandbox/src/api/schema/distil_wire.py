#!/usr/bin/env python3
"""Distils field numbers of the binary encoding from the Go types of a Kubernetes release.

usage: distil_wire.py API_MODULE APIMACHINERY_MODULE > wire.txt   (both modules unpacked, of one release)

A line without indentation names a type; the others are its fields: number, JSON name (`-` for fields that are folded into
their parent), and the type with `?` for optional, `[]` for repeated, `{}` for maps by text.
"""
import pathlib
import re
import sys

PACKAGES = {"core": "v1", "apps": "v1", "batch": "v1", "coordination": "v1", "discovery": "v1", "rbac": "v1", "storage": "v1",
            "authentication": "v1", "authorization": "v1"}
META = "io.k8s.apimachinery.pkg.apis.meta.v1"
IMPORTS = {"metav1": META, "v1": "io.k8s.api.core.v1", "corev1": "io.k8s.api.core.v1"}
SCALARS = {"string": "string", "bool": "bool", "int32": "int", "int64": "int", "int": "int", "uint32": "int", "byte": "byte",
           "float64": "double", "types.UID": "string", "resource.Quantity": "quantity", "intstr.IntOrString": "intorstring",
           "runtime.RawExtension": "raw", "metav1.Time": "time", "metav1.MicroTime": "microtime", "Time": "time",
           "MicroTime": "microtime", "metav1.FieldsV1": "raw", "FieldsV1": "raw"}
FIELD = re.compile(r'^\t(?:(\w+) +)?(\S+)\s+`json:"([^"]*)"(?:\s+\w+:"[^"]*")*?\s+protobuf:"\w+,(\d+),')


def read(path, package):
    structs, aliases, name = {}, {}, None
    for line in path.read_text().splitlines():
        if found := re.match(r"^type (\w+) struct \{", line):
            name = found[1]
            structs[name] = []
        elif found := re.match(r"^type (\w+) (\S+)$", line):
            aliases[found[1]] = found[2]
        elif line.startswith("}"):
            name = None
        elif name and (found := FIELD.match(line)):
            structs[name].append((int(found[4]), found[3], found[2], package))
    return structs, aliases


def main():
    api, machinery = map(pathlib.Path, sys.argv[1:3])
    sources = [(f"io.k8s.api.{name}.{version}", api / name / version / "types.go") for name, version in PACKAGES.items()]
    sources.append((META, machinery / "pkg/apis/meta/v1/types.go"))
    all_structs, all_aliases = {}, {}
    for package, path in sources:
        structs, aliases = read(path, package)
        all_structs.update({f"{package}.{name}": fields for name, fields in structs.items()})
        all_aliases.update({f"{package}.{name}": target for name, target in aliases.items()})

    def spell(go, package):
        if go.startswith("*"):
            return "?" + spell(go[1:], package)
        if go == "[]byte":
            return "bytes"
        if go.startswith("[]"):
            return "[]" + spell(go[2:], package)
        if found := re.match(r"^map\[[\w.]+\](.*)$", go):
            return "{}" + spell(found[1], package)
        if go in SCALARS:
            return SCALARS[go]
        prefix, _, name = go.rpartition(".")
        full = f"{IMPORTS.get(prefix, package) if prefix else package}.{name}"
        if full in all_structs:
            return full
        target = all_aliases.get(full)
        if target is None:
            return "unknown"
        spelt = spell(target, full.rpartition(".")[0])
        # A named list is a message around the list.
        return "items" if spelt.startswith("[]") else spelt

    for name in sorted(all_structs):
        fields = all_structs[name]
        if not fields or name.endswith("List"):
            continue
        print(name)
        for number, json, go, package in sorted(fields):
            key, _, options = json.partition(",")
            spelt = spell(go, package)
            if "unknown" not in spelt:
                print(f" {number} {'-' if 'inline' in options and not key else key} {spelt}")


main()

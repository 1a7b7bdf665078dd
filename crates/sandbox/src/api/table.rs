//! Tables: what `kubectl get` prints, laid out by the server.

mod cells;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::Kind;

/// A column: name, type, and priority (0 is always shown, 1 only with `-o wide`).
type Column = (&'static str, &'static str, u8);

const AGE: Column = ("Age", "string", 0);
const NAME: Column = ("Name", "string", 0);

/// What goes into a row besides the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    /// The object's metadata.
    Metadata,
    /// The whole object.
    Object,
    /// Nothing.
    Nothing,
}

impl Include {
    /// Reads the `includeObject` parameter.
    #[must_use]
    pub(super) fn read(text: Option<&str>) -> Self {
        match text {
            Some("Object") => Self::Object,
            Some("None") => Self::Nothing,
            _ => Self::Metadata,
        }
    }
}

/// Lays objects out as a table. `metadata` is that of the list.
pub(super) fn table(
    kind: &Kind,
    objects: &[&Value],
    metadata: &Value,
    include: Include,
    now: Timestamp,
) -> Value {
    let columns: Vec<Value> = columns(kind)
        .iter()
        .map(|(name, of, priority)| {
            let format = if *name == "Name" { "name" } else { "" };
            json!({"name": name, "type": of, "format": format, "description": "", "priority": priority})
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut row = json!({"cells": cells::of(kind, object, now)});
            match include {
                Include::Metadata => row["object"] = partial(object),
                Include::Object => row["object"] = (*object).clone(),
                Include::Nothing => {}
            }
            row
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": columns, "rows": rows,
    })
}

/// Reduces an object to its metadata.
#[must_use]
pub(super) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn columns(kind: &Kind) -> &'static [Column] {
    match kind.plural {
        "configmaps" => &[NAME, ("Data", "string", 0), AGE],
        "events" => &[
            ("Last Seen", "string", 0),
            ("Type", "string", 0),
            ("Reason", "string", 0),
            ("Object", "string", 0),
            ("Subobject", "string", 1),
            ("Source", "string", 1),
            ("Message", "string", 0),
            ("First Seen", "string", 1),
            ("Count", "string", 1),
            ("Name", "string", 1),
        ],
        "namespaces" => &[NAME, ("Status", "string", 0), AGE],
        "nodes" => &[
            NAME,
            ("Status", "string", 0),
            ("Roles", "string", 0),
            AGE,
            ("Version", "string", 0),
            ("Internal-IP", "string", 1),
            ("External-IP", "string", 1),
            ("OS-Image", "string", 1),
            ("Kernel-Version", "string", 1),
            ("Container-Runtime", "string", 1),
        ],
        "persistentvolumeclaims" => &[
            NAME,
            ("Status", "string", 0),
            ("Volume", "string", 0),
            ("Capacity", "string", 0),
            ("Access Modes", "string", 0),
            ("StorageClass", "string", 0),
            ("VolumeAttributesClass", "string", 0),
            AGE,
            ("VolumeMode", "string", 1),
        ],
        "persistentvolumes" => &[
            NAME,
            ("Capacity", "string", 0),
            ("Access Modes", "string", 0),
            ("Reclaim Policy", "string", 0),
            ("Status", "string", 0),
            ("Claim", "string", 0),
            ("StorageClass", "string", 0),
            ("VolumeAttributesClass", "string", 0),
            ("Reason", "string", 0),
            AGE,
            ("VolumeMode", "string", 1),
        ],
        "pods" => &[
            NAME,
            ("Ready", "string", 0),
            ("Status", "string", 0),
            ("Restarts", "string", 0),
            AGE,
            ("IP", "string", 1),
            ("Node", "string", 1),
            ("Nominated Node", "string", 1),
            ("Readiness Gates", "string", 1),
        ],
        "secrets" => &[NAME, ("Type", "string", 0), ("Data", "string", 0), AGE],
        "services" => &[
            NAME,
            ("Type", "string", 0),
            ("Cluster-IP", "string", 0),
            ("External-IP", "string", 0),
            ("Port(s)", "string", 0),
            AGE,
            ("Selector", "string", 1),
        ],
        "deployments" => &[
            NAME,
            ("Ready", "string", 0),
            ("Up-to-date", "string", 0),
            ("Available", "string", 0),
            AGE,
            ("Containers", "string", 1),
            ("Images", "string", 1),
            ("Selector", "string", 1),
        ],
        "replicasets" => &[
            NAME,
            ("Desired", "integer", 0),
            ("Current", "integer", 0),
            ("Ready", "integer", 0),
            AGE,
            ("Containers", "string", 1),
            ("Images", "string", 1),
            ("Selector", "string", 1),
        ],
        "jobs" => &[
            NAME,
            ("Status", "string", 0),
            ("Completions", "string", 0),
            ("Duration", "string", 0),
            AGE,
            ("Containers", "string", 1),
            ("Images", "string", 1),
            ("Selector", "string", 1),
        ],
        "leases" => &[NAME, ("Holder", "string", 0), AGE],
        "endpointslices" => &[
            NAME,
            ("AddressType", "string", 0),
            ("Ports", "string", 0),
            ("Endpoints", "string", 0),
            AGE,
        ],
        "clusterrolebindings" | "rolebindings" => &[
            NAME,
            ("Role", "string", 0),
            AGE,
            ("Users", "string", 1),
            ("Groups", "string", 1),
            ("ServiceAccounts", "string", 1),
        ],
        "clusterroles" | "roles" => &[NAME, ("Created At", "date", 0)],
        "storageclasses" => &[
            NAME,
            ("Provisioner", "string", 0),
            ("ReclaimPolicy", "string", 0),
            ("VolumeBindingMode", "string", 0),
            ("AllowVolumeExpansion", "string", 0),
            AGE,
        ],
        _ => &[NAME, AGE],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Include, columns, table};
    use crate::kinds;

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let object = json!({"metadata": {"name": "x"}});
        for kind in kinds::ALL {
            let table = table(
                kind,
                &[&object],
                &json!({}),
                Include::Nothing,
                jiff::Timestamp::UNIX_EPOCH,
            );
            assert_eq!(
                table["rows"][0]["cells"].as_array().unwrap().len(),
                columns(kind).len(),
                "{kind}"
            );
        }
    }
}

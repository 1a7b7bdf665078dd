//! The types of the objects, as a real server publishes them: for unknown fields, wrong types, merge keys and OpenAPI.
//!
//! `types.json` is made by `distil.py` from the OpenAPI document of a real server.

mod check;
mod openapi;
pub(in crate::api) mod wire;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

pub(super) use check::check;
pub(super) use openapi::{v2, v3, v3_index};

use crate::kinds::Kind;

const TYPES: &str = include_str!("types.json");

/// The published types.
#[derive(Debug)]
pub(super) struct Schema {
    types: BTreeMap<String, Value>,
    by_kind: BTreeMap<(String, String), String>,
}

/// Returns the schema; it is read at the first use.
pub(super) fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        // The file is part of the program; a test reads it.
        let types: BTreeMap<String, Value> = serde_json::from_str(TYPES).unwrap_or_default();
        let by_kind = types
            .iter()
            .filter_map(|(name, node)| {
                let id = node.get("x-kubernetes-group-version-kind")?.get(0)?;
                let group = id["group"].as_str()?.to_owned();
                Some(((group, id["kind"].as_str()?.to_owned()), name.clone()))
            })
            .collect();
        Schema { types, by_kind }
    })
}

impl Schema {
    /// Finds the type of a kind by group and `kind`.
    #[must_use]
    pub(super) fn kind(&self, group: &str, kind: &str) -> Option<&Value> {
        self.types
            .get(self.by_kind.get(&(group.to_owned(), kind.to_owned()))?)
    }

    /// Finds the type of a kind that is stored.
    #[must_use]
    pub(super) fn of(&self, kind: &Kind) -> Option<&Value> {
        self.kind(kind.group, kind.kind)
    }

    /// Follows a `$ref`; anything else is returned as it is.
    #[must_use]
    pub(super) fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let target = node
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.rsplit('/').next());
        target.and_then(|name| self.types.get(name)).unwrap_or(node)
    }

    /// Returns the node of a field, with its own annotations (such as merge keys) and not those of its type.
    #[must_use]
    pub(super) fn field<'a>(&'a self, node: &'a Value, name: &str) -> Option<&'a Value> {
        self.resolve(node).get("properties")?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::schema;
    use crate::kinds;

    #[test]
    fn every_kind_has_a_type() {
        for kind in kinds::ALL {
            assert!(schema().of(kind).is_some(), "{kind}");
        }
    }
}

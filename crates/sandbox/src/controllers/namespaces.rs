//! A namespace that is being deleted is emptied first.

use serde_json::{Value, json};

use crate::Sandbox;
use crate::kinds;
use crate::store::{Deletion, name_of};

use super::note;

pub(super) fn look(sandbox: &Sandbox) {
    for namespace in sandbox.store().list(&kinds::NAMESPACE, None).0 {
        if namespace.pointer("/metadata/deletionTimestamp").is_some() {
            empty(sandbox, name_of(&namespace));
        }
    }
}

fn empty(sandbox: &Sandbox, namespace: &str) {
    let mut is_empty = true;
    for kind in kinds::ALL.iter().filter(|kind| kind.is_namespaced()) {
        for object in sandbox.store().list(kind, Some(namespace)).0 {
            is_empty = false;
            if object.pointer("/metadata/deletionTimestamp").is_none() {
                note(
                    "emptying",
                    sandbox
                        .store()
                        .delete(kind, namespace, name_of(&object), &Deletion::default()),
                );
            }
        }
    }
    if is_empty {
        let done = sandbox
            .store()
            .modify(&kinds::NAMESPACE, "", namespace, |object| {
                object["spec"]["finalizers"] = json!([]);
                Ok(())
            });
        note("namespace", done.map(|_| Value::Null));
    }
}

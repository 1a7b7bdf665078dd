//! Garbage: what is owned by something that is gone goes too; foreground and orphaning deletions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Sandbox;
use crate::kinds::{self, Kind};
use crate::store::{Deletion, Object, name_of, namespace_of, owner_uids, uid_of};

use super::note;

pub(super) fn look(sandbox: &Sandbox) {
    let all: Vec<(&'static Kind, Object)> = kinds::ALL
        .iter()
        .flat_map(|kind| {
            sandbox
                .store()
                .list(kind, None)
                .0
                .into_iter()
                .map(|object| (*kind, object))
        })
        .collect();
    let alive: BTreeSet<&str> = all.iter().map(|(_, object)| uid_of(object)).collect();
    for (kind, object) in &all {
        let mut owners = owner_uids(object).peekable();
        if owners.peek().is_some() && !owners.any(|uid| alive.contains(uid)) && !is_ending(object) {
            // Pods keep their grace period, so only what is not on its way yet is deleted.
            delete(sandbox, kind, object);
        }
    }
    for (kind, object) in all.iter().filter(|(_, object)| is_ending(object)) {
        let owned: Vec<_> = all
            .iter()
            .filter(|(_, one)| owner_uids(one).any(|uid| uid == uid_of(object)))
            .collect();
        if has_finalizer(object, "orphan") {
            for (kind, one) in owned {
                disown(sandbox, kind, one, uid_of(object));
            }
            finish(sandbox, kind, object, "orphan");
        } else if has_finalizer(object, "foregroundDeletion") {
            if owned.is_empty() {
                finish(sandbox, kind, object, "foregroundDeletion");
            }
            for (kind, one) in owned.iter().filter(|(_, one)| !is_ending(one)) {
                delete(sandbox, kind, one);
            }
        }
    }
}

fn is_ending(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

fn has_finalizer(object: &Value, name: &str) -> bool {
    let finalizers = object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array);
    finalizers.is_some_and(|list| list.iter().any(|one| one == name))
}

fn delete(sandbox: &Sandbox, kind: &'static Kind, object: &Value) {
    let how = Deletion {
        uid: Some(uid_of(object).to_owned()),
        ..Deletion::default()
    };
    note(
        "garbage",
        sandbox
            .store()
            .delete(kind, namespace_of(object), name_of(object), &how),
    );
}

fn disown(sandbox: &Sandbox, kind: &'static Kind, object: &Value, owner: &str) {
    let done = sandbox
        .store()
        .modify(kind, namespace_of(object), name_of(object), |object| {
            let owners = object
                .pointer_mut("/metadata/ownerReferences")
                .and_then(Value::as_array_mut);
            if let Some(owners) = owners {
                owners.retain(|one| one["uid"] != owner);
            }
            Ok(())
        });
    note("orphan", done);
}

/// Takes a finalizer away; the last one takes the object with it.
pub(super) fn finish(sandbox: &Sandbox, kind: &'static Kind, object: &Value, finalizer: &str) {
    let done = sandbox
        .store()
        .modify(kind, namespace_of(object), name_of(object), |object| {
            if let Some(list) = object
                .pointer_mut("/metadata/finalizers")
                .and_then(Value::as_array_mut)
            {
                list.retain(|one| one != finalizer);
            }
            Ok(())
        });
    note("finalizer", done);
}

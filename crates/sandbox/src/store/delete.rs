//! Deletion: at once, after a grace period, or when the last finalizer is taken away.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock;
use crate::failure::Failure;
use crate::kinds::{self, Kind};

use super::{Object, meta};

/// What happens to the objects that the deleted one owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted afterwards.
    #[default]
    Background,
    /// The owner stays until they are gone.
    Foreground,
    /// They lose their owner and stay.
    Orphan,
}

/// How to delete. The default is what a client that sends no options gets.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    /// Seconds for the pod's processes to end; `None` takes the pod's own. Other kinds do not look at it. With 0 the object is
    /// gone at once; the node kills what is left.
    pub grace_seconds: Option<u64>,
    /// What happens to owned objects.
    pub propagation: Propagation,
    /// Only if it still has this uid.
    pub uid: Option<String>,
    /// Only if it still has this version.
    pub version: Option<u64>,
}

impl Deletion {
    /// Deletes this very object at once, whatever its grace period: what the node says when a pod's processes have ended.
    #[must_use]
    pub fn now(object: &Value) -> Self {
        Self {
            grace_seconds: Some(0),
            uid: Some(meta::uid_of(object).to_owned()),
            ..Self::default()
        }
    }

    pub(super) fn check(&self, kind: &Kind, object: &Value) -> Result<(), Failure> {
        if let Some(uid) = &self.uid
            && uid != meta::uid_of(object)
        {
            let why = format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
                meta::uid_of(object)
            );
            return Err(Failure::conflict(kind, meta::name_of(object), &why));
        }
        if let Some(version) = self.version
            && Some(version) != meta::version_of(object)
        {
            let found = meta::version_of(object).unwrap_or_default();
            let why = format!(
                "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({found}). The object might have been modified"
            );
            return Err(Failure::conflict(kind, meta::name_of(object), &why));
        }
        Ok(())
    }
}

/// What a deletion came to.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// The object is gone; this is its last state.
    Gone(Object),
    /// The object is marked with a deletion time and still there.
    Pending(Object),
}

pub(super) enum Mark {
    Unchanged,
    Pending(Value),
    Gone(Value),
}

pub(super) fn mark(kind: &Kind, old: &Value, how: &Deletion, now: Timestamp) -> Mark {
    let mut new = old.clone();
    match how.propagation {
        Propagation::Background => {}
        Propagation::Foreground => add_finalizer(&mut new, "foregroundDeletion"),
        Propagation::Orphan => add_finalizer(&mut new, "orphan"),
    }
    let grace = grace_seconds(kind, old, how);
    let until = now.saturating_add(SignedDuration::from_secs(
        i64::try_from(grace).unwrap_or(i64::MAX),
    ));
    let metadata = meta::metadata(&mut new);
    let pending_grace = metadata
        .get("deletionGracePeriodSeconds")
        .and_then(Value::as_u64);
    // A second deletion may shorten the time that is left and never lengthens it.
    if pending_grace.is_none_or(|pending| grace < pending) {
        let until = until.unwrap_or(Timestamp::MAX);
        metadata.insert("deletionTimestamp".to_owned(), clock::seconds(until).into());
        metadata.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
    }
    if *kind == kinds::NAMESPACE {
        new["status"]["phase"] = "Terminating".into();
    }
    if is_finished(&new) {
        return Mark::Gone(new);
    }
    if new == *old {
        Mark::Unchanged
    } else {
        Mark::Pending(new)
    }
}

/// Says whether nothing keeps an object that is being deleted.
pub(super) fn is_finished(object: &Value) -> bool {
    let Some(metadata) = object.get("metadata") else {
        return false;
    };
    let has_finalizers = metadata
        .get("finalizers")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    let is_namespace_in_use = object
        .pointer("/spec/finalizers")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    metadata.get("deletionTimestamp").is_some()
        && !has_finalizers
        && !is_namespace_in_use
        && metadata
            .get("deletionGracePeriodSeconds")
            .and_then(Value::as_u64)
            .is_none_or(|grace| grace == 0)
}

/// Only a pod that runs somewhere is given time.
fn grace_seconds(kind: &Kind, object: &Value, how: &Deletion) -> u64 {
    let phase = meta::str_at(object, "/status/phase");
    if *kind != kinds::POD
        || meta::str_at(object, "/spec/nodeName").is_empty()
        || matches!(phase, "Succeeded" | "Failed")
    {
        return 0;
    }
    let own = object
        .pointer("/spec/terminationGracePeriodSeconds")
        .and_then(Value::as_u64)
        .unwrap_or(30);
    how.grace_seconds.unwrap_or(own)
}

fn add_finalizer(object: &mut Value, name: &str) {
    let finalizers = &mut object["metadata"]["finalizers"];
    if !finalizers.is_array() {
        *finalizers = json!([]);
    }
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|found| found == name)
    {
        list.push(name.into());
    }
}

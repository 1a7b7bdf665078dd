//! Objects in memory: versions, optimistic locking, deletion in two steps, history for watchers.
//!
//! Everything here is synchronous and takes a short lock; only [`Watch::next`] waits. Objects are whole `serde_json` values
//! with `apiVersion` and `kind`, shared by `Arc` and never changed in place: a change is a new value with a new
//! `metadata.resourceVersion`. The store neither fills in defaults nor judges: that is `api`'s part, and in-process callers that
//! make objects on behalf of a controller go through [`Sandbox::create`](crate::Sandbox::create) to get both.

mod delete;
mod meta;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use delete::{Deleted, Deletion, Propagation};
pub use meta::{labels, name_of, namespace_of, owner_uids, str_at, uid_of, version_of};
pub(crate) use meta::{random, random_suffix, random_uid};
pub use watch::{Change, ChangeKind, Watch};

use crate::clock::{self, Clock};
use crate::failure::Failure;
use crate::kinds::Kind;

/// How many changes are remembered. A watcher that asks for an older version gets 410, as it does after etcd's compaction.
pub const HISTORY_CHANGES: usize = 8192;

/// An object as the store hands it out.
pub type Object = Arc<Value>;

/// Namespace (empty for cluster-wide kinds) and name.
type Key = (String, String);

/// The objects of the cluster. Clones share one store.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Carries the newest version; watchers wait on it.
    newest: tokio::sync::watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    version: u64,
    objects: BTreeMap<String, BTreeMap<Key, Object>>,
    history: VecDeque<Change>,
    /// The newest version that is no longer in the history.
    compacted: u64,
}

impl Store {
    /// Makes an empty store.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            version: 1,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            compacted: 0,
        };
        let (newest, _) = tokio::sync::watch::channel(1);
        Self {
            shared: Arc::new(Shared {
                clock,
                state: Mutex::new(state),
                newest,
            }),
        }
    }

    /// Returns the version of the newest change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Reads one object. `namespace` is empty for cluster-wide kinds.
    pub fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Object, Failure> {
        self.lock().get(kind, namespace, name)
    }

    /// Reads all objects of a kind, of one namespace or of all, ordered by namespace and name, with the version of the whole.
    #[must_use]
    pub fn list(&self, kind: &Kind, namespace: Option<&str>) -> (Vec<Object>, u64) {
        let state = self.lock();
        let objects = state
            .objects
            .get(&kind.qualified())
            .map_or_else(Vec::new, |all| match namespace {
                Some(namespace) => all
                    .range((namespace.to_owned(), String::new())..)
                    .take_while(|((found, _), _)| found == namespace)
                    .map(|(_, object)| Arc::clone(object))
                    .collect(),
                None => all.values().map(Arc::clone).collect(),
            });
        (objects, state.version)
    }

    /// Adds an object. Sets uid, creation time, version, and a name where only `generateName` is given.
    pub fn create(&self, kind: &'static Kind, mut object: Value) -> Result<Object, Failure> {
        let now = clock::seconds(self.shared.clock.now());
        meta::stamp_new(kind, &mut object, &now);
        let mut state = self.lock();
        let key = meta::key_of(&object);
        if state
            .objects
            .get(&kind.qualified())
            .is_some_and(|all| all.contains_key(&key))
        {
            return Err(Failure::already_exists(kind, &key.1));
        }
        let object = state.write(kind, ChangeKind::Added, object, None);
        self.announce(state);
        Ok(object)
    }

    /// Replaces an object. A `metadata.resourceVersion` in it must be the current one; without it the write is unconditional.
    /// What a client may not change (uid, creation time, deletion time) stays as it was. Writes nothing when nothing changed.
    pub fn update(&self, kind: &'static Kind, object: Value) -> Result<Object, Failure> {
        let (namespace, name) = meta::key_of(&object);
        let asked = meta::version_of(&object);
        let asked_uid = meta::uid_of(&object).to_owned();
        self.modify(kind, &namespace, &name, move |current| {
            if asked.is_some() && asked != meta::version_of(current) {
                return Err(Failure::stale(kind, meta::name_of(current)));
            }
            if !asked_uid.is_empty() && asked_uid != meta::uid_of(current) {
                return Err(Failure::conflict(
                    kind,
                    meta::name_of(current),
                    &meta::uid_mismatch(&asked_uid, current),
                ));
            }
            let old = std::mem::replace(current, object);
            meta::keep_immutable(&old, current);
            Ok(())
        })
    }

    /// Changes an object in place, under the lock: the way for in-process writers, which therefore never conflict. Writes
    /// nothing when `change` leaves the object as it is. Taking the last finalizer of an object that is being deleted removes it.
    pub fn modify(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value) -> Result<(), Failure>,
    ) -> Result<Object, Failure> {
        let mut state = self.lock();
        let old = state.get(kind, namespace, name)?;
        let mut new = Value::clone(&old);
        change(&mut new)?;
        meta::set_version(&mut new, meta::version_of(&old).unwrap_or_default());
        if new == *old {
            return Ok(old);
        }
        meta::count_generation(kind, &old, &mut new);
        let gone = delete::is_finished(&new);
        let change_kind = if gone {
            ChangeKind::Deleted
        } else {
            ChangeKind::Modified
        };
        let object = state.write(kind, change_kind, new, Some(old));
        self.announce(state);
        Ok(object)
    }

    /// Deletes an object, or begins to: a pod with a grace period and an object with finalizers stay until the node or the
    /// owner of the finalizer is done, see [`Deletion`].
    pub fn delete(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        how: &Deletion,
    ) -> Result<Deleted, Failure> {
        let now = self.shared.clock.now();
        let mut state = self.lock();
        let old = state.get(kind, namespace, name)?;
        how.check(kind, &old)?;
        match delete::mark(kind, &old, how, now) {
            delete::Mark::Unchanged => Ok(Deleted::Pending(old)),
            delete::Mark::Pending(new) => {
                let object = state.write(kind, ChangeKind::Modified, new, Some(old));
                self.announce(state);
                Ok(Deleted::Pending(object))
            }
            delete::Mark::Gone(new) => {
                let object = state.write(kind, ChangeKind::Deleted, new, Some(old));
                self.announce(state);
                Ok(Deleted::Gone(object))
            }
        }
    }

    /// Follows a kind from just after version `from`, or from now on. Fails with 410 when the history does not reach back.
    pub fn watch(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
        from: Option<u64>,
    ) -> Result<Watch, Failure> {
        let state = self.lock();
        let from = from.unwrap_or(state.version);
        if from < state.compacted {
            return Err(Failure::expired(from, state.compacted));
        }
        Ok(Watch::new(self.clone(), kind, namespace, from))
    }

    /// Forgets all history, as etcd's compaction does: older watchers get 410.
    pub fn compact(&self) {
        let mut state = self.lock();
        state.history.clear();
        state.compacted = state.version;
        self.announce(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change to the state is a single insertion or removal, so a panicking holder leaves nothing half done.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, state: MutexGuard<'_, State>) {
        let version = state.version;
        drop(state);
        self.shared
            .newest
            .send_modify(|newest| *newest = version.max(*newest));
    }
}

impl State {
    fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Object, Failure> {
        self.objects
            .get(&kind.qualified())
            .and_then(|all| all.get(&(namespace.to_owned(), name.to_owned())))
            .map(Arc::clone)
            .ok_or_else(|| Failure::not_found(kind, name))
    }

    fn write(
        &mut self,
        kind: &'static Kind,
        change: ChangeKind,
        mut object: Value,
        previous: Option<Object>,
    ) -> Object {
        self.version += 1;
        meta::set_version(&mut object, self.version);
        let key = meta::key_of(&object);
        let object = Arc::new(object);
        let all = self.objects.entry(kind.qualified()).or_default();
        match change {
            ChangeKind::Added | ChangeKind::Modified => all.insert(key, Arc::clone(&object)),
            ChangeKind::Deleted => all.remove(&key),
        };
        if self.history.len() == HISTORY_CHANGES
            && let Some(oldest) = self.history.pop_front()
        {
            self.compacted = oldest.version;
        }
        self.history.push_back(Change {
            version: self.version,
            kind,
            change,
            object: Arc::clone(&object),
            previous,
        });
        object
    }
}

//! Following changes. A watcher holds no queue of its own: it reads the shared history, so a slow one costs no memory and gets
//! 410 once the history has moved on.

use crate::failure::Failure;
use crate::kinds::Kind;

use super::{Object, Store, meta};

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It was there and is different now.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    /// Version of the store after it.
    pub version: u64,
    /// Kind of the object.
    pub kind: &'static Kind,
    /// What happened.
    pub change: ChangeKind,
    /// The object after the change; of a deleted one its last state, with the version of the deletion.
    pub object: Object,
    /// The object before it, which selectors need: an object that no longer matches looks deleted to a watcher.
    pub previous: Option<Object>,
}

/// A place in the history of one kind.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    kind: &'static Kind,
    namespace: Option<String>,
    seen: u64,
    newest: tokio::sync::watch::Receiver<u64>,
}

impl Watch {
    pub(super) fn new(
        store: Store,
        kind: &'static Kind,
        namespace: Option<&str>,
        seen: u64,
    ) -> Self {
        let newest = store.shared.newest.subscribe();
        Self {
            store,
            kind,
            namespace: namespace.map(str::to_owned),
            seen,
            newest,
        }
    }

    /// Waits for the next change. May be dropped while it waits without losing one. Fails with 410 when this watcher was so slow
    /// that changes it has not seen have left the history.
    pub async fn next(&mut self) -> Result<Change, Failure> {
        loop {
            // Marked before looking: a change in between wakes the wait below.
            self.newest.borrow_and_update();
            if let Some(change) = self.try_next()? {
                return Ok(change);
            }
            if self.newest.changed().await.is_err() {
                // The sender lives in the store, and this watch holds the store.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns the next change if there is one already.
    pub fn try_next(&mut self) -> Result<Option<Change>, Failure> {
        let state = self.store.lock();
        if self.seen < state.compacted {
            return Err(Failure::expired(self.seen, state.compacted));
        }
        let begin = state
            .history
            .partition_point(|change| change.version <= self.seen);
        let found = state
            .history
            .range(begin..)
            .find(|change| self.concerns(change))
            .cloned();
        self.seen = found
            .as_ref()
            .map_or(state.version, |change| change.version);
        Ok(found)
    }

    /// Returns the version up to which this watcher has seen everything, as a bookmark tells it.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    fn concerns(&self, change: &Change) -> bool {
        change.kind == self.kind
            && self
                .namespace
                .as_deref()
                .is_none_or(|namespace| namespace == meta::namespace_of(&change.object))
    }
}

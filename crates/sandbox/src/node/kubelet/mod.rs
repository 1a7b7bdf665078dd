//! Makes pods happen: one task a pod, from scheduling to the last container's end.

mod containers;
mod env;
mod expand;
mod farewell;
mod pod;
mod probe;
mod schedule;
mod state;
mod token;
mod volumes;

use std::collections::HashMap;

use tokio::sync::watch;

use crate::store::{ChangeKind, Object, str_at, uid_of};
use crate::{Sandbox, kinds};

use super::NAME;

/// Follows the pods of the store until the sandbox stops.
pub(super) async fn run(sandbox: Sandbox) {
    let mut workers = HashMap::new();
    loop {
        let (pods, version) = sandbox.store().list(&kinds::POD, None);
        for pod in pods {
            see(&sandbox, &mut workers, pod);
        }
        // Falling behind the history means looking at everything again.
        if let Ok(mut changes) = sandbox.store().watch(&kinds::POD, None, Some(version)) {
            while let Ok(change) = changes.next().await {
                match change.change {
                    ChangeKind::Added | ChangeKind::Modified => {
                        see(&sandbox, &mut workers, change.object);
                    }
                    // The worker sees its channel end.
                    ChangeKind::Deleted => drop(workers.remove(uid_of(&change.object))),
                }
            }
        }
    }
}

type Workers = HashMap<String, watch::Sender<Object>>;

fn see(sandbox: &Sandbox, workers: &mut Workers, pod: Object) {
    let node = str_at(&pod, "/spec/nodeName");
    if !node.is_empty() && node != NAME {
        return;
    }
    if let Some(worker) = workers.get(uid_of(&pod)) {
        worker.send_replace(pod);
        return;
    }
    let uid = uid_of(&pod).to_owned();
    let (sender, latest) = watch::channel(pod);
    workers.insert(uid, sender);
    let worker = pod::Worker::new(sandbox.clone(), latest);
    sandbox.spawn(worker.run());
}

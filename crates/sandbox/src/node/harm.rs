//! What faults do to a pod.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::channel::Harm;
use super::container::{Container, Group};
use super::pods::Pod;
use super::stream::PodRef;
use crate::fault::Damage;
use crate::hook::Struck;
use crate::store::Deletion;
use crate::{Sandbox, kinds};

/// How soon a volume that is being written is tried again.
const PERIOD: Duration = Duration::from_millis(10);

/// Strikes one pod, and the process of one stream.
pub(super) struct PodHarm {
    pub(super) sandbox: Sandbox,
    pub(super) at: PodRef,
    pub(super) pod: Arc<Pod>,
    pub(super) process: Option<Group>,
}

impl Harm for PodHarm {
    fn strike(&self, damage: Damage, struck: Struck) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let is_done = match damage {
                Damage::Kill => self.kill(),
                Damage::OutOfMemory => {
                    self.pod.out_of_memory.store(true, Ordering::Release);
                    self.kill()
                }
                Damage::FillVolume => self.sandbox.node().fill(&self.pod),
                Damage::ReadOnlyVolume => return self.make_read_only(struck).await,
                Damage::DeletePod => self.delete(),
                Damage::RestartApi(restart) => {
                    self.sandbox.restart_api_later(restart);
                    true
                }
            };
            if is_done {
                struck.count();
            }
        })
    }
}

impl PodHarm {
    fn kill(&self) -> bool {
        self.process.as_ref().is_some_and(Group::kill)
    }

    /// Makes the volumes of every container read-only. The kernel refuses while a file in them is open for writing, so that one who
    /// writes a single file all the time is struck when it closes it.
    async fn make_read_only(&self, struck: Struck) {
        let instances = self.pod.instances().into_iter();
        for container in instances.filter_map(|instance| instance.container) {
            match container.make_read_only().await {
                Ok(true) => struck.count(),
                Ok(false) => {}
                Err(error) if container.has_namespaces() => {
                    tracing::debug!(%error, "the volumes are being written");
                    self.sandbox.spawn(insist(container, struck.clone()));
                }
                Err(error) => tracing::warn!(%error, "the volumes stay writable"),
            }
        }
    }

    fn delete(&self) -> bool {
        let how = Deletion {
            grace_seconds: Some(0),
            ..Deletion::default()
        };
        let PodRef {
            namespace, name, ..
        } = &self.at;
        let store = self.sandbox.store();
        // It may be gone already.
        let is_done = store.delete(&kinds::POD, namespace, name, &how).is_ok();
        for instance in self.pod.instances() {
            if let Some(container) = instance.container {
                container.stop();
            }
        }
        is_done
    }
}

/// Tries until it is done or the container has stopped.
async fn insist(container: Arc<Container>, struck: Struck) {
    while !container.gone().is_cancelled() {
        tokio::time::sleep(PERIOD).await;
        if container.make_read_only().await.is_ok() {
            return struck.count();
        }
    }
}

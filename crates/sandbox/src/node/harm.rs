//! What faults do to a pod.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::channel::Harm;
use super::container::Group;
use super::pods::{Pod, lock};
use super::stream::PodRef;
use crate::fault::Effect;
use crate::store::Deletion;
use crate::{Sandbox, kinds};

/// Strikes one pod, and the process of one stream.
pub(super) struct PodHarm {
    pub(super) sandbox: Sandbox,
    pub(super) at: PodRef,
    pub(super) pod: Arc<Pod>,
    pub(super) process: Option<Group>,
}

impl Harm for PodHarm {
    fn strike(&self, effect: Effect) {
        match effect {
            Effect::Kill => self.kill(),
            Effect::OutOfMemory => {
                self.pod.out_of_memory.store(true, Ordering::Release);
                self.kill();
            }
            Effect::FillVolume => {
                self.sandbox.node().fill(&self.pod);
            }
            Effect::ReadOnlyVolume => self.make_read_only(),
            Effect::DeletePod => self.delete(),
            Effect::RestartApi(pause) => self.sandbox.restart_api_later(pause),
            Effect::Cut
            | Effect::EndStdin
            | Effect::LoseEndOfInput
            | Effect::Stall(_)
            | Effect::EndLog => {}
        }
    }
}

impl PodHarm {
    fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }

    fn make_read_only(&self) {
        for instance in self.pod.instances() {
            let Some(container) = instance.container else {
                continue;
            };
            self.sandbox.spawn(async move {
                if let Err(error) = container.make_read_only().await {
                    tracing::warn!(%error, "the volumes stay writable");
                }
            });
        }
    }

    fn delete(&self) {
        let how = Deletion {
            grace_seconds: Some(0),
            ..Deletion::default()
        };
        let PodRef {
            namespace, name, ..
        } = &self.at;
        // It may be gone already.
        drop(
            self.sandbox
                .store()
                .delete(&kinds::POD, namespace, name, &how),
        );
        for instance in self.pod.instances() {
            if let Some(container) = instance.container {
                container.stop();
            }
        }
        drop(lock(&self.pod.volumes));
    }
}

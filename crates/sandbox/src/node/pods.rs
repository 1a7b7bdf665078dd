//! What the node knows of its pods, shared between the kubelet and the streams.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::container::{Container, ContainerError, Group, Keeper, Toolbox};
use super::logs::Log;
use super::task::Ports;
use crate::Sandbox;

/// The node of a sandbox.
#[derive(Debug, Default)]
pub struct Node {
    pods: Mutex<BTreeMap<String, Arc<Pod>>>,
    base: OnceCell<(Arc<Keeper>, Arc<Toolbox>)>,
    limited: Mutex<BTreeSet<PathBuf>>,
}

/// A pod that is, or was, on the node.
#[derive(Debug, Default)]
pub(super) struct Pod {
    containers: Mutex<BTreeMap<String, Instance>>,
    pub(super) ports: Ports,
    pub(super) out_of_memory: AtomicBool,
    ending: AtomicBool,
    late: AtomicBool,
    /// Directories behind claims.
    pub(super) volumes: Mutex<Vec<PathBuf>>,
    /// Files without a name that take all room.
    fillers: Mutex<Vec<File>>,
}

/// A container of a pod, as it is now.
#[derive(Clone, Debug, Default)]
pub(super) struct Instance {
    pub(super) container: Option<Arc<Container>>,
    pub(super) group: Option<Group>,
    pub(super) log: Log,
    pub(super) previous: Option<Log>,
}

impl Node {
    /// Says whether mount paths are real; `None` before the first pod.
    #[must_use]
    pub fn has_namespaces(&self) -> Option<bool> {
        self.base.get().map(|(keeper, _)| keeper.has_namespaces())
    }

    /// Returns what containers are made with, starting it when it is first needed.
    pub(super) async fn base(
        &self,
        sandbox: &Sandbox,
    ) -> Result<(Arc<Keeper>, Arc<Toolbox>), ContainerError> {
        let made = self.base.get_or_try_init(|| async {
            let directory = &sandbox.config().data_dir;
            let toolbox = Toolbox::prepare(&directory.join("tools"))?;
            let id = format!("{}:{}", std::process::id(), directory.display());
            let keeper = Keeper::start(&id, sandbox.config().node.mounts).await?;
            Ok::<_, ContainerError>((Arc::new(keeper), Arc::new(toolbox)))
        });
        made.await.cloned()
    }

    /// Says where a volume's directory is found by tasks of the sandbox itself.
    #[must_use]
    pub fn seen_from_outside(&self, directory: &Path) -> PathBuf {
        let is_limited = lock(&self.limited).contains(directory);
        match self.base.get() {
            Some((keeper, _)) if is_limited => keeper.seen_from_outside(directory),
            _ => directory.to_owned(),
        }
    }

    /// Gives a volume a size, once.
    pub(super) async fn limit(
        &self,
        keeper: &Keeper,
        directory: &Path,
        bytes: u64,
    ) -> Result<(), ContainerError> {
        if !keeper.has_namespaces() || !lock(&self.limited).insert(directory.to_owned()) {
            return Ok(());
        }
        keeper.limit(directory, bytes).await
    }

    pub(super) fn pod(&self, uid: &str) -> Arc<Pod> {
        Arc::clone(lock(&self.pods).entry(uid.to_owned()).or_default())
    }

    pub(super) fn forget(&self, uid: &str) {
        if let Some(pod) = lock(&self.pods).remove(uid) {
            // A session that hangs may have it for longer than there is a pod.
            lock(&pod.fillers).clear();
        }
    }

    /// Takes all room of a pod's volumes. `false` where they have no size of their own.
    pub(super) fn fill(&self, pod: &Pod) -> bool {
        let volumes = lock(&pod.volumes).clone();
        let mut filled = false;
        for directory in volumes {
            if !lock(&self.limited).contains(&directory) {
                tracing::warn!(
                    ?directory,
                    "a volume without a size of its own is not filled"
                );
                continue;
            }
            match filler(&self.seen_from_outside(&directory)) {
                Ok(file) => {
                    lock(&pod.fillers).push(file);
                    filled = true;
                }
                Err(error) => tracing::warn!(%error, ?directory, "the volume was not filled"),
            }
        }
        filled
    }
}

impl Pod {
    pub(super) fn instance(&self, name: &str) -> Option<Instance> {
        lock(&self.containers).get(name).cloned()
    }

    pub(super) fn instances(&self) -> Vec<Instance> {
        lock(&self.containers).values().cloned().collect()
    }

    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Instance)) {
        change(lock(&self.containers).entry(name.to_owned()).or_default());
    }

    /// From now on nothing is started any more.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// The status is final.
    pub(super) fn late(&self) {
        self.late.store(true, Ordering::Release);
    }

    pub(super) fn is_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    pub(super) fn is_out_of_memory(&self) -> bool {
        self.out_of_memory.load(Ordering::Acquire)
    }
}

/// Writes a file without a name until there is no room left.
fn filler(directory: &Path) -> std::io::Result<File> {
    use std::io::Write as _;
    let path = directory.join(format!(".filler-{}", crate::store::random_suffix()));
    let mut file = File::create_new(&path)?;
    std::fs::remove_file(&path)?;
    let block = vec![0; 64 * 1024];
    for size in [block.len(), 4096, 512] {
        let part = block.get(..size).unwrap_or_default();
        while file.write_all(part).is_ok() {}
    }
    Ok(file)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

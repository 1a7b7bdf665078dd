//! Containers that are parts of the sandbox itself: no process, but a task with a log, ports and mounts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;

use super::logs::Log;
use crate::Sandbox;
use crate::store::Object;

/// Which port of this machine stands for which port of a container.
pub type Ports = Arc<Mutex<BTreeMap<u16, u16>>>;

/// What a task can see of its container.
#[derive(Clone, Debug)]
pub struct Task {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// The pod, as it was when the container started.
    pub pod: Object,
    /// Variables.
    pub env: BTreeMap<String, String>,
    /// Where it says what it says.
    pub log: Log,
    pub(super) mounts: Vec<(String, PathBuf)>,
    pub(super) ports: Ports,
}

impl Task {
    /// Says where a path of the container lies on this machine; `None` outside of all mounts.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<PathBuf> {
        behind(
            self.mounts
                .iter()
                .map(|(mount, directory)| (mount.as_str(), directory.as_path())),
            path,
        )
    }

    /// Listens on a port of the container, which is another one on this machine.
    ///
    /// # Errors
    /// When this machine has no port left.
    pub async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let real = listener.local_addr()?.port();
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.insert(port, real);
        Ok(listener)
    }

    /// Writes a line to the log.
    pub fn say(&self, line: &str) {
        self.log.line(self.sandbox.clock().now(), line);
    }
}

/// Says which file or directory stands behind a path of a container. The longest mount path that fits wins.
pub(super) fn behind<'a>(
    mounts: impl Iterator<Item = (&'a str, &'a Path)>,
    path: &str,
) -> Option<PathBuf> {
    let fitting = mounts.filter_map(|(mount, directory)| {
        let rest = path.strip_prefix(mount)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((mount, directory, rest))
    });
    let (_, directory, rest) = fitting.max_by_key(|(mount, ..)| mount.len())?;
    match rest.trim_start_matches('/') {
        "" => Some(directory.to_owned()),
        rest if rest.split('/').any(|part| part == "..") => None,
        rest => Some(directory.join(rest)),
    }
}

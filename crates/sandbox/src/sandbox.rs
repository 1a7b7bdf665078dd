//! The handle that every part holds, and the start and end of a sandbox.

use std::io;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::serve::{self, Switch};
use crate::api::write;
use crate::auth::Keys;
use crate::clock::{Clock, SystemClock};
use crate::fault::Restart;
use crate::hook::Hook;
use crate::kinds::Kind;
use crate::store::{Object, Store};
use crate::tls::{self, Tls};
use crate::{Config, Failure, controllers, node};

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not one of this machine's own.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The port is taken, or the address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory cannot be written.
    #[error("cannot write {path}")]
    DataDir {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Certificates could not be made.
    #[error("cannot make certificates: {0}")]
    Certificates(String),
}

/// A handle on a running sandbox: what API, controllers and node share. Clones are cheap and mean the same sandbox.
#[derive(Clone, Debug)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    config: Config,
    hook: Arc<dyn Hook>,
    node: node::Node,
    keys: Keys,
    tls: Tls,
    switch: Switch,
    services: AtomicU16,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Sandbox {
    /// Starts a sandbox with the machine's clock. It is ready when this returns.
    pub async fn start(config: Config, hook: Arc<dyn Hook>) -> Result<Running, StartError> {
        Self::start_at(config, hook, Arc::new(SystemClock)).await
    }

    /// Starts a sandbox whose objects are stamped with a clock of the caller's.
    pub async fn start_at(
        config: Config,
        hook: Arc<dyn Hook>,
        clock: Arc<dyn Clock>,
    ) -> Result<Running, StartError> {
        let address = config.listen;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let listening = |source| StartError::Listen { address, source };
        let listener = serve::bind(address).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let tls = tls::generate().map_err(|error| StartError::Certificates(error.to_string()))?;
        let keys = Keys::generate(config.admin_token.clone())
            .map_err(|error| StartError::Certificates(error.to_string()))?;
        let sandbox = Self {
            inner: Arc::new(Inner {
                store: Store::new(Arc::clone(&clock)),
                clock,
                hook,
                node: node::Node::default(),
                keys,
                switch: Switch::new(address, Arc::clone(&tls.server)),
                tls,
                services: AtomicU16::new(1),
                config,
                tasks: TaskTracker::new(),
                stopping: CancellationToken::new(),
            }),
        };
        controllers::start(&sandbox);
        node::start(&sandbox);
        sandbox.inner.switch.serve(&sandbox, listener);
        Ok(Running { sandbox })
    }

    /// Returns the objects.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Returns the clock that objects are stamped with.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Returns the fault script's hook.
    #[must_use]
    pub fn hook(&self) -> &dyn Hook {
        &*self.inner.hook
    }

    /// Returns the node.
    #[must_use]
    pub fn node(&self) -> &node::Node {
        &self.inner.node
    }

    /// Makes an object as a controller does: defaults and admission as for a client, no authorisation.
    pub fn create(&self, kind: &'static Kind, object: Value) -> Result<Object, Failure> {
        write::create(self, kind, object, write::Mode::Real)
    }

    /// Returns the tokens and the key that signs them.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Returns the certificate of the sandbox's authority, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.inner.tls.ca_pem
    }

    /// Returns the address the API server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.switch.address()
    }

    /// Kills the API server, waits, and starts it again. Every connection is cut, streams of pods too.
    pub async fn restart_api(&self, pause: Duration) -> io::Result<()> {
        let grace = Duration::ZERO;
        self.restart_api_after(Restart { grace, pause }).await
    }

    /// Stops the API server, waits, and starts it again, as a restart does. Nothing new is taken from the first moment on; streams
    /// of pods go on for the grace and are cut then. Objects, pods and tokens stay.
    pub async fn restart_api_after(&self, restart: Restart) -> io::Result<()> {
        self.inner.switch.drain();
        tokio::time::sleep(restart.grace).await;
        self.inner.switch.turn_off();
        tokio::time::sleep(restart.pause).await;
        self.inner.switch.turn_on(self).await
    }

    /// Begins [`Sandbox::restart_api_after`] and does not wait for it: who asks is served by what goes away.
    pub(crate) fn restart_api_later(&self, restart: Restart) {
        let sandbox = self.clone();
        self.spawn(async move {
            if let Err(error) = sandbox.restart_api_after(restart).await {
                tracing::error!(%error, "the API server did not come back");
            }
        });
    }

    /// Builds a kubeconfig for a bearer token, with a context for a namespace. It is JSON, which is YAML too.
    #[must_use]
    pub fn kubeconfig(&self, token: &str, namespace: &str) -> String {
        let ca = data_encoding::BASE64.encode(self.ca_pem().as_bytes());
        let name = "longshore-sandbox";
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": name, "cluster": {
                "server": format!("https://{}", self.address()), "certificate-authority-data": ca,
            }}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        });
        format!("{config:#}\n")
    }

    /// Returns a cluster address that no service has been given yet.
    pub(crate) fn next_service_address(&self) -> String {
        let [high, low] = self
            .inner
            .services
            .fetch_add(1, Ordering::Relaxed)
            .to_be_bytes();
        format!("10.96.{high}.{low}")
    }

    /// Says where a path of the node's file system (a `hostPath`) lies on this machine: always below `data_dir/host`.
    #[must_use]
    pub fn host_path(&self, path: &str) -> PathBuf {
        let mut below = self.inner.config.data_dir.join("host");
        below.extend(
            Path::new(path)
                .components()
                .filter(|part| matches!(part, Component::Normal(_))),
        );
        below
    }

    /// Runs a task until it ends or the sandbox stops, whichever comes first. A task that has to clean up watches
    /// [`Sandbox::stopping`] itself and uses [`Sandbox::spawn_to_end`].
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.inner.stopping.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Runs a task that [`Running::stop`] waits for.
    pub fn spawn_to_end(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.tasks.spawn(task);
    }

    /// Returns the token that is cancelled when the sandbox stops.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }
}

/// A sandbox that runs until [`Running::stop`].
#[derive(Debug)]
pub struct Running {
    sandbox: Sandbox,
}

impl Running {
    /// Returns the handle.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Builds the administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        self.sandbox
            .kubeconfig(self.sandbox.keys().admin(), "default")
    }

    /// Stops everything and waits for it.
    pub async fn stop(self) {
        self.sandbox.inner.stopping.cancel();
        self.sandbox.inner.tasks.close();
        self.sandbox.inner.tasks.wait().await;
    }
}

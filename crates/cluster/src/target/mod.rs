//! Which cluster is meant: from kubeconfig, flags and surroundings to everything a connection needs. No network.

mod authority;
mod bearer;
mod error;
mod files;
mod group;
mod inside;
mod pick;
mod plugin;
mod proxy;

use std::path::PathBuf;

use kube::Config;

pub(crate) use bearer::settle;
pub use error::TargetError;
pub use plugin::{Plugin, PluginError};

/// What the user typed. An empty text means that it was not given.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The one kubeconfig to read, `~` already replaced. It switches merging off.
    pub kubeconfig: Option<PathBuf>,
    /// The context, instead of the current one.
    pub context: Option<String>,
    /// The namespace, instead of the context's.
    pub namespace: Option<String>,
}

/// What surrounds the process. Only the command line reads it; here it is an argument.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The files that `KUBECONFIG` lists.
    pub kubeconfig: Vec<PathBuf>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// `HTTPS_PROXY`, for servers with TLS.
    pub https_proxy: Option<String>,
    /// `HTTP_PROXY`, for servers without.
    pub http_proxy: Option<String>,
    /// `NO_PROXY`: hosts that are asked directly.
    pub no_proxy: Option<String>,
    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, which a pod has.
    pub service: Option<(String, String)>,
    /// Somebody can answer a credential plugin's questions.
    pub has_terminal: bool,
}

/// Who chose the namespace. One that nobody chose may be left for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceSource {
    /// The user, with a flag.
    Flag,
    /// The context, or the pod that this runs in.
    Context,
    /// Nobody: it is `default`.
    Default,
}

/// A cluster, a namespace in it, and how to get there.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name of the context; `None` inside of a pod.
    pub context: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// Who chose it.
    pub namespace_source: NamespaceSource,
    /// URL of the API server.
    pub server: String,
    /// URL of the proxy on the way, credentials left out.
    pub proxy: Option<String>,
    /// Whether the server's certificate is checked.
    pub checks_certificate: bool,
    /// What a client is made from. Whatever a plugin says is still missing in it.
    pub(crate) config: Config,
    /// The program that hands out the credential.
    pub(crate) plugin: Option<Plugin>,
}

/// Finds the target.
///
/// One given kubeconfig is the only one read. Else the files of `KUBECONFIG` are merged, the first to say something wins; those
/// that do not exist are passed over. Else it is `.kube/config` in the home, else the pod's own account.
///
/// # Errors
/// Everything that is wrong here is wrong with local configuration.
pub fn load(choice: &Choice, surroundings: &Surroundings) -> Result<Target, TargetError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let flag = given(&choice.namespace);
    if let Some(namespace) = &flag {
        error::check_namespace(namespace)?;
    }
    let target = match files::read(choice, surroundings)? {
        Some(kubeconfig) => {
            pick::pick(kubeconfig, given(&choice.context).as_deref(), surroundings)?
        }
        None => inside::target(surroundings)?,
    };
    let Some(namespace) = flag else {
        error::check_namespace(&target.namespace)?;
        return Ok(target);
    };
    Ok(Target {
        namespace,
        namespace_source: NamespaceSource::Flag,
        ..target
    })
}

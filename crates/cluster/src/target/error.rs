//! What can be wrong with local configuration.

use std::path::PathBuf;

use super::plugin::PluginError;

/// Why no target, or no client for it, could be made. None of these has asked the cluster.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is no kubeconfig.
    #[error("there is no kubeconfig")]
    NoKubeconfig {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A kubeconfig, or a file that it names, cannot be read.
    #[error("{path} cannot be read", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A kubeconfig is not one.
    #[error("{path} is not a kubeconfig: {reason}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the offending line, which may be a secret.
        reason: String,
        /// The line, from 1.
        line: Option<u64>,
    },
    /// The files of `KUBECONFIG` do not go together.
    #[error("the kubeconfigs cannot be merged: {0}")]
    Merge(String),
    /// No context is current, and none is given.
    #[error("the kubeconfig has no current context")]
    NoContext {
        /// The contexts there are.
        known: Vec<String>,
    },
    /// There is no such context.
    #[error("there is no context {name:?}")]
    UnknownContext {
        /// The one that was asked for.
        name: String,
        /// The contexts there are.
        known: Vec<String>,
    },
    /// The context names a cluster that is not there.
    #[error("context {context:?} names the cluster {cluster:?}, which is not in the kubeconfig")]
    UnknownCluster {
        /// The context.
        context: String,
        /// The cluster.
        cluster: String,
    },
    /// The context names a user that is not there.
    #[error("context {context:?} names the user {user:?}, which is not in the kubeconfig")]
    UnknownUser {
        /// The context.
        context: String,
        /// The user.
        user: String,
    },
    /// The cluster's entry has no server, or not a URL.
    #[error("{server:?} is not the URL of a server: {reason}")]
    BadServer {
        /// What is written there.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The proxy is not a URL, or of a kind that is not known.
    #[error("the proxy {proxy:?} cannot be used: {reason}")]
    BadProxy {
        /// What is written there, credentials left out.
        proxy: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificates of the cluster's authority cannot be used.
    #[error("the certificate authority cannot be used: {0}")]
    Authority(String),
    /// The user's certificate, key or token cannot be used.
    #[error("the user's credential cannot be used: {0}")]
    Identity(String),
    /// The user's entry is for a way to log in that is no longer part of Kubernetes.
    #[error("the way to log in named {0:?} is not supported")]
    Provider(String),
    /// A namespace's name is not one.
    #[error("{0:?} is not the name of a namespace")]
    BadNamespace(String),
    /// The credential plugin did not give a credential.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// Checks that a name is a DNS label (RFC 1123): it becomes a part of URLs.
pub(super) fn check_namespace(name: &str) -> Result<(), TargetError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(fits)
        && !name.starts_with('-')
        && !name.ends_with('-');
    match is_label {
        true => Ok(()),
        false => Err(TargetError::BadNamespace(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_are_namespaces() {
        for name in ["lab", "a-1", "1"] {
            assert!(check_namespace(name).is_ok(), "{name}");
        }
        for name in ["", "Lab", "a/b", "../lab", "-a", "a-", "a.b", "a b"] {
            assert!(check_namespace(name).is_err(), "{name}");
        }
        assert!(check_namespace(&"a".repeat(64)).is_err());
    }
}

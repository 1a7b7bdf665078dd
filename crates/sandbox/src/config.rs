//! What can be set before a sandbox starts.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::node;

/// Settings of a sandbox.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one. Anything but loopback is refused.
    pub listen: SocketAddr,
    /// Directory of its own for volumes, logs and what containers write. It must exist.
    pub data_dir: PathBuf,
    /// Minor version of Kubernetes to behave as: from 35 on exec needs `create` beside `get`.
    pub kubernetes_minor: u8,
    /// The administrator's bearer token; `None` makes a random one.
    pub admin_token: Option<String>,
    /// Settings of the node.
    pub node: node::Config,
}

impl Config {
    /// Makes settings for a free port on 127.0.0.1, Kubernetes 1.35 and a random token.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: data_dir.into(),
            kubernetes_minor: 35,
            admin_token: None,
            node: node::Config::default(),
        }
    }
}

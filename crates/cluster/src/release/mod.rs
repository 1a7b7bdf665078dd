//! The parent release: found by its labels, never guessed.

mod account;
mod find;
mod service;

use std::collections::BTreeMap;

use crate::api::ApiError;

pub(crate) use account::config_map;
pub use find::find;

/// The constants of the chart that a foreign cluster depends on.
pub mod chart {
    /// Labels of everything that the chart makes.
    pub const LABELS: &str = "app.kubernetes.io/name=client,app.kubernetes.io/managed-by=Helm";
    /// Name, or end of the name, of the Deployment that is looked for.
    pub const MANAGER: &str = "jobs-manager";
    /// The claim of the shared volume.
    pub const CLAIM: &str = "client-pvc";
    /// Where everybody mounts it.
    pub const MOUNT_PATH: &str = "/data/shared";
    /// Port of the service.
    pub const PORT: u16 = 8080;
    /// The account that ingests, where nothing names another one.
    pub const ACCOUNT: &str = "ingestor";
}

/// A parent release and what a run needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Where it is installed. It may be another one than the connection's, if nobody chose that.
    pub namespace: String,
    /// The release's name; may be empty.
    pub name: String,
    /// The Deployment of its service.
    pub deployment: String,
    /// Version of the chart.
    pub chart_version: String,
    /// Version of the application; may be empty.
    pub app_version: String,
    /// Digest of the ingestor's image, if one is set.
    pub ingestor_digest: Option<String>,
    /// Whether the service takes submissions at all.
    pub has_http: bool,
    /// The service.
    pub service: Service,
    /// The account that ingests.
    pub account: Account,
}

/// The Service in front of the release's pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Whether it was seen, or assumed because it may not be read.
    pub is_seen: bool,
    /// The port of the pods behind it.
    pub target_port: u16,
    /// Labels of the pods behind it.
    pub selector: BTreeMap<String, String>,
}

/// The service account of the ingestor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Who says so.
    pub source: AccountSource,
}

/// Who says what the account's name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountSource {
    /// The user.
    Flag,
    /// The release's ConfigMap.
    Policy,
    /// Nobody: it is the chart's usual name.
    Usual,
}

impl Release {
    /// The URL that pods would use. It is shown and never dialled.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "http://{}.{}.svc.cluster.local:{}",
            self.service.name,
            self.namespace,
            chart::PORT
        )
    }
}

/// Why no release was found.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// There is none in the namespace.
    #[error("no parent release in namespace {namespace}")]
    None {
        /// The namespace.
        namespace: String,
        /// Whether all the others were looked through too.
        looked_everywhere: bool,
    },
    /// There are several in the namespace.
    #[error("{} parent releases in namespace {namespace}: {}", names.len(), names.join(", "))]
    Several {
        /// The namespace.
        namespace: String,
        /// Their Deployments.
        names: Vec<String>,
    },
    /// There is none in a namespace that nobody chose, and several elsewhere.
    #[error("no parent release in namespace {namespace}, but in {}", others.join(", "))]
    Elsewhere {
        /// The namespace.
        namespace: String,
        /// The namespaces that have one.
        others: Vec<String>,
    },
    /// The cluster does not let itself be looked at.
    #[error(transparent)]
    Api(#[from] ApiError),
}

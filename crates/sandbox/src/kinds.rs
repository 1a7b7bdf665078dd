//! The kinds of object the sandbox serves, in one table that discovery, routing, the store and the documentation read.

use std::fmt;

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Below `/namespaces/NAME/`.
    Namespaced,
    /// One for the whole cluster.
    Cluster,
}

/// A kind of object that is kept in the store. Kinds are compared by group and plural.
#[derive(Debug)]
pub struct Kind {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Version, always `v1`: the sandbox serves no other.
    pub version: &'static str,
    /// Plural, as in a path.
    pub plural: &'static str,
    /// Singular, lower case.
    pub singular: &'static str,
    /// Name in `kind:`.
    pub kind: &'static str,
    /// Abbreviations that kubectl takes.
    pub short: &'static [&'static str],
    /// Where its objects live.
    pub scope: Scope,
    /// Whether `…/NAME/status` is served.
    pub has_status: bool,
    /// Whether kubectl counts it under `all`.
    pub in_all: bool,
}

impl Kind {
    /// Spells `apiVersion`: `v1`, or `group/version`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Spells the resource as error messages do: `pods`, `jobs.batch`.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Says whether objects live in a namespace.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.plural == other.plural
    }
}

impl Eq for Kind {}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualified())
    }
}

const fn namespaced(
    group: &'static str,
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
) -> Kind {
    let scope = Scope::Namespaced;
    Kind {
        group,
        version: "v1",
        plural,
        singular,
        kind,
        short: &[],
        scope,
        has_status: false,
        in_all: false,
    }
}

const fn cluster(
    group: &'static str,
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
) -> Kind {
    let namespaced = namespaced(group, plural, singular, kind);
    Kind {
        scope: Scope::Cluster,
        ..namespaced
    }
}

impl Kind {
    const fn short(self, short: &'static [&'static str]) -> Self {
        Self { short, ..self }
    }

    const fn with_status(self) -> Self {
        Self {
            has_status: true,
            ..self
        }
    }

    const fn in_all(self) -> Self {
        Self {
            in_all: true,
            ..self
        }
    }
}

macro_rules! kinds {
    ($($name:ident = $value:expr;)+) => {
        $(#[doc = concat!("`", stringify!($name), "`.")] pub static $name: Kind = $value;)+
        /// Every kind, in the order of discovery.
        pub static ALL: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    CONFIG_MAP = namespaced("", "configmaps", "configmap", "ConfigMap").short(&["cm"]);
    EVENT = namespaced("", "events", "event", "Event").short(&["ev"]);
    NAMESPACE = cluster("", "namespaces", "namespace", "Namespace").short(&["ns"]).with_status();
    NODE = cluster("", "nodes", "node", "Node").short(&["no"]).with_status();
    CLAIM = namespaced("", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim").short(&["pvc"]).with_status();
    VOLUME = cluster("", "persistentvolumes", "persistentvolume", "PersistentVolume").short(&["pv"]).with_status();
    POD = namespaced("", "pods", "pod", "Pod").short(&["po"]).with_status().in_all();
    SECRET = namespaced("", "secrets", "secret", "Secret");
    SERVICE_ACCOUNT = namespaced("", "serviceaccounts", "serviceaccount", "ServiceAccount").short(&["sa"]);
    SERVICE = namespaced("", "services", "service", "Service").short(&["svc"]).with_status().in_all();
    DEPLOYMENT = namespaced("apps", "deployments", "deployment", "Deployment").short(&["deploy"]).with_status().in_all();
    REPLICA_SET = namespaced("apps", "replicasets", "replicaset", "ReplicaSet").short(&["rs"]).with_status().in_all();
    JOB = namespaced("batch", "jobs", "job", "Job").with_status().in_all();
    LEASE = namespaced("coordination.k8s.io", "leases", "lease", "Lease");
    ENDPOINT_SLICE = namespaced("discovery.k8s.io", "endpointslices", "endpointslice", "EndpointSlice");
    CLUSTER_ROLE_BINDING = cluster("rbac.authorization.k8s.io", "clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding");
    CLUSTER_ROLE = cluster("rbac.authorization.k8s.io", "clusterroles", "clusterrole", "ClusterRole");
    ROLE_BINDING = namespaced("rbac.authorization.k8s.io", "rolebindings", "rolebinding", "RoleBinding");
    ROLE = namespaced("rbac.authorization.k8s.io", "roles", "role", "Role");
    STORAGE_CLASS = cluster("storage.k8s.io", "storageclasses", "storageclass", "StorageClass").short(&["sc"]);
}

/// Finds a kind by group and plural.
#[must_use]
pub fn find(group: &str, plural: &str) -> Option<&'static Kind> {
    ALL.iter()
        .copied()
        .find(|kind| kind.group == group && kind.plural == plural)
}

/// Finds a kind by `apiVersion` and `kind`, as an object or an owner reference spells them.
#[must_use]
pub fn find_by_name(api_version: &str, name: &str) -> Option<&'static Kind> {
    ALL.iter()
        .copied()
        .find(|kind| kind.kind == name && kind.api_version() == api_version)
}

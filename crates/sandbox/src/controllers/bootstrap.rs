//! What every cluster starts with: namespaces, roles, the `kubernetes` service, a storage class, the node.

use serde_json::json;

use crate::{Sandbox, auth, kinds};

/// Name of the default storage class: volumes are directories, bound when a pod wants them.
pub const STORAGE_CLASS: &str = "standard";

/// Makes the first objects of a sandbox.
pub(super) fn make(sandbox: &Sandbox) {
    let namespaces = ["default", "kube-node-lease", "kube-public", "kube-system"];
    let mut objects = auth::bootstrap();
    objects.splice(
        0..0,
        namespaces.map(|name| (&kinds::NAMESPACE, json!({"metadata": {"name": name}}))),
    );
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    objects.push((
        &kinds::SERVICE,
        json!({
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": sandbox.address().port()}]},
        }),
    ));
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    objects.push((
        &kinds::STORAGE_CLASS,
        json!({
            "metadata": {"name": STORAGE_CLASS, "annotations": annotations},
            "provisioner": super::claims::PROVISIONER, "volumeBindingMode": "WaitForFirstConsumer",
        }),
    ));
    objects.push((&kinds::NODE, crate::node::object(sandbox)));
    for (kind, object) in objects {
        if let Err(failure) = sandbox.create(kind, object) {
            tracing::error!(%failure, %kind, "cannot make a first object");
        }
    }
}

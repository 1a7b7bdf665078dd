//! Tokens that are mounted into pods.

use serde_json::Value;

use crate::store::{namespace_of, str_at};
use crate::{Sandbox, auth, kinds};

/// Issues a token for the pod's account, bound to the pod.
pub(super) fn of(sandbox: &Sandbox, pod: &Value, seconds: u64) -> Option<String> {
    let name = match str_at(pod, "/spec/serviceAccountName") {
        "" => "default",
        name => name,
    };
    let store = sandbox.store();
    let account = store
        .get(&kinds::SERVICE_ACCOUNT, namespace_of(pod), name)
        .ok()?;
    Some(auth::issue(sandbox, &account, seconds, Some(pod)))
}

//! Every namespace has a `default` service account and the authority's certificate; token Secrets are filled.

use data_encoding::BASE64;
use serde_json::json;

use crate::store::{name_of, namespace_of, str_at, uid_of};
use crate::{Sandbox, auth, kinds};

use super::note;

const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";

pub(super) fn look(sandbox: &Sandbox) {
    for namespace in sandbox.store().list(&kinds::NAMESPACE, None).0 {
        if str_at(&namespace, "/status/phase") == "Active" {
            furnish(sandbox, name_of(&namespace));
        }
    }
    for secret in sandbox.store().list(&kinds::SECRET, None).0 {
        if str_at(&secret, "/type") == "kubernetes.io/service-account-token"
            && str_at(&secret, "/data/token").is_empty()
        {
            fill(sandbox, &secret);
        }
    }
}

fn furnish(sandbox: &Sandbox, namespace: &str) {
    if sandbox
        .store()
        .get(&kinds::SERVICE_ACCOUNT, namespace, "default")
        .is_err()
    {
        let account = json!({"metadata": {"name": "default", "namespace": namespace}});
        note(
            "default account",
            sandbox.create(&kinds::SERVICE_ACCOUNT, account),
        );
    }
    if sandbox
        .store()
        .get(&kinds::CONFIG_MAP, namespace, ROOT_CERTIFICATE)
        .is_err()
    {
        let map = json!({
            "metadata": {"name": ROOT_CERTIFICATE, "namespace": namespace}, "data": {"ca.crt": sandbox.ca_pem()},
        });
        note("root certificate", sandbox.create(&kinds::CONFIG_MAP, map));
    }
}

fn fill(sandbox: &Sandbox, secret: &serde_json::Value) {
    let name = str_at(
        secret,
        "/metadata/annotations/kubernetes.io~1service-account.name",
    );
    let namespace = namespace_of(secret);
    let Ok(account) = sandbox
        .store()
        .get(&kinds::SERVICE_ACCOUNT, namespace, name)
    else {
        return;
    };
    let token = auth::issue_for_secret(sandbox, &account, secret);
    let filled = sandbox
        .store()
        .modify(&kinds::SECRET, namespace, name_of(secret), |secret| {
            secret["metadata"]["annotations"]["kubernetes.io/service-account.uid"] =
                uid_of(&account).into();
            for (key, value) in [
                ("token", token.as_str()),
                ("ca.crt", sandbox.ca_pem()),
                ("namespace", namespace),
            ] {
                secret["data"][key] = BASE64.encode(value.as_bytes()).into();
            }
            Ok(())
        });
    note("token secret", filled);
}

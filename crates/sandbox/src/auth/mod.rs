//! Who asks, and whether they may: bearer tokens, service-account tokens, roles.

mod rbac;
pub(crate) mod roles;
mod token;

pub use rbac::{Decision, authorize, rules_of};
pub use roles::{bootstrap, pusher_rules};
pub use token::{Claims, Keys};

use serde_json::{Value, json};

use crate::store::{name_of, namespace_of, str_at, uid_of};
use crate::{Sandbox, kinds};

/// The group whose members may do everything.
pub const MASTERS: &str = "system:masters";

/// Somebody who sent a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Uid, empty for users that are no objects.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
}

impl User {
    /// The administrator of the sandbox.
    #[must_use]
    pub fn admin() -> Self {
        let groups = vec![MASTERS.to_owned(), "system:authenticated".to_owned()];
        Self {
            name: "sandbox-admin".to_owned(),
            uid: String::new(),
            groups,
        }
    }

    /// Somebody without a token.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            uid: String::new(),
            groups: vec!["system:unauthenticated".to_owned()],
        }
    }

    /// Somebody the administrator acts as. A service account is in its groups without being told.
    #[must_use]
    pub fn impersonated(name: String, mut groups: Vec<String>) -> Self {
        let mut parts = name
            .strip_prefix("system:serviceaccount:")
            .unwrap_or_default()
            .split(':');
        if let (Some(namespace), Some(_), true) = (parts.next(), parts.next(), groups.is_empty()) {
            groups = vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
            ];
        }
        groups.push("system:authenticated".to_owned());
        Self {
            name,
            uid: String::new(),
            groups,
        }
    }

    fn account(account: &Value) -> Self {
        let namespace = namespace_of(account);
        Self {
            name: format!("system:serviceaccount:{namespace}:{}", name_of(account)),
            uid: uid_of(account).to_owned(),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
        }
    }

    /// Spells the user as reviews do.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut value = json!({"username": self.name, "groups": self.groups});
        if !self.uid.is_empty() {
            value["uid"] = self.uid.clone().into();
        }
        value
    }
}

/// Finds out who holds a bearer token. `None` is a token that is no good, or no longer.
#[must_use]
pub fn authenticate(sandbox: &Sandbox, token: &str) -> Option<User> {
    if sandbox.keys().is_admin(token) {
        return Some(User::admin());
    }
    let claims = sandbox.keys().verify(token, sandbox.clock().now())?;
    let account = sandbox
        .store()
        .get(&kinds::SERVICE_ACCOUNT, &claims.namespace, &claims.account)
        .ok()?;
    let bound_to = |kind, bound: &Option<(String, String)>| match bound {
        Some((name, uid)) => sandbox
            .store()
            .get(kind, &claims.namespace, name)
            .is_ok_and(|object| uid_of(&object) == uid),
        None => true,
    };
    let is_alive = uid_of(&account) == claims.account_uid
        && bound_to(&kinds::POD, &claims.pod)
        && bound_to(&kinds::SECRET, &claims.secret);
    is_alive.then(|| User::account(&account))
}

/// Issues a token for a service account, as a `TokenRequest` does. `pod` binds it to a pod's life.
#[must_use]
pub fn issue(
    sandbox: &Sandbox,
    account: &Value,
    lifetime_seconds: u64,
    pod: Option<&Value>,
) -> String {
    let issued = sandbox.clock().now().as_second();
    let lifetime = i64::try_from(lifetime_seconds).unwrap_or(i64::MAX);
    let claims = Claims {
        namespace: namespace_of(account).to_owned(),
        account: name_of(account).to_owned(),
        account_uid: uid_of(account).to_owned(),
        pod: pod.map(|pod| (name_of(pod).to_owned(), uid_of(pod).to_owned())),
        secret: None,
        issued,
        expires: Some(issued.saturating_add(lifetime)),
    };
    sandbox.keys().sign(&claims)
}

/// Issues the token of a token Secret: it lives as long as the Secret.
#[must_use]
pub fn issue_for_secret(sandbox: &Sandbox, account: &Value, secret: &Value) -> String {
    let claims = Claims {
        namespace: namespace_of(account).to_owned(),
        account: str_at(account, "/metadata/name").to_owned(),
        account_uid: uid_of(account).to_owned(),
        pod: None,
        secret: Some((name_of(secret).to_owned(), uid_of(secret).to_owned())),
        issued: sandbox.clock().now().as_second(),
        expires: None,
    };
    sandbox.keys().sign(&claims)
}

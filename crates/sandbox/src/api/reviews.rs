//! Reviews and token requests: objects that are answered, not kept.

use serde_json::{Value, json};

use crate::auth::{self, User};
use crate::failure::{About, Cause};
use crate::store::{name_of, namespace_of, str_at, uid_of};
use crate::{Failure, Sandbox, clock, kinds};

use super::request::Info;

/// Answers a review of the group `authentication.k8s.io` or `authorization.k8s.io`.
pub(super) fn answer(
    sandbox: &Sandbox,
    user: &User,
    kind: &str,
    mut review: Value,
) -> Result<Value, Failure> {
    match kind {
        "SelfSubjectReview" => {
            review["metadata"]["creationTimestamp"] = clock::seconds(sandbox.clock().now()).into();
            review["status"] = json!({"userInfo": user.to_value()});
        }
        "TokenReview" => {
            let token = str_at(&review, "/spec/token");
            review["status"] = match auth::authenticate(sandbox, token) {
                Some(user) => json!({
                    "authenticated": true, "user": user.to_value(),
                    "audiences": ["https://kubernetes.default.svc.cluster.local"],
                }),
                None => json!({"user": {}, "error": "invalid bearer token"}),
            };
        }
        "SelfSubjectRulesReview" => {
            review["status"] = rules(sandbox, user, str_at(&review, "/spec/namespace"))
        }
        "SelfSubjectAccessReview" => review["status"] = access(sandbox, user, &review)?,
        _ => {
            let groups = review["spec"]["groups"].as_array().into_iter().flatten();
            let other = User {
                name: str_at(&review, "/spec/user").to_owned(),
                uid: String::new(),
                groups: groups
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            };
            review["status"] = access(sandbox, &other, &review)?;
        }
    }
    if !review["metadata"].is_object() {
        review["metadata"] = json!({});
    }
    Ok(review)
}

fn access(sandbox: &Sandbox, user: &User, review: &Value) -> Result<Value, Failure> {
    let resource = &review["spec"]["resourceAttributes"];
    let path = &review["spec"]["nonResourceAttributes"];
    let text = |of: &Value, field: &str| str_at(of, field).to_owned();
    let info = match (resource.is_object(), path.is_object()) {
        (true, false) => Info {
            verb: text(resource, "/verb"),
            group: text(resource, "/group"),
            version: text(resource, "/version"),
            resource: text(resource, "/resource"),
            subresource: text(resource, "/subresource"),
            namespace: text(resource, "/namespace"),
            name: text(resource, "/name"),
            path: String::new(),
        },
        (false, true) => Info {
            verb: text(path, "/verb"),
            path: text(path, "/path"),
            ..Info::default()
        },
        _ => {
            let why = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return Err(invalid(
                "authorization.k8s.io",
                "",
                "spec.resourceAttributes",
                why,
            ));
        }
    };
    let decision = auth::authorize(sandbox, user, &info);
    let mut status = json!({"allowed": decision.is_allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    Ok(status)
}

fn rules(sandbox: &Sandbox, user: &User, namespace: &str) -> Value {
    let (paths, resources): (Vec<Value>, Vec<Value>) = auth::rules_of(sandbox, user, namespace)
        .into_iter()
        .partition(|rule| rule.get("nonResourceURLs").is_some());
    json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
}

fn invalid(group: &'static str, kind: &'static str, field: &str, why: &str) -> Failure {
    let mut failure = Failure::new(
        422,
        "Invalid",
        format!("{kind}.{group} \"\" is invalid: {field}: {why}"),
    );
    failure.about = Some(Box::new(About {
        name: String::new(),
        group,
        kind,
    }));
    failure.causes = vec![Cause {
        reason: "FieldValueInvalid",
        field: field.to_owned(),
        message: why.to_owned(),
    }];
    failure
}

/// Answers `serviceaccounts/NAME/token`.
pub(super) fn token(sandbox: &Sandbox, info: &Info, mut request: Value) -> Result<Value, Failure> {
    const SHORTEST_SECONDS: u64 = 600;
    const LONGEST_SECONDS: u64 = 1 << 32;
    let account = sandbox
        .store()
        .get(&kinds::SERVICE_ACCOUNT, &info.namespace, &info.name)?;
    let seconds = request
        .pointer("/spec/expirationSeconds")
        .and_then(Value::as_i64)
        .unwrap_or(3600);
    let refusal = |why: &str| {
        let why = format!("Invalid value: {seconds}: {why}");
        invalid(
            "authentication.k8s.io",
            "TokenRequest",
            "spec.expirationSeconds",
            &why,
        )
    };
    let lifetime = u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds >= SHORTEST_SECONDS);
    let lifetime =
        lifetime.ok_or_else(|| refusal("may not specify a duration less than 10 minutes"))?;
    if lifetime > LONGEST_SECONDS {
        return Err(refusal(
            "may not specify a duration larger than 2^32 seconds",
        ));
    }
    let pod = bound_pod(sandbox, info, &request)?;
    let token = auth::issue(sandbox, &account, lifetime, pod.as_deref());
    let now = sandbox.clock().now();
    let expires = now
        .saturating_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(now);
    request["metadata"] = json!({
        "name": name_of(&account), "namespace": namespace_of(&account), "uid": uid_of(&account),
        "creationTimestamp": clock::seconds(now),
    });
    let audiences = request["spec"]["audiences"]
        .as_array()
        .is_none_or(Vec::is_empty);
    if audiences {
        request["spec"]["audiences"] = json!(["https://kubernetes.default.svc.cluster.local"]);
    }
    request["spec"]["expirationSeconds"] = lifetime.into();
    if request["spec"].get("boundObjectRef").is_none() {
        request["spec"]["boundObjectRef"] = Value::Null;
    }
    request["status"] = json!({"token": token, "expirationTimestamp": clock::seconds(expires)});
    Ok(request)
}

fn bound_pod(
    sandbox: &Sandbox,
    info: &Info,
    request: &Value,
) -> Result<Option<crate::store::Object>, Failure> {
    let bound = &request["spec"]["boundObjectRef"];
    match str_at(bound, "/kind") {
        "" => Ok(None),
        "Pod" => sandbox
            .store()
            .get(&kinds::POD, &info.namespace, str_at(bound, "/name"))
            .map(Some),
        other => Err(Failure::bad_request(format!(
            "cannot bind token for serviceaccount to {other} object"
        ))),
    }
}

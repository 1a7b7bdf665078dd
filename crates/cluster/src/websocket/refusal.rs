//! Why a WebSocket was not opened.

use std::error::Error;
use std::time::Duration;

use serde::Deserialize;

use crate::cause;

/// Most of a foreign text that is repeated.
const EXCERPT_CHARS: usize = 200;

/// Why a WebSocket was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The credential is not accepted, or none could be had.
    Unauthorized(String),
    /// RBAC or admission said no.
    Forbidden(String),
    /// The pod or container is not there, or does not run.
    Gone(String),
    /// Somebody who is not an API server answered, or the server speaks none of our subprotocols.
    NoUpgrade(String),
    /// No answer, or one that says: later.
    Unreachable {
        /// What went wrong.
        reason: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
}

/// An answer that does not switch protocols.
pub(super) struct Answer<'a> {
    pub(super) code: u16,
    pub(super) body: &'a [u8],
    pub(super) retry_after: Option<Duration>,
}

/// The fields of a `Status` that decide.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    message: String,
    reason: String,
}

/// Reads an answer: the `Status` first, the code only where there is none.
pub(super) fn of_answer(answer: &Answer<'_>, resource: &str) -> Refusal {
    let status: Option<Status> = serde_json::from_slice(answer.body).ok();
    match status.filter(|status| status.kind == "Status") {
        Some(status) => of_status(answer, &status, resource),
        None => of_code(answer, resource),
    }
}

fn of_status(answer: &Answer<'_>, status: &Status, resource: &str) -> Refusal {
    let message = status.message.trim().to_owned();
    match (status.reason.as_str(), answer.code) {
        ("Unauthorized", _) | ("", 401) => Refusal::Unauthorized(message),
        ("Forbidden", _) | ("", 403) => Refusal::Forbidden(forbidden(&message, resource)),
        // A pod that is being deleted is a conflict.
        ("NotFound" | "Gone" | "Conflict", _) | ("", 404 | 409 | 410) => Refusal::Gone(message),
        // The container has another name, or the pod is on no node yet.
        ("BadRequest", _) | ("", 400) => Refusal::Gone(message),
        // The kubelet's own words for a pod that ended a moment ago, wrapped by the API server.
        _ if message.contains("container not found")
            || message.contains("not found")
            || message.contains("not running") =>
        {
            Refusal::Gone(message)
        }
        ("MethodNotAllowed" | "NotAcceptable", _) => Refusal::NoUpgrade(message),
        _ => Refusal::Unreachable {
            reason: format!("HTTP {}: {message}", answer.code),
            retry_after: answer.retry_after,
        },
    }
}

/// Names the verb where the server leaves its reason empty: since Kubernetes 1.35 `create` is asked for beside `get`, and its
/// refusal does not say so.
fn forbidden(message: &str, resource: &str) -> String {
    if message.is_empty() || message.ends_with(':') {
        format!(
            "{message} the verb create on {resource} is missing, which Kubernetes 1.35 and later ask for beside get"
        )
        .trim_start()
        .to_owned()
    } else {
        message.to_owned()
    }
}

fn of_code(answer: &Answer<'_>, resource: &str) -> Refusal {
    let said = said(answer);
    match answer.code {
        401 => Refusal::Unauthorized(said),
        429 | 500..=599 => Refusal::Unreachable {
            reason: said,
            retry_after: answer.retry_after,
        },
        // Nobody's permissions: an API server that knows none of the subprotocols is as terse as this.
        403 if answer.body.is_empty() => Refusal::NoUpgrade(format!(
            "{said}: the API server speaks neither v5 nor v4 of {resource}, or a proxy stands before it"
        )),
        _ => Refusal::NoUpgrade(format!("{said}; what answered is not an API server")),
    }
}

/// The code, and what the body begins with.
fn said(answer: &Answer<'_>) -> String {
    let body = String::from_utf8_lossy(answer.body);
    let words: Vec<_> = body.split_whitespace().collect();
    let words: String = words.join(" ").chars().take(EXCERPT_CHARS).collect();
    let words: String = words.chars().filter(|one| !one.is_control()).collect();
    match words.as_str() {
        "" => format!("HTTP {} without a body", answer.code),
        words => format!("HTTP {}: {words}", answer.code),
    }
}

/// Reads an error of the way there.
pub(super) fn of_transport(error: kube::Error) -> Refusal {
    let text = cause::of_kube(&error);
    if is_of_credential(&error) {
        Refusal::Unauthorized(text)
    } else {
        Refusal::Unreachable {
            reason: text,
            retry_after: None,
        }
    }
}

/// A credential plugin that fails does so below the service, so the error may stand anywhere in the chain.
fn is_of_credential(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<kube::client::AuthError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: u16, body: &str) -> Refusal {
        let answer = Answer {
            code,
            body: body.as_bytes(),
            retry_after: Some(Duration::from_secs(7)),
        };
        of_answer(&answer, "pods/exec")
    }

    fn status(code: u16, reason: &str, message: &str) -> Refusal {
        let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": message, "reason": reason, "code": code});
        of(code, &body.to_string())
    }

    #[test]
    fn a_status_counts_before_the_code() {
        let told = |text: &str| text.to_owned();
        assert_eq!(
            status(401, "Unauthorized", "Unauthorized"),
            Refusal::Unauthorized(told("Unauthorized"))
        );
        let named = "pods \"x\" is forbidden: User \"u\" cannot get resource \"pods/exec\"";
        assert_eq!(
            status(403, "Forbidden", named),
            Refusal::Forbidden(told(named))
        );
        assert_eq!(
            status(404, "NotFound", "pods \"x\" not found"),
            Refusal::Gone(told("pods \"x\" not found"))
        );
        assert_eq!(
            status(400, "BadRequest", "container y is not valid for pod x"),
            Refusal::Gone(told("container y is not valid for pod x"))
        );
        let gone = "unable to upgrade connection: container not found (\"stage\")";
        assert_eq!(
            status(500, "InternalError", gone),
            Refusal::Gone(told(gone))
        );
        assert_eq!(
            status(500, "InternalError", "error dialing backend: EOF"),
            Refusal::Unreachable {
                reason: told("HTTP 500: error dialing backend: EOF"),
                retry_after: Some(Duration::from_secs(7)),
            }
        );
    }

    #[test]
    fn a_refusal_that_ends_before_its_reason_gets_one() {
        let Refusal::Forbidden(text) = status(403, "Forbidden", "pods \"x\" is forbidden: ") else {
            panic!("not forbidden");
        };
        assert!(
            text.starts_with("pods \"x\" is forbidden: the verb create on pods/exec"),
            "{text}"
        );
    }

    #[test]
    fn a_terse_403_is_no_answer_of_authorisation() {
        assert!(
            matches!(of(403, ""), Refusal::NoUpgrade(text) if text.contains("neither v5 nor v4"))
        );
        assert!(
            matches!(of(403, "<html>Blocked by policy</html>"), Refusal::NoUpgrade(text) if text.contains("Blocked"))
        );
    }

    #[test]
    fn what_else_a_proxy_says() {
        for code in [200, 301, 400, 404, 407, 426] {
            assert!(
                matches!(of(code, "hello"), Refusal::NoUpgrade(_)),
                "{code}: {:?}",
                of(code, "hello")
            );
        }
        for code in [429, 502, 503, 504] {
            assert!(matches!(
                of(code, ""),
                Refusal::Unreachable {
                    retry_after: Some(_),
                    ..
                }
            ));
        }
    }
}

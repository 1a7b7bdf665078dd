//! What the service answered.

use hyper::StatusCode;
use serde::Deserialize;

use crate::tunnel::Answer;

/// Most of a foreign text that is repeated.
const EXCERPT_CHARS: usize = 2_000;

/// What an answer means for the submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted(Named),
    /// The token is not accepted.
    Unauthorized(String),
    /// This account may not ingest into this table.
    Denied(String),
    /// The document is not accepted.
    Rejected(String),
    /// The key was used with other content.
    Conflict(String),
    /// The request is not what the service expects.
    Malformed(String),
    /// The service is in trouble; it may or may not have made the Job.
    Trouble(String),
    /// An answer with no place in the contract.
    Unexpected(String),
}

/// The Job that an answer names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Named {
    pub(super) job_name: String,
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) replay: bool,
}

/// Reads an answer. `token` is blotted out, should the service repeat it.
pub(super) fn read(answer: &Answer, token: &str) -> Verdict {
    let text = excerpt(&answer.body, token);
    match answer.status {
        status if status.is_success() => match serde_json::from_slice::<Named>(&answer.body) {
            Ok(named) if !named.job_name.is_empty() && !named.namespace.is_empty() => {
                let replay = named.replay || status == StatusCode::OK;
                Verdict::Accepted(Named { replay, ..named })
            }
            _ => Verdict::Unexpected(format!(
                "HTTP {} that names no Job: {text}",
                status.as_u16()
            )),
        },
        StatusCode::BAD_REQUEST => Verdict::Rejected(text),
        StatusCode::UNAUTHORIZED => Verdict::Unauthorized(text),
        StatusCode::FORBIDDEN => Verdict::Denied(text),
        StatusCode::CONFLICT => Verdict::Conflict(text),
        StatusCode::UNPROCESSABLE_ENTITY => Verdict::Malformed(text),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Verdict::Trouble(format!("HTTP {}: {text}", status.as_u16()))
        }
        status => Verdict::Unexpected(format!("HTTP {}: {text}", status.as_u16())),
    }
}

/// The part of a body that is for people, on one line.
fn excerpt(body: &[u8], token: &str) -> String {
    let text = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) => match value.get("detail") {
            Some(serde_json::Value::String(detail)) => detail.clone(),
            Some(detail) => detail.to_string(),
            None => value.to_string(),
        },
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let text = match token {
        "" => text,
        token => text.replace(token, "(token)"),
    };
    let words: Vec<_> = text.split_whitespace().collect();
    let words = words.join(" ");
    let words: String = words
        .chars()
        .filter(|one| !one.is_control())
        .take(EXCERPT_CHARS)
        .collect();
    if words.is_empty() {
        "no reason given".to_owned()
    } else {
        words
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn of(status: u16, body: &str) -> Verdict {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        read(&answer, "s3cret")
    }

    fn named(replay: bool) -> Verdict {
        Verdict::Accepted(Named {
            job_name: "j".to_owned(),
            namespace: "n".to_owned(),
            replay,
        })
    }

    #[test]
    fn each_status_has_its_meaning() {
        let whole = r#"{"job_name": "j", "namespace": "n", "replay": false, "more": 1}"#;
        assert_eq!(of(201, whole), named(false));
        assert_eq!(of(202, whole), named(false));
        assert_eq!(
            of(200, whole),
            named(true),
            "200 is a replay, whatever the field says"
        );
        let why = || "no".to_owned();
        let body = r#"{"detail": "no"}"#;
        assert_eq!(of(400, body), Verdict::Rejected(why()));
        assert_eq!(of(401, body), Verdict::Unauthorized(why()));
        assert_eq!(of(403, body), Verdict::Denied(why()));
        assert_eq!(of(409, body), Verdict::Conflict(why()));
        assert_eq!(of(422, body), Verdict::Malformed(why()));
        assert_eq!(of(500, body), Verdict::Trouble("HTTP 500: no".to_owned()));
        assert_eq!(
            of(503, ""),
            Verdict::Trouble("HTTP 503: no reason given".to_owned())
        );
        assert_eq!(
            of(404, body),
            Verdict::Unexpected("HTTP 404: no".to_owned())
        );
    }

    #[test]
    fn an_answer_that_names_no_job_is_refused() {
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"job_name": "", "namespace": "n"}"#,
            r#"{"job_name": "j", "namespace": ""}"#,
            r#"{"job_name": "j"}"#,
        ] {
            assert!(matches!(of(201, body), Verdict::Unexpected(_)), "{body}");
        }
    }

    #[test]
    fn a_reason_is_one_line_without_the_token() {
        let check = |body: &str, expected: &str| {
            assert_eq!(of(400, body), Verdict::Rejected(expected.to_owned()));
        };
        check("  plain\n text\u{1b}[2J ", "plain text[2J");
        check(
            r#"{"detail": [{"loc": ["table"]}]}"#,
            r#"[{"loc":["table"]}]"#,
        );
        check(r#"{"detail": "bad token s3cret"}"#, "bad token (token)");
    }
}

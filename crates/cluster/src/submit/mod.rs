//! Submission of a run: one POST whose answer names a Job, repeated with the same key until there is an answer.

mod answer;
mod key;
mod replay;

pub use key::{KEY_MAX_BYTES, Key, KeyError};

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use jiff::Timestamp;
use kube::Client;
use serde::Serialize;
use tokio::time::Instant;

use crate::cause;
use crate::limits::{Limits, told};
use crate::tunnel::{self, Answer, TunnelError, Unanswered};
use answer::{Named, Verdict};
use replay::Replayed;

const PATH: &str = "/internal/submit-ingestion-run";

/// Attempts in all, however much time is left.
const ATTEMPTS: u32 = 8;

/// Where the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Namespace of the release.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
}

/// What is submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// The document, verbatim.
    pub ingest_config: String,
    /// The key.
    #[serde(serialize_with = "as_text")]
    pub idempotency_key: Key,
    /// `sha256:` and 64 digits, or nothing for the release's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
}

fn as_text<S: serde::Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.as_str())
}

/// Mints the bearer token for the service. It is asked again when a token is refused.
pub trait Mint: Send + Sync {
    /// Returns a fresh token, or why there is none as half a sentence.
    fn mint(&self) -> BoxFuture<'_, Result<String, String>>;
}

/// Sees to it, before a request is repeated, that what it is about is still this client's alone.
pub trait Guard: Send + Sync {
    /// Looks, and protects it further; the error says as half a sentence why it is not to be repeated.
    fn renew(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// Nothing is protected.
#[derive(Clone, Copy, Debug)]
pub struct Unguarded;

impl Guard for Unguarded {
    fn renew(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// An accepted run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The Job's name.
    pub job: String,
    /// The Job's namespace.
    pub namespace: String,
    /// The key was known: the Job is one that was submitted before and has not ended.
    pub is_replay: bool,
}

/// What happens meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The key, before anything is sent: with it the run can be found again whatever happens.
    Submitting(Key),
    /// An attempt came to nothing; the next one uses the same key.
    Retrying {
        /// Why.
        reason: String,
        /// After which pause.
        pause: Duration,
    },
    /// The token was refused and is minted anew.
    TokenRefused,
}

/// Why a run was not accepted, or nobody knows whether it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The service cannot be reached.
    #[error("the service cannot be reached")]
    Tunnel(#[source] TunnelError),
    /// There is no token.
    #[error("no token for the service: {0}")]
    Token(String),
    /// The service does not accept the token, nor a fresh one.
    #[error("the service does not accept the token: {0}")]
    Unauthorized(String),
    /// This account may not ingest into this table.
    #[error("the service does not allow this table: {0}")]
    Denied(String),
    /// The document is not accepted; the service may know another version of the schema.
    #[error("the service rejects the document: {0}")]
    Rejected(String),
    /// The request is not what the service expects.
    #[error("the service does not understand the request: {0}")]
    Malformed(String),
    /// The key was used with other content.
    #[error("the key {key} was used for something else: {reason}")]
    Conflict {
        /// The key.
        key: Key,
        /// What the service said.
        reason: String,
    },
    /// No answer that counts, after every attempt. The run may have been accepted.
    #[error("no answer to the submission {key}: {reason}")]
    Unanswered {
        /// The key.
        key: Key,
        /// What the last attempt came to.
        reason: String,
    },
    /// An answer that has no place in the contract.
    #[error("the service answers {0}")]
    Unexpected(String),
    /// The key belongs to an earlier run, which has ended: nothing new was started.
    #[error("the key {key} belongs to an earlier run: job {namespace}/{job} {how}")]
    Replayed {
        /// The key.
        key: Key,
        /// The old Job.
        job: String,
        /// Its namespace.
        namespace: String,
        /// What has become of it, as half a sentence.
        how: String,
    },
    /// The answer names an existing Job that cannot be looked at.
    #[error("job {namespace}/{job} of an earlier submission cannot be looked at: {reason}")]
    ReplayUnseen {
        /// The Job.
        job: String,
        /// Its namespace.
        namespace: String,
        /// What the API server said.
        reason: String,
    },
}

/// Submits a run.
///
/// An unanswered POST and an answer of 5xx are repeated with the same key, which is what the key is for. Dropping the future leaves
/// open whether the run was accepted. `guard` is asked before each repetition: pauses add up to more than a lock lasts.
pub async fn submit(
    client: &Client,
    target: &Target,
    submission: &Submission,
    mint: &dyn Mint,
    guard: &dyn Guard,
    limits: &Limits,
    tell: &(dyn Fn(Event) + Send + Sync),
) -> Result<Accepted, SubmitError> {
    let asking = replay::server_time(client);
    // Without the time a replay for a Job that has ended is never taken for this submission's.
    let begun = tokio::time::timeout(limits.request, asking).await;
    let begun = begun.unwrap_or_default();
    tell(Event::Submitting(submission.idempotency_key.clone()));
    let mut run = Run {
        client,
        target,
        submission,
        mint,
        guard,
        limits,
        tell,
        until: Instant::now() + limits.retry,
        token: None,
        unanswered: 0,
    };
    let named = run.until_answered().await;
    let named = named.map_err(|error| run.in_all(error))?;
    run.accept(named, begun).await
}

struct Run<'a> {
    client: &'a Client,
    target: &'a Target,
    submission: &'a Submission,
    mint: &'a dyn Mint,
    guard: &'a dyn Guard,
    limits: &'a Limits,
    tell: &'a (dyn Fn(Event) + Send + Sync),
    until: Instant,
    token: Option<String>,
    /// Requests that were sent and not answered. Each may have been accepted; the next one goes to the next pod.
    unanswered: usize,
}

/// An attempt that can be repeated.
struct Vain {
    error: SubmitError,
    reason: String,
    retry_after: Option<Duration>,
}

enum Attempt {
    Named(Named),
    Refused(SubmitError),
    /// The token was refused.
    Stale(SubmitError),
    Vain(Vain),
}

impl Run<'_> {
    async fn until_answered(&mut self) -> Result<Named, SubmitError> {
        let mut is_fresh = false;
        let mut attempts = 0;
        loop {
            match self.attempt().await? {
                Attempt::Named(named) => return Ok(named),
                Attempt::Refused(error) => return Err(error),
                Attempt::Stale(error) if is_fresh => return Err(error),
                Attempt::Stale(_) => {
                    is_fresh = true;
                    self.token = None;
                    (self.tell)(Event::TokenRefused);
                }
                Attempt::Vain(vain) => {
                    attempts += 1;
                    self.pause(vain, attempts).await?;
                }
            }
        }
    }

    /// Weighs the last error against the attempts before it: one that was sent may have been accepted, whatever came later, unless
    /// the service has judged the very same request.
    fn in_all(&self, last: SubmitError) -> SubmitError {
        match last {
            SubmitError::Tunnel(_)
            | SubmitError::Token(_)
            | SubmitError::Unauthorized(_)
            | SubmitError::Unexpected(_)
                if self.unanswered > 0 =>
            {
                SubmitError::Unanswered {
                    key: self.submission.idempotency_key.clone(),
                    reason: cause::chain(&last),
                }
            }
            other => other,
        }
    }

    /// Waits before the next attempt, or gives up.
    async fn pause(&self, vain: Vain, attempts: u32) -> Result<(), SubmitError> {
        let pause = vain.retry_after.unwrap_or_else(|| backoff(attempts));
        if attempts >= ATTEMPTS || Instant::now() + pause > self.until {
            return Err(vain.error);
        }
        (self.tell)(Event::Retrying {
            reason: vain.reason,
            pause,
        });
        tokio::time::sleep(pause).await;
        let renewed = self.guard.renew().await;
        renewed.map_err(|lost| match vain.error {
            SubmitError::Unanswered { key, reason } => SubmitError::Unanswered {
                key,
                reason: format!("{reason}; it was not sent again, because {lost}"),
            },
            other => other,
        })
    }

    async fn attempt(&mut self) -> Result<Attempt, SubmitError> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => {
                let token = self.mint.mint().await.map_err(SubmitError::Token)?;
                self.token.insert(token).clone()
            }
        };
        let mut tunnel = match self.tunnel().await {
            Ok(tunnel) => tunnel,
            Err(error) => return Ok(unreached(error)),
        };
        let request = self.request(&token)?;
        let answer = tokio::time::timeout(self.limits.submit, tunnel.send(request)).await;
        let answer = answer.unwrap_or_else(|_| {
            let limit = told("submit-timeout", self.limits.submit);
            Err(Unanswered(format!("nothing came for {limit}")))
        });
        Ok(self.judge(answer, &token))
    }

    /// Connects to the first pod that lets itself be connected to.
    async fn tunnel(&self) -> Result<tunnel::Tunnel, TunnelError> {
        let Target { namespace, service } = self.target;
        let mut last = None;
        let mut backends = tunnel::backends(self.client, namespace, service, self.limits).await?;
        let count = backends.len().max(1);
        backends.rotate_left(self.unanswered % count);
        for backend in backends {
            match tunnel::connect(self.client, namespace, &backend, self.limits).await {
                Ok(tunnel) => return Ok(tunnel),
                Err(error @ (TunnelError::Gone { .. } | TunnelError::Unreachable { .. })) => {
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        // There was at least one, or `backends` would have said so.
        Err(last.unwrap_or_else(|| TunnelError::NobodyReady {
            service: service.clone(),
            seen: 0,
        }))
    }

    fn request(&self, token: &str) -> Result<Request<Full<Bytes>>, SubmitError> {
        let body = serde_json::to_vec(self.submission)
            .map_err(|error| SubmitError::Malformed(error.to_string()))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut bearer =
            bearer.map_err(|_| SubmitError::Token("the token is no header value".to_owned()))?;
        bearer.set_sensitive(true);
        let mut request = Request::post(PATH).body(Full::new(Bytes::from(body)));
        if let Ok(request) = &mut request {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, bearer);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let host = HeaderValue::from_str(&self.target.service);
            headers.insert(HOST, host.unwrap_or(HeaderValue::from_static("localhost")));
        }
        request.map_err(|error| SubmitError::Malformed(error.to_string()))
    }

    fn judge(&mut self, answer: Result<Answer, Unanswered>, token: &str) -> Attempt {
        let answer = match answer {
            Ok(answer) => answer,
            Err(Unanswered(reason)) => return self.vain(reason),
        };
        let key = self.submission.idempotency_key.clone();
        match answer::read(&answer, token) {
            Verdict::Accepted(named) => Attempt::Named(named),
            Verdict::Unauthorized(reason) => Attempt::Stale(SubmitError::Unauthorized(reason)),
            Verdict::Denied(reason) => Attempt::Refused(SubmitError::Denied(reason)),
            Verdict::Rejected(reason) => Attempt::Refused(SubmitError::Rejected(reason)),
            Verdict::Malformed(reason) => Attempt::Refused(SubmitError::Malformed(reason)),
            Verdict::Conflict(reason) => Attempt::Refused(SubmitError::Conflict { key, reason }),
            Verdict::Unexpected(reason) => Attempt::Refused(SubmitError::Unexpected(reason)),
            Verdict::Trouble(reason) => self.vain(reason),
        }
    }

    /// The request was sent and the answer does not tell: whatever comes next may find what this attempt made.
    fn vain(&mut self, reason: String) -> Attempt {
        self.unanswered += 1;
        Attempt::Vain(Vain {
            error: SubmitError::Unanswered {
                key: self.submission.idempotency_key.clone(),
                reason: reason.clone(),
            },
            reason,
            retry_after: None,
        })
    }

    /// Takes a new Job, and an old one that has not ended. One that has is ours only if it was made after this submission began
    /// and an attempt went unanswered: then the answer was lost, not the run.
    async fn accept(
        &self,
        named: Named,
        begun: Option<Timestamp>,
    ) -> Result<Accepted, SubmitError> {
        let Named {
            job_name: job,
            namespace,
            replay: is_replay,
        } = named;
        let accepted = |is_replay| Accepted {
            job: job.clone(),
            namespace: namespace.clone(),
            is_replay,
        };
        if !is_replay {
            return Ok(accepted(false));
        }
        let looking = replay::look(self.client, &namespace, &job);
        let looked = tokio::time::timeout(self.limits.request, looking).await;
        let looked = looked.unwrap_or_else(|_| {
            let limit = told("request-timeout", self.limits.request);
            Err(format!("no answer for {limit}"))
        });
        match looked {
            Ok(Replayed::Going) => Ok(accepted(self.unanswered == 0)),
            Ok(Replayed::Ended { made, .. })
                if self.unanswered > 0 && begun.is_some() && made >= begun =>
            {
                Ok(accepted(false))
            }
            Ok(Replayed::Ended { how, .. }) => Err(SubmitError::Replayed {
                key: self.submission.idempotency_key.clone(),
                job,
                namespace,
                how,
            }),
            Err(reason) => Err(SubmitError::ReplayUnseen {
                job,
                namespace,
                reason,
            }),
        }
    }
}

/// Nothing was sent.
fn unreached(error: TunnelError) -> Attempt {
    let reason = error.to_string();
    let retry_after = match &error {
        TunnelError::Unreachable { retry_after, .. } => *retry_after,
        TunnelError::NobodyReady { .. } | TunnelError::Gone { .. } => None,
        _ => return Attempt::Refused(SubmitError::Tunnel(error)),
    };
    Attempt::Vain(Vain {
        error: SubmitError::Tunnel(error),
        reason,
        retry_after,
    })
}

/// Half a second, doubled each time, up to half a minute.
fn backoff(attempts: u32) -> Duration {
    let doubled = 1_u64 << attempts.saturating_sub(1).min(6);
    Duration::from_millis(500 * doubled).min(Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let pauses: Vec<_> = (1..=8)
            .map(|attempts| backoff(attempts).as_millis())
            .collect();
        assert_eq!(
            pauses,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
    }

    #[test]
    fn the_body_has_the_three_fields_of_the_contract() {
        let mut submission = Submission {
            ingest_config: "kind: IngestConfig\n".to_owned(),
            idempotency_key: Key::parse("k").unwrap(),
            image_digest: None,
        };
        let text = |submission: &Submission| serde_json::to_string(submission).unwrap();
        assert_eq!(
            text(&submission),
            r#"{"ingest_config":"kind: IngestConfig\n","idempotency_key":"k"}"#
        );
        submission.image_digest = Some("sha256:x".to_owned());
        assert!(text(&submission).contains(r#""image_digest":"sha256:x""#));
    }
}

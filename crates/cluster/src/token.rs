//! The ingestor's token: obtained before anything is sent, and never shown.

use std::fmt;
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, ListParams, PostParams};
use sha2::{Digest as _, Sha256};

use crate::Connection;
use crate::api::{ApiError, Call, Refusal};

/// How long the token of a run is to hold.
pub const FOR_A_RUN: Duration = Duration::from_secs(3600);

/// How long one that only shows that there is one is to hold: the least that servers give.
pub const FOR_A_LOOK: Duration = Duration::from_secs(600);

/// Bytes of a token's digest that are shown.
const SHOWN_BYTES: usize = 8;

/// A token of a service account.
#[derive(Clone)]
pub struct Token {
    secret: String,
    /// Where it is from.
    pub source: Source,
    /// Until when it holds, by the server's word; `None` for ever.
    pub expires: Option<Timestamp>,
}

/// Where a token is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was made for us.
    Request,
    /// It lay in a Secret.
    Secret,
}

impl Source {
    /// Returns the words for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "TokenRequest",
            Self::Secret => "static secret",
        }
    }
}

impl Token {
    /// Returns the token itself, for the header of a request. It belongs nowhere else.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns the beginning of its SHA-256, which is all of it that may be shown.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.secret.as_bytes());
        HEXLOWER.encode(digest.get(..SHOWN_BYTES).unwrap_or_default())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("sha256", &self.fingerprint())
            .field("source", &self.source)
            .field("expires", &self.expires)
            .finish()
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The server was not asked, or said something that no other way helps against.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Neither way is open.
    #[error(
        "no token of the service account {account} can be had: {request}; and no Secret holds one: {secret}"
    )]
    Neither {
        /// The account.
        account: String,
        /// Why none is made.
        request: String,
        /// Why none is found.
        secret: String,
    },
}

/// Obtains a token of a service account.
///
/// One is asked for; only if that is forbidden, not known or not there, a Secret that holds one is looked for. A network error
/// must not be disguised as "the fallback failed too".
///
/// # Errors
/// See [`TokenError`].
pub async fn obtain(
    connection: &Connection,
    namespace: &str,
    account: &str,
    lifetime: Duration,
) -> Result<Token, TokenError> {
    let refused = match request(connection, namespace, account, lifetime).await {
        Ok(token) => return Ok(token),
        Err(error) if is_no_way(&error.refusal) => error,
        Err(error) => return Err(error.into()),
    };
    let secret = match look(connection, namespace, account).await {
        Ok(Some(token)) => return Ok(token),
        Ok(None) => format!("there is none for {account} in namespace {namespace}"),
        Err(error) if is_no_way(&error.refusal) => format!("{error}: {}", error.refusal),
        Err(error) => return Err(error.into()),
    };
    Err(TokenError::Neither {
        account: account.to_owned(),
        request: format!("{refused}: {}", refused.refusal),
        secret,
    })
}

/// The refusals that the other way may help against, by their typed reasons.
fn is_no_way(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Forbidden(_) | Refusal::NotFound(_) => true,
        Refusal::Answer { code, reason, .. } => {
            reason == "MethodNotAllowed" || (reason.is_empty() && *code == 405)
        }
        _ => false,
    }
}

async fn request(
    connection: &Connection,
    namespace: &str,
    account: &str,
    lifetime: Duration,
) -> Result<Token, ApiError> {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let wanted = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(seconds),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let call = Call::of("create", "serviceaccounts/token", namespace, account);
    let answer = connection
        .ask(call.clone(), |client| {
            let api: Api<ServiceAccount> = Api::namespaced(client, namespace);
            let wanted = &wanted;
            async move {
                api.create_token_request(account, &PostParams::default(), wanted)
                    .await
            }
        })
        .await?;
    let status = answer.status.filter(|status| !status.token.is_empty());
    let status = status.ok_or_else(|| ApiError {
        call: Box::new(call),
        refusal: Refusal::NotKubernetes("the answer has no token".to_owned()),
    })?;
    Ok(Token {
        secret: status.token,
        source: Source::Request,
        expires: Some(status.expiration_timestamp.0),
    })
}

async fn look(
    connection: &Connection,
    namespace: &str,
    account: &str,
) -> Result<Option<Token>, ApiError> {
    let call = Call::of("list", "secrets", namespace, "");
    let parameters = ListParams::default().fields("type=kubernetes.io/service-account-token");
    let found = connection
        .ask(call, |client| {
            let api: Api<Secret> = Api::namespaced(client, namespace);
            let parameters = parameters.clone();
            async move { api.list(&parameters).await }
        })
        .await?;
    let mut secrets = found.items.into_iter();
    Ok(secrets.find_map(|secret| of_secret(secret, account)))
}

fn of_secret(secret: Secret, account: &str) -> Option<Token> {
    let annotations = secret.metadata.annotations?;
    let of = annotations.get("kubernetes.io/service-account.name")?;
    let token = secret.data?.remove("token")?;
    let text = String::from_utf8(token.0).ok()?;
    (of == account && !text.is_empty()).then_some(Token {
        secret: text,
        source: Source::Secret,
        expires: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token() -> Token {
        Token {
            secret: "very-secret".to_owned(),
            source: Source::Request,
            expires: None,
        }
    }

    #[test]
    fn a_token_shows_a_piece_of_its_digest_and_nothing_else() {
        // `printf very-secret | sha256sum`
        assert_eq!(token().fingerprint(), "b644133604bf9963");
        let shown = format!("{:?}", token());
        assert!(!shown.contains("very-secret"), "{shown}");
    }

    #[test]
    fn a_secret_counts_if_it_is_filled_and_of_the_account() {
        let secret = |account: &str, token: &str| {
            let secret = json!({
                "metadata": {"annotations": {"kubernetes.io/service-account.name": account}},
                "data": {"token": token},
            });
            of_secret(serde_json::from_value(secret).unwrap(), "ingestor")
        };
        assert_eq!(secret("ingestor", "eA==").unwrap().secret(), "x");
        assert!(secret("ingestor", "").is_none());
        assert!(secret("other", "eA==").is_none());
    }

    #[test]
    fn only_three_refusals_open_the_other_way() {
        let answer = |code, reason: &str| Refusal::Answer {
            code,
            reason: reason.to_owned(),
            message: String::new(),
        };
        assert!(is_no_way(&Refusal::Forbidden(String::new())));
        assert!(is_no_way(&Refusal::NotFound(String::new())));
        assert!(is_no_way(&answer(405, "MethodNotAllowed")));
        assert!(is_no_way(&answer(405, "")));
        assert!(!is_no_way(&answer(422, "Invalid")));
        assert!(!is_no_way(&answer(405, "Other")));
        assert!(!is_no_way(&Refusal::TimedOut(Duration::ZERO)));
    }
}

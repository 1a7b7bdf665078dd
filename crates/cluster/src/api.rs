//! What the API server was asked, and why it did not do it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::target::TargetError;

/// A request, in the words of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `get`, `list`, `create`, `delete`.
    pub verb: &'static str,
    /// The resource with its subresource, such as `pods/exec`.
    pub resource: &'static str,
    /// The namespace; empty for what lies in none, or for all of them.
    pub namespace: String,
    /// The object; empty for a collection.
    pub name: String,
}

impl Call {
    /// Names a request for an object.
    pub(crate) fn of(
        verb: &'static str,
        resource: &'static str,
        namespace: &str,
        name: &str,
    ) -> Self {
        Self {
            verb,
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        match self.namespace.is_empty() {
            true => Ok(()),
            false => write!(f, " in namespace {}", self.namespace),
        }
    }
}

/// A request that was not granted.
#[derive(Debug, thiserror::Error)]
#[error("cannot {call}")]
pub struct ApiError {
    /// What was asked for.
    pub call: Box<Call>,
    /// Why it was not had.
    #[source]
    pub refusal: Refusal,
}

/// Why a request was not granted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No connection.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// A proxy on the way does not let it through.
    #[error("the proxy does not let the connection through: {0}")]
    Proxy(String),
    /// The server's certificate is not one to trust.
    #[error("the API server's certificate is not accepted: {0}")]
    Certificate(String),
    /// No answer in time.
    #[error("no answer within {}s (--request-timeout)", .0.as_secs())]
    TimedOut(Duration),
    /// The credential could not be renewed.
    #[error(transparent)]
    Credential(Box<TargetError>),
    /// The credential is not taken: 401.
    #[error("the credential is not accepted: {0}")]
    Unauthorized(String),
    /// The credential is known and may not: 403, or admission said no.
    #[error("it is forbidden: {0}")]
    Forbidden(String),
    /// There is no such thing.
    #[error("it does not exist: {0}")]
    NotFound(String),
    /// There is one already.
    #[error("it exists already: {0}")]
    Exists(String),
    /// Any other answer of the API server.
    #[error("the API server answers {code} {reason}: {message}")]
    Answer {
        /// The HTTP status.
        code: u16,
        /// The reason, in one word.
        reason: String,
        /// The message.
        message: String,
    },
    /// Something answers, but it is not an API server.
    #[error("what answers is not an API server: {0}")]
    NotKubernetes(String),
}

impl Refusal {
    /// Says whether asking again may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Proxy(_) | Self::TimedOut(_) | Self::NotKubernetes(_) => {
                true
            }
            Self::Answer { code, .. } => *code >= 500 || *code == 429,
            _ => false,
        }
    }

    /// Says whether the request may have been carried out all the same.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        self.is_passing() || matches!(self, Self::Exists(_))
    }
}

impl From<kube::Error> for Refusal {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => from_status(*status),
            kube::Error::Service(error) => from_transport(&*error),
            kube::Error::HyperError(error) => from_transport(&error),
            kube::Error::SerdeError(error) => Self::NotKubernetes(error.to_string()),
            kube::Error::Auth(error) => {
                Self::Credential(Box::new(TargetError::Identity(error.to_string())))
            }
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// What the library writes as the reason of an answer that is no `Status`.
const NO_STATUS: &str = "Failed to parse error data";

/// Longest part of a foreign page that is shown.
const SHOWN_CHARS: usize = 200;

/// By the typed reason; the number counts only where there is no reason (formats, 21.9).
fn from_status(status: kube::core::Status) -> Refusal {
    let kube::core::Status {
        code,
        reason,
        message,
        ..
    } = status;
    match (reason.as_str(), code) {
        ("Unauthorized", _) | ("", 401) | (NO_STATUS, 401) => Refusal::Unauthorized(message),
        ("Forbidden", _) | ("", 403) => Refusal::Forbidden(message),
        ("NotFound", _) | ("", 404) => Refusal::NotFound(message),
        ("AlreadyExists", _) => Refusal::Exists(message),
        (NO_STATUS, 407) => Refusal::Proxy(format!("status {code}")),
        (NO_STATUS, _) => {
            let shown: String = message.chars().take(SHOWN_CHARS).collect();
            Refusal::NotKubernetes(format!("status {code} {shown}").trim_end().to_owned())
        }
        _ => Refusal::Answer {
            code,
            reason,
            message,
        },
    }
}

/// Looks through the chain for the one cause that has a name of its own, and tells the innermost words.
fn from_transport(error: &(dyn StdError + 'static)) -> Refusal {
    let mut innermost = error.to_string();
    for cause in chain(error) {
        if let Some(tls) = tls_error(cause) {
            return match tls {
                rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::UnsupportedNameType => Refusal::Certificate(tls.to_string()),
                other => Refusal::Unreachable(other.to_string()),
            };
        }
        innermost = cause.to_string();
    }
    let text = error_text(error);
    match text.contains("tunnel") || text.contains("proxy") || text.contains("socks") {
        true => Refusal::Proxy(innermost),
        false => Refusal::Unreachable(innermost),
    }
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The library hides a TLS error inside of an input/output error, which does not name it as its source.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => inner.downcast_ref().or_else(|| tls_error(inner)),
        None => error.downcast_ref(),
    }
}

fn error_text(error: &(dyn StdError + 'static)) -> String {
    let parts: Vec<String> = chain(error).map(ToString::to_string).collect();
    parts.join(": ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, reason: &str) -> Refusal {
        let status = kube::core::Status::failure("m", reason).with_code(code);
        from_status(status)
    }

    #[test]
    fn the_reason_counts_before_the_number() {
        assert!(matches!(status(403, "Forbidden"), Refusal::Forbidden(_)));
        assert!(matches!(status(403, ""), Refusal::Forbidden(_)));
        assert!(matches!(status(500, "NotFound"), Refusal::NotFound(_)));
        assert!(matches!(status(409, "AlreadyExists"), Refusal::Exists(_)));
        assert!(matches!(status(404, "Expired"), Refusal::Answer { .. }));
        // An empty 403 is a proxy's, or that of an unknown protocol; never one of permissions.
        assert!(matches!(status(403, NO_STATUS), Refusal::NotKubernetes(_)));
        assert!(matches!(status(401, NO_STATUS), Refusal::Unauthorized(_)));
    }

    #[test]
    fn only_what_can_pass_is_worth_another_try() {
        assert!(status(503, "ServiceUnavailable").is_passing());
        assert!(status(429, "TooManyRequests").is_passing());
        assert!(!status(403, "Forbidden").is_passing());
        assert!(!status(422, "Invalid").is_passing());
    }

    #[test]
    fn a_hidden_certificate_error_is_found() {
        let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let hidden = std::io::Error::other(std::io::Error::other(bad));
        assert!(matches!(from_transport(&hidden), Refusal::Certificate(_)));
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(matches!(from_transport(&refused), Refusal::Unreachable(_)));
    }

    #[test]
    fn a_call_reads_like_a_permission() {
        let call = Call::of("create", "pods/exec", "lab", "stage");
        assert_eq!(call.to_string(), "create pods/exec stage in namespace lab");
    }
}

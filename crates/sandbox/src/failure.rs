//! What the API answers instead of an object: a `Status` with code, reason and message, worded as a real API server words it.

use serde_json::{Value, json};

use crate::kinds::Kind;

/// One entry of `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `reason` of the cause, such as `FieldValueRequired`.
    pub reason: &'static str,
    /// Path of the field.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// The object that a refusal is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Name; empty for collections.
    pub name: String,
    /// API group.
    pub group: &'static str,
    /// The plural, except with `Invalid`, where servers put the kind.
    pub kind: &'static str,
}

/// A refusal. `code` is the HTTP status; `reason` is the typed word that clients match on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// HTTP status.
    pub code: u16,
    /// Typed reason, such as `NotFound`; empty where the server gives none.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
    /// The object it is about.
    pub about: Option<Box<About>>,
    /// `details.causes`.
    pub causes: Vec<Cause>,
    /// `details.retryAfterSeconds` and the header of that name.
    pub retry_after_seconds: Option<u32>,
}

impl Failure {
    /// Makes a refusal that names no object.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            about: None,
            causes: Vec::new(),
            retry_after_seconds: None,
        }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.about = Some(Box::new(About {
            name: name.to_owned(),
            group: kind.group,
            kind: kind.plural,
        }));
        self
    }

    /// 404: the object is not there.
    #[must_use]
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{kind} \"{name}\" not found")).about(kind, name)
    }

    /// 404 for a path that nothing serves.
    #[must_use]
    pub fn no_such_path() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    /// 409: the name is taken.
    #[must_use]
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{kind} \"{name}\" already exists"),
        )
        .about(kind, name)
    }

    /// 409: the resource version sent is not the current one.
    #[must_use]
    pub fn stale(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 with its own explanation.
    #[must_use]
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {kind} \"{name}\": {why}"),
        )
        .about(kind, name)
    }

    /// 403: neither admission nor authorisation lets it through. `why` follows the colon and may be empty.
    #[must_use]
    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let quoted = if name.is_empty() {
            String::new()
        } else {
            format!(" \"{name}\"")
        };
        Self::new(
            403,
            "Forbidden",
            format!("{kind}{quoted} is forbidden: {why}"),
        )
        .about(kind, name)
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 405.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    /// 410: the resource version is older than the history.
    #[must_use]
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(
            410,
            "Expired",
            format!("too old resource version: {asked} ({oldest})"),
        )
    }

    /// 422: the object's fields are wrong, each told as a cause.
    #[must_use]
    pub fn invalid(kind: &Kind, name: &str, causes: Vec<Cause>) -> Self {
        let told: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let told = match told.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let spelt = if kind.group.is_empty() {
            kind.kind.to_owned()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let mut failure = Self::new(
            422,
            "Invalid",
            format!("{spelt} \"{name}\" is invalid: {told}"),
        );
        failure.about = Some(Box::new(About {
            name: name.to_owned(),
            group: kind.group,
            kind: kind.kind,
        }));
        failure.causes = causes;
        failure
    }

    /// 500.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
        )
    }

    /// Says whether the object was absent.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.reason == "NotFound"
    }

    /// Says whether somebody else wrote first.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.reason == "Conflict"
    }

    /// Builds the `Status` object of the answer.
    #[must_use]
    pub fn to_status(&self) -> Value {
        let mut details = serde_json::Map::new();
        if let Some(about) = &self.about {
            for (key, value) in [
                ("name", about.name.as_str()),
                ("group", about.group),
                ("kind", about.kind),
            ] {
                if !value.is_empty() {
                    details.insert(key.to_owned(), value.into());
                }
            }
        }
        if !self.causes.is_empty() {
            let causes: Vec<Value> = self
                .causes
                .iter()
                .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
                .collect();
            details.insert("causes".to_owned(), causes.into());
        }
        if let Some(seconds) = self.retry_after_seconds {
            details.insert("retryAfterSeconds".to_owned(), seconds.into());
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if !details.is_empty() {
            status["details"] = Value::Object(details);
        }
        status
    }
}

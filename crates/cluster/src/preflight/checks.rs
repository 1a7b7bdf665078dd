//! From a refused request to a finding.

use super::Rule;
use crate::api::{ApiError, Refusal};
use crate::cause::chain;

/// Says which rule a refusal breaks, whatever was asked for. Permissions are for the caller to judge.
pub(crate) fn of_transport(refusal: &Refusal) -> Option<Rule> {
    Some(match refusal {
        Refusal::Unreachable(_) => Rule::Unreachable,
        Refusal::Proxy(_) => Rule::Proxy,
        Refusal::Certificate(_) => Rule::Certificate,
        Refusal::TimedOut(_) => Rule::TooSlow,
        Refusal::NotKubernetes(_) => Rule::NotKubernetes,
        Refusal::Credential(_) => Rule::Credential,
        Refusal::Unauthorized(_) => Rule::Unauthorized,
        Refusal::Forbidden(_)
        | Refusal::NotFound(_)
        | Refusal::Exists(_)
        | Refusal::Answer { .. } => return None,
    })
}

/// Says which rule a refusal breaks, where a missing permission is what else it may be.
pub(super) fn of_read(refusal: &Refusal, forbidden: Rule) -> Rule {
    match refusal {
        Refusal::Forbidden(_) => forbidden,
        other => of_transport(other).unwrap_or(Rule::Refused),
    }
}

/// Tells an error with its causes.
pub(super) fn words(error: &ApiError) -> String {
    chain(error)
}

//! From a refused request to a finding.

use super::Rule;
use crate::api::{ApiError, Refusal};
use crate::cause::chain;
use crate::far::StartError;
use crate::stage::{Cause, Gate, StageError};
use crate::transfer::TransferError;

/// Says which rule a refusal breaks, whatever was asked for. Permissions are for the caller to judge.
pub(super) fn of_transport(refusal: &Refusal) -> Option<Rule> {
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

/// Says which rule a stage pod breaks that did not come about.
#[must_use]
pub fn of_stage(error: &StageError) -> Rule {
    match error {
        StageError::NotReady { cause, .. } => match cause {
            Cause::Pull { .. } => Rule::Image,
            Cause::Architecture { .. } => Rule::Architecture,
            Cause::Start { .. } | Cause::Ended { .. } | Cause::Pod { .. } | Cause::Deleted => {
                Rule::NotReady
            }
        },
        StageError::Refused { gate, .. } => of_gate(*gate),
        StageError::Api(error) => of_read(&error.refusal, Rule::NoPermission),
        StageError::TooSlow { .. } => Rule::PodTooSlow,
        StageError::Stopped | StageError::NoRandomness(_) => Rule::NotReady,
    }
}

/// Says which rule a pod breaks that admission refuses.
pub(super) fn of_gate(gate: Gate) -> Rule {
    match gate {
        Gate::Quota => Rule::Quota,
        Gate::PodSecurity => Rule::PodSecurity,
        Gate::Policy => Rule::Policy,
        Gate::Other => Rule::Admission,
    }
}

/// Says which rule the far side breaks. What can only happen in a transfer counts as exec that does not work.
pub(crate) fn of_far(error: &TransferError) -> Rule {
    match error {
        TransferError::MissingProgram { .. } => Rule::NoProgram,
        TransferError::NoSpace { .. } => Rule::NoSpace,
        TransferError::NoInodes { .. } => Rule::NoInodes,
        TransferError::ReadOnly { .. } => Rule::ReadOnlyVolume,
        TransferError::NotWritable { .. } => Rule::NotWritable,
        TransferError::FarIo { .. } => Rule::VolumeTrouble,
        TransferError::Start(error) => of_start(error),
        TransferError::Refused { .. } => Rule::ExecRefused,
        _ => Rule::ExecBroken,
    }
}

/// Says which rule a command breaks that cannot be started in the stage pod.
pub(crate) fn of_start(error: &StartError) -> Rule {
    match error {
        StartError::Gone(_) => Rule::PodGone,
        StartError::Unauthorized(_) => Rule::Unauthorized,
        StartError::Unreachable { .. } => Rule::Unreachable,
        StartError::Forbidden(_) | StartError::NoUpgrade(_) => Rule::ExecRefused,
    }
}

/// Tells an error with its causes.
pub(super) fn words(error: &ApiError) -> String {
    chain(error)
}

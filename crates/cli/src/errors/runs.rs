//! Errors of submitting and watching, and of the journal of runs.

use ::cluster::journal::JournalError;
use ::cluster::limits::{Limits, told};
use ::cluster::preflight::Rule;
use ::cluster::submit::{KeyError, SubmitError};
use ::cluster::tunnel::TunnelError;
use ::cluster::watch::{Detach, Outcome, Target, WatchError};

use super::cluster::by_rule;
use super::{Side, files};
use crate::exit::Exit;
use crate::failure::Failure;

/// Says that a text is no key.
pub(crate) fn key(error: &KeyError) -> Failure {
    Failure::new(Exit::Usage, "usage.key", error.to_string())
        .at("argument", "KEY")
        .remedy("See \"longshore run list\".")
}

/// Says why the journal could not be used.
pub(crate) fn journal(error: &JournalError) -> Failure {
    let at = |exit, id| Failure::new(exit, id, error.to_string());
    match error {
        JournalError::Locked { path, .. } => at(Exit::LocalIo, "journal.locked")
            .at("path", path.display().to_string())
            .remedy("See whether another run hangs, or give it longer with --journal-timeout.")
            .retryable(),
        JournalError::Corrupt { path, .. } => at(Exit::LocalData, "journal.corrupt")
            .at("path", path.display().to_string())
            .remedy("Move the file away; runs that it knew are found with kubectl get jobs."),
        JournalError::Newer { path, .. } => at(Exit::LocalData, "journal.newer")
            .at("path", path.display().to_string())
            .remedy("Use the version of longshore that wrote it, or move the file away."),
        JournalError::Files(error) => files(error, Side::Output),
    }
}

/// Says why a run was not accepted.
pub(crate) fn submit(error: &SubmitError) -> Failure {
    let rejected = |id| Failure::new(Exit::SubmissionRejected, id, error.to_string());
    let not_allowed = |id| Failure::new(Exit::NotAuthorised, id, error.to_string());
    match error {
        SubmitError::Tunnel(cause) => tunnel(cause),
        SubmitError::Token(_) => not_allowed("token.none")
            .remedy("See \"longshore cluster doctor\"."),
        SubmitError::Unauthorized(_) => not_allowed("submit.unauthorized").remedy(
            "See that the release may review tokens, which needs cluster scope, and that --ingestor-sa is right.",
        ),
        SubmitError::Denied(_) => not_allowed("submit.denied").remedy(
            "Have the account and the table's prefix added to the release's ingestion policy, or choose another --ingestor-sa.",
        ),
        SubmitError::Rejected(_) => rejected("submit.rejected").remedy(
            "The release may know another version of the schema than this program; compare their versions.",
        ),
        SubmitError::Malformed(_) => {
            rejected("submit.malformed").remedy("See --image-digest and --idempotency-key.")
        }
        SubmitError::Conflict { .. } => {
            rejected("submit.conflict").remedy("Leave --idempotency-key out, or choose another one.")
        }
        SubmitError::Unanswered { key, .. } => rejected("submit.unanswered")
            .at("key", key.to_string())
            .remedy("Run the command again: the same key finds the run while it goes on, and the table's data tell when it has ended.")
            .retryable(),
        SubmitError::Unexpected(_) => rejected("submit.unexpected-answer")
            .remedy("See that the Service leads to jobs-manager, and which version that is."),
        SubmitError::Replayed { key, .. } => rejected("submit.replayed")
            .at("key", key.to_string())
            .remedy("Nothing new was started. Another --idempotency-key starts a new run with the same data."),
        SubmitError::ReplayUnseen { job, .. } => rejected("submit.replay-unseen")
            .at("job", job.clone())
            .remedy("Have get on jobs granted, then run the command again.")
            .retryable(),
    }
}

fn tunnel(error: &TunnelError) -> Failure {
    let at = |exit, id| Failure::new(exit, id, error.to_string());
    match error {
        TunnelError::Service { service, .. } => at(Exit::SubmissionRejected, "tunnel.service")
            .at("service", service.clone())
            .remedy("See \"longshore cluster doctor\"."),
        TunnelError::NobodyReady { service, .. } => at(
            Exit::SubmissionRejected,
            "tunnel.nobody-ready",
        )
        .at("service", service.clone())
        .remedy(
            "See why the jobs-manager pods are not ready: kubectl get pods, kubectl describe pod.",
        )
        .retryable(),
        TunnelError::Forbidden(_) => by_rule(Rule::NoPermission, error)
            .remedy("Have get and create on pods/portforward granted."),
        TunnelError::Unauthorized(_) => by_rule(Rule::Unauthorized, error),
        TunnelError::NoUpgrade(_) => at(Exit::SubmissionRejected, "tunnel.no-upgrade")
            .remedy("Use a way to the API server whose proxies let WebSockets through."),
        TunnelError::Gone { .. } => at(Exit::SubmissionRejected, "tunnel.pod-gone")
            .remedy("Run the command again when a jobs-manager pod is ready; what is staged is not sent again.")
            .retryable(),
        TunnelError::Unreachable { .. } => by_rule(Rule::Unreachable, error)
            .remedy("See that the cluster runs, then run the command again; what is staged is not sent again."),
    }
}

/// Says why the outcome of a run is not known.
pub(crate) fn watch(error: &WatchError) -> Failure {
    let at = |exit, id| Failure::new(exit, id, error.to_string());
    match error {
        WatchError::Gone { .. } => at(Exit::RunFailed, "run.gone")
            .remedy("Nobody knows any more how it ended: see whether the table has its rows."),
        WatchError::CannotStart { .. } => at(Exit::RunFailed, "run.cannot-start")
            .remedy("Mend the release, such as its image; then delete the job and push again."),
        WatchError::Forbidden(_) => {
            by_rule(Rule::NoPermission, error).remedy("Have get on jobs granted.")
        }
        WatchError::Unauthorized(_) => by_rule(Rule::Unauthorized, error)
            .remedy("Log in again, or fetch the kubeconfig again; the run goes on."),
        WatchError::Unreachable { .. } => by_rule(Rule::Unreachable, error)
            .remedy("The run goes on: wait for it with \"longshore run wait\"."),
        WatchError::Undetermined { .. } => at(Exit::RunFailed, "run.undetermined")
            .remedy("Look again later with \"longshore run status\".")
            .retryable(),
    }
}

/// Says what is wrong with a run that was watched; nothing if it succeeded or the user left.
pub(crate) fn run_outcome(outcome: &Outcome, limits: &Limits, job: &Target) -> Option<Failure> {
    let at = |id, message: String| {
        Failure::new(Exit::RunFailed, id, message)
            .at("job", format!("{}/{}", job.namespace, job.job))
    };
    let not_ended = |id, message: String| {
        at(id, message)
            .remedy("The run goes on: wait for it with \"longshore run wait\".")
            .retryable()
    };
    match outcome {
        Outcome::Succeeded | Outcome::Detached(Detach::Asked) => None,
        Outcome::CompletedWithFailures => Some(
            at("run.partial", "the run has left something out".to_owned())
                .remedy("See its log for the rows and files that failed."),
        ),
        Outcome::Failed { reason, detail } => {
            let detail = detail.as_deref().map(|detail| format!(": {detail}"));
            let detail = detail.unwrap_or_default();
            Some(
                at(
                    "run.failed",
                    format!("the run has failed ({reason}){detail}"),
                )
                .remedy("See its log for the reason."),
            )
        }
        Outcome::Detached(Detach::NotStarted) => {
            let limit = told("job-start-timeout", limits.job_start);
            Some(not_ended(
                "run.not-started",
                format!("no pod of the run has begun within {limit}"),
            ))
        }
        Outcome::Detached(Detach::TooLong) => {
            let limit = told("watch-timeout", limits.watch);
            Some(not_ended(
                "run.not-ended",
                format!("the run has not ended within {limit}"),
            ))
        }
    }
}

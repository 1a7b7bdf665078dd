//! Errors of a push, once there is a connection.

use ::cluster::far::StartError;
use ::cluster::preflight::{Rule, of_stage};
use ::cluster::push::PushError;
use ::cluster::stage::StageError;
use ::cluster::transfer::TransferError;

use super::cluster::by_rule;
use super::{api, journal, submit, target, watch};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::signals::Signals;

/// Says what ended a push.
pub(crate) fn push(error: &PushError, signals: &Signals) -> Failure {
    let at = |exit, id| Failure::new(exit, id, error.to_string());
    match error {
        PushError::Stage(error) => stage(error, signals),
        PushError::Transfer(error) => transfer(error),
        PushError::Credential(error) => target(error),
        PushError::DestinationUnanswered { path, key, namespace } => at(Exit::AlreadyThere, "table.exists")
            .at("path", path.clone())
            .at("key", key.clone())
            .remedy(format!(
                "The data may be that submission's: see kubectl get jobs -n {namespace} -l tracebloc.io/ingestion-run={key}. Else choose another --table."
            )),
        PushError::JobRuns { namespace, job } => at(Exit::TableHeld, "push.job-runs")
            .at("job", format!("{namespace}/{job}"))
            .remedy("Wait until it has ended, or delete it, and push again.")
            .retryable(),
        PushError::JobUnseen(error) => at(Exit::TableHeld, "push.job-unseen")
            .because(error)
            .remedy("Have get on jobs granted, or try again when the API server answers.")
            .retryable(),
        PushError::Unanswered { error, .. } => at(Exit::TableHeld, "push.unanswered")
            .because(error)
            .remedy("Push the data of then once more, which finds the Job; or have list on jobs granted, which shows whether there is one."),
        PushError::Record(_) => at(Exit::StagingFailed, "push.record")
            .remedy("A later version of this program may have written it; use that one."),
        PushError::Journal(error) => journal(error),
        PushError::PodsLost { .. } => at(Exit::StagingFailed, "push.pods-lost")
            .remedy("See the node and its memory; the same command goes on where this one stopped.")
            .retryable(),
        PushError::Submit(error) => submit(error),
        PushError::Watch { job, error } => watch(error).at("job", format!("{}/{}", job.namespace, job.job)),
        PushError::Stopped => signals.failure(),
        PushError::StoppedSubmitting { key } => {
            let mut failure = signals.failure();
            failure.id = "push.stopped-submitting";
            failure.message = error.to_string();
            failure
                .at("key", key.as_str())
                .remedy("The same command again finds the run, if there is one.")
        }
    }
}

/// Says why there is no stage pod.
pub(crate) fn stage(error: &StageError, signals: &Signals) -> Failure {
    match error {
        StageError::Api(error) => api(error),
        StageError::Refused { .. } => by_rule(of_stage(error), error),
        StageError::NotReady { events, .. } => {
            let mut failure = by_rule(of_stage(error), error);
            failure.causes.extend(events.iter().cloned());
            failure
        }
        StageError::TooSlow { events, .. } => {
            let mut failure = by_rule(of_stage(error), error);
            failure.causes.extend(events.iter().cloned());
            failure
        }
        StageError::Stopped => signals.failure(),
        StageError::NoRandomness(error) => super::randomness(error),
    }
}

/// Says what ended a transfer.
pub(crate) fn transfer(error: &TransferError) -> Failure {
    let at = |exit, id| Failure::new(exit, id, error.to_string());
    let staging = |id| at(Exit::StagingFailed, id);
    let by = |rule| by_rule(rule, error);
    match error {
        TransferError::Start(error) => start(error),
        TransferError::Refused { .. } => staging("transfer.refused")
            .remedy("The image of the stage pod has no shell; --stage-pod-image names another one."),
        TransferError::RetriesUsedUp { .. } => staging("transfer.retries")
            .remedy("The same command goes on where this one stopped; --retry-budget gives it longer.")
            .retryable(),
        TransferError::Held { .. } => at(Exit::TableHeld, "table.held")
            .remedy("Wait until the other push has ended.")
            .retryable(),
        TransferError::LockLost => at(Exit::TableHeld, "table.lock-lost")
            .remedy("This run was silent for too long and another one took over; push again when that one has ended.")
            .retryable(),
        TransferError::Ingesting { .. } => at(Exit::TableHeld, "table.ingesting")
            .remedy("Wait until the ingest has ended. A lock that outlived its Job is removed by the next ingest after 12 hours.")
            .retryable(),
        TransferError::Destination { path } => at(Exit::AlreadyThere, "table.exists")
            .at("path", path.clone())
            .remedy("Choose another --table, or have the table and its files removed from the cluster first."),
        TransferError::RunChanged { .. } => at(Exit::TableHeld, "table.changed")
            .remedy("Another push of this table was faster; try again.")
            .retryable(),
        TransferError::NoSpace { .. } => by(Rule::NoSpace)
            .remedy("Make room on the volume, or make it larger; then the same command goes on."),
        TransferError::NoInodes { .. } => by(Rule::NoInodes)
            .remedy("Remove files from the volume, or make it larger; then the same command goes on."),
        TransferError::ReadOnly { .. } => by(Rule::ReadOnlyVolume),
        TransferError::NotWritable { .. } => by(Rule::NotWritable),
        TransferError::MissingProgram { .. } => by(Rule::NoProgram),
        TransferError::MissingCompressor { .. } => staging("stage.compressor-missing")
            .remedy("Push without --compress, or name an image that has the program with --stage-pod-image."),
        TransferError::FarIo { .. } => by(Rule::VolumeTrouble)
            .remedy("See the health of the volume; the same command goes on where this one stopped."),
        TransferError::Unreadable { path, .. } => staging("transfer.unreadable")
            .at("path", path.clone())
            .remedy("See the health of the volume and push again.")
            .retryable(),
        TransferError::Corrupted { path } => staging("transfer.corrupted")
            .at("path", path.clone())
            .remedy("Something on the way or the volume changes bytes; nothing was published."),
        TransferError::SourceChanged { path, .. } => at(Exit::LocalData, "dataset.changed")
            .at("path", path.clone())
            .remedy("Let nobody change the folder, and push again."),
        TransferError::Scratch { directory, .. } => at(Exit::LocalIo, "scratch.failed")
            .at("path", directory.display().to_string())
            .remedy("Check the disk that holds --scratch-dir.")
            .retryable(),
        TransferError::NotVerified => staging("transfer.not-verified")
            .remedy("Push again; nothing was published.")
            .retryable(),
    }
}

fn start(error: &StartError) -> Failure {
    let at = |exit, id| Failure::new(exit, id, error.to_string());
    let by = |rule| by_rule(rule, error);
    match error {
        StartError::Gone(_) => {
            by(Rule::PodGone).remedy("The same command goes on where this one stopped.")
        }
        StartError::Forbidden(_) => at(Exit::NotAuthorised, "exec.forbidden")
            .remedy("Have get and create on pods/exec granted."),
        StartError::Unauthorized(_) => by(Rule::Unauthorized),
        StartError::NoUpgrade(_) => at(Exit::ClusterUnreachable, "server.no-upgrade")
            .remedy("A proxy on the way does not let WebSockets through; name the server in NO_PROXY, or have it mended."),
        StartError::Unreachable { .. } => by(Rule::Unreachable)
            .remedy("See that the cluster runs; the same command goes on where this one stopped."),
    }
}

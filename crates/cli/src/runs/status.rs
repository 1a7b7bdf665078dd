//! `longshore run status`: one look at a run.

use cluster::journal::RunState;
use cluster::watch::{self, JobEnd, Look, WatchError};

use super::{RunArgs, known, settle, tell};
use crate::cluster::limits::{Asking, LimitArgs};
use crate::cluster::reach;
use crate::errors;
use crate::output::{Outcome, printable};
use crate::run::{Context, Done};

/// Arguments of `run status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunArgs,

    #[command(flatten)]
    limits: LimitArgs<Asking>,
}

/// Looks once and tells. A run that has failed is a result here, not an error.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let limits = &args.limits.limits;
    let known = known(&args.run, limits, context)?;
    let (job, own) = (known.job.clone(), limits.clone());
    let looked = reach::look(
        known.target.clone(),
        limits,
        context,
        |connection| async move { watch::look(&*connection, &job, &own).await },
    )?;
    let look = looked.map_err(|error| {
        if matches!(error, WatchError::Gone { .. }) {
            settle::note(&known, RunState::Gone, context);
        }
        errors::watch(&error)
    })?;
    let state = state(&look);
    settle::note(&known, state, context);
    let mut text = format!(
        "{} {}: job {}/{}",
        printable(&known.run.table),
        tell::state(state),
        known.job.namespace,
        known.job.job
    );
    for detail in [&look.phase, &look.detail].into_iter().flatten() {
        text.push_str(", ");
        text.push_str(&printable(detail));
    }
    text.push('\n');
    let mut run = known.run.clone();
    run.state = state;
    Ok(Outcome::done(text)
        .with("status", tell::state(state))
        .with("run", tell::run_member(&run))
        .with("pod", look.pod)
        .with("pod_phase", look.phase)
        .with("detail", look.detail)
        .with("failed_pods", look.failed_pods))
}

/// What the Job says; counts are in the log, which is not read here.
fn state(look: &Look) -> RunState {
    match look.end {
        None => RunState::Running,
        Some(JobEnd::Complete) => RunState::Succeeded,
        Some(JobEnd::Failed { .. }) => RunState::Failed,
    }
}

//! `longshore run wait`: a run, watched to its end.

use std::sync::Arc;

use cluster::journal::RunState;
use cluster::watch::{self, Detach, Outcome as RunOutcome, WatchError};

use super::{RunArgs, known, settle, tell};
use crate::cluster::limits::{LimitArgs, Watching};
use crate::cluster::reach;
use crate::errors;
use crate::run::{Context, Done};

/// Arguments of `run wait`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunArgs,

    #[command(flatten)]
    limits: LimitArgs<Watching>,
}

/// Shows the log and ends with what came of the run. A signal or a limit ends the watch, never the run.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let limits = &args.limits.limits;
    let known = known(&args.run, limits, context)?;
    let (job, own, output) = (
        known.job.clone(),
        limits.clone(),
        Arc::clone(&context.output),
    );
    let watched = reach::within(
        known.target.clone(),
        limits,
        context,
        |connection, stop| async move {
            let tell = move |event| tell::event(&event, &output);
            watch::watch(&*connection, &job, &own, &stop, &tell).await
        },
    )?;
    let report = watched.map_err(|error| {
        if matches!(error, WatchError::Gone { .. }) {
            settle::note(&known, RunState::Gone, context);
        }
        errors::watch(&error)
    })?;
    settle::note(&known, settle::of(&report.outcome), context);
    let outcome = tell::report(&report, context.output.style())
        .with("run", tell::run_member(&known.run))
        .with("namespace", known.job.namespace.clone())
        .with("job_name", known.job.job.clone());
    Ok(match &report.outcome {
        RunOutcome::Succeeded => outcome,
        RunOutcome::Detached(Detach::Asked) => outcome.but(context.signals.failure()),
        other => match errors::run_outcome(other, limits, &known.job) {
            Some(failure) => outcome.but(failure),
            None => outcome,
        },
    })
}

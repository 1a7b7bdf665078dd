//! `longshore run logs`: the log of a run as it is now.

use std::sync::Arc;

use cluster::watch::{self, Logs};

use super::{RunArgs, known};
use crate::cluster::limits::{Asking, LimitArgs};
use crate::cluster::reach;
use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Arguments of `run logs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunArgs,

    #[command(flatten)]
    limits: LimitArgs<Asking>,
}

/// Prints the log of the newest pod; `run wait` follows one.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let limits = &args.limits.limits;
    let known = known(&args.run, limits, context)?;
    let (job, own, output) = (
        known.job.clone(),
        limits.clone(),
        Arc::clone(&context.output),
    );
    let logs = reach::look(
        known.target.clone(),
        limits,
        context,
        |connection| async move {
            let mut line = |line: String| output.log_line(&line);
            watch::logs(&*connection, &job, &own, &mut line).await
        },
    )?;
    let logs = logs.map_err(|error| errors::watch(&error))?;
    let failure = |exit, id, message: String| Err(Failure::new(exit, id, message));
    match logs {
        Logs::Whole { pod } => Ok(Outcome::done("").with("pod", pod)),
        Logs::NotStarted => failure(
            Exit::RunFailed,
            "run.not-started",
            "no pod of the run has begun yet".to_owned(),
        )
        .map_err(|failure: Failure| {
            failure
                .remedy("See \"longshore run status\" for what it waits for.")
                .retryable()
        }),
        Logs::Forbidden(reason) => failure(Exit::NotAuthorised, "permissions.missing", reason)
            .map_err(|failure: Failure| failure.remedy("Have get on pods/log granted.")),
        Logs::Broken(reason) => {
            failure(Exit::ClusterUnreachable, "run.log-broken", reason).map_err(Failure::retryable)
        }
    }
}

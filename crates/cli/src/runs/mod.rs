//! `longshore run …`: runs that were submitted, found again by their keys.

mod list;
mod logs;
mod settle;
mod status;
pub(crate) mod tell;
mod wait;

use std::path::PathBuf;

use cluster::journal::{Journal, Run};
use cluster::limits::Limits;
use cluster::submit::Key;
use cluster::target::Target;
use cluster::watch;

use crate::cluster::reach::{self, ClusterArgs};
use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::run::{Context, Done};

/// Find runs again that were submitted from here
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Watch a run until it has ended
    Wait(Box<wait::Args>),
    /// Say how a run stands
    Status(Box<status::Args>),
    /// Print the log of a run as it is now
    Logs(Box<logs::Args>),
    /// List the runs that were submitted from here
    List,
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Wait(_) => "run wait",
            Self::Status(_) => "run status",
            Self::Logs(_) => "run logs",
            Self::List => "run list",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Wait(args) => wait::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Logs(args) => logs::run(args, context),
        Command::List => list::run(context),
    }
}

/// What names a run, and the way to its cluster.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Idempotency key of the run, as it was shown when it was submitted
    #[arg(value_name = "KEY")]
    key: String,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A run of the journal and where it is.
struct Known {
    journal: Journal,
    key: Key,
    run: Run,
    target: Target,
    job: watch::Target,
}

/// Opens the user's journal.
pub(crate) fn journal(context: &Context, limits: &Limits) -> Result<Journal, Failure> {
    let state: Option<&PathBuf> = context.environment.state_home.as_ref();
    let state = state.ok_or_else(|| {
        Failure::new(
            Exit::LocalData,
            "journal.no-home",
            "there is no place for the journal of runs",
        )
        .at("argument", "HOME")
        .remedy("Set HOME or XDG_STATE_HOME.")
    })?;
    Ok(Journal::at(&state.join("longshore"), limits))
}

/// Finds a run in the journal and its cluster in the kubeconfig.
fn known(args: &RunArgs, limits: &Limits, context: &Context) -> Result<Known, Failure> {
    let key = Key::parse(&args.key).map_err(|error| errors::key(&error))?;
    let journal = journal(context, limits)?;
    let found = journal
        .find(&key)
        .map_err(|error| errors::journal(&error))?;
    let run = found.ok_or_else(|| {
        Failure::new(
            Exit::LocalData,
            "run.unknown",
            format!("no run with the key {key} was submitted from here"),
        )
        .remedy("See \"longshore run list\".")
    })?;
    let job = run.job.clone().ok_or_else(|| {
        Failure::new(
            Exit::RunFailed,
            "run.unanswered",
            format!("whether the submission {key} was accepted is not known"),
        )
        .remedy("Push the dataset again: the same key finds the run if there is one.")
    })?;
    let target = target(&args.cluster, &run, context)?;
    let job = watch::Target {
        namespace: run.namespace.clone(),
        job,
    };
    Ok(Known {
        journal,
        key,
        run,
        target,
        job,
    })
}

/// The run's own context and namespace, unless others are asked for; the cluster has to be the run's.
fn target(args: &ClusterArgs, run: &Run, context: &Context) -> Result<Target, Failure> {
    let mut args = args.clone();
    args.context = args.context.or_else(|| run.context.clone());
    args.namespace = args.namespace.or_else(|| Some(run.namespace.clone()));
    let target = reach::target(&args, context)?;
    if target.server == run.server {
        return Ok(target);
    }
    Err(Failure::new(
        Exit::LocalData,
        "run.other-cluster",
        format!("the run is on {}, not on {}", run.server, target.server),
    )
    .remedy("Name the kubeconfig or context of that cluster with --kubeconfig or --context."))
}

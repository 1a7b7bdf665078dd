//! `longshore sandbox …`: a Kubernetes API with the parent release, on this machine.

mod down;
mod faults;
mod kubeconfig;
mod serve;
mod sql;
mod status;
mod up;

use std::path::PathBuf;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::run::{Context, Done};

/// Work with a sandbox: a Kubernetes API on this machine
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Start a sandbox in the background
    Up(up::Args),
    /// End the sandbox and remove everything it held
    Down,
    /// Say whether a sandbox runs
    Status,
    /// Print the path of the sandbox's kubeconfig
    Kubeconfig,
    /// Ask the sandbox's SQL side
    Sql(sql::Args),
    /// Say how often each fault has struck
    Faults(faults::Args),
    /// Be the sandbox
    #[command(hide = true)]
    Serve(serve::Args),
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "sandbox up",
            Self::Down => "sandbox down",
            Self::Status => "sandbox status",
            Self::Kubeconfig => "sandbox kubeconfig",
            Self::Sql(_) => "sandbox sql",
            Self::Faults(_) => "sandbox faults",
            Self::Serve(_) => "sandbox serve",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Up(args) => up::run(args, context),
        Command::Down => down::run(context),
        Command::Status => status::run(context),
        Command::Kubeconfig => kubeconfig::run(context),
        Command::Sql(args) => sql::run(args, context),
        Command::Faults(args) => faults::run(args, context),
        Command::Serve(args) => serve::run(args, context),
    }
}

/// The sandbox's folder: one a user.
fn folder(context: &Context) -> Result<PathBuf, Failure> {
    let data = context.environment.data_home.as_ref();
    data.map(|data| data.join("longshore/sandbox"))
        .ok_or_else(|| {
            Failure::new(
                Exit::LocalData,
                "sandbox.no-home",
                "there is no place for the sandbox's folder",
            )
            .at("argument", "HOME")
            .remedy("Set HOME or XDG_DATA_HOME.")
        })
}

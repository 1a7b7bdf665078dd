//! `longshore dataset …`: local datasets, and their way into a cluster.

mod check;
mod local;
pub(crate) mod push;

pub(crate) use local::age;

use crate::run::{Context, Done};

/// Work with local datasets
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a folder for a task, without a cluster
    Check(Box<check::Args>),
    /// Push a folder into a cluster, where it becomes a table
    Push(Box<push::Args>),
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Check(_) => "dataset check",
            Self::Push(_) => "dataset push",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Check(args) => check::run(args, context),
        Command::Push(args) => push::run(args, context),
    }
}

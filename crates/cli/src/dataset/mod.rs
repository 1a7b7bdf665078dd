//! `longshore dataset …`: local datasets, before anything is sent.

mod check;
mod local;

pub(crate) use local::age;

use crate::run::{Context, Done};

/// Work with local datasets
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a folder for a task, without a cluster
    Check(Box<check::Args>),
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Check(_) => "dataset check",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Check(args) => check::run(args, context),
    }
}

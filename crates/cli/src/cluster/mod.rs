//! `longshore cluster …`: looking at a cluster, and cleaning up in it.

mod clean;
mod doctor;
pub(crate) mod findings;
mod info;
pub(crate) mod limits;
pub(crate) mod reach;

use crate::run::{Context, Done};

/// Look at a cluster, and clean up in it
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say which cluster is meant, and what is found there
    Info(Box<info::Args>),
    /// Make every check that comes before a push
    Doctor(Box<doctor::Args>),
    /// Remove what dead runs have left
    Clean(Box<clean::Args>),
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Info(_) => "cluster info",
            Self::Doctor(_) => "cluster doctor",
            Self::Clean(_) => "cluster clean",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Info(args) => info::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Clean(args) => clean::run(args, context),
    }
}

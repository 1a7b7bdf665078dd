//! `longshore snapshot …`: what is made from snapshots.

mod verify;

use crate::run::{Context, Done};

/// Work with snapshots and the dumps made from them
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a dump against its manifest and checksums
    Verify(verify::Args),
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Verify(_) => "snapshot verify",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Verify(args) => verify::run(args, context),
    }
}

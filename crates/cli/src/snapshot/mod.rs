//! `longshore snapshot …`: what is made from snapshots.

pub(crate) mod decode;
mod find;
mod input;
mod inspect;
mod select;
mod verify;
mod watch;

use crate::run::{Context, Done};

/// Work with snapshots and the dumps made from them
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write everything in a snapshot as plain files
    Decode(Box<decode::Args>),
    /// Tell what is in a snapshot without writing anything
    Inspect(inspect::Args),
    /// Check a dump against its manifest and checksums
    Verify(verify::Args),
    /// Tell the files of a key, or the key of a file
    Find(find::Args),
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Decode(_) => "snapshot decode",
            Self::Inspect(_) => "snapshot inspect",
            Self::Verify(_) => "snapshot verify",
            Self::Find(_) => "snapshot find",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Decode(args) => decode::run(args, context),
        Command::Inspect(args) => inspect::run(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Find(args) => find::run(args, context),
    }
}

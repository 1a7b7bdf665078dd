//! `longshore ingest …`: the document that describes a dataset to the cluster.

mod schema;
mod validate;

use crate::run::{Context, Done};

/// Work with ingest documents
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check an ingest document without a cluster
    Validate(validate::Args),
    /// Print the JSON Schema of ingest documents
    Schema,
}

impl Command {
    /// The command as it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Validate(_) => "ingest validate",
            Self::Schema => "ingest schema",
        }
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, context: &Context) -> Done {
    match command {
        Command::Validate(args) => validate::run(args, context),
        Command::Schema => Ok(schema::run()),
    }
}

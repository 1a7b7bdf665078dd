//! `longshore sandbox serve`: the process that `up` starts.

use std::path::PathBuf;

use sandbox::local;

use crate::errors;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Arguments of `sandbox serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The sandbox's folder
    folder: PathBuf,
}

/// Serves until a signal comes.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let signals = context.signals.clone();
    local::serve(&args.folder, move || signals.stop())
        .map_err(|error| errors::sandbox(&error, &args.folder))?;
    Ok(Outcome::done(""))
}

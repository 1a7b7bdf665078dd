//! The `longshore` command.

mod args;
mod environment;
mod errors;
mod exit;
mod failure;
mod home;
mod output;
mod patience;
mod progress;
mod recovery;
mod run;
mod runs;
mod signals;
mod size;
mod time;

#[cfg(test)]
mod reference;

mod cluster;
mod completions;
mod dataset;
mod demo;
mod ingest;
mod man;
mod sandbox;
mod snapshot;
mod version;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(
        std::env::args_os().collect(),
        environment::Environment::of_process(),
    )
    .into()
}

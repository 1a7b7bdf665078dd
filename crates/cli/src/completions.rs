//! `longshore completions`: a script that teaches a shell the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::output::Outcome;
use crate::run::Done;

/// Print a completion script for a shell
///
/// For example, for bash: `longshore completions bash > ~/.local/share/bash-completion/completions/longshore`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &Args) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "longshore", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(Outcome::done(script.clone())
        .with("shell", args.shell.to_string())
        .with("script", script))
}

//! The command line as people type it.

use clap::{Args, Parser, Subcommand};

use crate::environment::Environment;
use crate::exit::Exit;
use crate::output::{Color, Format, Style};
use crate::progress::Mode;

/// Brings data out of elastickv snapshots as plain files, and checks local datasets.
#[derive(Debug, Parser)]
#[command(name = "longshore", version = crate::version::LINE, propagate_version = false)]
#[command(disable_help_subcommand = true, max_term_width = 100, after_long_help = exit_codes())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Form of the output
    ///
    /// `json` writes JSON lines to standard output: warnings and notes as they come, the result last.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        help_heading = "Global options"
    )]
    pub(crate) format: Format,

    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub(crate) color: Color,

    /// Whether to show progress on standard error
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub(crate) progress: Mode,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Work with snapshots and the dumps made from them
    #[command(subcommand)]
    Snapshot(crate::snapshot::Command),
    /// Work with local datasets
    #[command(subcommand)]
    Dataset(crate::dataset::Command),
    /// Work with ingest documents
    #[command(subcommand)]
    Ingest(crate::ingest::Command),
    /// Look at a cluster, and clean up in it
    #[command(subcommand)]
    Cluster(crate::cluster::Command),
    /// Find runs again that were submitted from here
    #[command(subcommand)]
    Run(crate::runs::Command),
    /// Work with a sandbox: a Kubernetes API on this machine
    #[command(subcommand)]
    Sandbox(crate::sandbox::Command),
    /// Decode the snapshot that comes with the program, verify the result and show it
    Demo(crate::demo::Args),
    /// Say which build this is
    Version,
    /// Print a completion script for a shell
    Completions(crate::completions::Args),
    /// Write the manual pages
    Man(crate::man::Args),
}

impl Command {
    /// The command as it is typed, for the result.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Snapshot(command) => command.name(),
            Self::Dataset(command) => command.name(),
            Self::Ingest(command) => command.name(),
            Self::Cluster(command) => command.name(),
            Self::Run(command) => command.name(),
            Self::Sandbox(command) => command.name(),
            Self::Demo(_) => "demo",
            Self::Version => "version",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

impl Global {
    /// Colours for standard output.
    pub(crate) fn style(&self, environment: &Environment) -> Style {
        self.style_for(environment, environment.stdout_is_terminal)
    }

    /// Colours for standard error.
    pub(crate) fn screen_style(&self, environment: &Environment) -> Style {
        self.style_for(environment, environment.stderr_is_terminal)
    }

    fn style_for(&self, environment: &Environment, is_terminal: bool) -> Style {
        match self.color {
            Color::Always => Style::Ansi,
            Color::Auto if is_terminal && !environment.no_color => Style::Ansi,
            Color::Auto | Color::Never => Style::Plain,
        }
    }
}

/// The exit codes, for `--help` and the manual page.
fn exit_codes() -> String {
    let rows = Exit::ALL
        .iter()
        .map(|(exit, words)| format!("  {:>3}  {words}", exit.number()));
    let rows: Vec<String> = rows.collect();
    format!("Exit codes:\n{}", rows.join("\n"))
}

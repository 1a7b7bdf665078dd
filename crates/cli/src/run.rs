//! From the command line to the exit code.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Cli, Command};
use crate::environment::Environment;
use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Format, Outcome, Output, Style};
use crate::progress::Progress;
use crate::signals::Signals;

/// What a command has at hand besides its own arguments.
pub(crate) struct Context {
    /// Where it says things.
    pub(crate) output: Arc<Output>,
    /// How far it is.
    pub(crate) progress: Progress,
    /// Whether it has to stop.
    pub(crate) signals: Signals,
    /// What surrounds the process.
    pub(crate) environment: Environment,
}

/// What a command returns.
pub(crate) type Done = Result<Outcome, Failure>;

/// Runs the command that the arguments name.
pub(crate) fn run(arguments: Vec<OsString>, environment: Environment) -> Exit {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_a_command(&error, &arguments, &environment),
    };
    let output = Arc::new(Output::new(
        cli.global.format,
        cli.global.style(&environment),
        cli.global.screen_style(&environment),
    ));
    let name = cli.command.name();
    let outcome = perform(cli, environment, &output).unwrap_or_else(Outcome::from);
    output.finish(name, &outcome)
}

fn perform(cli: Cli, environment: Environment, output: &Arc<Output>) -> Done {
    let signals = Signals::install().map_err(|error| errors::signals(&error))?;
    let progress = Progress::new(cli.global.progress, environment.redraws(), output);
    let context = Context {
        output: Arc::clone(output),
        progress,
        signals,
        environment,
    };
    or_defect(|| dispatch(cli.command, &context))
}

/// Does it, and makes an error like any other of a panic, which is a defect: whoever reads results and exit codes has to learn of it.
/// What was half made has been dropped by then, which is how it goes away.
fn or_defect(work: impl FnOnce() -> Done) -> Done {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(errors::defect(words(&*panic))))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}

fn dispatch(command: Command, context: &Context) -> Done {
    match command {
        Command::Snapshot(command) => crate::snapshot::run(&command, context),
        Command::Dataset(command) => crate::dataset::run(&command, context),
        Command::Ingest(command) => crate::ingest::run(&command, context),
        Command::Cluster(command) => crate::cluster::run(&command, context),
        Command::Run(command) => crate::runs::run(&command, context),
        Command::Sandbox(command) => crate::sandbox::run(&command, context),
        Command::Demo(args) => crate::demo::run(&args, context),
        Command::Version => crate::version::run(),
        Command::Completions(args) => crate::completions::run(&args),
        Command::Man(args) => crate::man::run(&args, context),
    }
}

/// Help and the version are results; everything else that clap says is a mistake on the command line.
fn not_a_command(error: &clap::Error, arguments: &[OsString], environment: &Environment) -> Exit {
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let colours = environment.stdout_is_terminal && !environment.no_color;
            output::plain(&if colours {
                text.ansi().to_string()
            } else {
                text.to_string()
            });
            Exit::Done
        }
        _ if asks_for_json(arguments) => {
            let message = text.to_string();
            // Behind an empty line come tips and the usage.
            let lines = message.lines().map(str::trim);
            let what: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
            let what = what.join(" ");
            let failure = Failure::new(
                Exit::Usage,
                "usage.invalid",
                what.trim_start_matches("error: ").trim_end_matches('.'),
            )
            .remedy("See --help of the command.");
            let output = Output::new(Format::Json, Style::Plain, Style::Plain);
            output.finish("", &failure.into())
        }
        _ => {
            let colours = environment.stderr_is_terminal && !environment.no_color;
            output::plain_error(&if colours {
                text.ansi().to_string()
            } else {
                text.to_string()
            });
            Exit::Usage
        }
    }
}

/// Arguments that do not parse can still say in which form the complaint is wanted.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let pair = arguments
        .windows(2)
        .any(|pair| matches!(pair, [name, value] if name == "--format" && value == "json"));
    pair || arguments.iter().any(|argument| argument == "--format=json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::panic, reason = "it is what is looked at")]
    fn a_panic_is_an_internal_error() {
        let failure = or_defect(|| panic!("out of {}", "range")).unwrap_err();
        assert_eq!(failure.exit, Exit::Internal);
        assert_eq!(failure.id, "internal.defect");
        assert!(
            failure.message.contains("out of range"),
            "{}",
            failure.message
        );
    }
}

//! `longshore sandbox faults`.

use std::path::{Path, PathBuf};

use sandbox::local::{self, Report};
use serde_json::{Value, json};

use super::folder;
use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Arguments of `sandbox faults`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File with a fault script, which replaces the one in force and begins the counts anew
    file: Option<PathBuf>,

    /// End with code 14 if a fault has never struck: what was tried then has not been tried
    #[arg(long)]
    require_fired: bool,
}

/// Puts a script in force, if there is one, and reports.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let folder = folder(context)?;
    let script = args.file.as_deref().map(read).transpose()?;
    let report = local::status(&folder)
        .and_then(|state| local::faults(&folder, &state, script.as_deref()))
        .map_err(|error| errors::sandbox(&error, &folder))?;
    let outcome = Outcome::done(table(&report))
        .with("rules", rules(&report))
        .with("unfired", report.unfired.clone());
    if !args.require_fired || report.unfired.is_empty() {
        return Ok(outcome);
    }
    let what = format!("never struck: {}", report.unfired.join(", "));
    let failure = Failure::new(Exit::PartsLeftOut, "sandbox.fault-never-fired", what)
        .remedy("Change what the rule fits, or send more traffic.");
    Ok(outcome.but(failure))
}

/// Reads a fault script.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            Exit::LocalIo,
            "sandbox.faults-unreadable",
            "the fault script cannot be read",
        )
        .at("path", path.display().to_string())
        .because(&error)
        .remedy("Name a file that can be read.")
    })
}

fn rules(report: &Report) -> Vec<Value> {
    let rules = report.rules.iter();
    rules
        .map(|rule| json!({"name": rule.name, "matched": rule.matched, "armed": rule.armed, "fired": rule.fired}))
        .collect()
}

fn table(report: &Report) -> String {
    if report.rules.is_empty() {
        return "No fault script is in force.\n".to_owned();
    }
    let names = report.rules.iter().map(|rule| rule.name.chars().count());
    let width = names.max().unwrap_or(0).max("rule".len());
    let mut text = format!("{:width$}  matched  armed  fired\n", "rule");
    for rule in &report.rules {
        text.push_str(&format!(
            "{:width$}  {:7}  {:5}  {:5}\n",
            rule.name, rule.matched, rule.armed, rule.fired
        ));
    }
    text
}

/// One line about the faults that never struck; nothing where there is nothing to tell.
pub(super) fn told(report: &Report) -> String {
    if report.unfired.is_empty() {
        return String::new();
    }
    format!("Faults that never struck: {}.\n", report.unfired.join(", "))
}

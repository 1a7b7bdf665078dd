//! `longshore dataset check`: every problem of a folder in one run.

use std::fmt::Write;

use dataset::ScratchError;
use dataset::ingest::Document;
use dataset::payload::Payload;
use dataset::size::{amount, human_bytes};

use super::local::{self, Checked, Drawing, Purpose, describe, members};
use crate::errors;
use crate::output::{Outcome, printable};
use crate::run::{Context, Done};

/// Check a folder for a task, without a cluster
///
/// What an ingestor of any age refuses is an error; what only some refuse is a warning, unless --for-ingestor names them.
/// docs/tasks.md says what each task wants. Where something that the task needs is missing and a terminal is there, the command
/// asks for it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    local: local::Args,

    /// The same as --name
    #[arg(short = 'n', value_name = "TABLE", conflicts_with = "name")]
    n: Option<String>,

    /// Print the ingest document, and everything else on standard error
    #[arg(long)]
    emit_spec: bool,

    /// Hash what would be sent, and list it with size and SHA-256
    #[arg(long)]
    payload: bool,
}

/// Checks the folder and tells every finding.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let mut local = args.local.clone();
    local.name = local.name.or_else(|| args.n.clone());
    match local::check(&mut local, Purpose::Check, args.payload, context)? {
        None => Ok(Outcome::done("Cancelled; nothing was done.\n")),
        Some(checked) => outcome(args, &checked, context).map_err(|error| errors::spill(&error)),
    }
}

fn outcome(args: &Args, checked: &Checked, context: &Context) -> Result<Outcome, ScratchError> {
    let document = checked.document.as_ref().ok().and_then(Option::as_ref);
    // The document may be on its way into a file; then everything else is for the person who watches.
    let is_aside = args.emit_spec;
    let drawing = Drawing {
        style: match is_aside {
            true => context.output.screen_style(),
            false => context.output.style(),
        },
        bars: match is_aside {
            true => context.environment.stderr_is_terminal,
            false => context.environment.stdout_is_terminal,
        },
    };
    let report = &checked.report;
    // Each form of a payload takes as long as hashing it, so only the one that is shown is made.
    let is_json = context.output.is_json();
    let mut text = describe(report, &checked.settled, drawing);
    if let Some(payload) = report.payload.as_ref().filter(|_| !is_json) {
        text.push_str(&listing(payload)?);
    }
    text.push_str(&checked.verdict_line());
    if (args.emit_spec && document.is_none()) || (args.payload && report.payload.is_none()) {
        text.push_str("There is no document and no payload while there are errors.\n");
    }
    let text = match document {
        _ if !is_aside => text,
        document => {
            if !is_json {
                context.output.message(&text);
            }
            document.map(Document::yaml).unwrap_or_default().to_owned()
        }
    };
    let shown = document.filter(|_| args.emit_spec);
    let outcome = match is_json {
        true => Outcome::done(text).with_all(members(report, &checked.settled, shown)?),
        false => Outcome::done(text),
    };
    Ok(match checked.failure(args.local.strict) {
        None => outcome,
        Some(failure) => outcome.but(failure),
    })
}

/// Lists what would be sent, digests first, so that columns stay in line.
fn listing(payload: &Payload) -> Result<String, ScratchError> {
    let mut text = String::from("Payload\n");
    for entry in payload.entries() {
        let entry = entry?;
        let path = entry.archive_path.to_string();
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            text,
            "  {}  {:>12}  {}",
            entry.sha256_hex(),
            entry.size_bytes,
            printable(&path)
        );
    }
    let _infallible = writeln!(
        text,
        "  {}, {} in all",
        amount(payload.len() as u64, "file"),
        human_bytes(payload.total_bytes())
    );
    Ok(text)
}

//! `longshore dataset check`: every problem of a folder in one run.

mod args;
mod ask;
mod bars;
mod guided;
mod home;
mod limit;
mod members;
mod settled;
mod summary;
mod tell;

use std::fmt::Write;
use std::path::Path;

use dataset::ingest::{Document, Unsound};
use dataset::payload::Payload;
use dataset::rule::Severity;
use dataset::size::{amount, human_bytes};
use dataset::{Observer, Report, Stage, Stopped, Verdict, check};

pub(crate) use args::{Args, age};
use settled::Settled;
use summary::Drawing;

use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Level, Outcome, printable};
use crate::run::{Context, Done};
use crate::time;

/// Checks the folder and tells every finding, after asking for what is missing where somebody is there to answer.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let mut args = args.clone();
    if guided::is_wanted(&args, context) && !guided::complete(&mut args, context) {
        return Ok(Outcome::done("Cancelled; nothing was done.\n"));
    }
    let Some(path) = &args.path else {
        return Err(no_path());
    };
    let settled = Settled::of(
        &args,
        home::expand(path, context.environment.home.as_deref()),
    );
    let today = time::of_manifest(&context.environment)?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let mut request = args.lower(today, context.environment.temporary.clone());
    request.all_findings = context.output.is_json();
    let mut report = check(&settled.root, &request, &Watch(context))
        .map_err(|stopped| failure(&stopped, context))?;
    tell::tell(&mut report, &context.output).map_err(|stopped| failure(&stopped, context))?;
    let document = document(&report, &settled);
    if let Err(unsound) = &document {
        tell_unsound(unsound, context);
    }
    Ok(outcome(&args, &settled, &report, &document, context))
}

/// Writes the document, if nothing stands against sending.
fn document(report: &Report, settled: &Settled) -> Result<Option<Document>, Unsound> {
    match report.verdict(false) {
        Verdict::Sound => report.document(&settled.table).transpose(),
        Verdict::Flags | Verdict::Data => Ok(None),
    }
}

fn tell_unsound(unsound: &Unsound, context: &Context) {
    if let Unsound::Invalid(violations) = unsound {
        for violation in violations {
            let event = Event::new(Level::Finding, violation.id)
                .with("path", violation.path.as_str())
                .with("message", violation.message.as_str())
                .with("expected", violation.expected.as_str());
            context.output.event(&event);
        }
    }
}

fn outcome(
    args: &Args,
    settled: &Settled,
    report: &Report,
    document: &Result<Option<Document>, Unsound>,
    context: &Context,
) -> Outcome {
    let document_text = document.as_ref().ok().and_then(Option::as_ref);
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
    let mut text = summary::describe(report, settled, drawing);
    if let Some(payload) = &report.payload {
        text.push_str(&listing(payload));
    }
    text.push_str(&verdict_line(report, settled));
    if (args.emit_spec && document_text.is_none()) || (args.payload && report.payload.is_none()) {
        text.push_str("There is no document and no payload while there are errors.\n");
    }
    let text = match document_text {
        _ if !is_aside => text,
        document => {
            if !context.output.is_json() {
                context.output.message(&text);
            }
            document.map(Document::yaml).unwrap_or_default().to_owned()
        }
    };
    let shown = document_text.filter(|_| args.emit_spec);
    let outcome = Outcome::done(text).with_all(members::members(report, settled, shown));
    let counts = format!(
        "{}, {}",
        amount(report.findings.total(Severity::Error), "error"),
        amount(report.findings.total(Severity::Warning), "warning")
    );
    let (exit, id, message) = match (report.verdict(args.strict), document) {
        (Verdict::Sound, Ok(_)) => return outcome,
        (Verdict::Sound, Err(unsound)) => (Exit::Usage, "dataset.document", unsound.to_string()),
        (Verdict::Flags, _) => (
            Exit::Usage,
            "dataset.flags",
            format!("the flags do not fit: {counts}"),
        ),
        (Verdict::Data, _) => (
            Exit::LocalData,
            "dataset.data",
            format!("the dataset did not pass: {counts}"),
        ),
    };
    let failure = Failure::new(exit, id, message)
        .at("path", settled.path.as_str())
        .remedy("Each finding above names its remedy; docs/dataset-check.md explains the rules.");
    outcome.but(failure)
}

fn verdict_line(report: &Report, settled: &Settled) -> String {
    let count = |severity, unit| amount(report.findings.total(severity), unit);
    format!(
        "{}: {}, {}\n",
        printable(&settled.path),
        count(Severity::Error, "error"),
        count(Severity::Warning, "warning")
    )
}

/// Lists what would be sent, digests first, so that columns stay in line.
fn listing(payload: &Payload) -> String {
    let mut text = String::from("Payload\n");
    for entry in &payload.entries {
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
        amount(payload.entries.len() as u64, "file"),
        human_bytes(payload.total_bytes)
    );
    text
}

fn no_path() -> Failure {
    let message = "no dataset path is given, and nobody is there to ask";
    Failure::new(Exit::Usage, "usage.invalid", message)
        .at("argument", "PATH")
        .remedy("Name the folder, as in `longshore dataset check FOLDER --table NAME --task TASK`.")
}

fn failure(stopped: &Stopped, context: &Context) -> Failure {
    match stopped {
        Stopped::Cancelled => context.signals.failure(),
        Stopped::Scratch(error) => errors::spill(error),
    }
}

struct Watch<'a>(&'a Context);

impl Observer for Watch<'_> {
    fn stage(&self, stage: Stage) {
        let label = match stage {
            Stage::Walk => "looking for files",
            Stage::Files => "opening files",
            Stage::Manifest => "reading the manifest",
            Stage::Texts => "reading texts",
            Stage::Hash => "hashing",
        };
        self.0.progress.phase(label, None);
    }

    fn is_cancelled(&self) -> bool {
        self.0.signals.stop()
    }
}

/// Says whether something stands at a path, whatever it is.
fn exists(path: &Path) -> bool {
    std::fs::metadata(path).is_ok()
}

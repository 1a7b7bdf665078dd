//! The local side that `dataset check` and `dataset push` share: ask for what is missing, check, tell the findings.

mod args;
mod ask;
mod bars;
mod guided;
mod members;
mod settled;
mod summary;
mod tell;

use std::path::Path;

use dataset::ingest::{Document, Unsound};
use dataset::rule::Severity;
use dataset::size::amount;
use dataset::{Observer, Report, Stage, Stopped, Verdict};
use jiff::civil::Date;

pub(super) use args::Args;
pub(crate) use args::age;
pub(super) use members::members;
pub(super) use settled::Settled;
pub(super) use summary::{Drawing, describe};

use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Level, printable};
use crate::run::Context;
use crate::time;

/// What the dataset is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be checked.
    Check,
    /// To be pushed.
    Push,
}

impl Purpose {
    fn verb(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Push => "push",
        }
    }
}

/// A dataset that was checked.
pub(super) struct Checked {
    /// Path, table and task.
    pub(super) settled: Settled,
    /// What was found.
    pub(super) report: Report,
    /// The ingest document, where nothing stands against sending.
    pub(super) document: Result<Option<Document>, Unsound>,
}

/// Checks the dataset and tells every finding, after asking for what is missing where somebody is there to answer.
///
/// `None` if whoever was asked does not want to go on. With `payload` everything that would be sent is hashed, unless a finding is
/// an error.
pub(super) fn check(
    args: &mut Args,
    purpose: Purpose,
    payload: bool,
    context: &Context,
) -> Result<Option<Checked>, Failure> {
    if guided::is_wanted(args, context) && !guided::complete(args, purpose, context) {
        return Ok(None);
    }
    let Some(path) = &args.path else {
        return Err(no_path(purpose));
    };
    let settled = Settled::of(
        args,
        crate::home::expand(path, context.environment.home.as_deref()),
    );
    let mut request = args.lower(
        payload,
        today(context)?,
        context.environment.temporary.clone(),
    );
    request.all_findings = context.output.is_json();
    let mut report = dataset::check(&settled.root, &request, &Watch(context))
        .map_err(|stopped| failure(&stopped, context))?;
    tell::tell(&mut report, &context.output).map_err(|stopped| failure(&stopped, context))?;
    let document = match report.verdict(false) {
        Verdict::Sound => report.document(&settled.table).transpose(),
        Verdict::Flags | Verdict::Data => Ok(None),
    };
    if let Err(unsound) = &document {
        tell_unsound(unsound, context);
    }
    Ok(Some(Checked {
        settled,
        report,
        document,
    }))
}

impl Checked {
    /// What stands against going on. With `strict`, warnings do.
    pub(super) fn failure(&self, strict: bool) -> Option<Failure> {
        let counts = self.counts();
        let (exit, id, message) = match (self.report.verdict(strict), &self.document) {
            (Verdict::Sound, Ok(_)) => return None,
            (Verdict::Sound, Err(unsound)) => {
                (Exit::Usage, "dataset.document", unsound.to_string())
            }
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
            .at("path", self.settled.path.as_str())
            .remedy(
                "Each finding above names its remedy; docs/dataset-check.md explains the rules.",
            );
        Some(failure)
    }

    /// One line with the counts.
    pub(super) fn verdict_line(&self) -> String {
        format!("{}: {}\n", printable(&self.settled.path), self.counts())
    }

    fn counts(&self) -> String {
        let count = |severity, unit| amount(self.report.findings.total(severity), unit);
        format!(
            "{}, {}",
            count(Severity::Error, "error"),
            count(Severity::Warning, "warning")
        )
    }
}

fn today(context: &Context) -> Result<Date, Failure> {
    let now = time::of_manifest(&context.environment)?;
    Ok(now.to_zoned(jiff::tz::TimeZone::UTC).date())
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

fn no_path(purpose: Purpose) -> Failure {
    let message = "no dataset path is given, and nobody is there to ask";
    Failure::new(Exit::Usage, "usage.invalid", message)
        .at("argument", "PATH")
        .remedy(format!(
            "Name the folder, as in `longshore dataset {} FOLDER --table NAME --task TASK`.",
            purpose.verb()
        ))
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

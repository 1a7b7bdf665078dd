//! `longshore dataset check`: every problem of a folder in one run.

use std::path::PathBuf;

use dataset::age::Age;
use dataset::finding::Finding;
use dataset::rule::Severity;
use dataset::{Observer, Report, Request, Stopped, Verdict, check};

use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Amount, Bytes, Event, Level, Outcome, printable};
use crate::run::{Context, Done};
use crate::time;

/// Check a folder for a task, without a cluster
///
/// What an ingestor of any age refuses is an error; what only some refuse is a warning, unless --for-ingestor names them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// Name of the table that the dataset is to become
    #[arg(long, visible_alias = "name", short = 'n', value_name = "TABLE")]
    table: String,

    /// The task, as docs/tasks.md lists them
    #[arg(long, visible_alias = "category", value_name = "TASK")]
    task: String,

    /// The column with the label
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,

    /// Size that all images must have, WIDTHxHEIGHT
    #[arg(long, value_name = "SIZE")]
    target_size: Option<String>,

    /// Smallest size of an image, WIDTHxHEIGHT
    #[arg(long, value_name = "SIZE")]
    min_size: Option<String>,

    /// Keypoints of an image
    #[arg(long, value_name = "N")]
    number_of_keypoints: Option<String>,

    /// Types of the table's columns: NAME:TYPE,NAME:TYPE
    #[arg(long, value_name = "SCHEMA")]
    schema: Option<String>,

    /// How a numeric label is shown to others: passthrough or bucket
    #[arg(long, value_name = "POLICY")]
    label_policy: Option<String>,

    /// The column with the time
    #[arg(long, value_name = "COLUMN")]
    time_column: Option<String>,

    /// Send tokenizer.json, which older ingestors want
    #[arg(long)]
    stage_tokenizer: bool,

    /// Treat what ingestors of this age refuse as errors
    #[arg(long, value_name = "AGE", value_parser = age)]
    for_ingestor: Option<Age>,

    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
}

fn age(text: &str) -> Result<Age, String> {
    let known = [Age::Older, Age::Newer, Age::Newest]
        .into_iter()
        .find(|age| age.name() == text);
    known.ok_or_else(|| "expected older, newer or newest".to_owned())
}

/// Checks the folder and tells every finding.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let today = time::of_manifest(&context.environment)?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let mut request = Request::new(&args.task, today, context.environment.temporary.clone());
    request.table = Some(args.table.clone());
    request.label_column.clone_from(&args.label_column);
    request.target_size.clone_from(&args.target_size);
    request.min_size.clone_from(&args.min_size);
    request
        .number_of_keypoints
        .clone_from(&args.number_of_keypoints);
    request.schema.clone_from(&args.schema);
    request.label_policy.clone_from(&args.label_policy);
    request.time_column.clone_from(&args.time_column);
    request.stage_tokenizer = args.stage_tokenizer;
    request.for_ingestor = args.for_ingestor;
    let report = match check(&args.path, &request, &Watch(context)) {
        Ok(report) => report,
        Err(Stopped::Cancelled) => return Err(context.signals.failure()),
        Err(Stopped::Scratch(error)) => return Err(errors::spill(&error)),
    };
    for finding in report.findings.kept() {
        context.output.event(&event(finding));
    }
    Ok(outcome(args, &report))
}

fn event(finding: &Finding) -> Event {
    let level = match finding.severity {
        Severity::Note => Level::Note,
        Severity::Warning => Level::Warning,
        Severity::Error => Level::Finding,
    };
    let mut event = Event::new(level, finding.rule.id());
    if let Some(file) = &finding.place.file {
        event = event.with("path", &**file);
    }
    for (name, number) in [("line", finding.place.line), ("row", finding.place.row)] {
        if let Some(number) = number {
            event = event.with(name, number);
        }
    }
    if let Some(column) = &finding.place.column {
        event = event.with("column", &**column);
    }
    event
        .with("message", finding.message.as_str())
        .with("remedy", finding.remedy.as_str())
        .with("count", finding.count)
}

fn outcome(args: &Args, report: &Report) -> Outcome {
    let errors = report.findings.total(Severity::Error);
    let warnings = report.findings.total(Severity::Warning);
    let (files, bytes) = report
        .summary
        .as_ref()
        .map_or((0, 0), |summary| (summary.files, summary.bytes));
    let shown = args.path.display().to_string();
    let text = format!(
        "{}: {}, {}, {}; {}, {}\n",
        printable(&shown),
        Amount(files, "file"),
        Bytes(bytes),
        Amount(report.facts.rows.unwrap_or(0), "row"),
        Amount(errors, "error"),
        Amount(warnings, "warning")
    );
    let outcome = Outcome::done(text)
        .with("path", shown.as_str())
        .with("task", args.task.as_str())
        .with("files", files)
        .with("bytes", bytes)
        .with("rows", report.facts.rows)
        .with("errors", errors)
        .with("warnings", warnings);
    let (exit, id) = match report.verdict(args.strict) {
        Verdict::Sound => return outcome,
        Verdict::Flags => (Exit::Usage, "dataset.flags"),
        Verdict::Data => (Exit::LocalData, "dataset.data"),
    };
    let message = format!(
        "the dataset did not pass: {}, {}",
        Amount(errors, "error"),
        Amount(warnings, "warning")
    );
    let failure = Failure::new(exit, id, message)
        .at("path", shown)
        .remedy("Each finding above names its remedy.");
    outcome.but(failure)
}

struct Watch<'a>(&'a Context);

impl Observer for Watch<'_> {
    fn is_cancelled(&self) -> bool {
        self.0.signals.stop()
    }
}

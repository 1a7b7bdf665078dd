//! `longshore ingest validate`: everything that is wrong with a document, at once.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dataset::age::{Age, RefusedBy};
use dataset::ingest::{NotADocument, Place, Validation, validate};
use dataset::size::amount;

use crate::dataset::age;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Level, Outcome, printable};
use crate::patience::until_signalled;
use crate::run::{Context, Done};

/// A document that is longer than this is refused before it is read to its end.
const READ_LIMIT_BYTES: u64 = 64 << 20;

/// Check an ingest document without a cluster
///
/// All problems are told in one run, each with the path in the document, what was expected, and line and column of the file.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The document, YAML or JSON; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Treat what ingestors of this age refuse as errors: older, newer or newest
    #[arg(long, value_name = "AGE", value_parser = age)]
    for_ingestor: Option<Age>,
}

/// Validates and tells every violation.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let shown = args.file.display().to_string();
    let file = args.file.clone();
    let text = until_signalled(&context.signals, move || read(&file))?.map_err(|error| {
        Failure::new(
            Exit::LocalData,
            "ingest.unreadable",
            "the document cannot be read",
        )
        .at("path", shown.as_str())
        .because(&error)
        .remedy("Check the spelling and the permissions; - reads standard input.")
    })?;
    let validation =
        validate(&text).map_err(|error| not_a_document(&error).at("path", shown.as_str()))?;
    let remarks = remarks(&validation, args.for_ingestor);
    tell(&shown, &remarks, context);
    let errors = remarks.iter().filter(|remark| remark.is_error).count() as u64;
    let warnings = remarks.len() as u64 - errors;
    let text = match errors {
        0 => format!("{}: ok\n", printable(&shown)),
        _ => String::new(),
    };
    let outcome = Outcome::done(text)
        .with("file", shown.as_str())
        .with("violations", errors)
        .with("warnings", warnings);
    if errors == 0 {
        return Ok(outcome);
    }
    let message = format!("schema validation failed ({})", amount(errors, "issue"));
    let failure = Failure::new(Exit::Usage, "ingest.invalid", message)
        .at("path", shown)
        .remedy("Mend the places named above; `longshore ingest schema` prints what is allowed.");
    Ok(outcome.but_told(failure))
}

/// One thing that there is to say about a document.
struct Remark<'a> {
    is_error: bool,
    id: &'static str,
    path: &'a str,
    place: Place,
    message: &'a str,
    about: About<'a>,
}

/// What an error or a warning has besides.
enum About<'a> {
    Expected(&'a str),
    RefusedBy(RefusedBy),
}

/// Puts violations and warnings into one list, errors first, each by path and message.
fn remarks(validation: &Validation, for_ingestor: Option<Age>) -> Vec<Remark<'_>> {
    let violations = validation.violations.iter().map(|violation| Remark {
        is_error: true,
        id: violation.id,
        path: &violation.path,
        place: violation.place,
        message: &violation.message,
        about: About::Expected(&violation.expected),
    });
    let warnings = validation.warnings.iter().map(|warning| Remark {
        is_error: for_ingestor.is_some_and(|age| warning.is_error_for(age)),
        id: warning.id,
        path: &warning.path,
        place: warning.place,
        message: &warning.message,
        about: About::RefusedBy(warning.refused_by),
    });
    let mut remarks: Vec<_> = violations.chain(warnings).collect();
    remarks.sort_by_key(|remark| (!remark.is_error, remark.path, remark.message));
    remarks
}

fn tell(shown: &str, remarks: &[Remark<'_>], context: &Context) {
    if context.output.is_json() {
        for remark in remarks {
            context.output.event(&event(remark));
        }
        return;
    }
    let errors = remarks.iter().filter(|remark| remark.is_error).count() as u64;
    let mut text = String::new();
    if errors > 0 {
        let issues = amount(errors, "issue");
        text = format!(
            "{}: schema validation failed ({issues})\n",
            printable(shown)
        );
    }
    let style = context.output.screen_style();
    for remark in remarks {
        let line = format!("{}: {} ({})", remark.path, remark.message, remark.place);
        let line = printable(&line);
        match (remark.is_error, &remark.about) {
            (true, _) => text.push_str(&format!("  {line}\n")),
            (false, About::RefusedBy(by)) => {
                let label = style.warning("warning:");
                text.push_str(&format!(
                    "{label} {line}, refused by {by} [{}]\n",
                    remark.id
                ));
            }
            (false, About::Expected(_)) => {}
        }
    }
    context.output.message(&text);
}

fn event(remark: &Remark<'_>) -> Event {
    let level = match remark.is_error {
        true => Level::Finding,
        false => Level::Warning,
    };
    let event = Event::new(level, remark.id)
        .with("path", remark.path)
        .with("line", remark.place.line)
        .with("column", remark.place.column)
        .with("message", remark.message);
    match remark.about {
        About::Expected(expected) => event.with("expected", expected),
        About::RefusedBy(by) => {
            let ages = Age::ALL.into_iter().filter(|age| by.includes(*age));
            event.with("refused_by", ages.map(Age::name).collect::<Vec<_>>())
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(READ_LIMIT_BYTES)
            .read_to_end(&mut text)?;
    } else {
        File::open(path)?
            .take(READ_LIMIT_BYTES)
            .read_to_end(&mut text)?;
    }
    Ok(text)
}

fn not_a_document(error: &NotADocument) -> Failure {
    let of = |id: &'static str, place: Option<&Place>| {
        let failure = Failure::new(Exit::LocalData, id, error.to_string().trim_end_matches('.'))
            .remedy("A document is one YAML or JSON mapping with text keys.");
        match place {
            Some(place) => failure.at("line", place.line).at("column", place.column),
            None => failure,
        }
    };
    match error {
        NotADocument::TooLarge { .. } => of("ingest.too-large", None),
        NotADocument::NotUtf8 { offset } => {
            of("ingest.not-utf8", None).at("offset", *offset as u64)
        }
        NotADocument::Empty => of("ingest.empty", None),
        NotADocument::Syntax { place, .. } => of("ingest.syntax", Some(place)),
        NotADocument::DuplicateKey { place, .. } => of("ingest.duplicate-key", Some(place)),
        NotADocument::SeveralDocuments { place } => of("ingest.several-documents", Some(place)),
        NotADocument::NotAMapping { place, .. } => of("ingest.not-a-mapping", Some(place)),
        NotADocument::KeyNotText { place, .. } => of("ingest.key-not-text", Some(place)),
        NotADocument::UnknownTag { place, .. } => of("ingest.unknown-tag", Some(place)),
        NotADocument::TooComplex { place, .. } => of("ingest.too-complex", Some(place)),
    }
}

//! `longshore ingest validate`: everything that is wrong with a document, at once.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dataset::ingest::{NotADocument, Place, Violation, validate};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Amount, Event, Level, Outcome, printable};
use crate::run::{Context, Done};

/// A document that is longer than this is refused before it is read to its end.
const READ_LIMIT_BYTES: u64 = 64 << 20;

/// Check an ingest document without a cluster
///
/// All problems are told in one run, each with its line and column and what was expected.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The document, YAML or JSON; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Validates and tells every violation.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let shown = args.file.display().to_string();
    let text = read(&args.file).map_err(|error| {
        Failure::new(
            Exit::LocalData,
            "ingest.unreadable",
            "the document cannot be read",
        )
        .at("path", shown.as_str())
        .because(&error)
    })?;
    let validation =
        validate(&text).map_err(|error| not_a_document(&error).at("path", shown.as_str()))?;
    let violations = validation.violations;
    for violation in &violations {
        context.output.event(&event(violation));
    }
    let count = violations.len() as u64;
    if count == 0 {
        let text = format!("{}: ok\n", printable(&shown));
        return Ok(Outcome::done(text)
            .with("file", shown)
            .with("violations", count));
    }
    let message = format!("the document is not valid: {}", Amount(count, "problem"));
    let failure = Failure::new(Exit::Usage, "ingest.invalid", message)
        .at("path", shown.as_str())
        .remedy("Mend the places named above; `longshore ingest schema` prints what is allowed.");
    Ok(Outcome::done("")
        .with("file", shown)
        .with("violations", count)
        .but(failure))
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

fn event(violation: &Violation) -> Event {
    Event::new(Level::Finding, violation.id)
        .with("path", violation.path.as_str())
        .with("line", violation.place.line)
        .with("column", violation.place.column)
        .with("message", violation.message.as_str())
        .with("expected", violation.expected.as_str())
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

//! `longshore snapshot verify`: a dump against its own lists.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use dump::manifest::Totals;
use dump::verify::{Finding, Observer, Options, Verification, verify};
use fsroot::Root;

use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Amount, Bytes, Event, Level, Outcome, printable};
use crate::run::{Context, Done};

/// Check a dump against its manifest and checksums
///
/// Tells every missing, unlisted and changed file in one run. A dump from which something was left out on purpose
/// ends with exit code 14 even if it is intact.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dump
    #[arg(value_name = "DIR")]
    dump: PathBuf,

    /// Where lists that exceed memory are sorted [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch_dir: Option<PathBuf>,
}

/// Verifies the dump and tells all findings.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let reading = errors::Side::Input;
    let root = Root::open_ambient(&args.dump).map_err(|error| errors::files(&error, reading))?;
    let options = Options {
        scratch: args
            .scratch_dir
            .clone()
            .unwrap_or_else(|| context.environment.temporary.clone()),
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let verification = match verify(&root, &options, &Watch(context)) {
        Ok(verification) => verification,
        Err(_) if context.signals.stop() => return Err(context.signals.failure()),
        Err(error) => return Err(errors::dump(&error, reading)),
    };
    Ok(outcome(args, &verification))
}

fn outcome(args: &Args, verification: &Verification) -> Outcome {
    let shown = args.dump.display().to_string();
    let Totals { files, bytes } = verification.present;
    let state = match (verification.is_intact(), verification.is_partial()) {
        (true, false) => "intact",
        (true, true) => "intact, but partial",
        (false, _) => "not intact",
    };
    let found = Amount(verification.findings, "finding");
    let text = format!(
        "{}: {state}; {}, {}, {found}\n",
        printable(&shown),
        Amount(files, "file"),
        Bytes(bytes)
    );
    let outcome = Outcome::done(text)
        .with("dump", shown.as_str())
        .with("intact", verification.is_intact())
        .with("partial", verification.is_partial())
        .with("findings", verification.findings)
        .with("files", files)
        .with("bytes", bytes)
        .with("hard_linked", verification.hard_linked);
    if !verification.is_intact() {
        let message = format!("the dump did not verify: {found}");
        let failure = Failure::new(Exit::DumpInvalid, "dump.not-intact", message)
            .at("path", shown)
            .remedy("Decode the snapshot again, or restore the files named above from a copy.");
        return outcome.but(failure);
    }
    if verification.is_partial() {
        let failure = Failure::new(
            Exit::PartsLeftOut,
            "dump.partial",
            "parts were left out when the dump was made",
        )
        .at("path", shown)
        .remedy("The member partial of MANIFEST.json says which, and where the report is.");
        return outcome.but(failure);
    }
    outcome
}

struct Watch<'a>(&'a Context);

impl Observer for Watch<'_> {
    fn finding(&self, finding: &Finding) {
        let path = finding
            .path()
            .map(|path| String::from_utf8_lossy(path).into_owned());
        let mut event = Event::new(Level::Finding, finding.id()).with("path", path);
        if let Finding::ChecksumsLine { line, .. } = finding {
            event = event.with("line", *line);
        }
        for (name, value) in [
            ("expected", finding.expected()),
            ("actual", finding.actual()),
        ] {
            if let Some(value) = value {
                event = event.with(name, value);
            }
        }
        self.0.output.event(&event);
    }

    fn expects(&self, totals: Totals) {
        self.0.progress.phase("verifying", Some(totals.bytes));
    }

    fn hashed(&self, _files: u64, bytes: u64) {
        self.0.progress.add(bytes);
    }

    fn is_cancelled(&self) -> bool {
        self.0.signals.stop()
    }
}

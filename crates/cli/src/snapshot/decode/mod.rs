//! `longshore snapshot decode`: from a snapshot to a tree of plain files.

mod all;
mod lower;
mod tell;

use std::path::{Path, PathBuf};

use codec::{Input, Options, Report};
use dump::tree::TreeWriter;
use fsroot::Existing;

use super::input::{InputArgs, LogTail, Source};
use super::select::SelectArgs;
use super::watch::Watch;
use crate::errors::{self, Side};
use crate::failure::Failure;
use crate::output::Outcome;
use crate::recovery;
use crate::run::{Context, Done};

/// Write everything in a snapshot as plain files
///
/// The tree appears under its name only when it is complete and the snapshot's checksum has been verified. Keys with a
/// Redis expiry are written with it, however long ago it was: the file does not say what time it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// The directory to make; it must not exist or be empty, and its parent must exist
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Replace a dump that stands at the destination; other directories are never replaced
    #[arg(long)]
    overwrite: bool,

    /// Do not wait until the disk holds the dump: after a power failure files of it can be empty or absent
    #[arg(long)]
    no_sync: bool,

    /// Decode every snapshot of the data directory, each to DIR/INDEX
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    select: SelectArgs,

    #[command(flatten)]
    how: lower::HowArgs,
}

/// Decodes what the arguments name.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let options = lower::options(&args.select, &args.how, context)?;
    let destination = Destination {
        path: &args.output,
        existing: if args.overwrite {
            Existing::Replace
        } else {
            Existing::Refuse
        },
        unsynced: args.no_sync,
    };
    if args.all {
        return all::run(&args.input, destination, &options, context);
    }
    let sources = args.input.open(context)?;
    let decoded = decode(sources, destination, &options, context)?;
    Ok(tell::outcome(&decoded, &args.output))
}

/// Where a tree goes and what may be replaced there.
#[derive(Clone, Copy, Debug)]
struct Destination<'a> {
    path: &'a Path,
    existing: Existing,
    unsynced: bool,
}

/// What decoding has done.
struct Decoded {
    report: Report,
    logs: Vec<Option<LogTail>>,
}

/// Decodes the sources into one tree.
fn decode(
    sources: Vec<Source>,
    to: Destination<'_>,
    options: &Options,
    context: &Context,
) -> Result<Decoded, Failure> {
    let (inputs, logs): (Vec<Input>, Vec<Option<LogTail>>) = sources
        .into_iter()
        .map(|source| (source.input, source.log))
        .unzip();
    let (mut tree, recoveries) = TreeWriter::begin(to.path, to.existing, &options.scratch)
        .map_err(|error| failure_to_begin(&error))?;
    recovery::tell(&recoveries, &context.output);
    if to.unsynced {
        tree.leave_unsynced();
    }
    match codec::decode(&inputs, tree, options, &Watch::new(context)) {
        Ok((report, published)) => {
            recovery::tell_left_behind(published.left_behind.as_ref(), &context.output);
            Ok(Decoded { report, logs })
        }
        Err(codec::Error::Cancelled) => Err(context.signals.failure()),
        Err(error) => Err(errors::codec(&error)),
    }
}

fn failure_to_begin(error: &dump::Error) -> Failure {
    let failure = errors::dump(error, Side::Output);
    match failure.id {
        "output.exists" => failure.remedy(
            "Name a new directory, or use --overwrite to replace the dump that stands there.",
        ),
        _ => failure,
    }
}

/// An outcome for a command that decodes as a part of what it does.
pub(crate) fn decode_memory(
    input: Input,
    to: &Path,
    options: &Options,
    context: &Context,
) -> Result<(Report, Outcome), Failure> {
    let source = Source { input, log: None };
    let destination = Destination {
        path: to,
        existing: Existing::Refuse,
        unsynced: false,
    };
    let decoded = decode(vec![source], destination, options, context)?;
    let outcome = tell::outcome(&decoded, to);
    Ok((decoded.report, outcome))
}

pub(crate) use lower::plain_options;
pub(crate) use tell::{counts, rows};

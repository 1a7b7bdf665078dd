//! `longshore demo`: both jobs on what comes with the program, from a dead store's snapshot to rows in a table.

mod port;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use codec::Input;
use dump::verify::{Finding, Observer, Options, verify};
use fsroot::{Kind, Root};

use crate::errors::{self, Side};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Amount, Outcome, printable};
use crate::run::{Context, Done};
use crate::snapshot::decode::{decode_memory, plain_options};

/// A snapshot that a real node wrote by itself; see `crates/cli/demo/README.md`.
const SNAPSHOT: &[u8] = include_bytes!("../../demo/rescued.fsm");
/// The name that the node gave it.
const NAME: &str = "fsm-snap/000000000000006f.fsm";
const INDEX: u64 = 0x6f;
/// Lines of the tree that are shown of one directory.
const SHOWN: usize = 4;

/// Decode the snapshot that comes with the program, and push the dataset in it into a sandbox
///
/// The snapshot is 82 KB that a real node wrote: a bucket with forty pictures and a table of labels. It is decoded and verified;
/// then a Kubernetes API with the parent release starts in this process, and the bucket is pushed into it over TLS, as
/// `dataset push` would push it into a cluster. Needs no network and no cluster, and leaves only the tree.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory to make [default: a new one in the folder for temporary files]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Decodes, verifies and shows; then pushes, and shows what the table holds.
pub(crate) fn run(args: &Args, context: &Context) -> Done {
    let to = args
        .output
        .clone()
        .unwrap_or_else(|| fresh(&context.environment.temporary));
    let mut input = Input::memory(NAME, SNAPSHOT);
    input.index = Some(INDEX);
    let options = plain_options(context)?;
    let (_, outcome) = decode_memory(input, &to, &options, context)?;
    let root = Root::open_ambient(&to).map_err(|error| errors::files(&error, Side::Input))?;
    check(&root, context)?;
    let style = context.output.style();
    let tree = tree(&root).map_err(|error| errors::files(&error, Side::Input))?;
    let decoded = format!(
        "{}\n{}",
        style.strong("A snapshot of a real node, decoded"),
        outcome.text
    );
    let shown = format!("{}\n{tree}", style.strong("The tree"));
    let verified = format!(
        "verified   {} intact\n",
        printable(&to.display().to_string())
    );
    context
        .output
        .part(&format!("{decoded}{verified}\n{shown}\n"));
    port::deliver(
        &to,
        context,
        Outcome {
            text: String::new(),
            ..outcome
        },
    )
}

/// A name that no other run of this moment has.
fn fresh(temporary: &Path) -> PathBuf {
    temporary.join(format!("longshore-demo-{}", std::process::id()))
}

fn check(root: &Root, context: &Context) -> Result<(), Failure> {
    let options = Options {
        scratch: context.environment.temporary.clone(),
        threads: NonZeroUsize::MIN,
    };
    let verification =
        verify(root, &options, &Silent).map_err(|error| errors::dump(&error, Side::Input))?;
    if verification.is_intact() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::DumpInvalid,
        "dump.not-intact",
        "the tree that was just written does not verify",
    )
    .at("path", root.path().display().to_string())
    .remedy("Check the disk, and run `longshore snapshot verify` on the directory."))
}

/// The number of findings is all that counts here.
struct Silent;

impl Observer for Silent {
    fn finding(&self, _: &Finding) {}
}

/// The paths of the tree's files, a few of each directory.
fn tree(root: &Root) -> Result<String, fsroot::Error> {
    let mut text = String::new();
    let mut directory = String::new();
    let mut in_directory: usize = 0;
    for entry in root.walk() {
        let (path, kind) = entry?;
        if kind != Kind::File {
            continue;
        }
        let here = path
            .parent()
            .map(|parent| parent.to_string())
            .unwrap_or_default();
        if here != directory {
            text.push_str(&more(in_directory));
            (directory, in_directory) = (here, 0);
        }
        in_directory += 1;
        if in_directory <= SHOWN {
            text.push_str(&format!("  {}\n", printable(&path.to_string())));
        }
    }
    text.push_str(&more(in_directory));
    Ok(text)
}

fn more(in_directory: usize) -> String {
    match in_directory.checked_sub(SHOWN) {
        None | Some(0) => String::new(),
        Some(hidden) => format!("  … and {} more\n", Amount(hidden as u64, "file")),
    }
}

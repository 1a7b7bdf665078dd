//! The second half of the demo: a cluster on this machine, and a push into it.

use std::path::Path;

use clap::Parser as _;
use sandbox::local::Here;

use crate::args::{Cli, Command};
use crate::dataset::{self, push};
use crate::errors;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Amount, Outcome, printable};
use crate::run::{Context, Done};

/// The namespace of the release.
const NAMESPACE: &str = "tracebloc";

/// What the bucket becomes.
const TABLE: &str = "rescued";

/// Starts a sandbox, pushes the bucket of the dump into it, and adds what the table holds.
pub(super) fn deliver(dump: &Path, context: &Context, decoded: Outcome) -> Done {
    let folder = context
        .environment
        .temporary
        .join(format!("longshore-demo-cluster-{}", std::process::id()));
    context.progress.phase("starting a sandbox", None);
    let here = Here::start(&folder, NAMESPACE).map_err(|error| errors::sandbox(&error, &folder))?;
    let pushed = push_into(&here, dump, context);
    let rows = here.query(&format!(
        "SELECT label, count(*) FROM {TABLE} GROUP BY label ORDER BY label"
    ));
    here.end();
    let pushed = pushed?;
    if pushed.error.is_some() {
        return Ok(pushed);
    }
    let rows = rows.map_err(|error| {
        Failure::new(Exit::RunFailed, "demo.rows", "the table cannot be read").because(&error)
    })?;
    let text = format!(
        "{}\n{}\n{}\n{}",
        context
            .output
            .style()
            .strong("The bucket, pushed into a sandbox"),
        pushed.text,
        context.output.style().strong("The table"),
        table(&rows.rows)
    );
    let members = pushed.members;
    Ok(Outcome { text, ..decoded }.with("push", members))
}

/// Runs the command that a user would type.
fn push_into(here: &Here, dump: &Path, context: &Context) -> Done {
    let bucket = dump.join("s3").join(TABLE);
    let flag = |name: &str, path: &Path| {
        let mut flag = std::ffi::OsString::from(name);
        flag.push(path);
        flag
    };
    let words = [
        "longshore".into(),
        "dataset".into(),
        "push".into(),
        bucket.into_os_string(),
        format!("--table={TABLE}").into(),
        "--task=image_classification".into(),
        "--label-column=label".into(),
        "--no-input".into(),
        flag("--kubeconfig=", &here.kubeconfig()),
    ];
    match Cli::try_parse_from(words).map(|cli| cli.command) {
        // A demo is no run of the user's, so no journal knows of it.
        Ok(Command::Dataset(dataset::Command::Push(args))) => push::deliver(&args, None, context),
        Ok(_) => Err(defect("the demo's command is another one")),
        Err(error) => Err(defect(&error.to_string())),
    }
}

fn defect(what: &str) -> Failure {
    Failure::new(Exit::Internal, "internal.demo", what)
}

/// Labels and how many rows have them.
fn table(rows: &[Vec<Option<String>>]) -> String {
    let mut text = String::new();
    for row in rows {
        let cell = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        let count = cell(1).parse().unwrap_or(0);
        text.push_str(&format!(
            "{:<12} {}\n",
            printable(&cell(0)),
            Amount(count, "row")
        ));
    }
    text
}

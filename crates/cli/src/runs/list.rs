//! `longshore run list`: the journal.

use std::fmt::Write as _;

use cluster::journal::Run;
use cluster::limits::Limits;
use serde_json::Value;

use super::tell;
use crate::errors;
use crate::output::{Outcome, printable};
use crate::run::{Context, Done};

/// Lists the runs, the latest last. The cluster is not asked.
pub(crate) fn run(context: &Context) -> Done {
    let journal = super::journal(context, &Limits::default())?;
    let runs = journal.runs().map_err(|error| errors::journal(&error))?;
    let members: Vec<Value> = runs.iter().map(tell::run_member).collect();
    Ok(Outcome::done(text(&runs)).with("runs", members))
}

fn text(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "No run was submitted from here.\n".to_owned();
    }
    let mut text = String::new();
    for run in runs {
        let state = tell::state(run.state);
        let place = format!("{} in {} of {}", run.table, run.namespace, run.server);
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            text,
            "{} {:<23} {} {}",
            run.submitted_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            state,
            printable(&run.key),
            printable(&place)
        );
    }
    text
}

//! `--all`: every snapshot of a directory, each into a tree of its own.

use std::path::Path;

use codec::Options;
use fsroot::{Existing, StagedTree, remove_empty_dir_ambient};
use serde_json::{Value, json};

use super::super::input::{InputArgs, Source};
use super::{Destination, decode, tell};
use crate::errors::{Side, files};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Decodes each snapshot to its own directory; one that is damaged does not keep the others from being decoded.
pub(super) fn run(
    inputs: &InputArgs,
    to: Destination<'_>,
    options: &Options,
    context: &Context,
) -> Done {
    let snapshots = inputs.open_all(context)?;
    let total = snapshots.len();
    prepare(to)?;
    let mut done = Vec::new();
    let mut failed: Vec<(u64, Failure)> = Vec::new();
    for (index, source) in snapshots {
        match one(index, source, to, options, context) {
            Ok(outcome) => done.push((index, outcome)),
            Err(failure) if ends_the_run(&failure) => {
                remove_if_empty(to.path);
                return Err(failure);
            }
            Err(failure) => failed.push((index, failure)),
        }
    }
    if done.is_empty() {
        remove_if_empty(to.path);
    }
    Ok(outcome(total, done, failed))
}

fn one(
    index: u64,
    source: Result<Source, Failure>,
    to: Destination<'_>,
    options: &Options,
    context: &Context,
) -> Done {
    let path = to.path.join(index.to_string());
    let destination = Destination {
        path: &path,
        existing: to.existing,
        unsynced: to.unsynced,
    };
    let decoded = decode(vec![source?], destination, options, context)?;
    Ok(tell::outcome(&decoded, &path))
}

/// Makes the directory that holds the trees. One with content is used only where dumps in it may be replaced.
fn prepare(to: Destination<'_>) -> Result<(), Failure> {
    if to.existing == Existing::Replace && to.path.is_dir() {
        return Ok(());
    }
    let published =
        StagedTree::begin(to.path, Existing::Refuse).and_then(|(folder, _)| folder.publish());
    published
        .map(drop)
        .map_err(|error| files(&error, Side::Output))
}

/// A full disk and a signal concern all snapshots that are left; damage concerns one.
fn ends_the_run(failure: &Failure) -> bool {
    !matches!(
        failure.exit,
        Exit::SnapshotDamaged | Exit::DestinationExists
    ) && failure.id != "input.vanished"
}

/// A directory that holds something stays, which is what is wanted.
fn remove_if_empty(path: &Path) {
    drop(remove_empty_dir_ambient(path));
}

fn outcome(total: usize, done: Vec<(u64, Outcome)>, failed: Vec<(u64, Failure)>) -> Outcome {
    let text = done
        .iter()
        .map(|(_, outcome)| outcome.text.as_str())
        .collect::<Vec<_>>()
        .join("\n");
    let mut snapshots: Vec<(u64, Value)> = Vec::new();
    for (index, outcome) in &done {
        let error = outcome.error.as_ref().map(brief);
        let exit_code = outcome.exit.number();
        snapshots.push((*index, json!({ "index": index, "exit_code": exit_code, "error": error, "decoded": outcome.members })));
    }
    for (index, failure) in &failed {
        let exit_code = failure.exit.number();
        snapshots.push((*index, json!({ "index": index, "exit_code": exit_code, "error": brief(failure), "decoded": null })));
    }
    snapshots.sort_by_key(|(index, _)| *index);
    let list: Value = snapshots
        .into_iter()
        .map(|(_, snapshot)| snapshot)
        .collect();
    let all = Outcome::done(text).with("snapshots", list);
    let incomplete = done
        .iter()
        .filter_map(|(_, outcome)| outcome.error.clone())
        .next();
    let failures = failed.len();
    match (failed.into_iter().next(), incomplete) {
        (Some((index, first)), _) if done.is_empty() => all.but(first.at("index", index)),
        (Some((index, first)), _) => {
            let message = format!(
                "{failures} of {total} snapshots could not be decoded; the first is index {index}"
            );
            let failure = Failure::new(Exit::PartsLeftOut, "decode.snapshots-left-out", message)
                .at("index", index)
                .remedy("The others are complete. See what is wrong with this one with `snapshot inspect`.");
            let causes = [format!("{} [{}]", first.message, first.id)]
                .into_iter()
                .chain(first.causes);
            all.but(Failure {
                causes: causes.collect(),
                ..failure
            })
        }
        (None, Some(incomplete)) => all.but(incomplete),
        (None, None) => all,
    }
}

fn brief(failure: &Failure) -> Value {
    json!({ "id": failure.id, "message": failure.message, "place": failure.place })
}

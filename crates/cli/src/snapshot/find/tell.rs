//! What `find` says.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

use dump::find::{Found, Key, QueryError};
use fsroot::RelPath;
use serde_json::{Value, json};

use super::{Answer, Args};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Outcome, printable};
use crate::run::Done;

const FORMS: &str = "Keys are redis:KEY, s3:BUCKET/KEY, dynamodb:TABLE/HASH/RANGE or sqs:QUEUE, files are file:PATH; write a percent sign before the colon to give bytes as %HH.";

/// The argument is none.
pub(super) fn unreadable(argument: &OsStr, error: &QueryError) -> Failure {
    Failure::new(Exit::Usage, "usage.invalid-key", error.to_string())
        .at("argument", shown(argument))
        .remedy(FORMS)
}

/// The end of a search.
pub(super) fn outcome(args: &Args, answer: Answer, partial: bool) -> Done {
    match answer {
        Answer::Found(found) => Ok(files(&args.dump, &found)),
        Answer::NoKey(path) => Err(miss(
            "find.no-key",
            "the file is in the dump and belongs to no key",
            args,
        )
        .at("path", path.to_string())
        .remedy("Files of keys are those below redis/, s3/, dynamodb/ and sqs/ that hold a value, a body, or what is known of one.")),
        Answer::Directory(path) => {
            Err(
                miss("find.directory", "the argument names a directory", args)
                    .at("path", path.to_string())
                    .remedy("Name a file in it; a bucket is s3:BUCKET."),
            )
        }
        Answer::Nothing => Err(miss(
            "find.not-found",
            "the dump has no such key and no such file",
            args,
        )
        .remedy(match partial {
            true => "The dump is partial: the member partial of MANIFEST.json says what was left out.".to_owned(),
            false => format!("Check the spelling; case counts. {FORMS}"),
        })),
    }
}

fn miss(id: &'static str, message: &str, args: &Args) -> Failure {
    Failure::new(Exit::LocalData, id, message).at("argument", shown(&args.key))
}

fn shown(argument: &OsStr) -> String {
    argument.to_string_lossy().into_owned()
}

fn files(dump: &Path, found: &[Found]) -> Outcome {
    let outcome = Outcome::done(text(dump, found))
        .with("dump", dump.display().to_string())
        .with("found", found.iter().map(member).collect::<Value>());
    let Some(nameless) = found.iter().find(|found| found.key.is_none()) else {
        return outcome;
    };
    outcome.but(
        Failure::new(
            Exit::LocalData,
            "find.key-unknown",
            "the name of the file does not tell its key",
        )
        .at("path", nameless.path.to_string())
        .remedy("The name is a digest of the key, or was made by hand; what the file holds may tell more."),
    )
}

fn member(found: &Found) -> Value {
    json!({
        "key": found.key.as_ref().map(Key::to_string),
        "role": found.role.as_str(),
        "path": found.path.to_string(),
    })
}

/// A line for each key, and below it one for each of its files, by a path that can be opened from here.
fn text(dump: &Path, found: &[Found]) -> String {
    let mut text = String::new();
    let mut line = |what: &str, says: &str| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{what:<10} {}", printable(says));
    };
    let mut above: Option<&Option<Key>> = None;
    for one in found {
        if above != Some(&one.key) {
            let key = one.key.as_ref().map(Key::to_string);
            line("key", key.as_deref().unwrap_or("unknown"));
        }
        above = Some(&one.key);
        line(one.role.as_str(), &path_from_here(dump, &one.path));
    }
    text
}

fn path_from_here(dump: &Path, path: &RelPath) -> String {
    dump.join(path.to_string()).display().to_string()
}

//! `longshore version`: which build this is.

use crate::output::Outcome;
use crate::run::Done;

/// The version, as the manifest of every dump names it.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The line that `--version` prints behind the name.
pub(crate) const LINE: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("LONGSHORE_SOURCE"),
    ")"
);

const TARGET: &str = env!("LONGSHORE_TARGET");
const COMMIT: Option<&str> = option_env!("LONGSHORE_COMMIT");
const DATE: Option<&str> = option_env!("LONGSHORE_COMMIT_DATE");

/// Says version, commit, date of the commit and target.
pub(crate) fn run() -> Done {
    let mut text = format!("longshore {VERSION}\n");
    match (COMMIT, DATE) {
        (Some(commit), Some(date)) => text.push_str(&format!("commit: {commit}\ndate:   {date}\n")),
        _ => text.push_str("commit: unknown (built without git)\n"),
    }
    text.push_str(&format!("target: {TARGET}\n"));
    Ok(Outcome::done(text)
        .with("version", VERSION)
        .with("commit", COMMIT)
        .with("date", DATE)
        .with("target", TARGET))
}

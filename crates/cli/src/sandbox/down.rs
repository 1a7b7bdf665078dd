//! `longshore sandbox down`.

use sandbox::local;

use super::{faults, folder};
use crate::errors;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Ends the sandbox, and says which faults never struck.
pub(crate) fn run(context: &Context) -> Done {
    let folder = folder(context)?;
    // It is ended whether it answers or not.
    let report = local::status(&folder)
        .and_then(|state| local::faults(&folder, &state, None))
        .unwrap_or_default();
    let state = local::down(&folder).map_err(|error| errors::sandbox(&error, &folder))?;
    let mut text = format!("The sandbox at {} is gone.\n", state.server);
    text.push_str(&faults::told(&report));
    Ok(Outcome::done(text)
        .with("server", state.server)
        .with("unfired", report.unfired))
}

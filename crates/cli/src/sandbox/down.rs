//! `longshore sandbox down`.

use sandbox::local;

use super::folder;
use crate::errors;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Ends the sandbox.
pub(crate) fn run(context: &Context) -> Done {
    let folder = folder(context)?;
    let state = local::down(&folder).map_err(|error| errors::sandbox(&error, &folder))?;
    let text = format!("The sandbox at {} is gone.\n", state.server);
    Ok(Outcome::done(text).with("server", state.server))
}

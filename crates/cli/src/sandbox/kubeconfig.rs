//! `longshore sandbox kubeconfig`.

use sandbox::local;

use super::folder;
use crate::errors;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Prints where the kubeconfig is. Not its contents: they hold the token.
pub(crate) fn run(context: &Context) -> Done {
    let folder = folder(context)?;
    local::status(&folder).map_err(|error| errors::sandbox(&error, &folder))?;
    let path = local::kubeconfig(&folder).display().to_string();
    Ok(Outcome::done(format!("{path}\n")).with("kubeconfig", path))
}

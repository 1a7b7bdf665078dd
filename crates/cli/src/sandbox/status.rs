//! `longshore sandbox status`.

use sandbox::local::{self, LocalError};

use super::{faults, folder};
use crate::errors;
use crate::output::Outcome;
use crate::run::{Context, Done};

/// Says what runs; that nothing does is an answer too.
pub(crate) fn run(context: &Context) -> Done {
    let folder = folder(context)?;
    match local::status(&folder) {
        Ok(state) => {
            let kubeconfig = local::kubeconfig(&folder).display().to_string();
            // A sandbox that is slow to answer runs all the same.
            let report = local::faults(&folder, &state, None).unwrap_or_default();
            let mut text = format!(
                "running     {} (process {})\nnamespace   {}\nkubeconfig  {kubeconfig}\n",
                state.server, state.pid, state.namespace
            );
            text.push_str(&faults::told(&report));
            Ok(Outcome::done(text)
                .with("running", true)
                .with("server", state.server)
                .with("namespace", state.namespace)
                .with("kubeconfig", kubeconfig)
                .with("pid", state.pid)
                .with("unfired", report.unfired))
        }
        Err(LocalError::NotRunning) => {
            Ok(Outcome::done("No sandbox is running.\n").with("running", false))
        }
        Err(error) => Err(errors::sandbox(&error, &folder)),
    }
}

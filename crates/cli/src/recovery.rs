//! What earlier runs left beside a destination, told as events.

use fsroot::{LeftReason, Recovery};

use crate::output::{Event, Output};

/// Tells what was found and what was done about it.
pub(crate) fn tell(recoveries: &[Recovery], output: &Output) {
    for recovery in recoveries {
        output.event(&event(recovery));
    }
}

fn event(recovery: &Recovery) -> Event {
    match recovery {
        Recovery::Removed { path } => {
            Event::note("staging_removed").with("path", path.display().to_string())
        }
        Recovery::Completed { path } => {
            Event::note("replacement_completed").with("path", path.display().to_string())
        }
        Recovery::Undone { path } => {
            Event::note("replacement_undone").with("path", path.display().to_string())
        }
        Recovery::Left { path, reason } => {
            let event = Event::warning("staging_left").with("path", path.display().to_string());
            match reason {
                LeftReason::Failed(error) => event.with("reason", error.to_string()),
                LeftReason::MayBeAlive => event.with(
                    "reason",
                    "the file system has no locks, so its run may be alive",
                ),
                LeftReason::ForeignOwner => event.with("reason", "somebody else owns it"),
                LeftReason::Displaced => event.with(
                    "reason",
                    "it is an old destination, and something else has its name now",
                ),
            }
        }
    }
}

/// Tells where an old destination still lies that could not be removed after it was replaced.
pub(crate) fn tell_left_behind(
    left: Option<&(std::path::PathBuf, fsroot::Error)>,
    output: &Output,
) {
    if let Some((path, error)) = left {
        let event = Event::warning("replaced_left").with("path", path.display().to_string());
        output.event(&event.with("reason", error.to_string()));
    }
}

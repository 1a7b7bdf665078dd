//! What was learnt of a run goes into the journal.

use cluster::journal::RunState;
use cluster::watch::Outcome;

use super::Known;
use crate::output::Event;
use crate::run::Context;

/// Notes a state. Counts of a run are not forgotten by a later look that reads none.
pub(super) fn note(known: &Known, state: RunState, context: &Context) {
    let updated = known.journal.update(&known.key, |run| {
        let knows_more =
            run.state == RunState::CompletedWithFailures && state == RunState::Succeeded;
        if !knows_more {
            run.state = state;
        }
    });
    // What was found out is told all the same.
    if let Err(error) = updated {
        let event = Event::warning("journal_not_written").with("reason", error.to_string());
        context.output.event(&event);
    }
}

/// The state that an outcome comes to.
pub(crate) fn of(outcome: &Outcome) -> RunState {
    match outcome {
        Outcome::Succeeded => RunState::Succeeded,
        Outcome::CompletedWithFailures => RunState::CompletedWithFailures,
        Outcome::Failed { .. } => RunState::Failed,
        Outcome::Detached(_) => RunState::Running,
    }
}

//! Faults on demand: a script says what fails, a ledger counts how often it did.
//!
//! A rule that never fired tested nothing, so the ledger is part of the result: [`Faults::unfired`] has to be empty at the end of
//! a test. "Fired" is counted where the harm is done, not where the rule was chosen: a cut after 4 MiB of a stream that ended
//! after 3 MiB did not fire.

mod ledger;
mod plan;
mod script;

pub use ledger::{Faults, RuleReport};
pub use plan::{Armed, Damage, Drip, Effect, Meter, Plan, Restart, Stream};
pub use script::{Amount, Direction, Fault, Match, Rule, Script, ScriptError, Target};

//! What a command says when it did not do all it was asked to.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::exit::Exit;

/// Whether the same command may succeed when it is simply run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Nothing that this program can see would be different.
    Useless,
    /// The cause can go away without a change of the command.
    MayHelp,
}

/// An error as it leaves the program: everything a script or a person needs to act on it.
///
/// Library errors become one of these in [`crate::errors`], and nowhere else.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// Stable id, `area.what` in kebab case.
    pub(crate) id: &'static str,
    /// What happened: lower case, no full stop, no cause inside.
    pub(crate) message: String,
    /// The chain of causes, outermost first.
    pub(crate) causes: Vec<String>,
    /// Whether trying again can help.
    pub(crate) retry: Retry,
    /// Where it happened.
    pub(crate) place: Place,
    /// An action that mends it; absent where none is known.
    pub(crate) remedy: Option<String>,
}

impl Failure {
    /// Makes a failure without place, causes or remedy, for which trying again is useless.
    pub(crate) fn new(exit: Exit, id: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            id,
            message: message.into(),
            causes: Vec::new(),
            retry: Retry::Useless,
            place: Place::default(),
            remedy: None,
        }
    }

    /// Adds the action that mends it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds one member of the place.
    pub(crate) fn at(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.place.set(name, value);
        self
    }

    /// Adds an error and what caused it to the chain.
    pub(crate) fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        self.causes.extend(chain.map(ToString::to_string));
        self
    }

    /// Says that trying again can help.
    pub(crate) fn retryable(mut self) -> Self {
        self.retry = Retry::MayHelp;
        self
    }
}

/// Where something happened: `path`, `offset`, `entry`, `key` and the like, each only where it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Place(Map<String, Value>);

impl Place {
    /// Sets one member.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The members, in the order in which people want to read them: from the file inwards.
    pub(crate) fn members(&self) -> Vec<(&str, &Value)> {
        let rank = |name: &str| ORDER.iter().position(|known| *known == name);
        let mut members: Vec<_> = self.0.iter().map(|(k, v)| (k.as_str(), v)).collect();
        members.sort_by_key(|(name, _)| rank(name).unwrap_or(ORDER.len()));
        members
    }

    /// Tells whether nothing is known about the place.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const ORDER: [&str; 7] = [
    "argument", "path", "line", "column", "offset", "entry", "key",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_from_the_file_inwards() {
        let failure = Failure::new(Exit::SnapshotDamaged, "snapshot.truncated", "cut off")
            .at("key", "k")
            .at("entry", 7)
            .at("bucket", "b")
            .at("path", "a.fsm");
        let names: Vec<&str> = failure
            .place
            .members()
            .iter()
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(names, ["path", "entry", "key", "bucket"]);
    }

    #[test]
    fn the_chain_of_causes_is_kept_in_order() {
        let inner = std::io::Error::other("inner");
        let outer = std::io::Error::other(inner);
        let failure = Failure::new(Exit::LocalIo, "input.unreadable", "m").because(&outer);
        assert_eq!(failure.causes.first().map(String::as_str), Some("inner"));
    }
}

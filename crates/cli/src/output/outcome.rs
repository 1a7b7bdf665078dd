//! What a command ends with.

use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::failure::Failure;

/// The end of a command: the same facts as text and as members of the JSON result.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What went wrong, if anything did.
    pub(crate) error: Option<Failure>,
    /// The error has been told to people in other words already, so that only its exit code and the JSON result carry it.
    pub(crate) is_told: bool,
    /// For people; complete lines.
    pub(crate) text: String,
    /// The command's own members of the JSON result.
    pub(crate) members: Map<String, Value>,
}

impl Outcome {
    /// Makes the outcome of work that is done.
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Done,
            error: None,
            is_told: false,
            text: text.into(),
            members: Map::new(),
        }
    }

    /// Adds a member of the JSON result.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds the members of a JSON object.
    pub(crate) fn with_all(mut self, members: Map<String, Value>) -> Self {
        self.members.extend(members);
        self
    }

    /// Says that the work is not (wholly) done, and keeps what there is to say about the rest.
    pub(crate) fn but(mut self, failure: Failure) -> Self {
        self.exit = failure.exit;
        self.error = Some(failure);
        self
    }

    /// The same for work whose text form said what is wrong while it went on.
    pub(crate) fn but_told(self, failure: Failure) -> Self {
        Self {
            is_told: true,
            ..self.but(failure)
        }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::done("").but(failure)
    }
}

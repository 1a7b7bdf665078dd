//! Events: what is worth saying while the work goes on.

use serde_json::Value;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Something is not as it should be, and the work goes on.
    Warning,
    /// Worth knowing.
    Note,
    /// One result of a check.
    Finding,
}

impl Level {
    /// The word that both forms use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Finding => "finding",
        }
    }
}

/// One event. Its name and the names of its fields are stable.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// How much it matters.
    pub(crate) level: Level,
    /// What happened, in a word that scripts can rely on.
    pub(crate) name: String,
    /// The particulars, in the order in which they are shown.
    pub(crate) fields: Vec<(&'static str, Value)>,
}

impl Event {
    /// Makes a warning without fields.
    pub(crate) fn warning(name: impl Into<String>) -> Self {
        Self::new(Level::Warning, name)
    }

    /// Makes a note without fields.
    pub(crate) fn note(name: impl Into<String>) -> Self {
        Self::new(Level::Note, name)
    }

    /// Makes an event without fields.
    pub(crate) fn new(level: Level, name: impl Into<String>) -> Self {
        Self {
            level,
            name: name.into(),
            fields: Vec::new(),
        }
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

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
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::done("").but(failure)
    }
}

/// A number of things with its unit, spelled for people: `1 file`, `2 files`, `1,234 files`.
pub(crate) struct Amount(pub(crate) u64, pub(crate) &'static str);

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(count, unit) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", grouped(*count))
    }
}

/// Writes a number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let of = |number| grouped(number);
        assert_eq!(of(0), "0");
        assert_eq!(of(999), "999");
        assert_eq!(of(1_000), "1,000");
        assert_eq!(of(12_345_678), "12,345,678");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(Amount(1, "file").to_string(), "1 file");
        assert_eq!(Amount(0, "file").to_string(), "0 files");
    }
}

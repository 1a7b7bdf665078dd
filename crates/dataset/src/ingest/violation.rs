//! What is wrong with a document, and how it is said.

use std::fmt;

use super::Place;
use super::node::Kind;

/// A reason why the ingestor refuses a document.
///
/// Displays as `path: message (place)`. The wording is our own; the shape of the path and the order of the lines are what the
/// ingestor's diagnostics have in common with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule, in kebab-case, `ingest.required` for example.
    pub id: &'static str,
    /// Keys and positions down to the value, joined with dots; [`Violation::ROOT`] for the document itself. A key with a dot in
    /// it looks like two.
    pub path: String,
    /// The value, or the key that should not be there. For a key that is missing: what it is missing from.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: String,
}

impl Violation {
    /// The path of the document itself.
    pub const ROOT: &'static str = "<root>";

    pub(super) fn new(
        id: &'static str,
        path: &str,
        place: Place,
        message: String,
        expected: String,
    ) -> Violation {
        let path = if path.is_empty() {
            Violation::ROOT
        } else {
            path
        }
        .to_owned();
        Violation {
            id,
            path,
            place,
            message,
            expected,
        }
    }

    /// A value of another type than wanted. Readers differ in what they call an unquoted date, so that is said in words.
    pub(super) fn of_type(
        path: &str,
        place: Place,
        found: Kind,
        wanted: &'static str,
    ) -> Violation {
        let message = match (found, wanted) {
            (Kind::Date, "string") => "an unquoted date is no string: quote this value".to_owned(),
            _ => format!("got {}, want {wanted}", found.name()),
        };
        Violation::new(TYPE, path, place, message, wanted.to_owned())
    }

    pub(super) fn missing(path: &str, place: Place, keys: &[&str]) -> Violation {
        let noun = if keys.len() == 1 {
            "property"
        } else {
            "properties"
        };
        let keys = quoted(keys);
        Violation::new(
            "ingest.required",
            path,
            place,
            format!("missing {noun} {keys}"),
            keys,
        )
    }

    pub(super) fn not_one_of(path: &str, place: Place, choices: &[&str]) -> Violation {
        let choices = quoted(choices);
        let message = format!("value must be one of {choices}");
        Violation::new(
            "ingest.choice",
            path,
            place,
            message,
            format!("one of {choices}"),
        )
    }

    /// A count that is off, in the words of the keyword that says so.
    pub(super) fn bound(
        path: &str,
        place: Place,
        keyword: &str,
        found: impl fmt::Display,
        wanted: usize,
    ) -> Violation {
        let message = format!("{keyword}: got {found}, want {wanted}");
        Violation::new(
            "ingest.bound",
            path,
            place,
            message,
            format!("{keyword} {wanted}"),
        )
    }
}

const TYPE: &str = "ingest.type";

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.path, self.message, self.place)
    }
}

/// Puts each text in single quotes.
pub(super) fn quoted(texts: &[&str]) -> String {
    texts
        .iter()
        .map(|text| format!("'{text}'"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Sorts by path, then message, and leaves out what says nothing new: repetitions, and a value's type where something is wrong
/// below the value, which was then taken for the type that was meant.
pub(super) fn tidy(mut violations: Vec<Violation>) -> Vec<Violation> {
    violations.sort_by(|a, b| (&a.path, &a.message, a.place).cmp(&(&b.path, &b.message, b.place)));
    violations.dedup_by(|a, b| a.path == b.path && a.message == b.message);
    let noise: Vec<bool> = violations
        .iter()
        .map(|violation| violation.id == TYPE && has_one_below(&violations, &violation.path))
        .collect();
    violations
        .into_iter()
        .zip(noise)
        .filter(|(_, noise)| !noise)
        .map(|(violation, _)| violation)
        .collect()
}

fn has_one_below(sorted: &[Violation], path: &str) -> bool {
    let prefix = format!("{path}.");
    let first = sorted.partition_point(|violation| violation.path < prefix);
    sorted
        .get(first)
        .is_some_and(|violation| violation.path.starts_with(&prefix))
}

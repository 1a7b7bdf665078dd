//! Names: of runs, of pods, of tables inside of names and labels.

use std::fmt;

use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::Plan;

/// Longest part of a table's name inside of a pod's name.
const SEGMENT_MAX: usize = 30;

/// Longest value of a label.
const LABEL_MAX: usize = 63;

/// What stands for a table whose name has nothing that a name or label may hold.
const NAMELESS: &str = "tbl";

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// Names one run of this program, in pods, locks and journals: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the system gives no random numbers; an empty id would be shared by strangers.
    pub fn draw() -> Result<Self, NoRandomness> {
        Ok(Self(random::<8>()?))
    }

    /// Returns its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn random<const N: usize>() -> Result<String, NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoRandomness)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Draws a name for a pod. Chosen here, it is known even if the answer of the server is lost.
///
/// # Errors
/// When the system gives no random numbers.
pub fn pod_name(plan: &Plan) -> Result<String, NoRandomness> {
    let table = plan.table.as_deref().unwrap_or("doctor");
    Ok(format!(
        "tracebloc-stage-{}-{}",
        segment(table),
        random::<4>()?
    ))
}

/// Makes a table's name fit into the name of a pod (RFC 1123).
#[must_use]
pub fn segment(table: &str) -> String {
    let lower = table.to_ascii_lowercase().replace('_', "-");
    let trimmed = lower.trim_matches('-');
    let cut: String = trimmed.chars().take(SEGMENT_MAX).collect();
    or_nameless(cut.trim_end_matches('-'))
}

/// Makes a table's name fit into a label: its ends have to be letters or digits.
#[must_use]
pub fn label_of(table: &str) -> String {
    let is_end = |character: char| character.is_ascii_alphanumeric();
    let cut: String = table.chars().take(LABEL_MAX).collect();
    or_nameless(cut.trim_matches(|character| !is_end(character)))
}

fn or_nameless(text: &str) -> String {
    match text.is_empty() {
        true => NAMELESS.to_owned(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_into_names_of_pods() {
        // The reference's own examples (formats, 7.1).
        let long = "a".repeat(50);
        for (table, expected) in [
            ("cats_dogs", "cats-dogs"),
            ("MyTable", "mytable"),
            ("_leading", "leading"),
            ("_", "tbl"),
            (long.as_str(), "a".repeat(30).as_str()),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa_b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            ),
        ] {
            assert_eq!(segment(table), expected, "{table}");
        }
    }

    #[test]
    fn tables_fit_into_labels() {
        let long = "x".repeat(63);
        for (table, expected) in [
            ("cats_dogs", "cats_dogs"),
            ("_x", "x"),
            ("x_", "x"),
            ("_", "tbl"),
            (long.as_str(), long.as_str()),
        ] {
            assert_eq!(label_of(table), expected, "{table}");
        }
    }

    #[test]
    fn no_two_runs_share_an_id() {
        let (one, other) = (RunId::draw().unwrap(), RunId::draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 16);
    }
}

//! What is written beside the staged data: which submission it was for.

use serde::{Deserialize, Serialize};

use super::PushError;
use crate::submit::Key;

/// Version of the record. A program that finds a later one leaves the data alone.
const VERSION: u32 = 1;

/// A submission of the staged data. Written before it is sent, and again once it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The idempotency key.
    pub key: String,
    /// The number that the key was derived with; `None` for a key that somebody chose.
    pub attempt: Option<u32>,
    /// Digest of the payload's manifest.
    pub manifest_sha256: String,
    /// The Job, once there is an answer.
    pub job: Option<Job>,
}

/// A Job of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Record {
    pub(super) fn new(key: &Key, attempt: Attempt, manifest_sha256: &str) -> Self {
        Self {
            version: VERSION,
            key: key.as_str().to_owned(),
            attempt: attempt.number(),
            manifest_sha256: manifest_sha256.to_owned(),
            job: None,
        }
    }

    /// Reads what lies on the volume. No text is no record.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, PushError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let record: Self =
            serde_json::from_str(text).map_err(|error| PushError::Record(error.to_string()))?;
        match record.version {
            VERSION => Ok(Some(record)),
            other => Err(PushError::Record(format!("it has version {other}"))),
        }
    }

    pub(super) fn text(&self) -> Result<String, PushError> {
        serde_json::to_string(self).map_err(|error| PushError::Record(error.to_string()))
    }
}

/// Which key a submission has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// One that somebody chose.
    Given,
    /// The derived one of that number.
    Number(u32),
}

impl Attempt {
    pub(super) fn number(self) -> Option<u32> {
        match self {
            Self::Given => None,
            Self::Number(number) => Some(number),
        }
    }
}

/// Decides the number of the next submission, from the least one that is wanted and the record of a run that is over or of this
/// very data.
///
/// A submission that was never answered is repeated with its own number; one whose Job has ended takes the next.
pub(super) fn next_number(least: u32, record: Option<&Record>) -> u32 {
    let of_record = record.and_then(|record| {
        let number = record.attempt?;
        Some(if record.job.is_some() {
            number.saturating_add(1)
        } else {
            number
        })
    });
    of_record.unwrap_or(1).max(least).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(attempt: Option<u32>, is_answered: bool) -> Record {
        Record {
            version: VERSION,
            key: "k".to_owned(),
            attempt,
            manifest_sha256: "m".to_owned(),
            job: is_answered.then(|| Job {
                namespace: "n".to_owned(),
                name: "j".to_owned(),
            }),
        }
    }

    #[test]
    fn an_unanswered_submission_keeps_its_number() {
        assert_eq!(next_number(0, None), 1);
        assert_eq!(next_number(0, Some(&record(Some(3), false))), 3);
        assert_eq!(next_number(0, Some(&record(Some(3), true))), 4);
        assert_eq!(next_number(7, Some(&record(Some(3), true))), 7);
        assert_eq!(next_number(0, Some(&record(None, true))), 1);
    }

    #[test]
    fn a_record_survives_its_text_and_a_later_one_is_not_understood() {
        let one = record(Some(1), true);
        let text = one.text().unwrap();
        assert_eq!(Record::parse(&text).unwrap(), Some(one));
        assert_eq!(Record::parse("\n").unwrap(), None);
        let later = text.replace("\"version\":1", "\"version\":2");
        assert!(matches!(Record::parse(&later), Err(PushError::Record(_))));
        assert!(matches!(Record::parse("{}"), Err(PushError::Record(_))));
    }
}

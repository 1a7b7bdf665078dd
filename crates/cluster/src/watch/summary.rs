//! What a run has counted.

use serde::{Deserialize, Serialize};

/// The counts of a run, however they were told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The ingestor's name for the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingestor_id: Option<String>,
    /// The real table, where it is not the one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_table: Option<String>,
    /// Data rows.
    pub total_records: u64,
    /// Rows that were cleaned.
    pub processed_records: u64,
    /// Rows in the database.
    pub inserted_records: u64,
    /// Rows the platform was told of.
    pub sent_to_api: u64,
    /// Rows that were refused by cleaning.
    pub skipped_records: u64,
    /// Files that could not be copied.
    pub file_transfer_failures: u64,
    /// Rows that failed on the way to the database.
    pub db_insert_failures: u64,
    /// Whether all of it arrived; counts of a log that was cut prove nothing.
    pub is_whole: bool,
}

impl Summary {
    /// Says whether something was left out. A summary that is not whole says nothing.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.is_whole
            && (self.db_insert_failures > 0
                || self.file_transfer_failures > 0
                || self.skipped_records > 0
                || self.inserted_records < self.total_records
                || self.sent_to_api < self.inserted_records)
    }

    /// Inserted rows out of a hundred; 0 when there were none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people; counts are told exactly beside it"
    )]
    pub fn success_rate(&self) -> f64 {
        if self.total_records == 0 {
            return 0.0;
        }
        self.inserted_records as f64 / self.total_records as f64 * 100.0
    }
}

/// The structured form: a JSON object in the container's termination message. All counts have to be there.
#[derive(Deserialize)]
struct Structured {
    ingestor_id: Option<String>,
    destination_table: Option<String>,
    total_records: u64,
    #[serde(default)]
    processed_records: Option<u64>,
    inserted_records: u64,
    sent_to_api: u64,
    skipped_records: u64,
    file_transfer_failures: u64,
    db_insert_failures: u64,
}

/// Reads a termination message; `None` if it is something else.
pub(super) fn of_message(text: &str) -> Option<Summary> {
    let found: Structured = serde_json::from_str(text.trim()).ok()?;
    Some(Summary {
        ingestor_id: found.ingestor_id,
        destination_table: found.destination_table,
        total_records: found.total_records,
        processed_records: found.processed_records.unwrap_or(found.inserted_records),
        inserted_records: found.inserted_records,
        sent_to_api: found.sent_to_api,
        skipped_records: found.skipped_records,
        file_transfer_failures: found.file_transfer_failures,
        db_insert_failures: found.db_insert_failures,
        is_whole: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_what_is_missing_on_the_way() {
        let fine = Summary {
            total_records: 3,
            processed_records: 3,
            inserted_records: 3,
            sent_to_api: 3,
            is_whole: true,
            ..Summary::default()
        };
        assert!(!fine.has_failures());
        let check = |change: fn(&mut Summary)| {
            let mut summary = fine.clone();
            change(&mut summary);
            assert!(summary.has_failures(), "{summary:?}");
            summary.is_whole = false;
            assert!(!summary.has_failures());
        };
        check(|it| it.db_insert_failures = 1);
        check(|it| it.file_transfer_failures = 1);
        check(|it| it.skipped_records = 1);
        check(|it| it.total_records = 4);
        check(|it| it.sent_to_api = 2);
        let zeros = Summary {
            is_whole: true,
            ..Summary::default()
        };
        assert!(!zeros.has_failures() && zeros.success_rate() == 0.0);
    }

    #[test]
    fn a_termination_message_is_json_with_all_counts() {
        let text = r#"{"ingestor_id": "i", "total_records": 4, "inserted_records": 3, "sent_to_api": 3,
            "skipped_records": 1, "file_transfer_failures": 0, "db_insert_failures": 0, "more": []}"#;
        let summary = of_message(text).unwrap();
        assert_eq!((summary.total_records, summary.skipped_records), (4, 1));
        assert_eq!(of_message(r#"{"total_records": 4}"#), None);
        assert_eq!(of_message("Error: exit 1"), None);
    }
}

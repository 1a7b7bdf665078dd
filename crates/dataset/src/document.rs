//! From what a check learned to the ingest document.

use crate::check::Report;
use crate::ingest::{Document, Facts, Policy, Unsound};
use crate::size::Size;

impl Report {
    /// Writes the ingest document of the dataset under a table's name.
    ///
    /// Columns carry the header's own spelling, because older ingestors do not find them otherwise. `None` without a task, an
    /// intent or a manifest, when there is nothing to describe.
    ///
    /// # Errors
    /// When what was found does not make a valid document.
    pub fn document(&self, table: &str) -> Option<Result<Document, Unsound>> {
        let settings = self.settings.as_ref()?;
        self.summary.as_ref()?;
        let mut facts = Facts::new(settings.task, table);
        facts.intent = settings.intent?;
        facts.label_column = match &self.facts.label_column {
            Some(column) => Some(column.to_string()),
            None => settings.label_column.clone(),
        };
        facts.label_policy = settings.label_policy.as_deref().and_then(Policy::parse);
        facts.schema = self
            .facts
            .schema
            .iter()
            .flat_map(|schema| &schema.columns)
            .map(|column| (column.name.to_string(), column.sql_type.clone()))
            .collect();
        // Without the flag ingestors use their own default, which some documents rely on.
        facts.time_column =
            settings
                .time_column
                .as_ref()
                .map(|typed| match &self.facts.time_column {
                    Some(column) => column.to_string(),
                    None => typed.clone(),
                });
        facts.target_size = self.facts.target_size.map(pair);
        facts.min_size = settings.min_size.map(pair);
        facts.number_of_keypoints = settings.number_of_keypoints;
        facts.extension.clone_from(&self.facts.extension);
        Some(Document::synthesise(&facts))
    }
}

fn pair(size: Size) -> [u32; 2] {
    [size.width, size.height]
}

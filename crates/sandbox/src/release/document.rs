//! The ingest document, as far as the stand-ins look at it.

use serde_json::Value;

/// Tasks that the service knows.
const TASKS: [&str; 17] = [
    "image_classification",
    "object_detection",
    "semantic_segmentation",
    "instance_segmentation",
    "keypoint_detection",
    "text_classification",
    "token_classification",
    "masked_language_modeling",
    "sentence_pair_classification",
    "tabular_classification",
    "tabular_regression",
    "time_series_forecasting",
    "time_to_event_prediction",
    "embeddings",
    "causal_language_modeling",
    "seq2seq",
    "time_series_classification",
];

/// Directories beside the table, in the order in which the first one given counts.
pub(super) const SIDECARS: [&str; 5] = ["images", "texts", "masks", "annotations", "sequences"];

/// A document that was judged.
#[derive(Clone, Debug)]
pub(super) struct Document(Value);

impl Document {
    /// Reads and judges it; the error is what the service answers.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value =
            serde_saphyr::from_str(text).map_err(|error| format!("not YAML: {error}"))?;
        let document = Self(value);
        let wanted = [("apiVersion", "tracebloc.io/v1"), ("kind", "IngestConfig")];
        for (field, value) in wanted {
            if document.text(field) != value {
                return Err(format!("{field}: must be {value:?}"));
            }
        }
        let task = document.text("category");
        if !TASKS.contains(&task) {
            return Err(format!("category: unknown task {task:?}"));
        }
        if !is_table(document.text("table")) {
            return Err(format!(
                "table: {:?} is no table name",
                document.text("table")
            ));
        }
        if !matches!(document.text("intent"), "train" | "test") {
            return Err("intent: must be \"train\" or \"test\"".to_owned());
        }
        if !document.text("csv").starts_with('/') {
            return Err("csv: must be an absolute path".to_owned());
        }
        Ok(document)
    }

    pub(super) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// The column of the label: given by itself, or with a policy.
    pub(super) fn label(&self) -> &str {
        let label = &self.0["label"];
        label
            .as_str()
            .or_else(|| label["column"].as_str())
            .unwrap_or_default()
    }

    /// Columns to store, with their SQL types.
    pub(super) fn schema(&self) -> Vec<(String, String)> {
        let schema = self.0["schema"].as_object().into_iter().flatten();
        let typed =
            schema.filter_map(|(column, kind)| Some((column.clone(), kind.as_str()?.to_owned())));
        typed.collect()
    }

    pub(super) fn is_image(&self) -> bool {
        let task = self.text("category");
        task.starts_with("image_")
            || task.ends_with("_detection")
            || task.ends_with("_segmentation")
    }

    fn option(&self, name: &str) -> &Value {
        let chosen = &self.0["spec"]["file_options"][name];
        if chosen.is_null() {
            &self.0[name]
        } else {
            chosen
        }
    }

    /// Width and height that every image must have.
    pub(super) fn target_size(&self) -> (u64, u64) {
        let wanted = self.option("target_size");
        let default = match self.text("category") {
            "image_classification" => (256, 256),
            "object_detection" => (1920, 1080),
            _ => (512, 512),
        };
        match (wanted[0].as_u64(), wanted[1].as_u64()) {
            (Some(width), Some(height)) => (width, height),
            _ => default,
        }
    }

    /// What a file name without a known extension gets.
    pub(super) fn extension(&self) -> String {
        let default = match self.text("category") {
            "image_classification" => ".jpeg",
            _ if self.is_image() => ".jpg",
            _ => ".txt",
        };
        self.option("extension")
            .as_str()
            .unwrap_or(default)
            .to_owned()
    }
}

/// Says whether a name can be a table, a label and a directory.
pub(super) fn is_table(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.len() <= 63 && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

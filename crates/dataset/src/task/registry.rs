//! The table itself.

use super::rules::*;
use super::{
    Classes, Column, Contract, Directory, Family, Field, Flag, FlagNeed, FlagUse, Grouping, Label,
    Link, Lookup, Record, Task,
};

const IMAGES_DIRECTORY: Directory = Directory {
    name: "images",
    field: Field::Images,
    extensions: &[".jpg", ".jpeg", ".png"],
    link: Link::Filename,
};
const TEXTS_DIRECTORY: Directory = Directory {
    name: "texts",
    field: Field::Texts,
    extensions: &[".txt", ".text"],
    link: Link::Filename,
};

const IMAGE_NAME: Column = Column {
    name: "filename",
    lookup: Lookup::Exact,
    holds: "the image's file name",
};
const TEXT_NAME: Column = Column {
    name: "filename",
    lookup: Lookup::Loose,
    holds: "the text's file name",
};

const TARGET_SIZE: FlagUse = optional(Flag::TargetSize, "the size of the first image");
const MIN_SIZE: FlagUse = optional(Flag::MinSize, "no floor here; a warning below 32x32");
const LABEL_COLUMN: FlagUse = FlagUse {
    flag: Flag::LabelColumn,
    need: FlagNeed::Required,
};
/// Not looked up in the manifest, yet the document is invalid without a name.
const LABEL_ELSEWHERE: FlagUse = optional(Flag::LabelColumn, "label");
const SCHEMA: FlagUse = optional(Flag::Schema, "inferred from the data");
const LABEL_POLICY: FlagUse = optional(Flag::LabelPolicy, "bucket");
const TOKENIZER_FLAG: FlagUse = optional(Flag::StageTokenizer, "the file is left out");

const fn optional(flag: Flag, default: &'static str) -> FlagUse {
    FlagUse {
        flag,
        need: FlagNeed::Default(default),
    }
}

/// What a row says when it says nothing else, by family.
const IMAGE: Contract = Contract {
    task: Task::ImageClassification,
    id: "",
    display_name: "",
    purpose: "",
    family: Family::Image,
    directories: &[IMAGES_DIRECTORY],
    columns: &[IMAGE_NAME],
    label: Label::Column,
    classes: Classes::AtLeastTwo,
    record: None,
    grouping: None,
    flags: &[TARGET_SIZE, MIN_SIZE, LABEL_COLUMN],
    rules: &[],
    cluster_only: &[CLUSTER, CLUSTER_IMAGES],
};
const TEXT: Contract = Contract {
    family: Family::Text,
    directories: &[TEXTS_DIRECTORY],
    columns: &[TEXT_NAME],
    flags: &[LABEL_COLUMN, TOKENIZER_FLAG],
    cluster_only: &[CLUSTER, CLUSTER_SCHEMA],
    ..IMAGE
};
const RAW_TEXT: Contract = Contract {
    label: Label::Forbidden,
    classes: Classes::Any,
    flags: &[TOKENIZER_FLAG],
    rules: &[EVERY_TASK, FILES, TEXTS],
    ..TEXT
};
const TABLE_ROW: Contract = Contract {
    family: Family::Tabular,
    directories: &[],
    columns: &[],
    flags: &[SCHEMA, LABEL_COLUMN],
    cluster_only: &[CLUSTER, CLUSTER_TYPES, CLUSTER_DATES],
    ..IMAGE
};
const REGRESSION: Contract = Contract {
    label: Label::WithPolicy,
    classes: Classes::Any,
    flags: &[SCHEMA, LABEL_POLICY, LABEL_COLUMN],
    rules: &[EVERY_TASK, TABLE, LABEL],
    ..TABLE_ROW
};

static IMAGE_CLASSIFICATION: Contract = Contract {
    task: Task::ImageClassification,
    id: "image_classification",
    display_name: "image classification",
    purpose: "sorts images into classes",
    rules: &[EVERY_TASK, FILES, IMAGES, LABEL, CLASSES],
    ..IMAGE
};

static OBJECT_DETECTION: Contract = Contract {
    task: Task::ObjectDetection,
    id: "object_detection",
    display_name: "object detection",
    purpose: "draws boxes around objects",
    directories: &[
        IMAGES_DIRECTORY,
        Directory {
            name: "annotations",
            field: Field::Annotations,
            extensions: &[".xml"],
            link: Link::Stem,
        },
    ],
    label: Label::Elsewhere,
    flags: &[TARGET_SIZE, MIN_SIZE, LABEL_ELSEWHERE],
    rules: &[EVERY_TASK, FILES, IMAGES, VOC, CLASSES],
    ..IMAGE
};

static KEYPOINT_DETECTION: Contract = Contract {
    task: Task::KeypointDetection,
    id: "keypoint_detection",
    display_name: "keypoint detection",
    purpose: "finds landmark points, a pose for instance",
    columns: &[
        IMAGE_NAME,
        Column {
            name: "Annotation",
            lookup: Lookup::Exact,
            holds: "a JSON object, keypoint name to [x, y]",
        },
        Column {
            name: "Visibility",
            lookup: Lookup::Exact,
            holds: "a JSON object, keypoint name to 0 or 1",
        },
    ],
    label: Label::Elsewhere,
    flags: &[
        TARGET_SIZE,
        MIN_SIZE,
        FlagUse {
            flag: Flag::NumberOfKeypoints,
            need: FlagNeed::Required,
        },
        LABEL_ELSEWHERE,
    ],
    rules: &[EVERY_TASK, FILES, IMAGES, KEYPOINTS, CLASSES],
    ..IMAGE
};

static SEMANTIC_SEGMENTATION: Contract = Contract {
    task: Task::SemanticSegmentation,
    id: "semantic_segmentation",
    display_name: "semantic segmentation",
    purpose: "gives every pixel a class",
    directories: &[
        IMAGES_DIRECTORY,
        Directory {
            name: "masks",
            field: Field::Masks,
            extensions: &[".png"],
            link: Link::MaskOf { column: "mask_id" },
        },
    ],
    columns: &[
        IMAGE_NAME,
        Column {
            name: "mask_id",
            lookup: Lookup::Exact,
            holds: "the mask's file name",
        },
    ],
    label: Label::Elsewhere,
    flags: &[TARGET_SIZE, MIN_SIZE, LABEL_ELSEWHERE],
    rules: &[EVERY_TASK, FILES, IMAGES, MASKS, CLASSES],
    ..IMAGE
};

static TEXT_CLASSIFICATION: Contract = Contract {
    task: Task::TextClassification,
    id: "text_classification",
    display_name: "text classification",
    purpose: "sorts text snippets into classes",
    rules: &[EVERY_TASK, FILES, TEXTS, LABEL, CLASSES],
    ..TEXT
};

static TOKEN_CLASSIFICATION: Contract = Contract {
    task: Task::TokenClassification,
    id: "token_classification",
    display_name: "token classification",
    purpose: "gives every word a tag",
    classes: Classes::Any,
    rules: &[EVERY_TASK, FILES, TEXTS, LABEL, BIO],
    ..TEXT
};

static SENTENCE_PAIR_CLASSIFICATION: Contract = Contract {
    task: Task::SentencePairClassification,
    id: "sentence_pair_classification",
    display_name: "sentence pair classification",
    purpose: "says how two texts relate",
    record: Some(Record {
        fields: &["text_a", "text_b"],
        min_fields: 2,
        enforced: true,
    }),
    rules: &[EVERY_TASK, FILES, TEXTS, RECORDS, LABEL, CLASSES],
    ..TEXT
};

static MASKED_LANGUAGE_MODELING: Contract = Contract {
    task: Task::MaskedLanguageModeling,
    id: "masked_language_modeling",
    display_name: "fill-mask",
    purpose: "predicts hidden words, without labels",
    directories: &[Directory {
        name: "sequences",
        field: Field::Sequences,
        ..TEXTS_DIRECTORY
    }],
    rules: &[EVERY_TASK, FILES, TEXTS, TOKENIZER],
    ..RAW_TEXT
};

static CAUSAL_LANGUAGE_MODELING: Contract = Contract {
    task: Task::CausalLanguageModeling,
    id: "causal_language_modeling",
    display_name: "causal language modeling",
    purpose: "predicts the next word",
    record: Some(Record {
        fields: &["prompt", "completion"],
        min_fields: 1,
        enforced: false,
    }),
    ..RAW_TEXT
};

static SEQ2SEQ: Contract = Contract {
    task: Task::Seq2seq,
    id: "seq2seq",
    display_name: "translation / summarization",
    purpose: "turns one sequence into another",
    record: Some(Record {
        fields: &["source", "target"],
        min_fields: 1,
        enforced: false,
    }),
    ..RAW_TEXT
};

static EMBEDDINGS: Contract = Contract {
    task: Task::Embeddings,
    id: "embeddings",
    display_name: "embeddings",
    purpose: "learns vectors from pairs of texts",
    record: Some(Record {
        fields: &["anchor", "positive", "negative"],
        min_fields: 2,
        enforced: true,
    }),
    rules: &[EVERY_TASK, FILES, TEXTS, RECORDS],
    ..RAW_TEXT
};

static TABULAR_CLASSIFICATION: Contract = Contract {
    task: Task::TabularClassification,
    id: "tabular_classification",
    display_name: "tabular classification",
    purpose: "predicts a class from a table's columns",
    rules: &[EVERY_TASK, TABLE, LABEL, CLASSES],
    ..TABLE_ROW
};

static TABULAR_REGRESSION: Contract = Contract {
    task: Task::TabularRegression,
    id: "tabular_regression",
    display_name: "tabular regression",
    purpose: "predicts a number from a table's columns",
    ..REGRESSION
};

static TIME_SERIES_FORECASTING: Contract = Contract {
    task: Task::TimeSeriesForecasting,
    id: "time_series_forecasting",
    display_name: "time series forecasting",
    purpose: "predicts future values from past ones",
    columns: &[Column {
        name: "timestamp",
        lookup: Lookup::Exact,
        holds: "the time of the row, never decreasing",
    }],
    rules: &[EVERY_TASK, TABLE, FORECAST, LABEL],
    ..REGRESSION
};

static TIME_SERIES_CLASSIFICATION: Contract = Contract {
    task: Task::TimeSeriesClassification,
    id: "time_series_classification",
    display_name: "time series classification",
    purpose: "predicts a class for a whole sequence",
    columns: &[
        Column {
            name: "sequence_id",
            lookup: Lookup::Loose,
            holds: "the sequence that the row belongs to",
        },
        Column {
            name: "timestamp",
            lookup: Lookup::Loose,
            holds: "the row's place in its sequence, never decreasing",
        },
    ],
    grouping: Some(Grouping {
        group_column: "sequence_id",
        time_column: "timestamp",
        count_unit: "sequences",
    }),
    rules: &[EVERY_TASK, TABLE, GROUPS, LABEL, CLASSES],
    ..TABLE_ROW
};

static TIME_TO_EVENT_PREDICTION: Contract = Contract {
    task: Task::TimeToEventPrediction,
    id: "time_to_event_prediction",
    display_name: "survival analysis",
    purpose: "predicts the time until an event",
    columns: &[Column {
        name: "time",
        lookup: Lookup::Exact,
        holds: "the time until the event, zero or more",
    }],
    flags: &[
        SCHEMA,
        LABEL_POLICY,
        optional(Flag::TimeColumn, "time"),
        LABEL_COLUMN,
    ],
    rules: &[EVERY_TASK, TABLE, EVENT, LABEL],
    ..REGRESSION
};

/// Finds a task's row.
pub(super) fn row(task: Task) -> &'static Contract {
    match task {
        Task::ImageClassification => &IMAGE_CLASSIFICATION,
        Task::ObjectDetection => &OBJECT_DETECTION,
        Task::KeypointDetection => &KEYPOINT_DETECTION,
        Task::TextClassification => &TEXT_CLASSIFICATION,
        Task::MaskedLanguageModeling => &MASKED_LANGUAGE_MODELING,
        Task::TabularClassification => &TABULAR_CLASSIFICATION,
        Task::TabularRegression => &TABULAR_REGRESSION,
        Task::TimeSeriesForecasting => &TIME_SERIES_FORECASTING,
        Task::TimeSeriesClassification => &TIME_SERIES_CLASSIFICATION,
        Task::TimeToEventPrediction => &TIME_TO_EVENT_PREDICTION,
        Task::CausalLanguageModeling => &CAUSAL_LANGUAGE_MODELING,
        Task::Seq2seq => &SEQ2SEQ,
        Task::TokenClassification => &TOKEN_CLASSIFICATION,
        Task::SentencePairClassification => &SENTENCE_PAIR_CLASSIFICATION,
        Task::Embeddings => &EMBEDDINGS,
        Task::SemanticSegmentation => &SEMANTIC_SEGMENTATION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_filled_in_and_finds_its_task() {
        for task in Task::ALL {
            let row = row(task);
            assert_eq!(row.task, task);
            assert_eq!(Task::parse(row.id), Ok(task));
            assert!(
                !row.display_name.is_empty() && !row.purpose.is_empty() && !row.rules.is_empty(),
                "{task}"
            );
        }
    }

    #[test]
    fn flags_stand_in_reporting_order_without_doubles() {
        for task in Task::ALL {
            let flags: Vec<_> = row(task).flags.iter().map(|used| used.flag).collect();
            assert!(flags.is_sorted_by(|a, b| a < b), "{task}: {flags:?}");
        }
    }

    #[test]
    fn no_rule_is_listed_twice_for_a_task() {
        for task in Task::ALL {
            let mut ids: Vec<_> = task.rules().collect();
            let listed = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), listed, "{task}");
        }
    }
}

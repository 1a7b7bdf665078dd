//! The task registry against the tables of the format, and `docs/tasks.md` against the registry.

use dataset::task::{Classes, Family, Field, Flag, FlagNeed, Label, Need, Task, UnknownTask};

/// Ids in display order with family, as the format lists them.
const DISPLAY_ORDER: [(&str, Family); 16] = [
    ("image_classification", Family::Image),
    ("object_detection", Family::Image),
    ("keypoint_detection", Family::Image),
    ("text_classification", Family::Text),
    ("masked_language_modeling", Family::Text),
    ("tabular_classification", Family::Tabular),
    ("tabular_regression", Family::Tabular),
    ("time_series_forecasting", Family::Tabular),
    ("time_series_classification", Family::Tabular),
    ("time_to_event_prediction", Family::Tabular),
    ("causal_language_modeling", Family::Text),
    ("seq2seq", Family::Text),
    ("token_classification", Family::Text),
    ("sentence_pair_classification", Family::Text),
    ("embeddings", Family::Text),
    ("semantic_segmentation", Family::Image),
];

/// Which fields each task needs (R), must not have (X) or can do without (.): images, annotations, masks, texts, sequences,
/// schema, label, target_size, number_of_keypoints.
const MATRIX: [(&str, &str); 16] = [
    ("image_classification", "R.....R.."),
    ("object_detection", "RR....R.."),
    ("keypoint_detection", "R.....RRR"),
    ("semantic_segmentation", "R.R...R.."),
    ("text_classification", "...R..R.."),
    ("token_classification", "...R..R.."),
    ("sentence_pair_classification", "...R..R.."),
    ("masked_language_modeling", "....R.X.."),
    ("causal_language_modeling", "...R..X.."),
    ("seq2seq", "...R..X.."),
    ("embeddings", "...R..X.."),
    ("tabular_classification", ".....RR.."),
    ("time_series_classification", ".....RR.."),
    ("tabular_regression", ".....RR.."),
    ("time_series_forecasting", ".....RR.."),
    ("time_to_event_prediction", ".....RR.."),
];

const MATRIX_FIELDS: [Field; 9] = [
    Field::Images,
    Field::Annotations,
    Field::Masks,
    Field::Texts,
    Field::Sequences,
    Field::Schema,
    Field::Label,
    Field::TargetSize,
    Field::NumberOfKeypoints,
];

fn task(id: &str) -> Task {
    Task::parse(id).expect("a task of the format")
}

#[test]
fn the_tasks_are_those_of_the_format_in_its_order() {
    let listed = Task::ALL.map(|task| (task.id(), task.family()));
    assert_eq!(listed, DISPLAY_ORDER);
}

#[test]
fn every_task_needs_the_document_fields_of_the_matrix() {
    for (id, row) in MATRIX {
        let found: String = MATRIX_FIELDS
            .iter()
            .map(|field| match task(id).need(*field) {
                Need::Required => 'R',
                Need::Forbidden => 'X',
                Need::Optional | Need::Unused => '.',
            })
            .collect();
        assert_eq!(found, row, "{id}");
    }
}

#[test]
fn labels_and_classes_are_those_of_the_traits_table() {
    let with = |label| {
        Task::ALL
            .into_iter()
            .filter(move |task| task.contract().label == label)
            .map(Task::id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        with(Label::Forbidden),
        [
            "masked_language_modeling",
            "causal_language_modeling",
            "seq2seq",
            "embeddings"
        ]
    );
    assert_eq!(
        with(Label::Elsewhere),
        [
            "object_detection",
            "keypoint_detection",
            "semantic_segmentation"
        ]
    );
    assert_eq!(
        with(Label::WithPolicy),
        [
            "tabular_regression",
            "time_series_forecasting",
            "time_to_event_prediction"
        ]
    );
    let any: Vec<_> = Task::ALL
        .into_iter()
        .filter(|task| task.contract().classes == Classes::Any)
        .map(Task::id)
        .collect();
    assert_eq!(
        any,
        [
            "masked_language_modeling",
            "tabular_regression",
            "time_series_forecasting",
            "time_to_event_prediction",
            "causal_language_modeling",
            "seq2seq",
            "token_classification",
            "embeddings",
        ]
    );
}

#[test]
fn flags_belong_to_the_tasks_of_the_flag_table() {
    let takers = |flag: Flag| flag.tasks().collect::<Vec<_>>();
    let family = |family: Family| family.tasks().collect::<Vec<_>>();
    assert_eq!(takers(Flag::TargetSize), family(Family::Image));
    assert_eq!(takers(Flag::MinSize), family(Family::Image));
    assert_eq!(takers(Flag::Schema), family(Family::Tabular));
    assert_eq!(takers(Flag::NumberOfKeypoints), [Task::KeypointDetection]);
    assert_eq!(takers(Flag::TimeColumn), [Task::TimeToEventPrediction]);
    assert_eq!(takers(Flag::StageTokenizer), family(Family::Text));
    for task in Task::ALL {
        assert_eq!(
            Flag::LabelPolicy.need(task).is_some(),
            task.contract().label == Label::WithPolicy,
            "{task}"
        );
        let label = match task.contract().label {
            Label::Forbidden => None,
            Label::Elsewhere => Some(FlagNeed::Default("label")),
            Label::Column | Label::WithPolicy => Some(FlagNeed::Required),
        };
        assert_eq!(Flag::LabelColumn.need(task), label, "{task}");
    }
    assert_eq!(
        Flag::NumberOfKeypoints.need(Task::KeypointDetection),
        Some(FlagNeed::Required)
    );
}

#[test]
fn an_unknown_task_is_quoted_with_the_supported_ones() {
    let all = DISPLAY_ORDER.map(|(id, _)| id).join(", ");
    let error = Task::parse("Image_classification").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("'Image_classification' is not a task; supported are {all}")
    );
    assert_eq!(Task::parse("").unwrap_err(), UnknownTask::Missing);
    let error = Task::parse("instance_segmentation")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "'instance_segmentation' is not supported: ingestors registered such data"
        ),
        "{error}"
    );
    assert!(error.ends_with(&all), "{error}");
}

#[test]
fn the_reference_page_is_the_registry() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tasks.md");
    let expected = dataset::task::reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &expected).expect("docs/tasks.md can be written");
    }
    let found = std::fs::read_to_string(path).expect("docs/tasks.md is there");
    assert_eq!(found, expected, "BLESS=1 renews docs/tasks.md");
}

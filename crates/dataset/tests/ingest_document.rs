//! Documents made from facts are the examples of the format.

use dataset::ingest::{Document, Facts, Intent, Policy, Unsound, validate};
use dataset::task::Task;
use serde_json::Value;

/// Gives the YAML blocks of the format that are whole documents.
fn examples() -> Option<Vec<String>> {
    let shared = testkit::shared_dir("examples of ingest documents")?;
    let text = std::fs::read_to_string(shared.join("formats/ingest-spec.md"))
        .expect("the format is there");
    let blocks = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    Some(
        blocks
            .filter(|block| block.starts_with("apiVersion"))
            .map(str::to_owned)
            .collect(),
    )
}

fn facts(task: Task, table: &str) -> Facts {
    let schema = |columns: &[(&str, &str)]| {
        columns
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    let label = |column: &str| Some(column.to_owned());
    let base = Facts::new(task, table);
    let extension = |extension: &str| Some(extension.to_owned());
    match task {
        Task::ImageClassification => Facts {
            label_column: label("condition"),
            extension: extension(".jpg"),
            target_size: Some([640, 480]),
            min_size: Some([64, 64]),
            ..base
        },
        Task::ObjectDetection => Facts {
            extension: extension(".png"),
            target_size: Some([1280, 720]),
            ..base
        },
        Task::KeypointDetection => Facts {
            intent: Intent::Test,
            extension: extension(".jpg"),
            target_size: Some([256, 256]),
            number_of_keypoints: Some(21),
            ..base
        },
        Task::SemanticSegmentation => Facts {
            extension: extension(".jpg"),
            target_size: Some([512, 256]),
            ..base
        },
        Task::TextClassification => Facts {
            label_column: label("topic"),
            ..base
        },
        Task::TokenClassification => Facts {
            label_column: label("tags"),
            ..base
        },
        Task::SentencePairClassification => Facts {
            label_column: label("relation"),
            ..base
        },
        Task::Seq2seq => Facts {
            intent: Intent::Test,
            ..base
        },
        Task::MaskedLanguageModeling | Task::CausalLanguageModeling | Task::Embeddings => base,
        Task::TabularClassification => Facts {
            label_column: label("defaulted"),
            schema: schema(&[
                ("age", "INT"),
                ("income", "FLOAT"),
                ("postal_code", "VARCHAR(5)"),
                ("opened_on", "DATE"),
                ("defaulted", "BOOLEAN"),
            ]),
            ..base
        },
        Task::TabularRegression => Facts {
            label_column: label("rent"),
            schema: schema(&[("area_m2", "FLOAT"), ("rooms", "INT"), ("rent", "FLOAT")]),
            ..base
        },
        Task::TimeSeriesForecasting => Facts {
            label_column: label("load_kw"),
            label_policy: Some(Policy::Passthrough),
            schema: schema(&[
                ("timestamp", "TIMESTAMP"),
                ("outdoor_c", "FLOAT"),
                ("load_kw", "FLOAT"),
            ]),
            ..base
        },
        Task::TimeSeriesClassification => Facts {
            label_column: label("outcome"),
            schema: schema(&[
                ("sequence_id", "VARCHAR(36)"),
                ("timestamp", "INT"),
                ("accel_x", "FLOAT"),
                ("accel_y", "FLOAT"),
                ("outcome", "INT"),
            ]),
            ..base
        },
        Task::TimeToEventPrediction => Facts {
            label_column: label("failed"),
            time_column: label("run_hours"),
            schema: schema(&[
                ("run_hours", "FLOAT"),
                ("vibration", "FLOAT"),
                ("failed", "INT"),
            ]),
            ..base
        },
    }
}

#[test]
fn every_example_is_valid_and_can_be_made() {
    let Some(examples) = examples() else { return };
    let mut made = 0;
    for example in &examples {
        let judged = validate(example.as_bytes()).expect("a document");
        assert!(
            judged.violations.is_empty(),
            "{:?}\n{example}",
            judged.violations
        );
        let expected: Value = serde_saphyr::from_str(example).expect("YAML");
        let task = Task::parse(expected["category"].as_str().expect("text")).expect("a task");
        let table = expected["table"].as_str().expect("text");
        // The last one is written by hand and uses what is never made here.
        if table == "sensor_states" {
            continue;
        }
        let document = Document::synthesise(&facts(task, table)).expect("valid");
        let found: Value = serde_saphyr::from_str(document.yaml()).expect("YAML");
        assert_eq!(found, expected, "{}", document.yaml());
        let json: Value = serde_json::from_str(&document.json()).expect("JSON");
        assert_eq!(json, expected);
        made += 1;
    }
    assert_eq!(made, Task::ALL.len());
    assert_eq!(examples.len(), made + 1);
}

#[test]
fn a_document_is_the_same_bytes_every_time_with_columns_in_their_order() {
    let facts = Facts {
        label_column: Some("y".to_owned()),
        schema: [("zeta", "INT"), ("y", "FLOAT"), ("größe", "VARCHAR(9)")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .to_vec(),
        ..Facts::new(Task::TabularRegression, "t")
    };
    let expected = "\
apiVersion: tracebloc.io/v1
kind: IngestConfig
category: tabular_regression
table: t
intent: train
csv: /data/shared/.tracebloc-staging/t/labels.csv
schema:
  zeta: INT
  \"y\": FLOAT
  \"größe\": VARCHAR(9)
label:
  column: \"y\"
  policy: bucket
";
    assert_eq!(
        Document::synthesise(&facts).expect("valid").yaml(),
        expected
    );
}

#[test]
fn an_unsafe_name_or_a_missing_fact_makes_no_document() {
    let ids = |facts: &Facts| match Document::synthesise(facts) {
        Err(Unsound::Invalid(violations)) => violations
            .into_iter()
            .map(|found| found.id)
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let found = ids(&Facts::new(Task::Seq2seq, "../../etc"));
    assert!(found.contains(&"table.pattern"), "{found:?}");
    assert_eq!(
        ids(&Facts::new(Task::TabularRegression, "t")),
        ["ingest.required", "ingest.required"]
    );
    assert_eq!(
        ids(&Facts::new(Task::KeypointDetection, "t")),
        ["ingest.required"]
    );
}

//! `ingest validate` and `ingest schema`.

mod common;

use common::Place;

const GOOD: &str = "\
apiVersion: tracebloc.io/v1
kind: IngestConfig
category: text_classification
table: reviews
intent: train
csv: labels.csv
texts: texts/
label: sentiment
";

#[test]
fn a_good_document_is_ok() {
    let place = Place::new();
    place.write("good.yaml", GOOD);
    let run = place.run(["ingest", "validate", "good.yaml"]).exits(0);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("good.yaml: ok\n", "")
    );
    let run = place
        .run_with_input(
            GOOD.as_bytes(),
            ["ingest", "validate", "-", "--format=json"],
        )
        .exits(0);
    assert_eq!(run.result()["violations"], 0);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let place = Place::new();
    place.write(
        "bad.yaml",
        GOOD.replace("intent: train", "intent: potato\nfoo: 1"),
    );
    let run = place.run(["ingest", "validate", "bad.yaml", "--format=json"]);
    let findings: Vec<_> = run
        .json()
        .into_iter()
        .filter(|line| line["type"] == "finding")
        .collect();
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(
        findings
            .iter()
            .any(|finding| finding["path"] == "intent" && finding["line"] == 5),
        "{findings:#?}"
    );
    run.fails(2, "ingest.invalid");
}

#[test]
fn what_is_no_document_is_an_error_of_its_own() {
    let place = Place::new();
    place.write("list.yaml", "- a\n");
    place.write("empty.yaml", " \n");
    let validate = |file: &str, id: &str| {
        place
            .run(["ingest", "validate", file, "--format=json"])
            .fails(3, id)
    };
    assert_eq!(
        validate("list.yaml", "ingest.not-a-mapping")["place"]["line"],
        1
    );
    validate("empty.yaml", "ingest.empty");
    validate("nowhere.yaml", "ingest.unreadable");
}

#[test]
fn the_schema_is_the_published_one() {
    let place = Place::new();
    let run = place.run(["ingest", "schema"]).exits(0);
    assert_eq!(run.stdout, include_str!("../../../docs/ingest.schema.json"));
    place
        .run(["ingest", "schema", "--format=json"])
        .exits(0)
        .result();
}

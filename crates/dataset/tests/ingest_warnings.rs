//! Warnings, with the ages of ingestors that refuse what they are about.

use dataset::age::Age;
use dataset::ingest::validate;

const TABLE: &str = "apiVersion: tracebloc.io/v1\nkind: IngestConfig\ncategory: tabular_classification\ntable: t\nintent: train\ncsv: x\n";

/// Checks `id path [ages]` of every warning.
#[track_caller]
fn check(document: &str, expected: &[&str]) {
    let judged = validate(document.as_bytes()).expect("a document");
    assert!(judged.violations.is_empty(), "{:?}", judged.violations);
    let found: Vec<_> = judged
        .warnings
        .iter()
        .map(|warning| {
            let ages: Vec<_> = Age::ALL
                .into_iter()
                .filter(|age| warning.is_error_for(*age))
                .map(Age::name)
                .collect();
            format!("{} {} [{}]", warning.id, warning.path, ages.join(" "))
        })
        .collect();
    assert_eq!(found, expected, "{:?}", judged.warnings);
}

#[test]
fn a_sound_document_has_none() {
    check(
        &format!("{TABLE}schema: {{\"y\": INT}}\nlabel: \"y\"\n"),
        &[],
    );
}

#[test]
fn plain_text_that_the_ingestor_reads_otherwise() {
    check(
        &format!("{TABLE}schema: {{yes: INT}}\nlabel: yes\n"),
        &[
            "ingest.retyped label [older newer newest]",
            "ingest.retyped schema.yes [older newer newest]",
        ],
    );
}

#[test]
fn fields_that_do_nothing() {
    let document = format!(
        "{TABLE}schema: {{a: INT}}\nlabel: {{column: a, policy: bucket}}\nmasks: x\ntime_column: a\n\
         spec: {{validators: [], sidecars: [], processors: []}}\n"
    );
    check(
        &document,
        &[
            "ingest.bucket label.policy []",
            "ingest.unused masks []",
            "ingest.inert spec.processors []",
            "ingest.inert spec.sidecars []",
            "ingest.inert spec.validators []",
            "ingest.unused time_column []",
        ],
    );
}

#[test]
fn columns_that_no_table_can_have() {
    let long = "c".repeat(65);
    let document = format!(
        "{TABLE}schema: {{Status: INT, {long}: INT, a: VARCHAR, A: BLOB, \"\": INT}}\nlabel: b\n\
         data_id: {{strategy: content_hash}}\n"
    );
    let over = format!("csv.column-name schema.{long} [older newer newest]");
    check(
        &document,
        &[
            "ingest.content-hash data_id.strategy [older]",
            "ingest.label-column label [older newer newest]",
            "csv.column-name schema. [older newer newest]",
            "schema.small-type schema.A [older]",
            "csv.column-name schema.A [older newer newest]",
            "schema.reserved schema.Status [older newer newest]",
            "schema.length schema.a [older newer newest]",
            &over,
        ],
    );
}

#[test]
fn names_and_masks_that_some_ingestors_refuse() {
    let document = "apiVersion: tracebloc.io/v1\nkind: IngestConfig\ncategory: semantic_segmentation\ntable: _t\n\
                    intent: train\ncsv: x\nimages: x\nmasks: x\nlabel: x\n";
    check(
        document,
        &[
            "ingest.mask-column schema [older newer newest]",
            "table.underscore-first table [older]",
        ],
    );
    let keyword = document
        .replace("_t", "order")
        .replace("label: x", "label: x\nschema: {mask_id: VARCHAR(255)}");
    check(&keyword, &["table.keyword table []"]);
}

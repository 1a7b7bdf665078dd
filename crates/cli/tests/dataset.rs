//! `dataset check`.

mod common;

use std::collections::BTreeMap;

use common::{Place, Run};
use serde_json::Value;
use testkit::shared::shared_dir;

fn texts(place: &Place) {
    place.write("data/labels.csv", "filename,label\na.txt,good\nb.txt,bad\n");
    place.write("data/texts/a.txt", "a fine thing\n");
    place.write("data/texts/b.txt", "a poor thing\n");
}

const TEXTS: &str =
    "dataset check data --table reviews --task text_classification --label-column label";
const TABLE: &str =
    "dataset check t.csv --table loans --task tabular_classification --label-column label";

fn words(place: &Place, words: &str) -> Run {
    place.run(words.split_whitespace())
}

fn json(place: &Place, line: &str) -> Run {
    words(place, &format!("{line} --format=json"))
}

fn findings(run: &Run, id: &str) -> usize {
    run.events(id).len()
}

#[test]
fn a_sound_folder_passes() {
    let place = Place::new();
    texts(&place);
    let result = json(&place, TEXTS).exits(0).result();
    assert_eq!((&result["rows"], &result["errors"]), (&2.into(), &0.into()));
    assert_eq!(result["classes"]["distinct"], 2);
    assert_eq!(result["directories"]["texts"], 2);
}

#[test]
fn spellings_of_earlier_clients_work_and_the_newer_one_wins() {
    let place = Place::new();
    texts(&place);
    for line in [
        "dataset check data -n reviews --category text_classification --label-column label",
        "dataset check data --name reviews --task text_classification --label-column label",
        "dataset check data --name reviews --table a-b --category seq2seq --task text_classification --label-column label",
    ] {
        let result = json(&place, line).exits(0).result();
        assert_eq!(result["table"], "reviews", "{line}");
        assert_eq!(result["task"], "text_classification", "{line}");
    }
}

/// 3 if an error is in the data, else 2 if one is in the flags; warnings alone 0, and 3 if they count.
#[test]
fn the_exit_code_says_what_has_to_change() {
    let place = Place::new();
    texts(&place);
    let twins = "filename,label\na.txt,good\nb.txt,bad\nb.txt,bad \n";
    for (manifest, more, code, id) in [
        (None, "", 0, None),
        (None, "--strict", 0, None),
        (Some(twins), "", 0, None),
        (Some(twins), "--strict", 3, Some("dataset.data")),
        (None, "--min-size 5x5", 2, Some("dataset.flags")),
        (
            Some("filename,label\nc.txt,x\n"),
            "",
            3,
            Some("dataset.data"),
        ),
        (
            Some("filename,label\nc.txt,x\n"),
            "--min-size 5x5",
            3,
            Some("dataset.data"),
        ),
    ] {
        if let Some(manifest) = manifest {
            place.write("data/labels.csv", manifest);
        } else {
            texts(&place);
        }
        let run = json(&place, &format!("{TEXTS} {more}")).exits(code);
        let error = &run.result()["error"];
        assert_eq!(error["id"].as_str(), id, "{manifest:?} {more}");
    }
}

#[test]
fn every_mistake_of_the_flags_is_told_with_what_would_be_right() {
    let place = Place::new();
    place.write("t.csv", "age,label\n1,x\n2,y\n");
    for (line, id) in [
        (
            "dataset check t.csv --table loans --task nonsense",
            "task.unknown",
        ),
        ("dataset check t.csv --table loans", "task.unknown"),
        (
            "dataset check t.csv --task tabular_classification --label-column label",
            "table.name",
        ),
        (
            "dataset check t.csv --table ../../etc --task tabular_classification --label-column label",
            "table.pattern",
        ),
        (
            "dataset check t.csv --table loans --task tabular_classification",
            "flag.missing",
        ),
        (
            "dataset check t.csv --table loans --task tabular_classification --label-column nope",
            "label.missing-column",
        ),
    ] {
        let run = json(&place, line).exits(2);
        assert_eq!(findings(&run, id), 1, "{line}\n{}", run.stdout);
    }
    for (flag, id) in [
        ("--intent potato", "flag.value"),
        ("--schema age", "schema.syntax"),
        ("--schema-file nowhere.yaml", "schema.file"),
        ("--target-size 5x5", "flag.unused"),
        ("--time-column age", "flag.unused"),
        ("--stage-tokenizer", "flag.unused"),
    ] {
        let run = json(&place, &format!("{TABLE} {flag}")).exits(2);
        assert_eq!(findings(&run, id), 1, "{flag}\n{}", run.stdout);
    }
    // Nothing is said in place of what was not understood.
    let potato = format!("{TABLE} --intent potato");
    assert_eq!(json(&place, &potato).result()["intent"], Value::Null);
    let said = words(&place, &potato).exits(2).stdout;
    assert!(said.contains("task ") && !said.contains("intent"), "{said}");
    let both = format!("{TABLE} --schema age:INT --schema-file x.yaml");
    words(&place, &both).exits(2);
    words(&place, &format!("{TABLE} --max-file-size 1MB")).exits(2);
    words(&place, &format!("{TABLE} --for-ingestor old")).exits(2);
    let without_label = words(
        &place,
        "dataset check t.csv --table loans --task tabular_regression",
    );
    assert!(
        without_label.stderr.contains("The header has age, label."),
        "{}",
        without_label.stderr
    );
}

#[test]
fn what_cannot_be_read_is_one_clear_finding() {
    let place = Place::new();
    place.write("utf16/t.csv", b"\xff\xfea\0,\0b\0\n\0");
    place.write("empty/t.csv", "");
    place.write("headless/t.csv", "a,label\n");
    place.write("images/labels.csv", "filename,label\n");
    place.write("images/images/a.webp", "x");
    place.write("file.txt", "x");
    let table = "--table x --task tabular_classification --label-column label";
    let images = "--table x --task image_classification --label-column label";
    for (path, flags, id) in [
        ("utf16", table, "csv.encoding"),
        ("empty", table, "csv.no-rows"),
        ("headless", table, "csv.no-rows"),
        ("nowhere", table, "root.unreadable"),
        ("file.txt", table, "root.kind"),
        ("images", images, "layout.no-files"),
    ] {
        let run = json(&place, &format!("dataset check {path} {flags}")).exits(3);
        assert_eq!(findings(&run, id), 1, "{path}\n{}", run.stdout);
    }
}

#[test]
fn people_see_five_of_a_kind_and_json_has_all() {
    let place = Place::new();
    texts(&place);
    let missing: String = (0..3210)
        .map(|row| format!("gone{row}.txt,bad\n"))
        .collect();
    place.write(
        "data/labels.csv",
        format!("filename,label\na.txt,good\nb.txt,bad\n{missing}"),
    );
    let run = words(&place, TEXTS).exits(3);
    assert_eq!(
        run.stderr.matches("[filename.missing-file]").count(),
        5,
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("… and 3205 more of this kind"),
        "{}",
        run.stderr
    );
    let run = json(&place, TEXTS).exits(3);
    let rows: Vec<u64> = run
        .events("filename.missing-file")
        .iter()
        .map(|event| event["row"].as_u64().unwrap())
        .collect();
    assert!((3..=3212).eq(rows));
    assert_eq!(run.result()["errors"], 3210);
    assert!(place.scratch_listing().is_empty());
}

#[test]
fn the_document_goes_to_standard_output_and_is_valid() {
    let place = Place::new();
    place.write("t.csv", "age,Label\n1,x\n2,y\n");
    let run = words(&place, &format!("{TABLE} --intent test --emit-spec")).exits(0);
    let expected = "\
apiVersion: tracebloc.io/v1
kind: IngestConfig
category: tabular_classification
table: loans
intent: test
csv: /data/shared/.tracebloc-staging/loans/labels.csv
schema:
  age: INT
  Label: VARCHAR(1)
label: Label
";
    assert_eq!(run.stdout, expected);
    assert!(run.stderr.contains("Local dataset"), "{}", run.stderr);
    place
        .run_with_input(run.stdout.as_bytes(), ["ingest", "validate", "-"])
        .exits(0);
    let result = json(&place, &format!("{TABLE} --intent test --emit-spec")).result();
    assert_eq!(result["document"], expected);
    let run = words(&place, &format!("{TABLE} --max-total-size 3 --emit-spec")).exits(3);
    assert_eq!(run.stdout, "");
}

#[test]
fn the_payload_is_listed_with_digests_in_a_fixed_order() {
    let place = Place::new();
    texts(&place);
    place.write("data/texts/a.txt", "abc");
    let payload = json(&place, &format!("{TEXTS} --payload"))
        .exits(0)
        .result()["payload"]
        .clone();
    let paths: Vec<_> = payload["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["path"].clone())
        .collect();
    assert_eq!(paths, ["labels.csv", "texts/a.txt", "texts/b.txt"]);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(payload["entries"][1]["sha256"], abc);
    let run = words(&place, &format!("{TEXTS} --payload")).exits(0);
    assert!(
        run.stdout
            .contains(&format!("{abc}             3  texts/a.txt\n")),
        "{}",
        run.stdout
    );
    // What is too large is refused before anything is hashed.
    let run = json(&place, &format!("{TEXTS} --payload --max-file-size 4")).exits(3);
    assert!(findings(&run, "size.file") > 0 && run.result()["payload"].is_null());
}

#[test]
fn ages_turn_warnings_into_errors() {
    let place = Place::new();
    place.write("t.csv", "age,label\n1,x\n2,y\n");
    let line = format!("{TABLE} --schema age:SMALLINT,label:CHAR(1)");
    let run = json(&place, &line).exits(0);
    assert_eq!(run.events("schema.small-type")[0]["type"], "warning");
    json(&place, &format!("{line} --for-ingestor newest")).exits(0);
    json(&place, &format!("{line} --for-ingestor older")).exits(2);
}

#[test]
fn a_tokenizer_is_left_out_with_a_note_unless_it_is_wanted() {
    let place = Place::new();
    texts(&place);
    place.write("data/labels.csv", "filename\na.txt\nb.txt\n");
    std::fs::rename(place.path("data/texts"), place.path("data/sequences")).unwrap();
    place.write(
        "data/tokenizer.json",
        r#"{"model":{"vocab":{"[MASK]":0,"[PAD]":1}}}"#,
    );
    let line = "dataset check data --table t --task masked_language_modeling --payload";
    let sent = |run: &Run| {
        let result = run.result();
        let entries = result["payload"]["entries"].as_array().unwrap().iter();
        entries
            .filter(|entry| entry["path"] == "tokenizer.json")
            .count()
    };
    let run = json(&place, line).exits(0);
    assert_eq!((findings(&run, "layout.ignored"), sent(&run)), (1, 0));
    let run = json(&place, &format!("{line} --stage-tokenizer")).exits(0);
    assert_eq!(
        (findings(&run, "layout.ignored"), sent(&run)),
        (0, 1),
        "{}",
        run.stdout
    );
}

#[test]
fn a_home_is_found_inside_quotes() {
    let place = Place::new();
    texts(&place);
    let home = place.path("../home/data");
    std::fs::rename(place.path("data"), home).unwrap();
    json(&place, &TEXTS.replace("check data", "check ~/data")).exits(0);
}

/// The snapshot of a real node, decoded by the program, is checked as it lies.
#[test]
fn a_decoded_bucket_is_a_dataset() {
    let place = Place::new();
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/rescued.fsm");
    place
        .run(["snapshot", "decode", snapshot, "--output", "out"])
        .exits(0);
    let line = "dataset check out/s3/rescued --table rescued --task image_classification --label-column label --payload";
    let run = json(&place, line).exits(0);
    let result = run.result();
    assert_eq!(
        (&result["is_bucket"], &result["rows"]),
        (&true.into(), &40.into())
    );
    assert_eq!(findings(&run, "bucket.decoded"), 1);
    let sent: BTreeMap<String, String> = result["payload"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let member = |name: &str| entry[name].as_str().unwrap().to_owned();
            (member("path"), member("sha256"))
        })
        .collect();
    let checksums = std::fs::read_to_string(place.path("out/CHECKSUMS")).unwrap();
    let expected: BTreeMap<String, String> = checksums
        .lines()
        .filter_map(|line| {
            let (digest, path) = line.split_once("  ")?;
            let path = path.strip_prefix("s3/rescued/")?;
            let is_data =
                path == "labels.csv" || (path.starts_with("images/") && path.ends_with(".jpg"));
            is_data.then(|| (path.to_owned(), digest.to_owned()))
        })
        .collect();
    assert_eq!(sent.len(), 41);
    assert_eq!(sent, expected);
}

#[test]
fn complete_layouts_of_the_parity_cases_have_their_verdict() {
    let Some(shared) = shared_dir("parity cases through the command") else {
        return;
    };
    let parity = shared.join("parity");
    let cases = std::fs::read(parity.join("cases.json")).unwrap();
    let cases: Value = serde_json::from_slice(&cases).unwrap();
    let mut problems = Vec::new();
    for case in cases["cases"].as_array().unwrap() {
        let text = |member: &str| case[member].as_str().unwrap_or_default();
        let place = Place::new();
        let mut words: Vec<String> = ["dataset", "check", "--format=json", "--table", "parity"]
            .map(str::to_owned)
            .into();
        words.push(
            parity
                .join("cases")
                .join(text("name"))
                .display()
                .to_string(),
        );
        words.extend(["--task".to_owned(), text("category").to_owned()]);
        let unlabelled = [
            "masked_language_modeling",
            "causal_language_modeling",
            "seq2seq",
            "embeddings",
        ];
        if !text("label_column").is_empty() && !unlabelled.contains(&text("category")) {
            words.extend(["--label-column".to_owned(), text("label_column").to_owned()]);
        }
        for (member, flag) in [("target_size", "--target-size"), ("min_size", "--min-size")] {
            if let Some([width, height]) = case[member].as_array().map(Vec::as_slice) {
                words.extend([flag.to_owned(), format!("{width}x{height}")]);
            }
        }
        if text("category") == "keypoint_detection" {
            words.extend(["--number-of-keypoints".to_owned(), "2".to_owned()]);
        }
        if let Some(schema) = case["schema"].as_object() {
            let entries = schema
                .iter()
                .map(|(name, kind)| format!("{name}:{}", kind.as_str().unwrap()));
            words.extend(["--schema".to_owned(), entries.collect::<Vec<_>>().join(",")]);
        }
        // The cases are younger than the clock of other tests, and one rule looks at the day.
        let mut command = place.command(&words);
        let run = place.complete(command.env("SOURCE_DATE_EPOCH", "1795262400"));
        let rejected = run.code != Some(0);
        let may_be_better =
            text("ingestor_verdict") == "reject" && text("name") != "imgc-too-small";
        let is_right = match (text("cli_verdict"), rejected) {
            ("accept", false) | ("reject", true) => true,
            ("accept", true) => may_be_better,
            _ => false,
        };
        if !is_right || !matches!(run.code, Some(0 | 2 | 3)) {
            problems.push(format!("{}: {:?}\n{}", text("name"), run.code, run.stdout));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

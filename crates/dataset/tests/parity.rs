//! The conformance suite: small datasets with the verdicts of the existing local check and of the cluster's validators.

use std::collections::BTreeSet;
use std::path::Path;

use dataset::finding::Findings;
use dataset::rule::Severity;
use dataset::size::Size;
use dataset::task::{Family, Task};
use dataset::{Facts, Layout, Request, Settings, Silent, Verdict, check, infer_column, preflight};
use fsroot::{RelPath, Root};
use serde_json::Value;

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 11, 21);

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'a>(case: &'a Value, member: &str) -> Option<&'a str> {
    case.get(member).and_then(Value::as_str)
}

fn size(case: &Value, member: &str) -> Option<Size> {
    let pair = case.get(member)?.as_array()?;
    let side = |index: usize| u32::try_from(pair[index].as_u64().unwrap()).unwrap();
    Some(Size {
        width: side(0),
        height: side(1),
    })
}

/// Whether a verdict of ours passes, and if not, why.
fn judge(case: &Value, rejected: bool) -> Result<(), &'static str> {
    let (cli, ingestor) = (text(case, "cli_verdict"), text(case, "ingestor_verdict"));
    let may_differ = text(case, "name") != Some("imgc-too-small");
    match (cli, ingestor, rejected) {
        (Some("accept"), _, false) | (Some("reject"), _, true) => Ok(()),
        (Some("accept"), Some("reject"), true) if may_differ => Ok(()),
        (Some("accept"), _, true) => Err("rejected, and must be accepted"),
        _ => Err("accepted, and must be rejected"),
    }
}

fn settings(case: &Value) -> Settings {
    let task = Task::parse(text(case, "category").unwrap()).unwrap();
    let mut settings = Settings::new(task, TODAY, std::env::temp_dir());
    if let Some(label) = text(case, "label_column") {
        settings.label_column = Some(label.to_owned());
    }
    settings.target_size = size(case, "target_size");
    settings.min_size = size(case, "min_size");
    settings.extension = text(case, "extension").map(str::to_owned);
    if let Some(schema) = case.get("schema").and_then(Value::as_object) {
        settings.declare(
            schema
                .iter()
                .map(|(name, sql_type)| (name.as_str(), sql_type.as_str().unwrap())),
        );
    }
    settings
}

fn run_without_discovery(case: &Value, folder: &Path) -> (Facts, Findings) {
    let settings = settings(case);
    let root = Root::open_ambient(folder).unwrap();
    let manifest = RelPath::new(text(case, "csv").unwrap()).unwrap();
    let mut layout = Layout::without_discovery(root, manifest).unwrap();
    let mut findings = Findings::new(Some(settings.task), None);
    let facts = preflight(&mut layout, &settings, &Silent, &mut findings).unwrap();
    (facts, findings)
}

fn run_with_discovery(case: &Value, folder: &Path) -> bool {
    let task = Task::parse(text(case, "category").unwrap()).unwrap();
    let mut request = Request::new(task.id(), TODAY, std::env::temp_dir());
    request.table = Some("parity".to_owned());
    request.label_column = text(case, "label_column")
        .filter(|_| !task.is_self_supervised())
        .map(str::to_owned);
    let shown = |member| size(case, member).map(|size| size.to_string());
    if task.family() == Family::Image {
        request.target_size = shown("target_size");
        request.min_size = shown("min_size");
    }
    if task == Task::KeypointDetection {
        request.number_of_keypoints = Some("2".to_owned());
    }
    request.schema = case.get("schema").and_then(Value::as_object).map(|schema| {
        let entries = schema
            .iter()
            .map(|(name, sql_type)| format!("{name}:{}", sql_type.as_str().unwrap()));
        entries.collect::<Vec<_>>().join(",")
    });
    check(folder, &request, &Silent).unwrap().verdict(false) != Verdict::Sound
}

fn compare_values(case: &Value, golden: &Value, facts: &Facts, problems: &mut Vec<String>) {
    let name = text(case, "name").unwrap();
    let expected = &golden["values"];
    let distribution = facts.distribution.as_ref().unwrap();
    let classes: BTreeSet<_> = distribution
        .classes
        .iter()
        .map(|(class, _)| class.as_str())
        .collect();
    let wanted: BTreeSet<_> = expected["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class.as_str().unwrap())
        .collect();
    if classes != wanted {
        problems.push(format!("{name}: classes {classes:?}, expected {wanted:?}"));
    }
    if facts.rows != expected["row_count"].as_u64() {
        problems.push(format!("{name}: {:?} rows", facts.rows));
    }
    if facts.label_column.as_deref() != expected["resolved_label"].as_str() {
        problems.push(format!("{name}: label {:?}", facts.label_column));
    }
}

#[test]
fn every_case_has_the_verdict_that_it_must_have() {
    let Some(shared) = testkit::shared_dir("parity cases") else {
        return;
    };
    let parity = shared.join("parity");
    let cases = read(&parity.join("cases.json"));
    let goldens = read(&parity.join("goldens.json"));
    let mut problems = Vec::new();
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() >= 50);
    for case in cases {
        let name = text(case, "name").unwrap();
        let golden = &goldens["verdicts"][name];
        assert_eq!(golden["verdict"], case["ingestor_verdict"], "{name}");
        let folder = parity.join("cases").join(name);
        let (facts, findings) = run_without_discovery(case, &folder);
        if let Err(why) = judge(case, findings.total(Severity::Error) > 0) {
            problems.push(format!("{name}: {why}: {:?}", findings.kept()));
        }
        if case.get("value_parity").and_then(Value::as_bool) == Some(true) {
            compare_values(case, golden, &facts, &mut problems);
        }
        if let Err(why) = judge(case, run_with_discovery(case, &folder)) {
            problems.push(format!("{name}: through discovery {why}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn discovery_refuses_what_the_preflight_alone_need_not() {
    let Some(shared) = testkit::shared_dir("parity cases") else {
        return;
    };
    let cases = read(&shared.join("parity/cases.json"));
    let cases = cases["cases"].as_array().unwrap();
    let case = cases
        .iter()
        .find(|case| text(case, "name") == Some("sentpair-malformed"))
        .unwrap();
    assert!(run_with_discovery(
        case,
        &shared.join("parity/cases/sentpair-malformed")
    ));
}

#[test]
fn columns_get_the_types_of_the_shared_fixture() {
    let Some(shared) = testkit::shared_dir("schema inference parity") else {
        return;
    };
    let fixture = read(&shared.join("parity/schema_inference_parity.json"));
    assert_eq!(fixture["sample_cap"], 5000);
    for case in fixture["cases"].as_array().unwrap() {
        let values = case["values"].as_array().unwrap().iter();
        let inferred = infer_column(values.map(|value| value.as_str().unwrap().as_bytes()));
        assert_eq!(
            inferred,
            case["expected"].as_str().unwrap(),
            "{}",
            case["name"]
        );
    }
}

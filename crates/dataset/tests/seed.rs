//! The findings of earlier reviews that bind everything on this side of the network, one test for each.
//!
//! Where a finding has tests elsewhere, the test here is the shortest one that would fail again.

mod support;

use dataset::finding::Findings;
use dataset::ingest::{final_prefix, staged_prefix};
use dataset::names::{check_table, label_value, pod_name};
use dataset::size::{amount, human_bytes};
use dataset::task::{Flag, Task};
use dataset::{FILE_MAX_BYTES, Report, Silent, TOTAL_MAX_BYTES, check};
use support::{Folder, jpeg, request};

const FLAGS: &str = "--label-column label --table cats";

fn images() -> Folder {
    let folder = Folder::new();
    folder.write("labels.csv", "filename,label\na.jpg,x\nb.jpg,y\n");
    folder.write("images/a.jpg", jpeg(64, 48));
    folder.write("images/b.jpg", jpeg(64, 48));
    folder
}

fn run(folder: &Folder, flags: &str) -> Report {
    let mut request = request("image_classification", flags);
    request.payload = true;
    check(folder.path(), &request, &Silent).unwrap()
}

fn ids(report: &Report) -> Vec<&'static str> {
    report
        .findings
        .kept()
        .iter()
        .map(|finding| finding.rule.id())
        .collect()
}

fn table_ids(name: &str) -> Vec<&'static str> {
    let mut findings = Findings::new(None, None);
    check_table(name, &mut findings);
    findings
        .kept()
        .iter()
        .map(|finding| finding.rule.id())
        .collect()
}

#[test]
fn a_table_name_cannot_lead_elsewhere() {
    for name in [
        "../../etc",
        "a/b",
        "a.b",
        "..",
        ".",
        "a b",
        "a-b",
        "a\0b",
        "a\n",
        "",
    ] {
        assert!(
            staged_prefix(name).is_err() && final_prefix(name).is_err(),
            "{name:?}"
        );
        assert!(!table_ids(name).is_empty(), "{name:?}");
    }
    let folder = images();
    let report = run(&folder, "--label-column label --table ../../etc");
    assert_eq!(ids(&report), ["table.pattern"]);
    assert!(report.payload.is_none() && report.document("../../etc").unwrap().is_err());
}

#[test]
fn errors_and_summaries_have_one_way_to_write_numbers() {
    let folder = images();
    let mut request = request("image_classification", FLAGS);
    request.total_max_bytes = 10;
    let report = check(folder.path(), &request, &Silent).unwrap();
    let bytes = human_bytes(report.summary.as_ref().unwrap().bytes);
    let message = &report.findings.kept()[0].message;
    assert!(message.contains(&bytes), "{message} and {bytes}");
    assert_eq!(
        (amount(1, "file"), amount(2, "file")),
        ("1 file".into(), "2 files".into())
    );
    // One file is not "1 files" in messages either.
    folder.write("images/deep/c.jpg", jpeg(64, 48));
    let report = run(&folder, FLAGS);
    let message = &report.findings.kept()[0].message;
    assert!(message.contains("holds 1 file not sent"), "{message}");
}

#[test]
fn a_directory_called_labels_csv_is_an_error_of_its_own() {
    let folder = images();
    std::fs::remove_file(folder.at("labels.csv")).unwrap();
    std::fs::create_dir(folder.at("labels.csv")).unwrap();
    assert_eq!(ids(&run(&folder, FLAGS)), ["layout.manifest-kind"]);
}

#[test]
fn an_unsupported_task_gets_a_sentence_and_not_a_schema_message() {
    let folder = images();
    for task in ["instance_segmentation", "image_captioning", ""] {
        let report = check(folder.path(), &request(task, FLAGS), &Silent).unwrap();
        let found = report.findings.kept();
        assert_eq!(ids(&report), ["task.unknown"], "{task}");
        assert!(
            found[0].message.contains("semantic_segmentation"),
            "{}",
            found[0].message
        );
        assert!(task.is_empty() || found[0].message.contains(&format!("'{task}'")));
        assert!(report.document("cats").is_none());
    }
}

#[test]
fn pods_are_not_named_after_raw_table_names() {
    for (table, name) in [
        ("My_Table_", "tracebloc-stage-my-table-00ff0102"),
        ("___", "tracebloc-stage-tbl-00ff0102"),
        (
            &"x".repeat(63),
            &format!("tracebloc-stage-{}-00ff0102", "x".repeat(30)),
        ),
    ] {
        assert_eq!(pod_name(table, [0, 0xff, 1, 2]), name);
    }
}

/// The suffix takes four bytes by its type, so that whoever has no randomness has no name.
#[test]
fn a_pod_name_always_has_its_suffix() {
    assert!(pod_name("a", [0; 4]).ends_with("-00000000"));
}

#[test]
fn a_label_has_63_bytes_at_most_and_fits_at_both_ends() {
    assert!(table_ids(&"a".repeat(63)).is_empty());
    assert_eq!(table_ids(&"a".repeat(64)), ["table.length"]);
    assert_eq!(label_value("_x_"), Some("x"));
    assert_eq!(label_value("__"), None);
    assert_eq!(table_ids("_x"), ["table.underscore-first", "table.label"]);
    assert_eq!(table_ids("x_"), ["table.label"]);
}

#[test]
fn links_are_refused_as_image_manifest_and_directory() {
    for path in ["images/a.jpg", "labels.csv", "images"] {
        let folder = images();
        let elsewhere = Folder::new();
        std::fs::rename(folder.at(path), elsewhere.at("target")).unwrap();
        std::os::unix::fs::symlink(elsewhere.at("target"), folder.at(path)).unwrap();
        let report = run(&folder, FLAGS);
        assert!(report.payload.is_none(), "{path}");
        let named = report.findings.kept().iter();
        let named = named.filter(|finding| finding.place.file.as_deref() == Some(path));
        assert!(named.count() > 0, "{path}: {:?}", ids(&report));
    }
}

#[test]
fn hard_links_are_ordinary_files() {
    let folder = images();
    let elsewhere = Folder::new();
    elsewhere.write("original", jpeg(64, 48));
    std::fs::remove_file(folder.at("images/a.jpg")).unwrap();
    std::fs::hard_link(elsewhere.at("original"), folder.at("images/a.jpg")).unwrap();
    let report = run(&folder, FLAGS);
    assert!(ids(&report).is_empty(), "{:?}", ids(&report));
    assert_eq!(report.payload.unwrap().len(), 3);
}

#[test]
fn the_caps_are_those_of_the_format() {
    assert_eq!(
        (FILE_MAX_BYTES, TOTAL_MAX_BYTES),
        (524_288_000, 1_073_741_824)
    );
    let folder = images();
    let mut request = request("image_classification", FLAGS);
    request.payload = true;
    request.file_max_bytes = 3;
    let report = check(folder.path(), &request, &Silent).unwrap();
    assert!(ids(&report).contains(&"size.file") && report.payload.is_none());
}

/// A file that grew behind the check is refused at the moment it is opened for sending, so that no cap can be got around.
#[test]
fn growth_between_walk_and_stream_is_noticed() {
    let folder = images();
    let payload = run(&folder, FLAGS).payload.unwrap();
    folder.write("images/a.jpg", [jpeg(64, 48), vec![0; 100]].concat());
    let root = fsroot::Root::open_ambient(folder.path()).unwrap();
    let entry = payload.entry(1).unwrap().unwrap();
    let error = entry.open(&root).unwrap_err();
    assert!(error.contains("grew"), "{error}");
}

/// Names in an archive have `/` between directories whatever the system uses, and a backslash is a letter like others.
#[test]
fn names_in_archives_have_slashes() {
    let folder = images();
    folder.write("labels.csv", "filename,label\na\\b.jpg,x\nb.jpg,y\n");
    std::fs::rename(folder.at("images/a.jpg"), folder.at("images/a\\b.jpg")).unwrap();
    let report = run(&folder, FLAGS);
    let payload = report.payload.unwrap();
    let paths: Vec<_> = payload
        .entries()
        .map(|entry| entry.unwrap().archive_path.as_bytes().to_vec())
        .collect();
    assert_eq!(
        paths,
        [
            b"labels.csv".to_vec(),
            b"images/a\\b.jpg".to_vec(),
            b"images/b.jpg".to_vec()
        ]
    );
}

#[test]
fn staging_does_not_collide_with_the_destination() {
    let (staged, last) = (
        staged_prefix("cats").unwrap(),
        final_prefix("cats").unwrap(),
    );
    assert_eq!(staged, "/data/shared/.tracebloc-staging/cats");
    assert_eq!(last, "/data/shared/cats");
    assert!(!staged.starts_with(&format!("{last}/")) && !last.starts_with(&format!("{staged}/")));
}

#[test]
fn the_image_size_is_found_or_given_and_width_comes_first() {
    let folder = images();
    let report = run(&folder, FLAGS);
    let yaml = report.document("cats").unwrap().unwrap().yaml().to_owned();
    assert!(yaml.contains("target_size: [64, 48]"), "{yaml}");
    let report = run(&folder, &format!("{FLAGS} --target-size 48x64"));
    assert!(ids(&report).contains(&"image.size"));
}

/// Help, messages and pages take their lists from the registry, so that none can be out of date.
#[test]
fn no_text_counts_tasks_by_hand() {
    let page = dataset::task::reference();
    let message = Task::parse("x").unwrap_err().to_string();
    for task in Task::ALL {
        assert!(
            page.contains(&format!("## {task}\n")) && message.contains(task.id()),
            "{task}"
        );
    }
    for flag in Flag::ALL {
        assert!(page.contains(flag.name()), "{flag:?}");
    }
}

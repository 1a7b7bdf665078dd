//! Inputs that nobody means to send: each ends in one clear finding.

mod support;

use dataset::rule::Severity;
use dataset::{Report, Silent, Verdict, check};
use support::{Folder, jpeg, request};

fn report(folder: &Folder, task: &str, flags: &str) -> Report {
    check(folder.path(), &request(task, flags), &Silent).unwrap()
}

/// Errors and warnings by id.
fn ids(report: &Report) -> Vec<&'static str> {
    let findings = report.findings.kept().iter();
    findings
        .filter(|finding| finding.severity > Severity::Note)
        .map(|finding| finding.rule.id())
        .collect()
}

const LABELS: &str = "filename,label\na.jpg,cat\nb.jpg,dog\n";

fn images() -> Folder {
    let folder = Folder::new();
    folder
        .write("labels.csv", LABELS)
        .write("images/a.jpg", jpeg(32, 32))
        .write("images/b.jpg", jpeg(32, 32));
    folder
}

fn check_images(change: impl FnOnce(&Folder), expected: &[&str]) -> Report {
    let folder = images();
    change(&folder);
    let report = report(&folder, "image_classification", "--label-column label");
    assert_eq!(ids(&report), expected, "{:#?}", report.findings.kept());
    report
}

fn replace_by_link(folder: &Folder, path: &str) {
    let aside = folder.at("aside");
    std::fs::rename(folder.at(path), &aside).unwrap();
    std::os::unix::fs::symlink(aside, folder.at(path)).unwrap();
}

#[test]
fn macos_leftovers_are_left_out_with_one_note() {
    let report = check_images(
        |folder| {
            folder
                .write(".DS_Store", "x")
                .write("._labels.csv", "x")
                .write("images/._a.jpg", "x");
        },
        &[],
    );
    let notes: Vec<_> = report
        .findings
        .kept()
        .iter()
        .map(|finding| (finding.rule.id(), finding.count))
        .collect();
    assert_eq!(notes, [("layout.hidden", 3)]);
}

#[test]
fn a_hidden_table_does_not_make_two() {
    let folder = Folder::new();
    folder
        .write("data.csv", "x,label\n1,a\n2,b\n")
        .write("._data.csv", "x");
    assert!(
        ids(&report(
            &folder,
            "tabular_classification",
            "--label-column label"
        ))
        .is_empty()
    );
}

#[test]
fn line_ends_of_windows_and_old_macs_are_fine() {
    for end in ["\r\n", "\r"] {
        check_images(
            |folder| {
                folder.write("labels.csv", LABELS.replace('\n', end));
            },
            &[],
        );
    }
}

#[test]
fn utf16_is_named() {
    let utf16: Vec<u8> = "\u{feff}filename,label\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let report = check_images(
        |folder| {
            folder.write("labels.csv", &utf16);
        },
        &["csv.encoding"],
    );
    let finding = report
        .findings
        .kept()
        .iter()
        .find(|finding| finding.rule.id() == "csv.encoding")
        .unwrap();
    assert!(
        finding.remedy.contains("UTF-16") && finding.place.line == Some(1),
        "{finding:?}"
    );
    let folder = Folder::new();
    folder.write("data.csv", &utf16);
    assert_eq!(ids(&support_table(&folder)), ["csv.encoding"]);
}

fn support_table(folder: &Folder) -> Report {
    report(folder, "tabular_classification", "--label-column label")
}

#[test]
fn encoding_silences_all_rules_about_rows() {
    let folder = Folder::new();
    let mut rows = b"age,label\n".to_vec();
    rows.extend_from_slice(b"1,a,too long\ncaf\xe9,b\n");
    folder.write("data.csv", rows);
    let report = support_table(&folder);
    assert_eq!(ids(&report), ["csv.encoding"]);
    assert_eq!(report.findings.kept()[0].place.line, Some(3));
}

#[test]
fn a_name_of_300_bytes_is_a_missing_file() {
    let report = check_images(
        |folder| {
            folder.write(
                "labels.csv",
                format!("{LABELS}{}.jpg,cat\n", "x".repeat(300)),
            );
        },
        &["filename.missing-file"],
    );
    let finding = report
        .findings
        .kept()
        .iter()
        .find(|finding| finding.severity == Severity::Error)
        .unwrap();
    assert!(
        finding.message.len() < 200 && finding.place.line == Some(4),
        "{finding:?}"
    );
}

#[test]
fn names_that_many_systems_confuse_are_warned_of() {
    check_images(
        |folder| {
            folder.write("images/A.jpg", jpeg(32, 32));
        },
        &["name.twins"],
    );
    check_images(
        |folder| {
            folder
                .write("images/\u{e9}.jpg", jpeg(32, 32))
                .write("images/e\u{301}.jpg", jpeg(32, 32));
        },
        &["name.twins"],
    );
}

#[test]
fn links_are_refused_wherever_they_are() {
    check_images(
        |folder| replace_by_link(folder, "images/a.jpg"),
        &["layout.link"],
    );
    check_images(
        |folder| replace_by_link(folder, "labels.csv"),
        &["layout.manifest-kind"],
    );
    check_images(
        |folder| replace_by_link(folder, "images"),
        &["layout.directory-kind"],
    );
}

#[test]
fn a_directory_that_cannot_be_used_is_one_finding() {
    let remedy = |change: &dyn Fn(&Folder), id: &'static str| {
        let report = check_images(|folder| change(folder), &[id]);
        let finding = report
            .findings
            .kept()
            .iter()
            .find(|finding| finding.rule.id() == id);
        finding.unwrap().remedy.clone()
    };
    let renamed = |to: &'static str| {
        move |folder: &Folder| std::fs::rename(folder.at("images"), folder.at(to)).unwrap()
    };
    assert_eq!(
        remedy(&renamed("imgs"), "layout.directory"),
        "Rename imgs to images."
    );
    assert_eq!(
        remedy(&renamed("pictures"), "layout.directory"),
        "Create it in lower case and put the files in."
    );
    let emptied = |folder: &Folder| {
        std::fs::remove_dir_all(folder.at("images")).unwrap();
        std::fs::create_dir(folder.at("images")).unwrap();
    };
    remedy(&emptied, "layout.no-files");
    let file = |folder: &Folder| {
        std::fs::remove_dir_all(folder.at("images")).unwrap();
        folder.write("images", "x");
    };
    let advice = remedy(&file, "layout.directory-kind");
    assert!(!advice.contains("cp -rL"), "{advice}");
}

#[test]
fn what_belongs_to_a_directory_that_cannot_be_used_is_not_told_again() {
    let folder = Folder::new();
    folder
        .write(
            "labels.csv",
            "filename,mask_id\na.png,a_mask.png\nb.png,b_mask.png\n",
        )
        .write("images/a.png", support::png(32, 32))
        .write("images/b.png", support::png(32, 32));
    assert_eq!(
        ids(&report(&folder, "semantic_segmentation", "")),
        ["layout.directory"]
    );
    assert_eq!(
        ids(&report(&folder, "object_detection", "")),
        ["layout.directory"]
    );
}

#[test]
fn the_remedy_for_a_manifest_fits_what_stands_there() {
    let remedy = |change: &dyn Fn(&Folder)| {
        let report = check_images(|folder| change(folder), &["layout.manifest-kind"]);
        report.findings.kept()[0].remedy.clone()
    };
    assert!(remedy(&|folder| replace_by_link(folder, "labels.csv")).contains("cp -L"));
    let directory = remedy(&|folder| {
        std::fs::remove_file(folder.at("labels.csv")).unwrap();
        std::fs::create_dir(folder.at("labels.csv")).unwrap();
    });
    assert!(!directory.contains("cp -L"), "{directory}");
}

#[test]
fn a_record_above_the_limit_is_no_open_quote() {
    let folder = Folder::new();
    folder.write(
        "data.csv",
        format!("x,label\n1,a\n{},b\n3,c\n", "y".repeat(5000)),
    );
    let mut request = request("tabular_classification", "--label-column label");
    request.record_max_bytes = 4000;
    let limited = check(folder.path(), &request, &Silent).unwrap();
    assert_eq!(ids(&limited), ["size.record"]);
    // It is a limit of this program, so that no data has to change.
    assert_eq!(limited.verdict(false), Verdict::Flags);
    assert_eq!(limited.findings.kept()[0].place.line, Some(3));
    request.record_max_bytes = 6000;
    assert!(ids(&check(folder.path(), &request, &Silent).unwrap()).is_empty());
}

#[test]
fn a_column_without_a_name_can_be_seen() {
    let folder = Folder::new();
    folder.write("data.csv", ",x,label\n0,1,a\n1,2,b\n");
    let nameless = support_table(&folder);
    assert_eq!(ids(&nameless), ["csv.column-name"]);
    assert_eq!(nameless.findings.kept()[0].place.column, None);
    let asked = report(&folder, "tabular_classification", "--label-column y");
    let missing = asked.findings.kept().iter();
    let missing = missing.filter(|finding| finding.rule.id() == "label.missing-column");
    let messages: Vec<_> = missing.map(|finding| finding.message.as_str()).collect();
    assert!(
        messages[0].contains("(column 1, unnamed), x, label"),
        "{messages:?}"
    );
}

#[test]
fn a_link_of_no_interest_is_none() {
    check_images(
        |folder| std::os::unix::fs::symlink("/", folder.at("images/notes.md")).unwrap(),
        &[],
    );
}

#[test]
fn the_root_itself_may_be_a_link() {
    let folder = images();
    let elsewhere = Folder::new();
    std::os::unix::fs::symlink(folder.path(), elsewhere.at("link")).unwrap();
    let request = request("image_classification", "--label-column label");
    let report = check(&elsewhere.at("link"), &request, &Silent).unwrap();
    assert!(ids(&report).is_empty());
}

#[test]
fn pipes_are_not_opened() {
    let folder = images();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.at("images/c.jpg"))
        .status()
        .unwrap();
    assert!(made.success());
    let report = report(&folder, "image_classification", "--label-column label");
    assert_eq!(ids(&report), ["layout.special-file"]);
}

#[test]
fn a_directory_called_labels_csv_is_no_manifest() {
    let report = check_images(
        |folder| {
            std::fs::remove_file(folder.at("labels.csv")).unwrap();
            std::fs::create_dir(folder.at("labels.csv")).unwrap();
        },
        &["layout.manifest-kind"],
    );
    assert_eq!(report.verdict(false), Verdict::Data);
}

#[test]
fn missing_parts_are_named_with_what_is_there() {
    let remedy = |report: &Report| {
        let worst = report
            .findings
            .kept()
            .iter()
            .find(|finding| finding.severity == Severity::Error);
        worst.unwrap().remedy.clone()
    };
    let moved = |from: &str, to: &str| {
        let folder = images();
        std::fs::rename(folder.at(from), folder.at(to)).unwrap();
        report(&folder, "image_classification", "--label-column label")
    };
    assert_eq!(
        remedy(&moved("labels.csv", "Labels.csv")),
        "Rename Labels.csv to labels.csv."
    );
    assert_eq!(
        remedy(&moved("images", "Images")),
        "Rename Images to images."
    );
    let outer = Folder::new();
    outer.write("inner/labels.csv", LABELS);
    let report = report(&outer, "image_classification", "--label-column label");
    assert_eq!(
        remedy(&report),
        "Point at inner inside the folder, which has one."
    );
}

#[test]
fn images_one_level_too_deep_come_with_the_move_that_mends_it() {
    let folder = Folder::new();
    folder
        .write("labels.csv", LABELS)
        .write("images/cats/a.jpg", jpeg(32, 32));
    let report = report(&folder, "image_classification", "--label-column label");
    let finding = &report.findings.kept()[0];
    assert_eq!(finding.rule.id(), "layout.no-files");
    assert!(
        finding.remedy.contains("mv images/cats/* images/."),
        "{finding:?}"
    );
}

#[test]
fn no_accepted_file_lists_what_is_there() {
    let folder = Folder::new();
    folder
        .write("labels.csv", LABELS)
        .write("images/a.gif", "x")
        .write("images/b.GIF", "x")
        .write("images/c.webp", "x");
    let report = report(&folder, "image_classification", "--label-column label");
    assert!(
        report.findings.kept()[0]
            .message
            .contains(".gif ×2, .webp ×1"),
        "{:?}",
        report.findings.kept()[0]
    );
}

#[test]
fn paths_that_are_no_dataset() {
    let folder = images();
    let ids_at = |path: &str, task: &str| {
        let request = request(task, "--label-column label");
        ids(&check(&folder.at(path), &request, &Silent).unwrap())
    };
    assert_eq!(
        ids_at("nothing", "image_classification"),
        ["root.unreadable"]
    );
    assert_eq!(ids_at("labels.csv", "image_classification"), ["root.kind"]);
    assert_eq!(
        ids_at("images/a.jpg", "tabular_classification"),
        ["root.kind"]
    );
    assert!(ids_at("labels.csv", "tabular_classification").is_empty());
}

#[test]
fn flags_that_are_wrong_end_in_the_flags_verdict() {
    for (task, flags, expected) in [
        ("image_captioning", "", "task.unknown"),
        ("instance_segmentation", "", "task.unknown"),
        ("", "", "task.unknown"),
        (
            "image_classification",
            "--label-column label --schema a:INT",
            "flag.unused",
        ),
        ("image_classification", "", "flag.missing"),
        (
            "image_classification",
            "--label-column label --target-size 5x5x5",
            "flag.value",
        ),
        (
            "image_classification",
            "--label-column label --table ../../etc",
            "table.pattern",
        ),
    ] {
        let report = report(&images(), task, flags);
        assert_eq!(ids(&report), [expected], "{task} {flags}");
        assert_eq!(report.verdict(false), Verdict::Flags);
    }
}

#[test]
fn an_unreadable_schema_file_is_one_finding() {
    let folder = Folder::new();
    folder.write("data.csv", "x,label\n1,a\n2,b\n");
    let mut request = request("tabular_classification", "--label-column label");
    // A FIFO that nobody writes to must not be waited for.
    let made = std::process::Command::new("mkfifo")
        .arg(folder.at("pipe.yaml"))
        .status()
        .unwrap();
    assert!(made.success());
    for name in ["nothing.yaml", "pipe.yaml"] {
        request.schema_file = Some(folder.at(name));
        let report = check(folder.path(), &request, &Silent).unwrap();
        let mut found = ids(&report);
        // The pipe lies in the folder and is told as such too.
        found.retain(|id| *id != "layout.special-file");
        assert_eq!(found, ["schema.file"], "{name}");
    }
}

#[test]
fn limits_are_exceeded_only_above_their_value() {
    let folder = images();
    let mut request = request("image_classification", "--label-column label");
    let largest = LABELS.len().max(jpeg(32, 32).len()) as u64;
    let total = (LABELS.len() + 2 * jpeg(32, 32).len()) as u64;
    (request.file_max_bytes, request.total_max_bytes) = (largest, total);
    request.payload = true;
    let report = check(folder.path(), &request, &Silent).unwrap();
    assert!(ids(&report).is_empty() && report.payload.is_some());
    assert_eq!(report.summary.unwrap().bytes, total);
    (request.file_max_bytes, request.total_max_bytes) = (largest - 1, total - 1);
    let report = check(folder.path(), &request, &Silent).unwrap();
    assert_eq!(ids(&report), ["size.file", "size.total"]);
    assert!(
        report.payload.is_none(),
        "nothing is hashed that will not be sent"
    );
}

#[test]
fn warnings_alone_are_sound_unless_strictness_is_asked_for() {
    let folder = Folder::new();
    folder.write("data.csv", "path,label\nC:\\new,a\nx,b\n");
    let report = support_table(&folder);
    assert_eq!(report.verdict(false), Verdict::Sound);
    assert_eq!(report.verdict(true), Verdict::Data);
}

/// The superuser reads everything, so the test runs itself again as somebody else.
#[test]
fn unreadable_files_are_named() {
    const AGAIN: &str = "LONGSHORE_TEST_UNREADABLE";
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    if std::env::var_os(AGAIN).is_none()
        && std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
    {
        let dir = Folder::new();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        std::fs::copy(std::env::current_exe().unwrap(), dir.at("again")).unwrap();
        let status = std::process::Command::new(dir.at("again"))
            .args(["--exact", "unreadable_files_are_named"])
            .env(AGAIN, "1")
            .env("TMPDIR", dir.path())
            .current_dir(dir.path())
            .uid(65_534)
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let lock = |folder: &Folder, path: &str| {
        std::fs::set_permissions(folder.at(path), std::fs::Permissions::from_mode(0o000)).unwrap();
    };
    check_images(
        |folder| lock(folder, "images/a.jpg"),
        &["layout.unreadable"],
    );
    check_images(|folder| lock(folder, "labels.csv"), &["layout.unreadable"]);
    let folder = images();
    lock(&folder, "");
    assert_eq!(
        ids(&report(
            &folder,
            "image_classification",
            "--label-column label"
        )),
        ["root.unreadable"]
    );
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn too_many_columns_are_one_finding() {
    let header: Vec<_> = (0..4001).map(|column| format!("c{column}")).collect();
    let rows = format!("{},label\n{0},a\n{0},b\n", header.join(","));
    let folder = Folder::new();
    folder.write("data.csv", &rows);
    assert_eq!(ids(&support_table(&folder)), ["csv.column-name"]);
    // A manifest of files makes no table of its columns, so that it is not known whether anybody minds.
    let report = check_images(
        |folder| {
            let files = rows.replacen("c0,", "filename,", 1);
            let files = files
                .replacen("\nc0,", "\na.jpg,", 1)
                .replacen("\nc0,", "\nb.jpg,", 1);
            folder.write("labels.csv", files);
        },
        &["csv.column-name"],
    );
    assert_eq!(report.findings.total(Severity::Error), 0);
}

#[test]
fn a_file_above_the_limit_is_not_judged_by_its_beginning() {
    let folder = Folder::new();
    let long = format!("{}\tb", "a".repeat(400_000));
    folder
        .write("labels.csv", "filename\na.txt\n")
        .write("texts/a.txt", long);
    let mut request = request("embeddings", "");
    request.record_max_bytes = 300_000;
    let limited = check(folder.path(), &request, &Silent).unwrap();
    assert_eq!(ids(&limited), ["size.record"]);
    request.record_max_bytes = 500_000;
    assert!(ids(&check(folder.path(), &request, &Silent).unwrap()).is_empty());

    let folder = Folder::new();
    folder
        .write("labels.csv", "filename\na.jpg\n")
        .write("images/a.jpg", jpeg(32, 32))
        .write("annotations/a.xml", " ".repeat(400_000));
    request.task = "object_detection".to_owned();
    request.record_max_bytes = 300_000;
    let limited = check(folder.path(), &request, &Silent).unwrap();
    assert_eq!(ids(&limited), ["size.record"]);
}

#[test]
fn semicolons_between_columns_are_named() {
    let folder = Folder::new();
    folder.write("data.csv", "x;label\n1;a\n2;b\n");
    let report = support_table(&folder);
    assert_eq!(ids(&report), ["label.missing-column"]);
    let remedy = &report.findings.kept()[0].remedy;
    assert!(remedy.contains("semicolons"), "{remedy}");
}

//! The frozen payload, and files that do not stay what they were.

mod support;

use std::sync::Mutex;

use dataset::{Observer, Report, Silent, Stage, check};
use sha2::{Digest, Sha256};
use support::{Folder, jpeg, png, request};

type Change<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Changes something when a stage begins.
struct Between<'a>(Stage, Mutex<Option<Change<'a>>>);

impl Observer for Between<'_> {
    fn stage(&self, stage: Stage) {
        if stage == self.0
            && let Some(change) = self.1.lock().unwrap().take()
        {
            change();
        }
    }
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder
        .write(
            "labels.csv",
            "filename,mask_id\na.jpg,a_mask\nB.jpg,B_mask\n",
        )
        .write("notes.md", "not sent")
        .write("images/a.jpg", jpeg(32, 32))
        .write("images/B.jpg", jpeg(32, 32))
        .write("masks/a_mask.png", png(32, 32))
        .write("masks/B_mask.png", png(32, 32));
    folder
}

const SEGMENTATION: &str = "semantic_segmentation";

fn run(folder: &Folder, stage: Stage, change: impl FnOnce() + Send) -> Report {
    run_task(folder, SEGMENTATION, stage, change)
}

fn run_task(folder: &Folder, task: &str, stage: Stage, change: impl FnOnce() + Send) -> Report {
    let mut request = request(task, "");
    request.payload = true;
    check(
        folder.path(),
        &request,
        &Between(stage, Mutex::new(Some(Box::new(change)))),
    )
    .unwrap()
}

#[test]
fn everything_is_listed_once_in_a_fixed_order_with_its_digest() {
    let folder = folder();
    let payload = run(&folder, Stage::Hash, || {}).payload.unwrap();
    let paths: Vec<_> = payload
        .entries()
        .map(|entry| entry.unwrap().archive_path.to_string())
        .collect();
    let expected = [
        "labels.csv",
        "images/B.jpg",
        "images/a.jpg",
        "masks/B_mask.png",
        "masks/a_mask.png",
    ];
    assert_eq!(paths, expected);
    let mut total = 0;
    for entry in payload.entries() {
        let entry = entry.unwrap();
        let content = std::fs::read(folder.at(&entry.source.to_string())).unwrap();
        let digest: [u8; 32] = Sha256::digest(&content).into();
        assert_eq!(
            (entry.size_bytes, entry.sha256),
            (content.len() as u64, digest)
        );
        total += entry.size_bytes;
    }
    assert_eq!(payload.total_bytes(), total);
}

#[test]
fn a_table_is_sent_as_labels_csv() {
    let folder = Folder::new();
    folder.write("flats.csv", "rooms,rent\n1,2\n3,4\n");
    let mut request = request("tabular_regression", "--label-column rent");
    request.payload = true;
    let payload = check(folder.path(), &request, &Silent)
        .unwrap()
        .payload
        .unwrap();
    let entry = payload.entry(0).unwrap().unwrap();
    assert_eq!(
        (entry.archive_path.to_string(), entry.source.to_string()),
        ("labels.csv".into(), "flats.csv".into())
    );
}

#[test]
fn a_file_that_does_not_stay_what_it_was_is_named() {
    // When files are opened, all have been looked at; when the rest is hashed, the manifest has been read.
    changes_are_named(&folder(), SEGMENTATION, "images/a.jpg", Stage::Files);
    changes_are_named(&folder(), SEGMENTATION, "masks/a_mask.png", Stage::Files);
    changes_are_named(&folder(), SEGMENTATION, "labels.csv", Stage::Hash);
    let folder = Folder::new();
    folder
        .write("labels.csv", "filename\na.txt\n")
        .write("sequences/a.txt", "a text")
        .write("sequences/b.txt", "no row names it");
    let task = "masked_language_modeling";
    changes_are_named(&folder, task, "sequences/a.txt", Stage::Texts);
    changes_are_named(&folder, task, "sequences/b.txt", Stage::Hash);
    let folder = Folder::new();
    folder
        .write("labels.csv", "filename\na.jpg\n")
        .write("images/a.jpg", jpeg(32, 32))
        .write("annotations/a.xml", "<annotation/>");
    let task = "object_detection";
    changes_are_named(&folder, task, "annotations/a.xml", Stage::Files);
}

fn changes_are_named(folder: &Folder, task: &str, file: &str, stage: Stage) {
    let path = folder.at(file);
    let content = std::fs::read(&path).unwrap();
    let again = || {
        let _whatever = std::fs::remove_dir(&path);
        let _none = std::fs::remove_file(&path);
        std::fs::write(&path, &content).unwrap();
    };
    let check = |change: &(dyn Fn() + Sync), expected: &str| {
        let report = run_task(folder, task, stage, change);
        let messages: Vec<_> = report
            .findings
            .kept()
            .iter()
            .filter(|finding| finding.rule.id() == "file.changed")
            .map(|finding| finding.message.as_str())
            .collect();
        assert_eq!(messages, [format!("{file} {expected}.")]);
        assert!(report.payload.is_none());
        again();
    };
    let longer = [&*content, &[b'x'; 9]].concat();
    check(
        &|| std::fs::write(&path, &longer).unwrap(),
        "grew since it was checked",
    );
    check(
        &|| std::fs::write(&path, "").unwrap(),
        "shrank since it was checked",
    );
    check(&|| std::fs::remove_file(&path).unwrap(), "vanished");
    let target = folder.at("target");
    check(
        &|| {
            std::fs::rename(&path, &target).unwrap();
            std::os::unix::fs::symlink(&target, &path).unwrap();
        },
        "became a link",
    );
    check(
        &|| {
            // Another file of the same size under the same name.
            std::fs::write(&target, &content).unwrap();
            std::fs::rename(&target, &path).unwrap();
        },
        "changed since it was checked",
    );
    check(
        &|| {
            std::fs::remove_file(&path).unwrap();
            std::fs::create_dir(&path).unwrap();
        },
        "became a directory",
    );
}

#[test]
fn what_no_rule_reads_whole_is_hashed_all_the_same() {
    // A size behind the first piece, and a digest of all of it.
    let mut image = vec![0xFF, 0xD8];
    for _ in 0..5 {
        image.extend_from_slice(&[0xFF, 0xE2, 0xFF, 0xFF]);
        image.resize(image.len() + 0xFFFD, 7);
    }
    image.extend_from_slice(&jpeg(32, 32)[2..]);
    let folder = folder();
    folder.write("images/a.jpg", &image);
    let payload = run(&folder, Stage::Hash, || {}).payload.unwrap();
    let entry = payload
        .entries()
        .map(Result::unwrap)
        .find(|entry| entry.source.to_string() == "images/a.jpg");
    let digest: [u8; 32] = Sha256::digest(&image).into();
    assert_eq!(entry.map(|entry| entry.sha256), Some(digest));
}

#[test]
fn an_entry_opens_only_while_it_is_what_was_hashed() {
    let folder = folder();
    let payload = run(&folder, Stage::Hash, || {}).payload.unwrap();
    let root = fsroot::Root::open_ambient(folder.path()).unwrap();
    let entry = payload.entry(1).unwrap().unwrap();
    assert!(entry.open(&root).is_ok());
    std::fs::write(folder.at("images/B.jpg"), "").unwrap();
    assert!(entry.open(&root).is_err());
}

/// Names as nobody would choose them, in more blocks than one.
fn odd_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = vec![
        b"back\\slash".into(),
        b"new\nline".into(),
        b"\n".into(),
        b"\\n".into(),
        b"Z".into(),
        b"z\xff\xfe".into(),
        b"\x01".into(),
        "\u{e9}t\u{e9}".into(),
        vec![b'l'; 251],
    ];
    for number in 0..300 {
        names.push(format!("p{}", number * 7919 % 1000).into_bytes());
        names.push(format!("p\\{number}").into_bytes());
        names.push(
            [
                &b"P"[..],
                &vec![b'x'; number % 200],
                number.to_string().as_bytes(),
            ]
            .concat(),
        );
    }
    let with_ending = names.iter().map(|name| [name, &b".txt"[..]].concat());
    with_ending.collect()
}

#[test]
fn a_list_on_disk_has_every_name_once_and_finds_it() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let mut expected: Vec<Vec<u8>> = vec![b"labels.csv".into()];
    folder.write("labels.csv", "filename\np0\n");
    std::fs::create_dir(folder.at("sequences")).unwrap();
    for name in odd_names() {
        let path = folder
            .at("sequences")
            .join(std::ffi::OsStr::from_bytes(&name));
        std::fs::write(path, &name).unwrap();
        expected.push([b"sequences/", name.as_slice()].concat());
    }
    let mut request = request("masked_language_modeling", "");
    request.payload = true;
    for list_memory_bytes in [0, 2000, dataset::LIST_MEMORY_BYTES] {
        request.list_memory_bytes = list_memory_bytes;
        let report = check(folder.path(), &request, &Silent).unwrap();
        let payload = report.payload.unwrap();
        let entries: Vec<_> = payload.entries().map(Result::unwrap).collect();
        for (index, entry) in entries.iter().enumerate() {
            let path = entry.archive_path.as_bytes();
            assert_eq!(payload.find(path).unwrap(), Some(index));
            assert_eq!(payload.entry(index).unwrap().as_ref(), Some(entry));
            let name = path
                .strip_prefix(b"sequences/")
                .unwrap_or(b"filename\np0\n");
            let digest: [u8; 32] = Sha256::digest(name).into();
            assert_eq!(
                (entry.size_bytes, entry.sha256),
                (name.len() as u64, digest)
            );
        }
        // As `sha256sum` writes them, in byte order.
        let ranges = payload.in_manifest_order().into_iter().flatten();
        let sent: Vec<_> = ranges
            .map(|index| entries[index].archive_path.as_bytes())
            .collect();
        let mut sorted = expected.clone();
        sorted.sort_by_key(|path| {
            let text = String::from_utf8_lossy(path)
                .replace('\\', "\\\\")
                .replace('\n', "\\n");
            // Lossy text has the same order here: only the end of one name is not text.
            text.into_bytes()
        });
        assert_eq!(sent, sorted);
        for absent in [
            &b""[..],
            b"sequences",
            b"sequences/",
            b"sequences/p0",
            b"labels.csv/x",
        ] {
            assert_eq!(payload.find(absent).unwrap(), None);
        }
        assert_eq!(payload.entry(entries.len()).unwrap(), None);
    }
}

#[test]
fn lists_need_a_directory_only_when_they_are_long() {
    let folder = folder();
    let mut request = request(SEGMENTATION, "");
    request.scratch_dir = folder.at("nowhere");
    assert!(check(folder.path(), &request, &Silent).is_ok());
    request.list_memory_bytes = 0;
    let stopped = check(folder.path(), &request, &Silent);
    let Err(dataset::Stopped::Scratch(dataset::ScratchError::Create { scratch_dir, .. })) = stopped
    else {
        panic!("{stopped:?}");
    };
    assert_eq!(scratch_dir, request.scratch_dir);
}

#[test]
fn a_cancelled_check_says_so() {
    struct Impatient;
    impl Observer for Impatient {
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let stopped = check(
        folder().path(),
        &request("semantic_segmentation", ""),
        &Impatient,
    );
    assert!(matches!(stopped, Err(dataset::Stopped::Cancelled)));
}

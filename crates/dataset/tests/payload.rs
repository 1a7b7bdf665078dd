//! The frozen payload, and files that do not stay what they were.

mod support;

use std::sync::Mutex;

use dataset::{Observer, Report, Silent, Stage, check};
use sha2::{Digest, Sha256};
use support::{Folder, jpeg, png, request};

type Change<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Changes something after everything was looked at and before it is read for the digests.
struct Between<'a>(Mutex<Option<Change<'a>>>);

impl Observer for Between<'_> {
    fn stage(&self, stage: Stage) {
        if stage == Stage::Hash
            && let Some(change) = self.0.lock().unwrap().take()
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

fn run(folder: &Folder, change: impl FnOnce() + Send) -> Report {
    let mut request = request("semantic_segmentation", "");
    request.payload = true;
    check(
        folder.path(),
        &request,
        &Between(Mutex::new(Some(Box::new(change)))),
    )
    .unwrap()
}

#[test]
fn everything_is_listed_once_in_a_fixed_order_with_its_digest() {
    let folder = folder();
    let payload = run(&folder, || {}).payload.unwrap();
    let paths: Vec<_> = payload
        .entries
        .iter()
        .map(|entry| entry.archive_path.to_string())
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
    for entry in &payload.entries {
        let content = std::fs::read(folder.at(&entry.source.to_string())).unwrap();
        let digest: [u8; 32] = Sha256::digest(&content).into();
        assert_eq!(
            (entry.size_bytes, entry.sha256),
            (content.len() as u64, digest)
        );
        total += entry.size_bytes;
    }
    assert_eq!(payload.total_bytes, total);
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
    let entry = &payload.entries[0];
    assert_eq!(
        (entry.archive_path.to_string(), entry.source.to_string()),
        ("labels.csv".into(), "flats.csv".into())
    );
}

#[test]
fn a_file_that_does_not_stay_what_it_was_is_named() {
    let check = |change: &(dyn Fn(&Folder, &std::path::Path) + Sync), expected: &str| {
        let folder = folder();
        let path = folder.at("images/a.jpg");
        let report = run(&folder, || change(&folder, &path));
        let messages: Vec<_> = report
            .findings
            .kept()
            .iter()
            .filter(|finding| finding.rule.id() == "file.changed")
            .map(|finding| finding.message.as_str())
            .collect();
        assert_eq!(messages, [format!("images/a.jpg {expected}.")]);
        assert!(report.payload.is_none());
    };
    let longer = [jpeg(32, 32), vec![0; 9]].concat();
    check(
        &|_, path| std::fs::write(path, &longer).unwrap(),
        "grew since it was checked",
    );
    check(
        &|_, path| std::fs::write(path, "").unwrap(),
        "shrank since it was checked",
    );
    check(&|_, path| std::fs::remove_file(path).unwrap(), "vanished");
    check(
        &|folder, path| {
            std::fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(folder.at("images/B.jpg"), path).unwrap();
        },
        "became a link",
    );
    check(
        &|folder, path| {
            // Another file of the same size under the same name.
            folder.write("images/c.tmp", jpeg(64, 64));
            std::fs::rename(folder.at("images/c.tmp"), path).unwrap();
        },
        "changed since it was checked",
    );
    check(
        &|_, path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        },
        "became a directory",
    );
}

#[test]
fn an_entry_opens_only_while_it_is_what_was_hashed() {
    let folder = folder();
    let payload = run(&folder, || {}).payload.unwrap();
    let root = fsroot::Root::open_ambient(folder.path()).unwrap();
    assert!(payload.entries[1].open(&root).is_ok());
    std::fs::write(folder.at("images/B.jpg"), "").unwrap();
    assert!(payload.entries[1].open(&root).is_err());
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

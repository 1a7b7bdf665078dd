//! Datasets on this machine, and what of them has arrived.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cluster::transfer::{PayloadSource, Source};
use dataset::{LIST_MEMORY_BYTES, Request, Silent};
use fsroot::Root;
use testkit::random::Random;

/// A folder with labels and pictures, each of at least so many bytes.
pub(crate) fn pictures(root: &Path, sizes: &[usize]) {
    testkit::picture::folder(root, 1, sizes);
}

/// A folder with labels and texts of exactly so many bytes.
pub(crate) fn texts(root: &Path, sizes: &[usize]) {
    fs::create_dir_all(root.join("texts")).unwrap();
    let mut labels = "filename,label\n".to_owned();
    for (index, size) in sizes.iter().enumerate() {
        let kind = if index % 3 == 0 { "good" } else { "bad" };
        labels.push_str(&format!("t{index:05}.txt,{kind}\n"));
        let mut text = Random::new(index as u64).bytes(*size);
        text.iter_mut().for_each(|byte| *byte = b'a' + (*byte >> 4));
        fs::write(root.join(format!("texts/t{index:05}.txt")), text).unwrap();
    }
    fs::write(root.join("labels.csv"), labels).unwrap();
}

/// Counts the folders that were checked.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A checked folder, ready to be sent.
pub(crate) struct Checked {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) document: String,
}

pub(crate) fn checked(root: &Path, table: &str) -> Checked {
    checked_as("image_classification", root, table)
}

pub(crate) fn checked_texts(root: &Path, table: &str) -> Checked {
    checked_as("text_classification", root, table)
}

fn checked_as(task: &str, root: &Path, table: &str) -> Checked {
    // Every other push has its list of files on disk.
    let list_memory_bytes = match NUMBER.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => 0,
        _ => LIST_MEMORY_BYTES,
    };
    let today = jiff::civil::date(2026, 1, 1);
    let request = Request {
        table: Some(table.to_owned()),
        label_column: Some("label".to_owned()),
        intent: Some("train".to_owned()),
        payload: true,
        list_memory_bytes,
        ..Request::new(task, today, std::env::temp_dir())
    };
    let report = dataset::check(root, &request, &Silent).unwrap();
    let document = report.document(table).transpose().unwrap();
    let findings = report.findings.kept();
    assert!(report.payload.is_some(), "{findings:#?}");
    let document = document.unwrap();
    Checked {
        document: document.yaml().to_owned(),
        source: Arc::new(PayloadSource::new(
            report.payload.unwrap(),
            Root::open_ambient(root).unwrap(),
        )),
    }
}

/// Every file below a directory with its content.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    walk(root, "", &mut files);
    files
}

fn walk(directory: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

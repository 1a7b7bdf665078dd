use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fsroot::{Existing, RelPath, Root};
use tempfile::TempDir;

use super::{Observer, Options, Verification, verify};
use crate::Error;
use crate::manifest::{Adapters, Manifest, Partial, Scopes, Source, Totals};
use crate::tree::TreeWriter;

/// A good tree with a name of each awkward kind.
struct Tree {
    dir: TempDir,
}

#[derive(Default)]
struct Log {
    findings: Mutex<Vec<String>>,
    files: AtomicU64,
    bytes: AtomicU64,
    cancel: bool,
}

impl Observer for Log {
    fn finding(&self, finding: &super::Finding) {
        let path = finding.path().unwrap_or_default().escape_ascii();
        self.findings
            .lock()
            .unwrap()
            .push(format!("{} {path}", finding.id()));
    }

    fn hashed(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.cancel
    }
}

const FILES: [&str; 5] = [
    "redis/db_0/strings/a.bin",
    "s3/b/a",
    "s3/b-c/x",
    "s3/b/a.c/d",
    "s3/b/n\n\\",
];

impl Tree {
    fn new() -> Tree {
        Tree::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Manifest)) -> Tree {
        let tree = Tree {
            dir: tempfile::tempdir().unwrap(),
        };
        let (mut writer, _) =
            TreeWriter::begin(&tree.root(), Existing::Refuse, tree.dir.path()).unwrap();
        let mut worker = writer.worker();
        for name in FILES {
            worker
                .write(&RelPath::new(name).unwrap(), name.as_bytes())
                .unwrap();
        }
        writer.absorb(worker).unwrap();
        let mut manifest =
            Manifest::of_snapshot(Source::default(), "2025-01-01T00:05:00Z".parse().unwrap());
        change(&mut manifest);
        writer.finish(manifest).unwrap();
        tree
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("dump")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn edit(&self, name: &str, change: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.file(name)).unwrap();
        fs::write(self.file(name), change(text)).unwrap();
    }

    fn verify(&self, threads: usize, log: &Log) -> Result<Verification, Error> {
        let options = Options {
            scratch: self.dir.path().to_owned(),
            threads: NonZeroUsize::new(threads).unwrap(),
        };
        verify(&Root::open_ambient(&self.root()).unwrap(), &options, log)
    }

    /// Checks the findings, and that they do not depend on the number of threads.
    fn check(&self, expected: &[&str]) -> Verification {
        let outcomes = [1, 2, 5].map(|threads| {
            let log = Log::default();
            let outcome = self.verify(threads, &log).unwrap();
            let findings = log.findings.into_inner().unwrap();
            assert_eq!(findings, expected, "{threads} threads");
            assert_eq!(outcome.findings, u64::try_from(expected.len()).unwrap());
            assert_eq!(outcome.is_intact(), expected.is_empty());
            outcome
        });
        outcomes.into_iter().next().unwrap()
    }
}

#[test]
fn a_tree_as_it_was_written_is_intact() {
    let tree = Tree::new();
    let outcome = tree.check(&[]);
    let bytes = FILES
        .iter()
        .map(|name| u64::try_from(name.len()).unwrap())
        .sum();
    assert_eq!(outcome.present, Totals { files: 5, bytes });
    assert!(!outcome.is_partial());
    assert_eq!(outcome.hard_linked, 0);
}

#[test]
fn every_kind_of_damage_is_found_in_one_run() {
    let tree = Tree::new();
    fs::write(
        tree.file("redis/db_0/strings/a.bin"),
        "redis/db_0/strings/b.bin",
    )
    .unwrap();
    fs::remove_file(tree.file("s3/b/a")).unwrap();
    fs::remove_file(tree.file("s3/b-c/x")).unwrap();
    symlink("/etc/passwd", tree.file("s3/b-c/x")).unwrap();
    fs::remove_file(tree.file("s3/b/a.c/d")).unwrap();
    fs::create_dir(tree.file("s3/b/a.c/d")).unwrap();
    fs::write(tree.file("s3/b/extra"), "12345").unwrap();
    symlink(".", tree.file("loop")).unwrap();
    tree.check(&[
        "dump.not-a-regular-file loop",
        "dump.checksum-mismatch redis/db_0/strings/a.bin",
        "dump.not-a-regular-file s3/b-c/x",
        "dump.file-missing s3/b/a",
        "dump.not-a-regular-file s3/b/a.c/d",
        "dump.file-unlisted s3/b/extra",
        "dump.total-files-mismatch MANIFEST.json",
        "dump.total-bytes-mismatch MANIFEST.json",
    ]);
}

#[test]
fn a_linked_directory_is_not_entered() {
    let tree = Tree::new();
    fs::rename(tree.file("s3/b-c"), tree.dir.path().join("elsewhere")).unwrap();
    symlink(tree.dir.path().join("elsewhere"), tree.file("s3/b-c")).unwrap();
    let outcome = tree.check(&[
        "dump.not-a-regular-file s3/b-c",
        "dump.file-missing s3/b-c/x",
        "dump.total-files-mismatch MANIFEST.json",
        "dump.total-bytes-mismatch MANIFEST.json",
    ]);
    assert_eq!(outcome.present.files, 4);
}

#[test]
fn a_changed_manifest_is_a_mismatch_and_its_totals_count() {
    let tree = Tree::new();
    tree.edit("MANIFEST.json", |text| {
        text.replace("\"files\": 5", "\"files\": 6")
    });
    tree.check(&[
        "dump.checksum-mismatch MANIFEST.json",
        "dump.total-files-mismatch MANIFEST.json",
    ]);
}

#[test]
fn a_missing_or_broken_manifest_does_not_hide_the_rest() {
    let tree = Tree::new();
    fs::write(tree.file("s3/b/a"), "other!").unwrap();
    tree.edit("MANIFEST.json", |text| text.replace("phase0", "phase9"));
    tree.check(&[
        "dump.manifest-invalid MANIFEST.json",
        "dump.checksum-mismatch MANIFEST.json",
        "dump.checksum-mismatch s3/b/a",
    ]);
    fs::remove_file(tree.file("MANIFEST.json")).unwrap();
    tree.check(&[
        "dump.manifest-missing MANIFEST.json",
        "dump.file-missing MANIFEST.json",
        "dump.checksum-mismatch s3/b/a",
    ]);
}

#[test]
fn nothing_of_a_newer_format_is_interpreted() {
    let tree = Tree::new();
    fs::remove_file(tree.file("CHECKSUMS")).unwrap();
    tree.edit("MANIFEST.json", |text| {
        text.replace("\"format_version\": 1", "\"format_version\": 2")
    });
    tree.check(&["dump.manifest-unsupported MANIFEST.json"]);
    tree.edit("MANIFEST.json", |text| {
        text.replace("\"format_version\": 2", "\"format_version\": 1")
            .replace("\"sha256\"", "\"blake3\"")
    });
    tree.check(&["dump.checksum-algorithm-unsupported MANIFEST.json"]);
}

#[test]
fn without_checksums_files_are_counted_only() {
    let tree = Tree::new();
    fs::write(tree.file("CHECKSUMS"), "\n\n").unwrap();
    tree.check(&["dump.checksums-empty CHECKSUMS"]);
    fs::remove_file(tree.file("CHECKSUMS")).unwrap();
    let outcome = tree.check(&["dump.checksums-missing CHECKSUMS"]);
    assert_eq!(outcome.present.files, 5);
    fs::create_dir(tree.file("CHECKSUMS")).unwrap();
    tree.check(&["dump.checksums-unreadable CHECKSUMS"]);
}

#[test]
fn bad_lines_and_double_entries_are_told_and_the_others_count() {
    let tree = Tree::new();
    tree.edit("CHECKSUMS", |text| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines[1] = lines[1].to_uppercase();
        let last = lines.len() - 1;
        let double = lines[last].clone();
        // Out of order, too: that alone is no fault.
        lines.insert(0, double);
        lines.push("x".to_owned());
        lines.join("\n")
    });
    tree.check(&[
        "dump.checksums-line-invalid CHECKSUMS",
        "dump.checksums-line-invalid CHECKSUMS",
        "dump.file-unlisted redis/db_0/strings/a.bin",
        "dump.file-listed-twice s3/b/n\\n\\\\",
    ]);
}

#[test]
fn scopes_of_the_manifest_have_directories() {
    let adapters = Adapters {
        s3: Some(Scopes::Listed(
            ["b", "b-c", "gone", "../../etc"]
                .map(str::to_owned)
                .to_vec(),
        )),
        redis: Some(Scopes::Listed(vec![0, 1])),
        ..Adapters::default()
    };
    let tree = Tree::with(|manifest| manifest.adapters = adapters);
    tree.check(&[
        "dump.scope-missing s3/gone",
        "dump.scope-missing s3/../../etc",
        "dump.scope-missing redis/db_1",
    ]);
}

#[test]
fn a_partial_tree_is_told_from_a_whole_one() {
    let tree = Tree::with(|manifest| manifest.partial = Some(Partial::default()));
    assert!(tree.check(&[]).is_partial());
}

#[test]
fn hard_links_are_counted_and_are_no_finding() {
    let tree = Tree::new();
    fs::hard_link(tree.file("s3/b/a"), tree.dir.path().join("link")).unwrap();
    assert_eq!(tree.check(&[]).hard_linked, 1);
}

#[test]
fn progress_adds_up() {
    let tree = Tree::new();
    let log = Log::default();
    tree.verify(2, &log).unwrap();
    let manifest = fs::metadata(tree.file("MANIFEST.json")).unwrap().len();
    let data: u64 = FILES
        .iter()
        .map(|name| u64::try_from(name.len()).unwrap())
        .sum();
    assert_eq!(log.files.into_inner(), 6);
    assert_eq!(log.bytes.into_inner(), data + manifest);
}

#[test]
fn cancelling_is_an_error() {
    let tree = Tree::new();
    let log = Log {
        cancel: true,
        ..Log::default()
    };
    assert!(matches!(tree.verify(2, &log), Err(Error::Cancelled)));
}

#[test]
fn a_file_longer_than_the_buffer_is_read_to_its_end() {
    let tree = Tree {
        dir: tempfile::tempdir().unwrap(),
    };
    let (mut writer, _) =
        TreeWriter::begin(&tree.root(), Existing::Refuse, tree.dir.path()).unwrap();
    let mut worker = writer.worker();
    for size in [(256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1 << 20] {
        worker
            .write(&RelPath::new(format!("{size}")).unwrap(), &vec![7; size])
            .unwrap();
    }
    writer.absorb(worker).unwrap();
    writer
        .finish(Manifest::of_snapshot(
            Source::default(),
            "2025-01-01T00:05:00Z".parse().unwrap(),
        ))
        .unwrap();
    tree.check(&[]);
    let mut bytes = fs::read(tree.file("262145")).unwrap();
    *bytes.last_mut().unwrap() = 8;
    fs::write(tree.file("262145"), bytes).unwrap();
    tree.check(&["dump.checksum-mismatch 262145"]);
}

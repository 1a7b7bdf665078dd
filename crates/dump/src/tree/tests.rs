use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fsroot::{Existing, RelPath};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::TreeWriter;
use crate::Error;
use crate::manifest::{Manifest, Source, Totals};

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn dump(&self) -> PathBuf {
        self.dir.path().join("dump")
    }

    fn begin(&self, existing: Existing) -> Result<TreeWriter, Error> {
        Ok(TreeWriter::begin(&self.dump(), existing, self.dir.path())?.0)
    }

    /// Names beside the destination: leftovers, if any.
    fn siblings(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn manifest() -> Manifest {
    Manifest::of_snapshot(Source::default(), "2025-01-01T00:05:00Z".parse().unwrap())
}

fn read(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join(name)).unwrap()
}

/// Writes the same files with any number of workers, in any share.
fn write_sample(writer: &mut TreeWriter, workers: usize) {
    let files = [
        ("a/b", "one"),
        ("a-b", "two"),
        ("a.b", ""),
        ("z/\u{e9}\n\\", "three"),
        ("a/b.c", "four"),
    ];
    let mut pool: Vec<_> = (0..workers).map(|_| writer.worker()).collect();
    for (index, (name, text)) in files.into_iter().enumerate() {
        let worker = &mut pool[index % workers];
        if index % 2 == 0 {
            worker.write(&path(name), text.as_bytes()).unwrap();
        } else {
            let mut file = worker.create(&path(name)).unwrap();
            text.bytes().for_each(|byte| file.append(&[byte]).unwrap());
            let digest = worker.finish(file).unwrap();
            assert_eq!(digest[..], Sha256::digest(text)[..]);
        }
    }
    pool.into_iter()
        .for_each(|worker| writer.absorb(worker).unwrap());
}

#[test]
fn every_file_is_listed_in_byte_order_and_sha256sum_agrees() {
    let place = Place::new();
    let mut writer = place.begin(Existing::Refuse).unwrap();
    write_sample(&mut writer, 1);
    writer.finish(manifest()).unwrap();

    let root = place.dump();
    let listed: Vec<_> = read(&root, "CHECKSUMS")
        .lines()
        .map(|line| line.rsplit_once("  ").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        listed,
        ["MANIFEST.json", "a-b", "a.b", "a/b", "a/b.c", "z/é\\n\\\\"]
    );
    match Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "CHECKSUMS"])
        .current_dir(&root)
        .stdin(Stdio::null())
        .status()
    {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            eprintln!("skipped: every_file_is_listed_in_byte_order_and_sha256sum_agrees: {error}")
        }
    }
    assert_eq!(place.siblings(), ["dump"]);
}

#[test]
fn the_manifest_counts_the_files() {
    let place = Place::new();
    let mut writer = place.begin(Existing::Refuse).unwrap();
    write_sample(&mut writer, 2);
    writer.finish(manifest()).unwrap();
    let text = read(&place.dump(), "MANIFEST.json");
    let manifest = Manifest::from_json(text.as_bytes()).unwrap();
    assert_eq!(
        manifest.totals,
        Some(Totals {
            files: 5,
            bytes: 15
        })
    );
}

#[test]
fn the_tree_does_not_depend_on_who_wrote_what() {
    let trees: Vec<_> = (1..=5)
        .map(|workers| {
            let place = Place::new();
            let mut writer = place.begin(Existing::Refuse).unwrap();
            write_sample(&mut writer, workers);
            writer.finish(manifest()).unwrap();
            (
                read(&place.dump(), "CHECKSUMS"),
                read(&place.dump(), "MANIFEST.json"),
            )
        })
        .collect();
    assert!(trees.iter().all(|tree| *tree == trees[0]));
}

#[test]
fn data_is_private_and_the_two_lists_are_not() {
    let place = Place::new();
    let mut writer = place.begin(Existing::Refuse).unwrap();
    write_sample(&mut writer, 1);
    writer.finish(manifest()).unwrap();
    let mode = |name: &str| {
        fs::metadata(place.dump().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    // What the umask leaves is seen in a file made here.
    fs::write(place.dir.path().join("probe"), "").unwrap();
    let shared = fs::metadata(place.dir.path().join("probe"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!([mode("a/b"), mode("a-b")], [0o600; 2]);
    assert_eq!([mode("MANIFEST.json"), mode("CHECKSUMS")], [shared; 2]);
}

#[test]
fn abandoned_and_dropped_files_leave_no_trace() {
    let place = Place::new();
    let mut writer = place.begin(Existing::Refuse).unwrap();
    let mut worker = writer.worker();
    let mut abandoned = worker.create(&path("a/abandoned")).unwrap();
    abandoned.append(b"x").unwrap();
    worker.abandon(abandoned).unwrap();
    drop(worker.create(&path("a/dropped")).unwrap());
    worker.write(&path("a/kept"), b"y").unwrap();
    worker.write(&path("a/abandoned"), b"again").unwrap();
    writer.absorb(worker).unwrap();
    writer.finish(manifest()).unwrap();
    let checksums = read(&place.dump(), "CHECKSUMS");
    assert_eq!(checksums.lines().count(), 3);
    assert!(!place.dump().join("a/dropped").exists());
    assert!(read(&place.dump(), "MANIFEST.json").contains("\"files\": 2"));
}

#[test]
fn a_digest_from_elsewhere_is_taken() {
    let place = Place::new();
    let mut writer = place.begin(Existing::Refuse).unwrap();
    let mut worker = writer.worker();
    let mut file = worker.create_unhashed(&path("x")).unwrap();
    file.write_all(b"hello").unwrap();
    assert_eq!(file.size_bytes(), 5);
    worker
        .finish_with(file, Sha256::digest(b"hello").into())
        .unwrap();
    let unhashed = worker.create_unhashed(&path("y")).unwrap();
    assert!(matches!(
        worker.finish(unhashed),
        Err(Error::NotHashed { .. })
    ));
    writer.absorb(worker).unwrap();
    writer.finish(manifest()).unwrap();
    assert!(
        read(&place.dump(), "CHECKSUMS")
            .contains("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  x\n")
    );
    assert!(!place.dump().join("y").exists());
}

#[test]
fn nothing_is_published_while_a_worker_is_out() {
    let place = Place::new();
    let writer = place.begin(Existing::Refuse).unwrap();
    drop(writer.worker());
    assert!(matches!(
        writer.finish(manifest()),
        Err(Error::WorkersMissing { workers: 1 })
    ));
    assert_eq!(place.siblings(), [""; 0]);
}

#[test]
fn an_invalid_manifest_publishes_nothing() {
    let place = Place::new();
    let writer = place.begin(Existing::Refuse).unwrap();
    let mut manifest = manifest();
    manifest.conventions.key_segment_max_bytes = 0;
    assert!(matches!(writer.finish(manifest), Err(Error::Manifest(_))));
    assert_eq!(place.siblings(), [""; 0]);
}

#[test]
fn discarding_and_dropping_leave_nothing() {
    let place = Place::new();
    for discard in [true, false] {
        let mut writer = place.begin(Existing::Refuse).unwrap();
        write_sample(&mut writer, 1);
        if discard {
            writer.discard().unwrap();
        } else {
            drop(writer);
        }
        assert_eq!(place.siblings(), [""; 0]);
    }
}

#[test]
fn two_records_with_one_name_are_an_error() {
    let place = Place::new();
    let writer = place.begin(Existing::Refuse).unwrap();
    let mut worker = writer.worker();
    worker.write(&path("a"), b"1").unwrap();
    assert!(matches!(
        worker.write(&path("a"), b"2"),
        Err(Error::Files(fsroot::Error::AlreadyWritten { .. }))
    ));
}

#[test]
fn only_a_dump_is_replaced() {
    let place = Place::new();
    let dump = place.dump();
    fs::create_dir(&dump).unwrap();
    place
        .begin(Existing::Refuse)
        .unwrap()
        .finish(manifest())
        .unwrap();
    assert!(matches!(
        place.begin(Existing::Refuse),
        Err(Error::Files(fsroot::Error::DestinationExists { .. }))
    ));

    let mut writer = place.begin(Existing::Replace).unwrap();
    write_sample(&mut writer, 1);
    writer.finish(manifest()).unwrap();
    assert!(dump.join("a/b").exists());

    fs::remove_file(dump.join("MANIFEST.json")).unwrap();
    let refused = place.begin(Existing::Replace);
    assert!(matches!(
        refused,
        Err(Error::Files(fsroot::Error::DestinationProtected { .. }))
    ));
    fs::create_dir(dump.join("MANIFEST.json")).unwrap();
    assert!(place.begin(Existing::Replace).is_err());
    assert!(dump.join("a/b").exists());
    assert_eq!(place.siblings(), ["dump"]);
}

//! A fault at every step of a whole decode: the destination is the old dump or the new one, never a mix.
//!
//! The decode has threads of its own, so a plan is in force for the whole process, and the tests here take turns.

mod common;

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use codec::{Input, Report};
use common::{Events, Files, files, options};
use dump::tree::TreeWriter;
use fsroot::Existing;
use fsroot::faults::{Fault, Plan, Scope, arm};
use testkit::rows::Node;

const EIO: i32 = 5;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A snapshot that leads to a file of every kind: bodies, sidecars, lists, records and an expiry.
fn snapshot(word: &str) -> Vec<u8> {
    let mut node = Node::new(1);
    let long = "x".repeat(300);
    node.set(word.as_bytes(), word.as_bytes(), None);
    node.set(long.as_bytes(), b"value", Some(1_800_000_000_000));
    node.pfadd(b"counter", &["a", "b"]);
    node.create_bucket("bucket");
    for key in ["a", "a/b", "folder/"] {
        node.put(
            "bucket",
            key.as_bytes(),
            word.as_bytes(),
            Default::default(),
        );
    }
    node.multipart(
        "bucket",
        b"parts",
        &[(1, b"one"), (2, b"two")],
        Default::default(),
    );
    node.runtime_file()
}

fn decode(bytes: &[u8], destination: &Path) -> Result<Report, codec::Error> {
    let mut options = options(destination.parent().unwrap());
    options.scratch = std::env::temp_dir();
    let (tree, _) = TreeWriter::begin(destination, Existing::Replace, &options.scratch)?;
    let input = Input::memory("snapshot.fsm", bytes);
    codec::decode(&[input], tree, &options, &Events::default()).map(|(report, _)| report)
}

/// A folder in memory where there is one: thousands of decodes end with a sync each.
fn quick_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = memory.is_dir().then(|| tempfile::tempdir_in(memory));
    match made {
        Some(Ok(folder)) => folder,
        _ => tempfile::tempdir().unwrap(),
    }
}

/// Two snapshots with the dumps that they give, and a destination in which they replace each other.
struct Stage {
    directory: tempfile::TempDir,
    snapshots: [Vec<u8>; 2],
    dumps: [Files; 2],
}

impl Stage {
    /// Makes the stage; the destination is the second dump.
    fn new() -> Stage {
        let directory = quick_folder();
        let at = directory.path().join("dump");
        let snapshots = ["one", "two"].map(snapshot);
        let dumps = [0, 1].map(|which: usize| {
            decode(&snapshots[which], &at).unwrap();
            files(&at)
        });
        assert!(dumps[0] != dumps[1]);
        Stage {
            directory,
            snapshots,
            dumps,
        }
    }

    /// Decodes with a plan in force; returns whether that succeeded, and how many steps it took.
    fn decode(&self, which: usize, plan: Plan) -> (bool, u64) {
        let armed = arm(Scope::Process, plan);
        let result = decode(&self.snapshots[which], &self.directory.path().join("dump"));
        (result.is_ok(), armed.steps())
    }

    fn destination(&self) -> Files {
        files(&self.directory.path().join("dump"))
    }

    fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(self.directory.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "dump").collect()
    }
}

#[test]
fn the_destination_is_the_old_dump_or_the_new_one() {
    let _alone = alone();
    let stage = Stage::new();
    let (_, steps) = stage.decode(0, Plan::default());
    assert!(steps > 50, "{steps}");
    let mut old = 0;
    for fault in [
        Fault::Errno(EIO),
        Fault::DiskFull,
        Fault::Short,
        Fault::Kill,
    ] {
        for at in 0..steps {
            let new = 1 - old;
            let (succeeded, _) = stage.decode(
                new,
                Plan {
                    at: Some((at, fault)),
                    ..Plan::default()
                },
            );
            let found = stage.destination();
            let is_new = found == stage.dumps[new];
            assert!(
                is_new || found == stage.dumps[old],
                "{fault:?} at {at}: a mix"
            );
            assert!(is_new || !succeeded, "{fault:?} at {at}: not replaced");
            if fault == Fault::Short {
                assert!(succeeded, "a short write at {at} is no error");
            }
            if !succeeded {
                // The next run cleans up, and gets through.
                let (succeeded, _) = stage.decode(new, Plan::default());
                assert!(succeeded, "{fault:?} at {at}: the next run fails");
                assert!(stage.destination() == stage.dumps[new]);
                let beside = stage.beside();
                assert!(beside.is_empty(), "{fault:?} at {at}: {beside:?}");
            }
            old = new;
        }
    }
}

/// R18: a body's chunks cost reads and writes, and no other call on files.
#[test]
fn more_chunks_make_no_more_files_and_folders() {
    let _alone = alone();
    let calls = |parts: u64| {
        let mut node = Node::new(1);
        node.create_bucket("bucket");
        let body = vec![7; 1000];
        let parts: Vec<(u64, &[u8])> = (1..=parts).map(|no| (no, &body[..])).collect();
        node.multipart("bucket", b"key", &parts, Default::default());
        let directory = tempfile::tempdir().unwrap();
        let armed = arm(Scope::Process, Plan::default());
        decode(&node.runtime_file(), &directory.path().join("dump")).unwrap();
        let mut calls = armed.log();
        calls.retain(|call| *call != "write");
        calls.sort_unstable();
        calls
    };
    assert_eq!(calls(2), calls(200));
}

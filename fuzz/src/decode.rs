use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use codec::{
    Adapters, BareStrings, Error, Event, Input, Inspection, Names, Observer, OnBad, Options,
    Progress, RawRows, Report, Scope, UnknownRows,
};
use dump::tree::TreeWriter;
use dump::verify::{self, Finding};
use fsroot::{Existing, Root};
use snapshot::FooterPolicy;
use tempfile::TempDir;

/// What one decode came to.
pub struct Outcome {
    /// The report, or why there is none.
    pub result: Result<Report, Error>,
    /// Every file of the tree by its path; empty if there is none.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

struct Deaf;

impl Observer for Deaf {
    fn event(&self, _event: Event) {}

    fn progress(&self, _progress: Progress) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

#[derive(Default)]
struct Findings(Mutex<Vec<String>>);

impl verify::Observer for Findings {
    fn finding(&self, finding: &Finding) {
        self.0.lock().unwrap().push(format!("{finding:?}"));
    }
}

/// A directory in memory where the machine has one: a disk would be the slowest part of every run.
fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<TempDir> = OnceLock::new();
    SCRATCH
        .get_or_init(|| {
            let memory = Path::new("/dev/shm");
            if memory.is_dir() {
                tempfile::tempdir_in(memory).unwrap()
            } else {
                tempfile::tempdir().unwrap()
            }
        })
        .path()
}

/// Options with every switch that makes a decode do more.
pub fn options() -> Options {
    Options {
        adapters: Adapters::ALL,
        scope: Scope::default(),
        footer: FooterPolicy::Optional,
        unknown: UnknownRows::Report,
        raw: RawRows::Write,
        on_bad: OnBad::LeaveOut,
        drop_expired_at_ms: None,
        bare_strings: BareStrings::Unknown,
        names: Names::Native,
        s3: codec::s3::Settings {
            include_incomplete_uploads: true,
            include_orphans: true,
            rename_collisions: true,
            strict_keys: false,
            extended_metadata: true,
            verify_etags: true,
        },
        scratch: scratch().to_owned(),
        cluster_id: None,
        index: None,
        wall_time: jiff::Timestamp::UNIX_EPOCH,
        producer: ("longshore".to_owned(), "fuzz".to_owned()),
    }
}

/// Decodes once and checks what holds for every decode.
pub fn check(bytes: &[u8], options: &Options) -> Outcome {
    let destination = scratch().join("dump");
    let input = Input::memory("snapshot.fsm", bytes);
    let (tree, _) = TreeWriter::begin(&destination, Existing::Refuse, scratch()).unwrap();
    let result = codec::decode(&[input], tree, options, &Deaf).map(|(report, _)| report);
    let outcome = match result {
        Ok(report) => published(&destination, report),
        Err(error) => {
            assert!(!destination.exists(), "a failed run left its destination");
            assert!(
                !matches!(
                    error,
                    Error::Changed { .. } | Error::Scratch(_) | Error::Worker | Error::Dump(_)
                ),
                "{error:?}"
            );
            place_is_inside(&error, bytes.len());
            Outcome {
                result: Err(error),
                files: BTreeMap::new(),
            }
        }
    };
    let left = fs::read_dir(scratch()).unwrap().count();
    assert_eq!(left, 0, "something is left beside the destination");
    outcome
}

fn published(destination: &Path, report: Report) -> Outcome {
    assert!(report.counts.add_up(), "{:?}", report.counts);
    let root = Root::open_ambient(destination).unwrap();
    let findings = Findings::default();
    let verify_options = verify::Options {
        scratch: scratch().to_owned(),
        threads: NonZeroUsize::MIN,
    };
    let verification = verify::verify(&root, &verify_options, &findings).unwrap();
    assert!(
        verification.is_intact(),
        "{:?}",
        findings.0.into_inner().unwrap()
    );
    assert_eq!(
        verification.is_partial(),
        !report.left_out.is_empty(),
        "the manifest and the report differ on what was left out"
    );
    let mut files = BTreeMap::new();
    gather(destination, destination, &mut files);
    fs::remove_dir_all(destination).unwrap();
    Outcome {
        result: Ok(report),
        files,
    }
}

/// Decodes twice; both must agree to the byte.
pub fn check_twice(bytes: &[u8], options: &Options) -> Outcome {
    let (first, second) = (check(bytes, options), check(bytes, options));
    assert!(first.files == second.files, "two decodes differ");
    match (&first.result, &second.result) {
        (Ok(a), Ok(b)) => assert_eq!(a.counts, b.counts),
        // Objects are assembled by several threads; which of several damaged ones is told may differ, that one is may not.
        (Err(_), Err(_)) => {}
        other => panic!("two decodes differ: {other:?}"),
    }
    first
}

/// Inspects, and checks what holds for every inspection.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Error> {
    let input = Input::memory("snapshot.fsm", bytes);
    let result = codec::inspect(&input, FooterPolicy::Optional, &Deaf);
    match &result {
        Ok(inspection) => {
            assert!(inspection.counts.add_up(), "{:?}", inspection.counts);
            assert_eq!(inspection.size_bytes, bytes.len() as u64);
        }
        Err(error) => place_is_inside(error, bytes.len()),
    }
    result
}

/// Every place that an error names lies within the input.
pub fn place_is_inside(error: &Error, length: usize) {
    let offset = match error {
        Error::Snapshot { error, .. } => Some(error.offset),
        Error::Redis { place, .. }
        | Error::Encrypted { place, .. }
        | Error::UnknownRows { place, .. } => place.offset,
        Error::S3(error) => error.place.as_ref().and_then(|place| place.offset),
        _ => None,
    };
    if let Some(offset) = offset {
        assert!(offset <= length as u64, "{error:?} behind {length} bytes");
    }
}

fn gather(root: &Path, directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_owned();
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

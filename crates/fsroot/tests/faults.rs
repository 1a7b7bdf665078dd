//! A fault at every step: the destination is the old thing or the new one, never a mix.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fsroot::faults::{Fault, Plan, Scope, arm};
use fsroot::{
    Error, Existing, Kind, LeftReason, Mode, Recovery, RelPath, Root, StagedOutput, StagedTree,
    recover_ambient,
};

const EIO: i32 = 5;
const EINTR: i32 = 4;

/// Every regular file and empty directory below `at`, with the content of the files.
type Tree = BTreeMap<String, String>;

fn read_tree(at: &Path) -> Option<Tree> {
    let root = match Root::open_ambient(at) {
        Err(Error::NotFound { .. }) => return None,
        root => root.unwrap(),
    };
    let walked = root.walk().map(Result::unwrap);
    let files = walked.filter(|(_, kind)| *kind == Kind::File);
    Some(
        files
            .map(|(file, _)| {
                let content = fs::read_to_string(at.join(file.as_path())).unwrap();
                (file.to_string(), content)
            })
            .collect(),
    )
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files
        .iter()
        .map(|(name, content)| ((*name).into(), (*content).into()))
        .collect()
}

fn new_tree() -> Tree {
    tree(&[
        ("a/large", "piece piece "),
        ("a/small", "new"),
        ("top", "top"),
    ])
}

fn stage(destination: &Path, existing: Existing) -> Result<StagedTree, Error> {
    let (staged, _) = StagedTree::begin(destination, existing)?;
    let path = |text| RelPath::new(text).unwrap();
    let mut writer = staged.writer();
    writer.write(&path("a/small"), Mode::Private, b"new")?;
    writer.write(&path("top"), Mode::Shared, b"top")?;
    let mut large = writer.create(&path("a/large"), Mode::Private)?;
    large.append(b"piece ")?;
    large.append(b"piece ")?;
    large.close()?;
    drop(writer);
    Ok(staged)
}

fn run(destination: &Path, existing: Existing) -> Result<(), Error> {
    stage(destination, existing)?.publish().map(|_| ())
}

/// What stands at the destination before the run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Absent,
    Empty,
    Full,
}

/// In memory where possible: thousands of runs sync a lot.
fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

struct Case {
    dir: tempfile::TempDir,
    before: Before,
}

impl Case {
    fn new(before: Before) -> Case {
        let case = Case {
            dir: quick_dir(),
            before,
        };
        match before {
            Before::Absent => {}
            Before::Empty => fs::create_dir(case.out()).unwrap(),
            Before::Full => {
                fs::create_dir_all(case.out().join("deep/er")).unwrap();
                fs::write(case.out().join("deep/er/old"), "old").unwrap();
                fs::write(case.out().join("top"), "old").unwrap();
            }
        }
        case
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn old(&self) -> Option<Tree> {
        match self.before {
            Before::Absent => None,
            Before::Empty => Some(Tree::new()),
            Before::Full => Some(tree(&[("deep/er/old", "old"), ("top", "old")])),
        }
    }

    fn existing(&self) -> Existing {
        match self.before {
            Before::Full => Existing::Replace,
            _ => Existing::Refuse,
        }
    }

    /// What lies beside the destination.
    fn siblings(&self) -> Vec<String> {
        fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "out")
            .collect()
    }

    #[track_caller]
    fn assert_old(&self, context: &str) {
        assert_eq!(read_tree(&self.out()), self.old(), "{context}");
    }

    #[track_caller]
    fn assert_old_or_new(&self, context: &str) -> Option<Tree> {
        let found = read_tree(&self.out());
        assert!(
            found == self.old() || found == Some(new_tree()),
            "{context}: {found:?}"
        );
        found
    }
}

/// Puts `fault` at every step of a run, one after the other, and judges what is left each time.
fn at_every_step(
    before: Before,
    unsupported: &'static [&'static str],
    fault: Fault,
    judge: impl Fn(&Case, Result<(), Error>, &str),
) {
    for step in 0.. {
        let case = Case::new(before);
        let armed = arm(
            Scope::Thread,
            Plan {
                at: Some((step, fault)),
                unsupported,
            },
        );
        let outcome = run(&case.out(), case.existing());
        let (fired, log) = (armed.fired(), armed.log());
        drop(armed);
        let name = log.get(step as usize).copied().unwrap_or("end");
        let context = format!("{before:?} without {unsupported:?}, {fault:?} at {step}, {name}");
        judge(&case, outcome, &context);
        if !fired {
            assert!(step > 10, "the run has steps");
            return;
        }
    }
}

const EVERYTHING: &[&str] = &[];
/// Neither an exchange nor a rename that does not replace nor one sync for all.
const OLD_KERNEL: &[&str] = &["exchange", "rename without replacing", "sync file system"];

fn every_kind(test: impl Fn(Before, &'static [&'static str])) {
    for unsupported in [EVERYTHING, &["exchange"], OLD_KERNEL] {
        for before in [Before::Absent, Before::Empty, Before::Full] {
            test(before, unsupported);
        }
    }
}

#[test]
fn after_an_error_the_old_thing_stands_and_nothing_else_is_left() {
    every_kind(|before, unsupported| {
        at_every_step(
            before,
            unsupported,
            Fault::Errno(EIO),
            |case, outcome, context| {
                match outcome {
                    Err(_) => case.assert_old(context),
                    // Some failures are none, such as that of removing what was replaced.
                    Ok(()) => assert_eq!(read_tree(&case.out()), Some(new_tree()), "{context}"),
                }
                // The step that failed can be the one that cleans up; the next run does it then.
                recover_ambient(&case.out()).unwrap();
                assert_eq!(case.siblings(), [""; 0], "{context}");
                case.assert_old_or_new(context);
            },
        );
    });
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    every_kind(|before, unsupported| {
        at_every_step(
            before,
            unsupported,
            Fault::DiskFull,
            |case, outcome, context| {
                match outcome {
                    Err(Error::DiskFull { .. }) => case.assert_old(context),
                    Err(other) => panic!("{context}: {other:?}"),
                    Ok(()) => assert_eq!(read_tree(&case.out()), Some(new_tree()), "{context}"),
                }
                assert_eq!(case.siblings(), [""; 0], "{context}");
            },
        );
    });
}

#[test]
fn after_a_kill_the_next_run_cleans_up() {
    every_kind(|before, unsupported| {
        at_every_step(
            before,
            unsupported,
            Fault::Kill,
            |case, outcome, context| {
                let found = read_tree(&case.out());
                assert!(
                    found.is_none() || found == case.old() || found == Some(new_tree()),
                    "{context}: {found:?}"
                );
                let had_siblings = !case.siblings().is_empty();
                let recoveries = recover_ambient(&case.out()).unwrap();
                case.assert_old_or_new(context);
                assert_eq!(case.siblings(), [""; 0], "{context}: {recoveries:?}");
                assert_eq!(had_siblings, !recoveries.is_empty(), "{context}");
                if outcome.is_ok() {
                    assert_eq!(read_tree(&case.out()), Some(new_tree()), "{context}");
                }
                run(&case.out(), Existing::Replace).unwrap();
                assert_eq!(read_tree(&case.out()), Some(new_tree()), "{context}");
                assert_eq!(case.siblings(), [""; 0], "{context}");
            },
        );
    });
}

/// The recovering run can be killed as well.
#[test]
fn after_a_kill_during_recovery_the_run_after_that_cleans_up() {
    for first in 0.. {
        let mut second = 0;
        let fired = loop {
            let case = Case::new(Before::Full);
            let plan = |step| Plan {
                at: Some((step, Fault::Kill)),
                unsupported: OLD_KERNEL,
            };
            let armed = arm(Scope::Thread, plan(first));
            let _outcome = run(&case.out(), Existing::Replace);
            let fired = armed.fired();
            drop(armed);
            let armed = arm(Scope::Thread, plan(second));
            let _recovered = recover_ambient(&case.out());
            let fired_again = armed.fired();
            drop(armed);
            recover_ambient(&case.out()).unwrap();
            let context = format!("killed at {first}, then at {second}");
            case.assert_old_or_new(&context);
            assert_eq!(case.siblings(), [""; 0], "{context}");
            if !fired_again {
                break fired;
            }
            second += 1;
        };
        if !fired {
            return;
        }
    }
}

/// The clean-up that follows must not take a published tree for a staged one.
#[test]
fn when_a_failed_publication_cannot_be_undone_the_new_thing_stands_whole() {
    for (before, unsupported) in [
        (Before::Absent, &["sync", "rename"][..]),
        (Before::Full, &["sync"]),
        (Before::Full, &["sync", "exchange"]),
    ] {
        let case = Case::new(before);
        let plan = Plan {
            unsupported,
            ..Plan::default()
        };
        let armed = arm(Scope::Thread, plan);
        run(&case.out(), case.existing()).unwrap_err();
        drop(armed);
        let context = format!("{before:?} without {unsupported:?}");
        case.assert_old_or_new(&context);
        recover_ambient(&case.out()).unwrap();
        case.assert_old_or_new(&context);
        assert_eq!(case.siblings(), [""; 0], "{context}");
    }
}

#[test]
fn short_writes_and_interruptions_go_unnoticed() {
    at_every_step(
        Before::Full,
        EVERYTHING,
        Fault::Short,
        |case, outcome, context| {
            outcome.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert_eq!(read_tree(&case.out()), Some(new_tree()), "{context}");
            assert_eq!(case.siblings(), [""; 0], "{context}");
        },
    );
}

/// Interruptions are repeated below the point of injection; one that gets here is an error like
/// any other, never a mix.
#[test]
fn an_interruption_that_is_not_repeated_is_an_error() {
    at_every_step(
        Before::Full,
        EVERYTHING,
        Fault::Errno(EINTR),
        |case, _, context| {
            case.assert_old_or_new(context);
        },
    );
}

#[test]
fn a_single_file_is_the_old_one_or_the_new_one() {
    let write = |out: &Path, existing| -> Result<(), Error> {
        let (mut output, _) = StagedOutput::begin(out, existing, Mode::Private)?;
        output.append(b"new")?;
        output.publish().map(|_| ())
    };
    for unsupported in [EVERYTHING, OLD_KERNEL] {
        for old in [None, Some("old".to_owned())] {
            for fault in [
                Fault::Errno(EIO),
                Fault::DiskFull,
                Fault::Kill,
                Fault::Short,
            ] {
                for step in 0.. {
                    let dir = quick_dir();
                    let out = dir.path().join("out");
                    let existing = match &old {
                        None => Existing::Refuse,
                        Some(content) => {
                            fs::write(&out, content).unwrap();
                            Existing::Replace
                        }
                    };
                    let armed = arm(
                        Scope::Thread,
                        Plan {
                            at: Some((step, fault)),
                            unsupported,
                        },
                    );
                    let outcome = write(&out, existing);
                    let fired = armed.fired();
                    let context =
                        format!("{fault:?} at {step} {:?}", armed.log().get(step as usize));
                    drop(armed);
                    let found = fs::read_to_string(&out).ok();
                    let new = Some("new".to_owned());
                    if outcome.is_ok() {
                        assert_eq!(found, new, "{context}");
                    } else if fault == Fault::Kill {
                        assert!(found == old || found == new, "{context}: {found:?}");
                    } else {
                        // Once it replaced another file, there is no way back.
                        assert!(found == old || old.is_some() && found == new, "{context}");
                    }
                    recover_ambient(&out).unwrap();
                    let left = fs::read_dir(dir.path()).unwrap().count();
                    assert_eq!(left, usize::from(out.exists()), "{context}");
                    if !fired {
                        break;
                    }
                }
            }
        }
    }
}

/// What a run leaves that is killed at the first step of this name.
fn killed_at(before: Before, call: &str, unsupported: &'static [&'static str]) -> Case {
    for step in 0.. {
        let case = Case::new(before);
        let armed = arm(
            Scope::Thread,
            Plan {
                at: Some((step, Fault::Kill)),
                unsupported,
            },
        );
        let _outcome = run(&case.out(), case.existing());
        assert!(armed.fired(), "no step is called {call}");
        if armed.log().get(step as usize) == Some(&call) {
            return case;
        }
    }
    unreachable!("a run ends")
}

#[test]
fn what_was_done_is_said() {
    let case = killed_at(Before::Absent, "write", EVERYTHING);
    let (staged, recoveries) = StagedTree::begin(&case.out(), Existing::Refuse).unwrap();
    assert!(
        matches!(&recoveries[..], [Recovery::Removed { .. }]),
        "{recoveries:?}"
    );
    drop(staged);

    // The first rename sets the old tree aside, the second puts the new one in its place.
    let case = killed_at(Before::Full, "rename", &["exchange"]);
    let recoveries = recover_ambient(&case.out()).unwrap();
    assert!(
        matches!(
            &recoveries[..],
            [Recovery::Undone { .. }, Recovery::Removed { .. }]
        ),
        "{recoveries:?}"
    );
    case.assert_old("undone");

    let case = killed_at(Before::Full, "rename without replacing", &["exchange"]);
    assert!(!case.out().exists());
    let recoveries = recover_ambient(&case.out()).unwrap();
    assert!(
        matches!(&recoveries[..], [Recovery::Completed { .. }]),
        "{recoveries:?}"
    );
    assert_eq!(read_tree(&case.out()), Some(new_tree()));
}

/// Between the renames of a dead run somebody made a new destination.
#[test]
fn an_old_tree_is_kept_when_something_else_has_its_name() {
    keeps_the_displaced(|_| ());
    // With the staged tree gone, too, it looks as if that had taken its place.
    keeps_the_displaced(|case| {
        let siblings = case.siblings();
        let staged = siblings.iter().find(|name| name.contains("staging"));
        fs::remove_dir_all(case.dir.path().join(staged.unwrap())).unwrap();
    });
}

fn keeps_the_displaced(meanwhile: impl Fn(&Case)) {
    let case = killed_at(Before::Full, "rename without replacing", &["exchange"]);
    meanwhile(&case);
    fs::create_dir(case.out()).unwrap();
    fs::write(case.out().join("mine"), "mine").unwrap();
    for _ in 0..2 {
        let recoveries = recover_ambient(&case.out()).unwrap();
        assert!(
            recoveries.iter().any(|recovery| matches!(
                recovery,
                Recovery::Left {
                    reason: LeftReason::Displaced,
                    ..
                }
            )),
            "{recoveries:?}"
        );
        let [aside] = &case.siblings()[..] else {
            panic!("only the old tree: {:?}", case.siblings());
        };
        assert_eq!(read_tree(&case.dir.path().join(aside)), case.old());
        assert_eq!(read_tree(&case.out()), Some(tree(&[("mine", "mine")])));
    }
}

#[test]
fn a_living_run_is_left_alone() {
    let case = Case::new(Before::Full);
    let living = stage(&case.out(), Existing::Replace).unwrap();
    for _ in 0..2 {
        assert!(recover_ambient(&case.out()).unwrap().is_empty());
    }
    assert_eq!(case.siblings().len(), 1);
    living.publish().unwrap();
    assert_eq!(read_tree(&case.out()), Some(new_tree()));
}

#[test]
fn without_locks_nothing_is_taken_for_dead() {
    let case = Case::new(Before::Absent);
    let living = stage(&case.out(), Existing::Refuse).unwrap();
    // A file system without locks; the names are all there is to go by.
    let remains = case.dir.path().join(&case.siblings()[0]);
    let armed = arm(
        Scope::Thread,
        Plan {
            unsupported: &["lock"],
            ..Plan::default()
        },
    );
    let outcome = recover_ambient(&case.out()).unwrap();
    drop(armed);
    assert!(
        matches!(&outcome[..], [Recovery::Left { path, reason: LeftReason::MayBeAlive }] if *path == remains),
        "{outcome:?}"
    );
    living.publish().unwrap();
    assert_eq!(read_tree(&case.out()), Some(new_tree()));
}

#[test]
fn look_alikes_of_other_kinds_are_left_alone() {
    let case = Case::new(Before::Absent);
    let canary = case.dir.path().join("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("file"), "alive").unwrap();
    let name = ".out.longshore-staging.0123456789abcdef";
    std::os::unix::fs::symlink(&canary, case.dir.path().join(name)).unwrap();
    assert!(recover_ambient(&case.out()).unwrap().is_empty());
    assert!(case.dir.path().join(name).is_symlink());
    assert_eq!(fs::read(canary.join("file")).unwrap(), b"alive");
}

//! Staging and publishing a single file, and files without a name.

use std::fs;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use fsroot::faults::{Plan, Scope, arm};
use fsroot::{Error, Existing, Kind, Mode, StagedOutput, scratch_file};

fn begin(destination: &Path, existing: Existing) -> StagedOutput {
    let (output, recoveries) = StagedOutput::begin(destination, existing, Mode::Private).unwrap();
    assert!(recoveries.is_empty());
    output
}

fn count(at: &Path) -> usize {
    fs::read_dir(at).unwrap().count()
}

#[test]
fn a_file_appears_when_it_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.fsm");
    let mut output = begin(&out, Existing::Refuse);
    output.append(b"one ").unwrap();
    output.write_all(b"two").unwrap();
    assert!(!out.exists());
    assert!(!output.publish().unwrap().replaced);
    assert_eq!(fs::read(&out).unwrap(), b"one two");
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(count(dir.path()), 1);
}

#[test]
fn shared_files_follow_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let (output, _) = StagedOutput::begin(&out, Existing::Refuse, Mode::Shared).unwrap();
    output.publish().unwrap();
    fs::write(dir.path().join("other"), "").unwrap();
    assert_eq!(
        fs::metadata(&out).unwrap().mode(),
        fs::metadata(dir.path().join("other")).unwrap().mode()
    );
}

#[test]
fn existing_files_are_refused_or_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::write(&out, "old").unwrap();
    let refused = StagedOutput::begin(&out, Existing::Refuse, Mode::Private);
    assert!(matches!(refused, Err(Error::DestinationExists { .. })));
    let mut output = begin(&out, Existing::Replace);
    output.append(b"new").unwrap();
    assert_eq!(fs::read(&out).unwrap(), b"old");
    assert!(output.publish().unwrap().replaced);
    assert_eq!(fs::read(&out).unwrap(), b"new");
    assert_eq!(count(dir.path()), 1);
}

/// With the system call that never replaces, and without it.
#[test]
fn a_file_that_came_meanwhile_is_kept() {
    for unsupported in [&[][..], &["rename without replacing"]] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let _armed = arm(
            Scope::Thread,
            Plan {
                unsupported,
                ..Plan::default()
            },
        );
        let mut output = begin(&out, Existing::Refuse);
        output.append(b"new").unwrap();
        fs::write(&out, "mine").unwrap();
        let refused = output.publish();
        assert!(matches!(refused, Err(Error::DestinationExists { .. })));
        assert_eq!(fs::read(&out).unwrap(), b"mine");
        assert_eq!(count(dir.path()), 1);
        fs::remove_file(&out).unwrap();
        begin(&out, Existing::Refuse).publish().unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"");
        assert_eq!(count(dir.path()), 1);
    }
}

#[test]
fn only_regular_files_can_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("dir")).unwrap();
    symlink("elsewhere", dir.path().join("link")).unwrap();
    for existing in [Existing::Refuse, Existing::Replace] {
        let begin = |name| StagedOutput::begin(&dir.path().join(name), existing, Mode::Private);
        assert!(matches!(
            begin("dir"),
            Err(Error::DestinationUnfit {
                kind: Kind::Directory,
                ..
            })
        ));
        assert!(matches!(begin("link"), Err(Error::SymlinkRefused { .. })));
        assert!(matches!(begin("no/out"), Err(Error::ParentMissing { .. })));
    }
}

#[test]
fn dropping_and_discarding_remove_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    drop(begin(&out, Existing::Refuse));
    assert_eq!(count(dir.path()), 0);
    begin(&out, Existing::Refuse).discard().unwrap();
    assert_eq!(count(dir.path()), 0);
}

/// With the system call that makes nameless files, and without it.
#[test]
fn a_scratch_file_has_no_name() {
    for unsupported in [&[][..], &["create scratch file"]] {
        let dir = tempfile::tempdir().unwrap();
        let _armed = arm(
            Scope::Thread,
            Plan {
                unsupported,
                ..Plan::default()
            },
        );
        let mut file = scratch_file(dir.path()).unwrap();
        assert_eq!(count(dir.path()), 0);
        file.write_all(b"content").unwrap();
        file.rewind().unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "content");
        let meta = file.metadata().unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.nlink()), (0o600, 0));
        assert!(matches!(
            scratch_file(&dir.path().join("none")),
            Err(Error::NotFound { .. })
        ));
    }
}

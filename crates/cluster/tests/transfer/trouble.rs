//! What goes wrong on either side has a name.

use std::time::Duration;

use cluster::far::{End, Event, Far as _, Process};
use cluster::transfer::{STAGE_SCRIPT, TransferError, command};

use crate::carry;
use crate::local::{Programs, SHELLS, Shell, Volume};
use crate::tree::{Tree, content, small};

/// Replaces a program and expects an error.
async fn check(program: &str, body: &str, is_expected: impl Fn(&TransferError) -> bool) {
    let volume = Volume::new();
    let programs = Programs::new(volume.dir.path());
    programs.replace(program, body);
    let mut far = volume.far(Shell::Dash);
    far.overrides = Some(programs.dir.clone());
    let mut files = small(50, 500).files;
    files.insert(b"large.bin".to_vec(), content(3 << 20, 1));
    let mut setup = volume.setup("r1", "p1");
    setup.retry = Duration::from_secs(5);
    let error = carry(&far, &Tree::new(files), &setup).await.unwrap_err();
    assert!(is_expected(&error), "{program}: {error:?}");
    assert!(!volume.published().exists());
}

/// Says something to standard error, as a program does that fails after it has taken its input.
fn fails(words: &str) -> String {
    format!("/usr/bin/cat > /dev/null\necho '{words}' >&2\nexit 1")
}

/// The same without taking anything.
fn refuses(words: &str) -> String {
    format!("echo '{words}' >&2\nexit 1")
}

#[tokio::test]
async fn a_volume_that_takes_nothing_more() {
    let words = fails("tar: a.jpg: Cannot write: No space left on device");
    check("tar", &words, |error| {
        matches!(error, TransferError::NoSpace { .. })
    })
    .await;
    let words = fails("dd: error writing: No space left on device");
    let only_pieces = format!("case $* in *noxfer*) {words};; *) real \"$@\";; esac")
        .replace("/usr/bin/cat", "real \"$@\"");
    check("dd", &only_pieces, |error| {
        matches!(error, TransferError::NoSpace { .. })
    })
    .await;
    let words = refuses("mkdir: cannot create directory x: Read-only file system");
    let body = format!("case $* in *.longshore*) {words};; *) real \"$@\";; esac");
    check("mkdir", &body, |error| {
        matches!(error, TransferError::ReadOnly { .. })
    })
    .await;
    let words = refuses("mkdir: cannot create directory x: Permission denied");
    let body = format!("case $* in *.longshore*) {words};; *) real \"$@\";; esac");
    check("mkdir", &body, |error| {
        matches!(error, TransferError::NotWritable { .. })
    })
    .await;
    let words = fails("tar: a.jpg: Cannot open: Input/output error");
    check("tar", &words, |error| {
        matches!(error, TransferError::FarIo { .. })
    })
    .await;
}

/// A program that fails in the middle leaves the rest of its input behind, which must not be taken for frames.
#[tokio::test]
async fn what_cannot_be_written_is_taken_to_its_end() {
    for shell in SHELLS {
        let volume = Volume::new();
        let mut far = volume.far(shell);
        // No file may be larger than 1 MiB, and whoever tries is not killed but told.
        far.script = format!("trap '' 25\nulimit -f 2048\n{STAGE_SCRIPT}");
        let words = command::receive(&volume.setup("r1", "p1"));
        let mut process = far.start(words).await.unwrap();
        let mut said = String::new();
        while !said.contains("ready") {
            take(&mut process, &mut said).await;
        }
        let mut frames = b"piece 1 1 0 3145828 more\nx".to_vec();
        frames.extend_from_slice(&content(3_145_828, 1));
        frames.extend_from_slice(b"piece 2 0 3145828 4 files\nrestbeat 0\nquit 0\n");
        process.input.send(frames.into()).await.unwrap();
        let ended = async { while take(&mut process, &mut said).await {} };
        // What takes data for frames never finds the end.
        let patience = Duration::from_secs(60);
        tokio::time::timeout(patience, ended).await.expect("an end");
        assert!(said.contains("error io writing: dd: "), "{shell:?}: {said}");
        assert_eq!(said.matches("error").count(), 2, "{shell:?}: {said}");
        assert!(!said.contains("protocol"), "{shell:?}: {said}");
    }
}

/// Adds what comes next; tells whether there is more.
pub(crate) async fn take(process: &mut Process, said: &mut String) -> bool {
    match process.events.recv().await {
        Some(Event::Stdout(bytes)) => said.push_str(&String::from_utf8_lossy(&bytes)),
        Some(Event::Stderr(_)) => {}
        Some(Event::Ended(end)) => assert_eq!(end, End::Success),
        None => return false,
    }
    true
}

#[tokio::test]
async fn a_volume_without_inodes() {
    let volume = Volume::new();
    let programs = Programs::new(volume.dir.path());
    programs.replace(
        "tar",
        &fails("tar: a.jpg: Cannot open: No space left on device"),
    );
    programs.replace(
        "stat",
        "case $* in *'%c %d'*) echo 1000 0;; *) real \"$@\";; esac",
    );
    let mut far = volume.far(Shell::Dash);
    far.overrides = Some(programs.dir.clone());
    let setup = volume.setup("r1", "p1");
    let error = carry(&far, &small(3, 3), &setup).await.unwrap_err();
    assert!(matches!(error, TransferError::NoInodes { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_back_is_named() {
    let body = "case $* in *000013.jpg*) echo 'sha256sum: images/06/000013.jpg: Permission denied' >&2;; esac\n\
                for name; do [ \"$name\" = images/06/000013.jpg ] || set -- \"$@\" \"$name\"; shift; done\n[ $# -gt 1 ] || exit 1\nreal \"$@\"";
    check("sha256sum", body, |error| match error {
        TransferError::Unreadable { path, evidence } => {
            path == "images/06/000013.jpg" && evidence.contains("Permission denied")
        }
        _ => false,
    })
    .await;
}

#[tokio::test]
async fn a_file_that_arrives_changed_again_and_again_is_named() {
    let body = "real \"$@\"; status=$?\nwhile [ \"$1\" != -C ]; do shift; done\n\
                [ ! -f \"$2/images/06/000013.jpg\" ] || echo x >> \"$2/images/06/000013.jpg\"\nexit $status";
    check("tar", body, |error| {
        let path = "images/06/000013.jpg".to_owned();
        *error == TransferError::Corrupted { path }
    })
    .await;
}

#[tokio::test]
async fn a_hash_program_that_says_nothing_or_anything_is_not_believed() {
    let hopeless = |error: &TransferError| matches!(error, TransferError::Unreadable { .. });
    check("sha256sum", "exit 0", hopeless).await;
    let body = "for name; do [ \"$name\" = -- ] || echo \"0000000000000000000000000000000000000000000000000000000000000000  $name\"; done";
    let corrupted = |error: &TransferError| matches!(error, TransferError::Corrupted { .. });
    check("sha256sum", body, corrupted).await;
}

#[tokio::test]
async fn what_takes_long_is_not_taken_for_silence() {
    let volume = Volume::new();
    let programs = Programs::new(volume.dir.path());
    let slow = "case $* in *large*) sleep 5;; esac\nreal \"$@\"";
    programs.replace("sha256sum", slow);
    let mut far = volume.far(Shell::Dash);
    far.overrides = Some(programs.dir.clone());
    let slow_tick = "\ntick=5\n";
    assert!(far.script.contains(slow_tick));
    far.script = far.script.replace(slow_tick, "\ntick=1\n");
    let tree = Tree::new([(b"large.bin".to_vec(), content(33 << 20, 1))]);
    let mut setup = volume.setup("r1", "p1");
    (setup.stall, setup.retry) = (Duration::from_secs(4), Duration::ZERO);
    carry(&far, &tree, &setup).await.unwrap();
}

#[tokio::test]
async fn an_image_without_a_hash_program() {
    for shell in SHELLS {
        let volume = Volume::new();
        let mut far = volume.far(shell);
        far.script = far.script.replace("sha256sum", "sha257sum");
        let setup = volume.setup("r1", "p1");
        let error = carry(&far, &small(3, 3), &setup).await.unwrap_err();
        let program = "sha257sum".to_owned();
        assert_eq!(error, TransferError::MissingProgram { program });
        let probe = cluster::transfer::probe(&far, &setup).await.unwrap();
        assert_eq!(probe.findings, [error]);
    }
}

#[tokio::test]
async fn what_the_table_has_already_ends_it_before_anything_is_sent() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let data = volume.shared().join("cats");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("x"), "").unwrap();
        let error = carry(&far, &small(3, 3), &setup).await.unwrap_err();
        let path = data.display().to_string();
        assert_eq!(error, TransferError::Destination { path });
        assert!(far.input_bytes() < 100);
    }
}

#[tokio::test]
async fn a_file_that_changes_here_is_named_and_nothing_is_published() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let tree = small(30, 300);
        let source = std::sync::Arc::new(tree.source());
        let changed = tree.path().join("images/06/000013.jpg");
        std::fs::write(changed, "shorter").unwrap();
        let carried = cluster::transfer::carry(&far, source, &setup, &cluster::transfer::Silent);
        let expected = TransferError::SourceChanged {
            path: "images/06/000013.jpg".to_owned(),
            what: "changed since it was checked".to_owned(),
        };
        assert_eq!(carried.await.unwrap_err(), expected);
    }
}

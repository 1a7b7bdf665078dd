//! What is on the volume already is not sent again, and what is sent twice is counted.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use cluster::transfer::{self, TransferError};

use crate::local::{Fault, Programs, SHELLS, Shell, Volume};
use crate::tree::{Tree, content, small};
use crate::{carry, push};

/// Lets a run die in the middle of its input, without a trace of it but on the volume.
async fn die(volume: &Volume, shell: Shell, tree: &Tree, at: u64) {
    let far = volume.far(shell);
    let mut setup = volume.setup("dead", "p1");
    setup.retry = Duration::ZERO;
    far.plan([Fault::Kill(at)]);
    let ended = carry(&far, tree, &setup).await.unwrap_err();
    assert!(
        matches!(ended, TransferError::RetriesUsedUp { .. }),
        "{ended}"
    );
    transfer::release(&far, &setup).await.unwrap();
}

#[tokio::test]
async fn the_same_command_again_sends_the_rest() {
    let mut files = small(2000, 900).files;
    files.insert(b"large.bin".to_vec(), content(12 << 20, 5));
    let tree = Tree::new(files);
    for shell in SHELLS {
        for at in [11 << 20, 13 << 20] {
            let volume = Volume::new();
            die(&volume, shell, &tree, at).await;
            let far = volume.far(shell);
            let receipt = push(&far, &tree, &volume.setup("r2", "p2")).await.unwrap();
            tree.assert_is(&volume.published());
            assert!(
                receipt.sent_bytes <= tree.bytes() - at + (9 << 20),
                "{receipt:?}"
            );
        }
    }
}

/// Whoever was not seen to end may still write into its files, so they are not taken but copied.
#[tokio::test]
async fn files_of_a_run_that_was_not_seen_to_end_are_copied() {
    for shell in SHELLS {
        let tree = small(200, 3000);
        let volume = Volume::new();
        let far = volume.far(shell);
        carry(&far, &tree, &volume.setup("dead", "p1"))
            .await
            .unwrap();
        let files = volume.home().join("work-dead.p1/files");
        let one = std::fs::File::open(files.join("images/00/000000.jpg")).unwrap();
        let mut setup = volume.setup("r2", "p2");
        setup.lock_watch = std::time::Duration::ZERO;
        let receipt = push(&far, &tree, &setup).await.unwrap();
        assert_eq!(receipt.sent_bytes, 0);
        tree.assert_is(&volume.published());
        let now = std::fs::metadata(volume.published().join("images/00/000000.jpg")).unwrap();
        assert_ne!(now.ino(), one.metadata().unwrap().ino(), "{shell:?}");
    }
}

#[tokio::test]
async fn another_pod_of_the_same_run_does_not_wait() {
    for shell in SHELLS {
        let tree = small(20, 300);
        let volume = Volume::new();
        let far = volume.far(shell);
        carry(&far, &tree, &volume.setup("r1", "p1")).await.unwrap();
        let mut setup = volume.setup("r1", "p2");
        setup.lock_watch = std::time::Duration::from_secs(3600);
        let receipt = push(&far, &tree, &setup).await.unwrap();
        assert_eq!(receipt.sent_bytes, 0);
        tree.assert_is(&volume.published());
    }
}

#[tokio::test]
async fn what_is_published_already_is_not_published_again() {
    for shell in SHELLS {
        let tree = Tree::new(small(200, 3000).files);
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        push(&far, &tree, &setup).await.unwrap();
        transfer::release(&far, &setup).await.unwrap();
        let setup = volume.setup("r2", "p2");
        let before = std::fs::metadata(volume.published()).unwrap();
        let receipt = push(&far, &tree, &setup).await.unwrap();
        assert!(receipt.is_published);
        assert_eq!(receipt.sent_bytes, 0);
        let after = std::fs::metadata(volume.published()).unwrap();
        assert_eq!(before.ino(), after.ino());
        transfer::release(&far, &setup).await.unwrap();
        tree.assert_is(&volume.published());
        assert!(!volume.home().join("work-r2.p2").exists());
    }
}

#[tokio::test]
async fn only_what_changed_is_sent() {
    for shell in SHELLS {
        let old = small(200, 3000);
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        push(&far, &old, &setup).await.unwrap();
        transfer::release(&far, &setup).await.unwrap();

        let mut files = old.files.clone();
        let name = |number: u32| format!("images/{:02}/{number:06}.jpg", number % 7).into_bytes();
        // The same size, another one, a new one, a name that becomes a directory, and the other way round.
        files.insert(name(7), content(3002, 99));
        files.insert(name(8), content(10, 98));
        files.insert(b"labels.csv".to_vec(), content(500, 97));
        files.remove(&name(9));
        files.insert([&name(9)[..], b"/inner"].concat(), content(5, 96));
        files.retain(|name, _| !name.starts_with(b"images/03/"));
        files.insert(b"images/03".to_vec(), content(6, 95));
        let new = Tree::new(files);
        let receipt = push(&far, &new, &volume.setup("r2", "p2")).await.unwrap();
        new.assert_is(&volume.published());
        assert_eq!(receipt.sent_bytes, 3002 + 10 + 500 + 5 + 6, "{shell:?}");
    }
}

/// Files that are taken over are links; going on behind their end would change what is published.
#[tokio::test]
async fn a_file_that_grew_leaves_the_published_one_alone() {
    for shell in SHELLS {
        let table = content(3 << 20, 1);
        let tree = |length: usize, extra: &[u8]| {
            Tree::new([
                (b"labels.csv".to_vec(), table[..length].to_vec()),
                (b"extra".to_vec(), extra.to_vec()),
            ])
        };
        let volume = Volume::new();
        let far = volume.far(shell);
        let published = tree(2 << 20, b"one");
        let setup = volume.setup("r1", "p1");
        push(&far, &published, &setup).await.unwrap();
        // The second takes the table over, and is not published.
        let receipt = carry(&far, &tree(2 << 20, b"two!"), &setup).await.unwrap();
        assert_eq!(receipt.sent_bytes, 4);
        let longer = tree(3 << 20, b"two!");
        let receipt = carry(&far, &longer, &setup).await.unwrap();
        assert_eq!(receipt.sent_bytes, 1 << 20, "{shell:?}");
        published.assert_is(&volume.published());
        transfer::publish(&far, &setup, &receipt).await.unwrap();
        longer.assert_is(&volume.published());
    }
}

/// Nothing was heard while it was copied, so a large file could never grow.
#[tokio::test]
async fn a_copy_that_takes_long_is_not_taken_for_silence() {
    let table = content(2 << 20, 1);
    let tree = |length: usize, extra: &[u8]| {
        Tree::new([
            (b"labels.csv".to_vec(), table[..length].to_vec()),
            (b"extra".to_vec(), extra.to_vec()),
        ])
    };
    let volume = Volume::new();
    let programs = Programs::new(volume.dir.path());
    programs.replace("cp", "sleep 6; real \"$@\"");
    let mut far = volume.far(Shell::Dash);
    far.overrides = Some(programs.dir.clone());
    far.script = far.script.replace("\ntick=5\n", "\ntick=1\n");
    let mut setup = volume.setup("r1", "p1");
    (setup.stall, setup.retry) = (Duration::from_secs(4), Duration::ZERO);
    push(&far, &tree(1 << 20, b"one"), &setup).await.unwrap();
    carry(&far, &tree(1 << 20, b"two!"), &setup).await.unwrap();
    push(&far, &tree(2 << 20, b"two!"), &setup).await.unwrap();
    tree(2 << 20, b"two!").assert_is(&volume.published());
}

/// A process for each directory would take minutes where there are many, in which nothing is heard.
#[tokio::test]
async fn directories_that_stay_cost_nothing_when_files_go() {
    let volume = Volume::new();
    let programs = Programs::new(volume.dir.path());
    let log = volume.dir.path().join("removals");
    let note = format!("echo >> {}\nreal \"$@\"", log.display());
    programs.replace("rmdir", &note);
    let mut far = volume.far(Shell::Dash);
    far.overrides = Some(programs.dir.clone());
    let setup = volume.setup("r1", "p1");
    let name = |number: u32| format!("images/{number}/deep/a.jpg").into_bytes();
    let files: Vec<_> = (0..300)
        .map(|number| (name(number), content(9, 1)))
        .collect();
    let old = Tree::new(files.clone());
    carry(&far, &old, &setup).await.unwrap();
    let new = Tree::new(files.into_iter().skip(1));
    push(&far, &new, &setup).await.unwrap();
    new.assert_is(&volume.published());
    assert!(!volume.published().join("images/0").exists());
    let removals = std::fs::read(&log).unwrap().len();
    assert!(removals < 20, "{removals}");
}

/// Whoever removed the last file of a directory may have ended before the directory went too, and now a file has its name.
#[tokio::test]
async fn an_empty_directory_is_in_no_files_way() {
    for shell in SHELLS {
        for size in [10, 700_000] {
            let volume = Volume::new();
            let far = volume.far(shell);
            let setup = volume.setup("r1", "p1");
            let inner = (b"images/03/inner/a.jpg".to_vec(), content(9, 1));
            carry(&far, &Tree::new([inner]), &setup).await.unwrap();
            let files = volume.home().join("work-r1.p1/files");
            std::fs::remove_file(files.join("images/03/inner/a.jpg")).unwrap();
            let new = Tree::new([(b"images/03".to_vec(), content(size, 2))]);
            push(&far, &new, &setup).await.unwrap();
            new.assert_is(&volume.published());
        }
    }
}

/// What an earlier run left is of another content where sizes are the same.
#[tokio::test]
async fn what_another_payload_left_is_replaced() {
    for shell in SHELLS {
        let volume = Volume::new();
        let mut files = small(300, 900).files;
        files.insert(b"large.bin".to_vec(), content(12 << 20, 5));
        die(&volume, shell, &Tree::new(files), 11 << 20).await;
        let mut files = small(290, 900).files;
        for content in files.values_mut() {
            content[0] ^= 1;
        }
        files.insert(b"large.bin".to_vec(), content(12 << 20, 6));
        let tree = Tree::new(files);
        let far = volume.far(shell);
        let receipt = push(&far, &tree, &volume.setup("r2", "p2")).await.unwrap();
        tree.assert_is(&volume.published());
        assert_eq!(receipt.sent_bytes, tree.bytes());
    }
}

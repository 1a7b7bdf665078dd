//! One run at a time: a lock on the volume, between processes that share nothing else.

use std::time::{Duration, Instant};

use cluster::far::Far as _;
use cluster::transfer::{self, Notice, Observer, TransferError, command};

use futures_util::future::join_all;
use tokio::sync::Barrier;

use crate::local::{SHELLS, Shell, Volume};
use crate::tree::{Tree, content, small};
use crate::trouble::take;
use crate::{carry, push};

#[tokio::test]
async fn a_lock_that_was_given_back_is_free_at_once() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        carry(&far, &small(3, 3), &setup).await.unwrap();
        transfer::release(&far, &setup).await.unwrap();
        let mut setup = volume.setup("r2", "p2");
        setup.lock_watch = Duration::from_secs(3600);
        carry(&far, &small(3, 3), &setup).await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_that_stands_still_is_taken_over_after_it_was_watched() {
    #[derive(Default)]
    struct Watching(std::sync::Mutex<Vec<Notice>>);
    impl Observer for Watching {
        fn notice(&self, notice: Notice) {
            self.0.lock().unwrap().push(notice);
        }
    }
    let check = async |shell: Shell| {
        let volume = Volume::new();
        let far = volume.far(shell);
        let mut setup = volume.setup("r1", "p1");
        setup.holder = "anna on host".to_owned();
        carry(&far, &small(3, 3), &setup).await.unwrap();
        let mut setup = volume.setup("r2", "p2");
        setup.lock_watch = Duration::from_secs(3);
        let begun = Instant::now();
        let source = std::sync::Arc::new(small(3, 3).source());
        let watching = Watching::default();
        transfer::carry(&far, source, &setup, &watching)
            .await
            .unwrap();
        assert!(begun.elapsed() >= setup.lock_watch, "{shell:?}");
        let expected = Notice::Watching {
            holder: "anna on host".to_owned(),
            time: setup.lock_watch,
        };
        assert_eq!(watching.0.lock().unwrap().first(), Some(&expected));
        assert!(volume.home().join("lock/owner-r2.p2").exists());
    };
    join_all(SHELLS.map(check)).await;
}

/// What died between two steps of taking or giving back is in nobody's way.
#[tokio::test]
async fn a_half_taken_lock_is_taken() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        std::fs::create_dir_all(volume.home().join("lock")).unwrap();
        std::fs::create_dir_all(volume.home().join("lock.r1.p1")).unwrap();
        std::fs::write(volume.home().join("lock.r1.p1/owner-r1.p1"), "").unwrap();
        std::fs::create_dir_all(volume.home().join("lock.r0.p9")).unwrap();
        std::fs::write(volume.home().join("holder-r0.p9"), "long gone\n").unwrap();
        let mut setup = volume.setup("r1", "p1");
        setup.lock_watch = Duration::from_secs(3600);
        carry(&far, &small(3, 3), &setup).await.unwrap();
        let entries = std::fs::read_dir(volume.home()).unwrap();
        let mut left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["holder-r1.p1", "lock", "work-r1.p1"], "{shell:?}");
    }
}

/// The new owner has taken the files along, so that nothing can be written; why, is more than that.
#[tokio::test]
async fn whoever_is_paused_and_loses_the_lock_is_told_so() {
    for (name, size) in [("images/a.jpg", 400_u32), ("large.bin", 700_000)] {
        for shell in SHELLS {
            let volume = Volume::new();
            let far = volume.far(shell);
            let words = command::receive(&volume.setup("r1", "p1"));
            let mut process = far.start(words).await.unwrap();
            let mut said = String::new();
            while !said.contains("ready") {
                take(&mut process, &mut said).await;
            }
            let other = volume.setup("r2", "p2");
            carry(&far, &small(3, 3), &other).await.unwrap();
            let tree = Tree::new([(name.into(), content(size as usize, 1))]);
            let frames = match size {
                400 => {
                    let tar = std::process::Command::new("tar")
                        .args(["-c", "--format=ustar", "-C"])
                        .arg(tree.path())
                        .arg(name)
                        .output()
                        .unwrap();
                    let line = format!("tar 1 {} {}\n{name}\0", name.len() + 1, tar.stdout.len());
                    [line.as_bytes(), &tar.stdout].concat()
                }
                _ => {
                    let line = format!("piece 1 {} 0 {size} files\n{name}", name.len());
                    [line.as_bytes(), &tree.files[name.as_bytes()]].concat()
                }
            };
            process.input.send(frames.into()).await.unwrap();
            process.input.send("quit 0\n".into()).await.unwrap();
            while take(&mut process, &mut said).await {}
            assert!(said.contains("error lock-lost\n"), "{shell:?}: {said}");
            assert_eq!(said.matches("\nerror ").count(), 1, "{shell:?}: {said}");
        }
    }
}

/// Pushes as a whole client does: a pod with its first process, the transfer, the publish, the end.
async fn client(
    volume: &Volume,
    shell: Shell,
    number: usize,
    tree: &Tree,
    decided: &Barrier,
) -> Result<(), TransferError> {
    let far = volume.far(shell);
    let mut setup = volume.setup(&format!("r{number}"), "p");
    // Nobody dies here, and whoever sees a beat ends at once: long times cost nothing, and forgive a busy machine.
    let second = Duration::from_secs(1);
    setup.lock_watch = 600 * second;
    setup.stall = 600 * second;
    setup.beat = Duration::from_millis(500);
    let words = command::supervise_for(&setup, second, 600 * second, 600 * second);
    let mut first = far.command(&words).spawn().unwrap();
    let result = push(&far, tree, &setup).await.map(drop);
    // The winner holds it until everybody has noticed.
    decided.wait().await;
    if result.is_ok() {
        transfer::release(&far, &setup).await.unwrap();
    }
    first.kill().await.ok();
    result
}

async fn race(shell: Shell, count: usize) {
    let volume = Volume::new();
    let trees: Vec<_> = (0..count).map(|number| small(40 + number, 500)).collect();
    let decided = Barrier::new(count);
    let clients = trees.iter().enumerate();
    let clients = clients.map(|(number, tree)| client(&volume, shell, number, tree, &decided));
    let results = join_all(clients).await;
    let mut winners = Vec::new();
    for (tree, result) in trees.iter().zip(&results) {
        match result {
            Ok(()) => winners.push(tree),
            Err(TransferError::Held { .. }) => {}
            Err(error) => panic!("{shell:?}: {error}"),
        }
    }
    assert_eq!(winners.len(), 1, "{results:?}");
    winners[0].assert_is(&volume.published());
}

#[tokio::test]
async fn of_two_at_once_one_wins() {
    for shell in SHELLS {
        race(shell, 2).await;
    }
}

#[tokio::test]
async fn of_eight_at_once_one_wins() {
    for shell in SHELLS {
        race(shell, 8).await;
    }
}

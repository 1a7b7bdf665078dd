//! What is asked before and after: looking, recording, removing, keeping alive.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use cluster::far::{End, Event};
use cluster::transfer::{self, Reclaimed, Standing, Swept, TransferError, command};
use dataset::names::TableName;

use futures_util::future::join_all;

use crate::local::{Fault, SHELLS, Shell, Volume, signal};
use crate::tree::small;
use crate::{carry, push};

#[tokio::test]
async fn a_look_finds_everything_that_would_stop_a_push() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let probe = transfer::probe(&far, &setup).await.unwrap();
        assert_eq!(probe.findings, []);
        assert!(probe.free_bytes > Some(1 << 20), "{probe:?}");
        assert_eq!((probe.held, probe.leftovers), (None, vec![]));
        assert_eq!(probe.record, "");

        carry(&far, &small(3, 3), &setup).await.unwrap();
        transfer::record(&far, &setup, "{\"key\": 1}\n")
            .await
            .unwrap();
        std::fs::create_dir(volume.shared().join("cats")).unwrap();
        let probe = transfer::probe(&far, &setup).await.unwrap();
        assert_eq!(probe.findings, []);
        std::fs::write(volume.shared().join("cats/x"), "").unwrap();
        let lock = volume.shared().join(".tracebloc-ingest-cats.lock");
        std::fs::write(lock, "{\"ingestor_id\": \"i\"}").unwrap();
        let probe = transfer::probe(&far, &setup).await.unwrap();
        let expected = [
            TransferError::Ingesting {
                holder: "{\"ingestor_id\": \"i\"}".into(),
            },
            TransferError::Destination {
                path: volume.shared().join("cats").display().to_string(),
            },
        ];
        assert_eq!(probe.findings, expected);
        assert_eq!(probe.held.as_deref(), Some("r1"));
        assert_eq!(probe.leftovers, ["work-r1.p1"]);
        assert_eq!(probe.record, "{\"key\": 1}\n");
    }
}

#[tokio::test]
async fn a_record_that_was_not_looked_at_ends_a_transfer() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let tree = small(3, 3);
        let mut setup = volume.setup("r1", "p1");
        push(&far, &tree, &setup).await.unwrap();
        transfer::record(&far, &setup, "job 1").await.unwrap();
        transfer::release(&far, &setup).await.unwrap();
        let error = transfer::record(&far, &setup, "job 2").await.unwrap_err();
        assert_eq!(error, TransferError::LockLost);

        setup = volume.setup("r2", "p2");
        let error = carry(&far, &tree, &setup).await.unwrap_err();
        let record = "job 1".to_owned();
        assert_eq!(error, TransferError::RunChanged { record });
        setup.record = "job 1".to_owned();
        carry(&far, &tree, &setup).await.unwrap();
        transfer::record(&far, &setup, "").await.unwrap();
        let probe = transfer::probe(&far, &setup).await.unwrap();
        assert_eq!(probe.record, "");
    }
}

#[tokio::test]
async fn a_staged_copy_is_removed_if_it_is_the_one_that_was_meant() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let receipt = push(&far, &small(3, 3), &setup).await.unwrap();
        transfer::release(&far, &setup).await.unwrap();
        let digest = &receipt.manifest_sha256;
        let other = "0".repeat(64);
        let reclaim = async |digest: &str| transfer::reclaim(&far, &setup, digest).await.unwrap();
        assert_eq!(reclaim(&other).await, Reclaimed::Other);
        assert!(volume.published().exists());
        assert_eq!(reclaim(digest).await, Reclaimed::Removed);
        assert!(!volume.published().exists());
        assert_eq!(reclaim(digest).await, Reclaimed::Absent);
        assert_eq!(std::fs::read_dir(volume.home()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn leftovers_are_removed_when_they_are_old() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        push(&far, &small(3, 3), &setup).await.unwrap();
        carry(&far, &small(5, 3), &setup).await.unwrap();
        transfer::release(&far, &setup).await.unwrap();
        let other = volume.setup("r2", "p2");
        let clean = async |age| transfer::clean(&far, &other, Duration::from_secs(age)).await;
        assert_eq!(clean(3600).await.unwrap(), Swept::default());
        assert!(volume.home().join("work-r1.p1").exists());
        // What a dead run had begun to remove does not take along what can be gone on with.
        std::fs::create_dir(volume.home().join("trash-r0.p0.0")).unwrap();
        assert_eq!(clean(3600).await.unwrap().removed, ["cats"]);
        assert!(!volume.home().join("trash-r0.p0.0").exists());
        assert!(volume.home().join("work-r1.p1").exists());
        let since = volume.home().join("work-r1.p1/since");
        std::fs::write(since, "1000\n").unwrap();
        assert_eq!(clean(3600).await.unwrap().removed, ["cats"]);
        assert!(!volume.home().join("work-r1.p1").exists());
        small(3, 3).assert_is(&volume.published());
    }
}

#[tokio::test]
async fn a_published_copy_that_stands_for_long_goes_if_nobody_uses_it() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let receipt = push(&far, &small(3, 3), &setup).await.unwrap();
        transfer::record(&far, &setup, "{\"job\": 1}\n")
            .await
            .unwrap();
        transfer::release(&far, &setup).await.unwrap();
        let other = volume.setup("r2", "p2");
        let clean = async |age| transfer::clean(&far, &other, Duration::from_secs(age)).await;
        assert_eq!(clean(3600).await.unwrap(), Swept::default());
        age(&volume);
        // What somebody else has put there under a name that no table has is not told, nor is its record taken for another's.
        for place in [volume.home(), volume.published()] {
            let other = place.with_file_name("not-a-table");
            let copied = Command::new("cp").arg("-a").args([place, other]).status();
            assert!(copied.unwrap().success());
        }
        std::fs::write(
            volume.home().with_file_name("not-a-table").join("run"),
            "{\"job\": 2}\n",
        )
        .unwrap();
        let swept = clean(3600).await.unwrap();
        let mut standing = Standing {
            table: TableName::fixed("cats"),
            manifest_sha256: receipt.manifest_sha256,
            record: "{\"job\": 1}\n".to_owned(),
        };
        assert_eq!(
            (&swept.removed[..], &swept.standing[..]),
            (&[][..], &[standing.clone()][..])
        );

        // Somebody has pushed the same meanwhile, and a Job reads it.
        standing.record = "{\"job\": 0}".to_owned();
        let reclaim = async |standing: &Standing| {
            transfer::reclaim_standing(&far, &other, standing)
                .await
                .unwrap()
        };
        assert_eq!(reclaim(&standing).await, Reclaimed::Other);
        assert!(volume.published().exists());
        standing.record = "{\"job\": 1}\n".to_owned();
        assert_eq!(reclaim(&standing).await, Reclaimed::Removed);
        assert!(!volume.published().exists());
        assert_eq!(std::fs::read_dir(volume.home()).unwrap().count(), 0);
        // Whoever did not hear that asks again.
        assert_eq!(reclaim(&standing).await, Reclaimed::Absent);

        // A Job that consumes the copy leaves what lies beside it.
        push(&far, &small(3, 3), &setup).await.unwrap();
        let record = standing.record.as_str();
        transfer::record(&far, &setup, record).await.unwrap();
        transfer::release(&far, &setup).await.unwrap();
        std::fs::remove_dir_all(volume.published()).unwrap();
        assert_eq!(clean(3600).await.unwrap().standing, []);
        age(&volume);
        assert_eq!(clean(3600).await.unwrap().standing, [standing.clone()]);
        assert_eq!(reclaim(&standing).await, Reclaimed::Absent);
        assert_eq!(std::fs::read_dir(volume.home()).unwrap().count(), 0);
    }
}

/// Makes what was published look old.
fn age(volume: &Volume) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let receipt = volume.home().join("receipt");
    let file = std::fs::File::options().write(true).open(receipt);
    file.unwrap().set_modified(long_ago).unwrap();
}

fn is_alive(group: u32) -> bool {
    let output = Command::new("ps").args(["-eo", "pgid=,stat="]).output();
    let listed = String::from_utf8(output.unwrap().stdout).unwrap();
    listed.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(&group.to_string()) && !words.next().unwrap().starts_with('Z')
    })
}

#[tokio::test]
async fn process_1_ends_everything_when_the_client_is_silent() {
    let check = async |shell: Shell| {
        let volume = Volume::new();
        let far = volume.far(shell);
        let mut setup = volume.setup("r1", "p1");
        let second = Duration::from_secs(1);
        let words = command::supervise_for(&setup, second, 3 * second, 120 * second);
        let mut first = far.command(&words).spawn().unwrap();
        setup.beat = second / 4;
        setup.stall = 60 * second;
        // What it has been sent it takes; then nothing comes any more, and its input does not end.
        far.plan([Fault::Abandon(2_000_000)]);
        setup.retry = Duration::ZERO;
        carry(&far, &small(2000, 2000), &setup).await.unwrap_err();
        let ended = tokio::time::timeout(60 * second, first.wait()).await;
        assert!(ended.unwrap().unwrap().success(), "{shell:?}");
        assert!(!is_alive(far.groups()[0]));
        assert!(!volume.home().join("lock").exists());
        // It was seen to end, so its files are taken as they are.
        assert!(volume.home().join("work-r1.p1/idle").exists());
    };
    join_all(SHELLS.map(check)).await;
}

#[tokio::test]
async fn process_1_ends_at_once_when_it_is_told_to() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let mut first = far.command(&command::supervise(&setup)).spawn().unwrap();
        carry(&far, &small(3, 3), &setup).await.unwrap();
        signal(first.id().unwrap(), "TERM");
        // Far less than the silence that it would bear.
        let ended = tokio::time::timeout(Duration::from_secs(20), first.wait()).await;
        assert!(ended.unwrap().unwrap().success());
        assert!(!volume.home().join("lock").exists());
    }
}

#[tokio::test]
async fn a_lock_that_is_somebody_else_s_is_not_held() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        carry(&far, &small(3, 3), &setup).await.unwrap();
        drop(transfer::hold(&far, &setup).await.unwrap());
        let lock = volume.home().join("lock");
        std::fs::rename(lock.join("owner-r1.p1"), lock.join("owner-r2.p1")).unwrap();
        let error = transfer::hold(&far, &setup).await.unwrap_err();
        assert_eq!(error, TransferError::LockLost, "{shell:?}");
    }
}

#[tokio::test]
async fn process_1_keeps_the_lock_fresh_while_the_client_is_heard_of() {
    let check = async |shell: Shell| {
        let volume = Volume::new();
        let far = volume.far(shell);
        let mut setup = volume.setup("r1", "p1");
        let second = Duration::from_secs(1);
        let silence = 4 * second;
        let words = command::supervise_for(&setup, second, silence, 120 * second);
        let mut first = far.command(&words).spawn().unwrap();
        setup.beat = second / 4;
        setup.retry = Duration::ZERO;
        setup.holder = "anna on host".to_owned();
        // The first holds the lock longer than it would without heart-beats; the second ends when it sees one.
        carry(&far, &small(3, 3), &setup).await.unwrap();
        let process = cluster::far::Far::start(&far, command::hold(&setup));
        let process = process.await.unwrap();
        let beat = async || {
            process.input.send("beat 0\n".into()).await.unwrap();
            tokio::time::sleep(second / 4).await;
        };
        let begun = Instant::now();
        while begun.elapsed() < silence + second {
            beat().await;
        }
        let mut other = volume.setup("r2", "p2");
        other.lock_watch = 600 * second;
        other.stall = 600 * second;
        let tree = small(4, 4);
        let beating = async {
            loop {
                beat().await;
            }
        };
        let result = tokio::select! {
            result = carry(&far, &tree, &other) => result,
            () = beating => unreachable!(),
        };
        let holder = "anna on host".to_owned();
        assert_eq!(result.unwrap_err(), TransferError::Held { holder });
        drop(first.kill().await);
    };
    join_all(SHELLS.map(check)).await;
}

/// Where a process ends with input unread, its end is not told (formats, 23.1): every command takes what is sent until it is told
/// that nothing more comes.
#[tokio::test]
async fn a_short_command_hears_its_client_out() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        carry(&far, &small(3, 3), &setup).await.unwrap();
        for (words, last) in [
            (command::probe(&setup), "done\n"),
            (command::record(&setup, "x"), "recorded\n"),
            (command::release(&setup), "released\n"),
        ] {
            let process = cluster::far::Far::start(&far, words).await;
            let mut process = process.unwrap();
            let mut said = String::new();
            while !said.ends_with(last) {
                match process.events.recv().await {
                    Some(Event::Stdout(bytes)) => said.push_str(&String::from_utf8_lossy(&bytes)),
                    other => panic!("{shell:?} {said}: {other:?}"),
                }
            }
            let silence = Duration::from_millis(300);
            let early = tokio::time::timeout(silence, process.events.recv()).await;
            assert!(early.is_err(), "{shell:?} {last}: {early:?}");
            process.input.send("beat 0\nquit 0\n".into()).await.unwrap();
            let end = process.events.recv().await;
            assert!(matches!(end, Some(Event::Ended(End::Success))), "{end:?}");
        }
    }
}

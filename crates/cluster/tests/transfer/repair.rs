//! Wherever a publish stops, the data is the old or the new, and the next run puts right what is left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster::transfer::{self, TransferError};

use crate::local::{Fault, LocalFar, Programs, SHELLS, Shell, Strike, Volume, signal};
use crate::tree::{Tree, content, small};
use crate::{carry, push};

/// Every program by which the script changes something on the volume.
const CHANGING: [&str; 9] = [
    "mv", "rm", "mkdir", "rmdir", "cp", "ln", "touch", "sync", "tee",
];

struct Stage {
    volume: Volume,
    far: LocalFar,
    programs: Programs,
}

impl Stage {
    fn new() -> Self {
        let volume = Volume::new();
        let programs = Programs::new(volume.dir.path());
        let mut far = volume.far(Shell::Dash);
        far.overrides = Some(programs.dir.clone());
        Self {
            volume,
            far,
            programs,
        }
    }

    /// Finds old data that is set aside.
    fn set_aside(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.volume.home()).unwrap();
        let set_aside = entries.map(|entry| entry.unwrap().path().join("old"));
        set_aside.filter(|path| path.is_dir()).collect()
    }

    /// The published data is one of two, or the old is whole beside it.
    #[track_caller]
    fn assert_nothing_lost(&self, old: Option<&Tree>, new: &Tree, what: &str) {
        let place = self.volume.published();
        let is_there = |tree: &Tree, place: &Path| tree.is(place);
        let sound = match old {
            _ if is_there(new, &place) => true,
            Some(old) if place.exists() => is_there(old, &place),
            Some(old) => self.set_aside().iter().any(|place| is_there(old, place)),
            None => !place.exists(),
        };
        assert!(sound, "{what}");
    }

    /// The published data is one of two, and nothing of it is in doubt.
    #[track_caller]
    fn assert_repaired(&self, old: Option<&Tree>, new: &Tree, what: &str) {
        let place = self.volume.published();
        let sound = match old {
            Some(old) => old.is(&place) || new.is(&place),
            None => !place.exists() || new.is(&place),
        };
        assert!(sound, "{what}");
        assert!(self.set_aside().is_empty(), "{what}");
    }
}

/// Kills the script at one step of the publish, and again at one step of the repair.
async fn kill_twice(old: Option<&Tree>, strike: Strike, at: u32, again: u32) -> bool {
    let what = format!(
        "{strike:?} at {at}, then at {again}, with old data: {}",
        old.is_some()
    );
    let stage = Stage::new();
    let far = &stage.far;
    let (new, third) = (small(4, 40), small(5, 50));
    let setup = stage.volume.setup("r1", "p1");
    if let Some(old) = old {
        push(far, old, &setup).await.unwrap();
    }
    let receipt = carry(far, &new, &setup).await.unwrap();

    stage.programs.strike(&CHANGING, strike, at);
    let mut brief = setup.clone();
    brief.retry = Duration::ZERO;
    let result = transfer::publish(far, &brief, &receipt).await;
    let struck = stage.programs.struck();
    assert!(struck || result.is_ok(), "{what}: {result:?}");
    stage.assert_nothing_lost(old, &new, &what);

    // The same run in another pod, so that nobody needs to watch the lock; it looks for repair before anything else.
    stage.programs.strike(&CHANGING, strike, again);
    let mut other = stage.volume.setup("r1", "p2");
    other.retry = Duration::ZERO;
    drop(carry(far, &third, &other).await);
    stage.assert_nothing_lost(old, &new, &what);

    stage.programs.restore();
    let other = stage.volume.setup("r1", "p3");
    let receipt = carry(far, &third, &other).await.unwrap();
    stage.assert_repaired(old, &new, &what);
    transfer::publish(far, &other, &receipt).await.unwrap();
    third.assert_is(&stage.volume.published());
    struck
}

async fn kill_everywhere(strike: Strike) {
    for (old, step) in [(None, 2), (Some(small(3, 30)), 1)] {
        for at in (1..).step_by(step) {
            let struck = kill_twice(old.as_ref(), strike, at, at * 7 % 23 + 1).await;
            if !struck {
                assert!(at > 4, "nothing was struck");
                break;
            }
        }
    }
}

#[tokio::test]
async fn killed_before_every_step() {
    kill_everywhere(Strike::KillBefore).await;
}

#[tokio::test]
async fn killed_after_every_step() {
    kill_everywhere(Strike::KillAfter).await;
}

/// A publish that is asked for again goes on where it was.
#[tokio::test]
async fn a_killed_publish_is_done_when_it_is_asked_for_again() {
    for strike in [Strike::KillBefore, Strike::KillAfter] {
        for at in 1..12 {
            let stage = Stage::new();
            let setup = stage.volume.setup("r1", "p1");
            push(&stage.far, &small(3, 30), &setup).await.unwrap();
            let new = small(4, 40);
            let receipt = carry(&stage.far, &new, &setup).await.unwrap();
            stage.programs.strike(&CHANGING, strike, at);
            let published = transfer::publish(&stage.far, &setup, &receipt).await;
            published.unwrap_or_else(|error| panic!("{strike:?} at {at}: {error}"));
            new.assert_is(&stage.volume.published());
        }
    }
}

/// Somebody else takes over while a publish stands still; when it goes on, it must find nothing to move.
async fn stop_and_go(at: u32) -> bool {
    let stage = Stage::new();
    let setup = stage.volume.setup("r1", "p1");
    push(&stage.far, &small(3, 30), &setup).await.unwrap();
    let receipt = carry(&stage.far, &small(4, 40), &setup).await.unwrap();
    let names = ["mv", "rm", "sync"];
    stage.programs.strike(&names, Strike::StopBefore, at);
    let mut brief = setup.clone();
    (brief.stall, brief.retry) = (Duration::from_secs(1), Duration::ZERO);
    brief.beat = Duration::from_millis(200);
    let result = transfer::publish(&stage.far, &brief, &receipt).await;
    if !stage.programs.struck() {
        result.unwrap();
        return false;
    }
    let stopped = *stage.far.groups().last().unwrap();

    stage.programs.restore();
    let winner = small(6, 60);
    let mut setup = stage.volume.setup("r2", "p2");
    setup.lock_watch = Duration::ZERO;
    push(&stage.far, &winner, &setup).await.unwrap();
    winner.assert_is(&stage.volume.published());
    signal(stopped, "CONT");
    tokio::time::sleep(Duration::from_secs(1)).await;
    winner.assert_is(&stage.volume.published());
    let manifest = std::fs::read(stage.volume.home().join("manifest")).unwrap();
    assert_eq!(
        manifest,
        crate::tree::manifest(&winner.source()),
        "stopped at {at}"
    );
    assert!(stage.volume.home().join("lock/owner-r2.p2").exists());
    true
}

#[tokio::test]
async fn stopped_before_every_step_and_taken_over() {
    let steps = futures_util::future::join_all((1..=9).map(stop_and_go)).await;
    assert!(
        steps.iter().filter(|stopped| **stopped).count() >= 5,
        "{steps:?}"
    );
}

/// A receiver that stands still in the middle of a file goes on writing when somebody else has published.
#[tokio::test]
async fn a_stopped_receiver_writes_into_nothing_that_counts() {
    for shell in SHELLS {
        let check = async |at: u64| {
            let mut files = small(400, 3000).files;
            files.insert(b"large.bin".to_vec(), content(2 << 20, 5));
            let old = Tree::new(files.clone());
            for content in files.values_mut() {
                content[0] ^= 1;
            }
            let new = Tree::new(files);
            let volume = Volume::new();
            let far = volume.far(shell);
            let mut setup = volume.setup("r1", "p1");
            (setup.stall, setup.retry) = (Duration::from_millis(1500), Duration::ZERO);
            far.plan([Fault::Stop(at)]);
            carry(&far, &old, &setup).await.unwrap_err();
            let stopped = far.groups()[0];
            let mut setup = volume.setup("r2", "p2");
            setup.lock_watch = Duration::ZERO;
            push(&far, &new, &setup).await.unwrap();
            signal(stopped, "CONT");
            tokio::time::sleep(Duration::from_secs(1)).await;
            new.assert_is(&volume.published());
        };
        let places = [100_000, 500_000, 1_500_000, 2_200_000, 3_000_000];
        futures_util::future::join_all(places.map(check)).await;
    }
}

#[tokio::test]
async fn a_publish_of_something_else_is_refused() {
    for shell in SHELLS {
        let volume = Volume::new();
        let far = volume.far(shell);
        let setup = volume.setup("r1", "p1");
        let old = small(2, 20);
        push(&far, &old, &setup).await.unwrap();
        let receipt = carry(&far, &small(4, 40), &setup).await.unwrap();
        carry(&far, &small(5, 50), &setup).await.unwrap();
        let error = transfer::publish(&far, &setup, &receipt).await.unwrap_err();
        assert_eq!(error, TransferError::NotVerified);
        transfer::release(&far, &setup).await.unwrap();
        let error = transfer::publish(&far, &setup, &receipt).await.unwrap_err();
        assert_eq!(error, TransferError::LockLost);
        old.assert_is(&volume.published());
    }
}

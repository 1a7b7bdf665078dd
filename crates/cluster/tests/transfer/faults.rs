//! Whatever happens to a connection, the result is that of one to which nothing happened, and little is sent twice.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use cluster::transfer::{self, Compression, Silent, Source, SourceFile, TransferError};
use futures_util::future::join_all;

use crate::local::{Fault, SHELLS, Shell, Volume};
use crate::push;
use crate::tree::{Tree, TreeSource, content, readable, small};

/// What may be on the way when a connection breaks.
const WINDOW_BYTES: u64 = 8 << 20;

fn tree() -> Tree {
    let mut tree = small(1500, 900).files;
    tree.insert(b"large.bin".to_vec(), content(12 << 20, 5));
    tree.insert(b"texts/odd\nname".to_vec(), content(600, 6));
    Tree::new(tree)
}

/// Pushes while `faults` happen, one to each connection.
async fn check(shell: Shell, tree: &Tree, faults: &[Fault]) {
    check_compressed(shell, tree, faults, None).await;
}

async fn check_compressed(
    shell: Shell,
    tree: &Tree,
    faults: &[Fault],
    compression: Option<Compression>,
) {
    let volume = Volume::new();
    let far = volume.far(shell);
    let mut setup = volume.setup("r1", "p1");
    setup.stall = std::time::Duration::from_secs(3);
    setup.compression = compression;
    far.plan(faults.iter().copied());
    let result = push(&far, tree, &setup).await;
    let receipt = result.unwrap_or_else(|error| panic!("{shell:?} {faults:?}: {error}"));
    tree.assert_is(&volume.published());
    let interruptions = u64::from(receipt.sessions - 1);
    let twice = receipt.sent_bytes - tree.bytes();
    assert!(
        twice <= interruptions * WINDOW_BYTES,
        "{shell:?} {faults:?}: {twice} bytes twice in {interruptions} interruptions"
    );
}

/// Tries plans, in one shell and the other by turns: every start of a shell costs time, and places lie close enough.
async fn check_all(tree: &Tree, plans: impl IntoIterator<Item = Vec<Fault>>) {
    for (plan, shell) in plans.into_iter().zip(SHELLS.into_iter().cycle()) {
        check(shell, tree, &plan).await;
    }
}

#[tokio::test]
async fn input_that_ends_anywhere() {
    let places = [
        0, 1, 40, 5_000, 262_144, 1_000_000, 4_000_000, 9_000_000, 13_900_000,
    ];
    let mut plans: Vec<_> = places.map(|at| vec![Fault::CutInput(at)]).into();
    plans.push(
        [100, 7_000_000, 1_000_000, 3_000_000]
            .map(Fault::CutInput)
            .into(),
    );
    check_all(&tree(), plans).await;
}

#[tokio::test]
async fn success_is_told_in_the_middle() {
    let places = [1, 300_000, 6_000_000, 13_000_000];
    check_all(&tree(), places.map(|at| vec![Fault::Success(at)])).await;
}

#[tokio::test]
async fn a_process_that_is_never_told_of_the_end_is_ended_by_the_next() {
    let places = [1, 300_000, 6_000_000, 13_000_000];
    let plan = |at| vec![Fault::Abandon(at), Fault::Abandon(at / 2)];
    check_all(&tree(), places.map(plan)).await;
}

#[tokio::test]
async fn output_that_is_lost() {
    let mut tree = small(300, 900).files;
    tree.insert(b"large.bin".to_vec(), content(2 << 20, 5));
    let tree = Tree::new(tree);
    let places = [0, 12, 60, 200, 5_000];
    check_all(&tree, places.map(|at| vec![Fault::CutOutput(at)])).await;
    check_all(&tree, places.map(|at| vec![Fault::LostTail(at)])).await;
}

#[tokio::test]
async fn the_script_is_killed_anywhere() {
    let places = [1, 50, 300_000, 2_000_000, 8_000_000, 13_000_000];
    let plan = |at| vec![Fault::Kill(at), Fault::Kill(at / 3 + 1)];
    check_all(&tree(), places.map(plan)).await;
}

#[tokio::test]
async fn everything_stands_still() {
    let tree = tree();
    let plans = [
        (SHELLS[0], Fault::Hang(1)),
        (SHELLS[1], Fault::Hang(5_000_000)),
    ];
    // Side by side: most of it is waiting.
    let checks = plans
        .iter()
        .map(|(shell, fault)| check(*shell, &tree, std::slice::from_ref(fault)));
    join_all(checks).await;
}

/// What is sent after a while in which there was nothing to wait for is waited for all the same.
#[tokio::test]
async fn everything_stands_still_after_a_pause() {
    struct Slow(TreeSource);
    impl Source for Slow {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn total_bytes(&self) -> u64 {
            self.0.total_bytes()
        }
        fn file(&self, index: usize) -> Result<Option<SourceFile>, TransferError> {
            self.0.file(index)
        }
        fn open(&self, index: usize) -> Result<File, TransferError> {
            // Whoever waits for answers has found out by then that none is owed.
            std::thread::sleep(Duration::from_millis(300));
            self.0.open(index)
        }
        fn find(&self, path: &[u8]) -> Result<Option<usize>, TransferError> {
            self.0.find(path)
        }
        fn in_manifest_order(&self) -> Vec<Range<usize>> {
            self.0.in_manifest_order()
        }
    }
    let tree = Tree::new([(b"large.bin".to_vec(), content(12 << 20, 5))]);
    let volume = Volume::new();
    let far = volume.far(SHELLS[0]);
    let mut setup = volume.setup("r1", "p1");
    setup.stall = Duration::from_secs(2);
    far.plan([Fault::Hang(100_000)]);
    let carrying = transfer::carry(&far, Arc::new(Slow(tree.source())), &setup, &Silent);
    let receipt = tokio::time::timeout(Duration::from_secs(60), carrying).await;
    assert_eq!(receipt.expect("it is noticed").unwrap().sessions, 2);
}

#[tokio::test]
async fn one_byte_at_a_time() {
    let tree = Tree::new([
        (b"a".to_vec(), content(3000, 1)),
        (b"b\n".to_vec(), content(300, 2)),
        (b"images/c".to_vec(), vec![]),
    ]);
    for shell in SHELLS {
        check(shell, &tree, &[Fault::Drip, Fault::Drip]).await;
    }
}

/// The answer to a publish may be lost like any other.
#[tokio::test]
async fn a_publish_whose_answer_is_lost_is_asked_for_again() {
    let tree = small(20, 100);
    let faults = [
        Fault::CutOutput(0),
        Fault::CutOutput(14),
        Fault::LostTail(5),
        Fault::Abandon(0),
        Fault::Kill(0),
        Fault::Kill(7),
    ];
    check_all(&tree, faults.map(|fault| vec![Fault::None, fault])).await;
}

/// Half of it is compressed and half is not; bytes of the plan are those of the connection, the others are payload.
#[tokio::test]
async fn compressed_content_is_interrupted_anywhere() {
    let mut files = small(700, 900).files;
    for number in 0..700 {
        let name = format!("texts/{number}.txt").into_bytes();
        files.insert(name, readable(1400, number));
    }
    files.insert(b"large.csv".to_vec(), readable(12 << 20, 5));
    files.insert(b"large.bin".to_vec(), content(2 << 20, 6));
    files.insert(b"texts/odd\nname".to_vec(), readable(700_000, 7));
    let tree = Tree::new(files);
    let mut plans = Vec::new();
    for at in [400_000, 5_000_000, 9_500_000] {
        plans.extend([Fault::CutInput(at), Fault::Kill(at), Fault::Abandon(at)].map(|one| [one]));
    }
    let plans = plans.iter().zip(SHELLS.into_iter().cycle());
    for (faults, shell) in plans {
        check_compressed(shell, &tree, faults, Some(Compression::Gzip)).await;
    }
}

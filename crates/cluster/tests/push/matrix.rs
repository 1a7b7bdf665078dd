//! Every fault in every phase over both subprotocols: whatever happens, no push succeeds while volume and source differ, none loses or
//! mixes data, none hangs, and none leaves anything behind.
//!
//! `LONGSHORE_SCENARIOS=N` runs another number of them, `LONGSHORE_SEED=N` begins elsewhere; a failure names its seed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cluster::limits::Limits;
use cluster::push::Pushed;
use cluster::watch::Outcome;

use super::folder::{checked, pictures, tree};
use super::site::{NAMESPACE, Site, User};
use super::{order, push, rows, shared};

/// Scenarios of every run of the tests.
const SCENARIOS: u64 = 60;

/// Longest that a scenario may take: all limits of [`limits`] together, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// SplitMix64: seeds that differ by one have nothing in common.
struct Lot(u64);

impl Lot {
    fn draw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.draw(count)).unwrap()]
    }
}

/// What the pictures of a scenario weigh, at least: next to nothing, frame edges, many small ones, one that is large.
const WEIGHTS: [&[usize]; 6] = [
    &[0, 0],
    &[50, 40],
    &[65_535, 65_536, 65_537, 262_143, 262_144, 262_145],
    &[100; 300],
    &[0, 3 << 20],
    &[0, 1_048_575, 1_048_576, 1_048_577, 2_500_000, 17],
];

/// The commands of the far side, which are the phases of a transfer.
const PHASES: [&str; 5] = [" probe ", " receive ", " publish ", " record ", " reclaim "];

/// Faults of a stream. `AFTER` becomes a range of bytes.
const STREAM_FAULTS: [&str; 12] = [
    "cut: {direction: in, after: AFTER}",
    "cut: {direction: out, after: AFTER}",
    "end_stdin: {after: AFTER}",
    "lose_end_of_input: {after: AFTER}",
    "stall: {direction: in, after: AFTER}",
    "stall: {direction: out, after: AFTER}",
    "lose_stdout_tail: {bytes: 7}",
    "lose_status: {}",
    "never_end: {}",
    "kill: {after: AFTER}",
    "out_of_memory: {after: AFTER}",
    "delete_pod: {after: AFTER}",
];

/// Faults of a request, and what they strike.
const REQUEST_FAULTS: [(&str, &str); 9] = [
    ("{resource: pods, verb: create}", "lose_answer: {}"),
    ("{resource: pods, verb: create}", "answer: {code: 503}"),
    ("{resource: pods, verb: get}", "answer: {code: 500}"),
    (
        "{resource: pods, verb: delete}",
        "answer: {code: 429, retry_after: 1}",
    ),
    ("{resource: pods/exec}", "answer: {code: 403, empty: true}"),
    ("{resource: pods/exec}", "answer: {code: 404}"),
    ("{resource: pods/portforward}", "answer: {code: 503}"),
    ("{resource: serviceaccounts/token}", "answer: {code: 500}"),
    ("{resource: jobs, verb: get}", "answer: {code: 500}"),
];

fn script(lot: &mut Lot) -> String {
    let mut rules = String::new();
    if lot.draw(3) == 0 {
        rules.push_str("  - {name: old, on: exec, times: 0, fault: {refuse_v5: {}}}\n");
    }
    for number in 0..=lot.draw(2) {
        let times = lot.of(&[1, 1, 1, 2, 0]);
        if lot.draw(4) == 0 {
            let (matching, fault) = lot.of(&REQUEST_FAULTS);
            // What never goes away is another test's matter.
            let times = times.max(1);
            rules.push_str(&format!(
                "  - {{name: r{number}, on: request, times: {times}, match: {matching}, fault: {{{fault}}}}}\n"
            ));
        } else {
            let phase = lot.of(&PHASES);
            let most = lot.of(&[10, 1_000, 100_000, 3_000_000]);
            let fault = lot.of(&STREAM_FAULTS);
            let fault = fault.replace("AFTER", &format!("{{from: 0, to: {most}}}"));
            rules.push_str(&format!(
                "  - {{name: s{number}, on: exec, times: {times}, match: {{command: \"{phase}\"}}, fault: {{{fault}}}}}\n"
            ));
        }
    }
    format!("seed: {}\nrules:\n{rules}", lot.draw(1 << 40))
}

/// Short enough that a fault which never goes away ends within [`PATIENCE`].
fn limits() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        request: seconds(5),
        pod_create: seconds(5),
        pod_ready: seconds(15),
        stall: seconds(3),
        retry: seconds(15),
        clean_up: seconds(9),
        submit: seconds(5),
        job_start: seconds(15),
        watch: seconds(30),
        log_tail: seconds(1),
        api_away: seconds(10),
        job_status: seconds(5),
        ..Limits::default()
    }
}

type Tree = BTreeMap<String, Vec<u8>>;

/// One push of a table under faults, with or without an older one staged.
async fn scenario(site: &Site, seed: u64) {
    let mut lot = Lot(seed);
    let table = format!("t{seed}");
    let connection = site.connect_to(User::Admin, NAMESPACE, limits()).await;
    let connection = std::sync::Arc::new(connection);
    let staged = shared(site).join(format!(".tracebloc-staging/{table}"));
    let old = match lot.draw(2) {
        0 => Tree::new(),
        _ => {
            let old = Tree::from([("labels.csv".to_owned(), b"old".to_vec())]);
            std::fs::create_dir_all(&staged).unwrap();
            std::fs::write(staged.join("labels.csv"), "old").unwrap();
            old
        }
    };
    let data = tempfile::tempdir().unwrap();
    pictures(data.path(), lot.of(&WEIGHTS));
    let checked = checked(data.path(), &table);
    let text = script(&mut lot);
    site.script(&text);
    let ordered = order(&table, &checked);
    let pushing = push(&connection, &ordered);
    let (pushed, diary) = tokio::time::timeout(PATIENCE, pushing)
        .await
        .unwrap_or_else(|_| panic!("seed {seed} hangs\n{text}"));
    site.script("seed: 0");
    let told = format!("seed {seed}: {pushed:#?}\n{text}\n{diary:#?}");
    let sent = sent(data.path());
    match &pushed {
        Ok(pushed) => whole(site, &table, &sent, &staged, pushed, &told),
        Err(_) => {
            let found = tree(&staged);
            assert!(found == old || found == sent, "{:?}\n{told}", found.keys());
        }
    }
    let left = diary.iter().any(|line| line.contains("push_pod_left"));
    assert!(left || site.stage_pods().is_empty(), "{told}");
}

/// The folder as it is sent.
fn sent(root: &Path) -> Tree {
    tree(root)
}

/// A push that says it is done has brought everything, and no byte more.
fn whole(site: &Site, table: &str, sent: &Tree, staged: &Path, pushed: &Pushed, told: &str) {
    assert_eq!(pushed.receipt.files, sent.len() as u64, "{told}");
    let bytes: usize = sent.values().map(Vec::len).sum();
    assert_eq!(pushed.receipt.bytes, bytes as u64, "{told}");
    let report = pushed.report.as_ref().unwrap();
    if report.outcome != Outcome::Succeeded {
        return;
    }
    let images: Tree = sent
        .iter()
        .filter_map(|(name, bytes)| Some((name.strip_prefix("images/")?.to_owned(), bytes.clone())))
        .collect();
    let mut arrived = tree(&shared(site).join(table));
    arrived.remove("labels.csv");
    assert!(arrived == images, "{told}");
    assert_eq!(rows(site, table).len(), images.len(), "{told}");
    if pushed.is_reclaimed == Some(true) {
        assert!(!staged.exists(), "{told}");
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

/// Most of a scenario is waiting, so several sites are used side by side.
const LANES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_nothing_is_lost_mixed_or_invented() {
    let first = number("LONGSHORE_SEED", 1);
    let end = first + number("LONGSHORE_SCENARIOS", SCENARIOS);
    let lanes = (0..LANES).map(|lane| {
        tokio::spawn(async move {
            let site = Site::start().await;
            for seed in (first + lane as u64..end).step_by(LANES) {
                scenario(&site, seed).await;
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
}

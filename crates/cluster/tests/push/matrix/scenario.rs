//! One push of one table under faults, and the same command again after a failure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::Connection;
use cluster::limits::Limits;
use cluster::push::{Order, PushError, Pushed, Site as Where};
use cluster::release;
use cluster::transfer::TransferError;
use cluster::volume;
use cluster::watch::Outcome;
use sandbox::node::container::Mounts;
use sandbox::{Config, release as installed};

use super::super::folder::tree;
use super::super::site::{NAMESPACE, Site, User};
use super::super::{order, push_to, shared};
use super::cell::{cells, script};
use super::lot::Lot;
use super::payload::{Payload, Tree, older};

/// Longest that a scenario may take: all limits of [`limits`] together, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// How many scenarios came to what.
#[derive(Debug, Default)]
pub(super) struct Tally {
    scenarios: u64,
    /// Every rule did its harm at least once.
    struck: u64,
    succeeded: u64,
    failed: u64,
    /// The same command again delivered.
    recovered: u64,
    /// The same command again found that the table is there already, rightly.
    delivered_before: u64,
    resumed: u64,
    places: BTreeMap<&'static str, u64>,
    /// The longest one.
    longest: (Duration, u64),
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.struck += other.struck;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.recovered += other.recovered;
        self.delivered_before += other.delivered_before;
        self.resumed += other.resumed;
        for (place, count) in other.places {
            *self.places.entry(place).or_default() += count;
        }
        self.longest = self.longest.max(other.longest);
    }

    #[expect(
        clippy::print_stderr,
        reason = "what was tried is what a long run is for"
    )]
    pub(super) fn tell(&self) {
        eprintln!("{self:#?}");
    }

    /// Faults that strike nothing try nothing. A byte may lie behind the end of a stream, so not all of them do.
    pub(super) fn has_struck_enough(&self) -> bool {
        self.struck * 2 >= self.scenarios
    }
}

/// Where no file is written to a disk, and commands run without namespaces of their own, a scenario costs half.
pub(super) fn site(config: &mut Config) {
    config.node.mounts = Mounts::Rewritten;
}

/// Short enough that a fault which never goes away ends within [`PATIENCE`].
fn limits() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        request: seconds(5),
        pod_create: seconds(5),
        pod_ready: seconds(20),
        stall: seconds(3),
        retry: seconds(15),
        clean_up: seconds(9),
        submit: seconds(5),
        job_start: seconds(20),
        watch: seconds(30),
        log_tail: seconds(1),
        api_away: seconds(10),
        job_status: seconds(5),
        ..Limits::default()
    }
}

/// One scenario: its cell by its number, all else drawn from it.
pub(super) async fn run(site: &Site, seed: u64, tally: &mut Tally) {
    let begun = Instant::now();
    let cells = cells();
    let own = cells[usize::try_from(seed).unwrap() % cells.len()];
    let mut lot = Lot::new(seed);
    let table = format!("t{seed}");
    let payload = Payload::draw(&mut lot, &table, site.scratch());
    let old = older(&mut lot, &payload, &staging(site), &table);
    let trial = Trial {
        site,
        seed,
        table: &table,
        payload: &payload,
        old: &old,
    };
    if lot.once_in(4) {
        // Where older data is the same, little is sent.
        let most = match old.is_empty() {
            true => payload.bytes() * 3 / 4,
            false => 100,
        };
        trial.break_off(lot.draw(most)).await;
        tally.resumed += 1;
    }
    let text = script(own, &cells, &mut lot);
    let (pushed, told) = trial.push_under(&text).await;
    tally.scenarios += 1;
    *tally.places.entry(own.place()).or_default() += 1;
    tally.struck += u64::from(site.faults.unfired().is_empty());
    site.script("seed: 0");
    match trial.judge(&pushed, &told) {
        true => tally.succeeded += 1,
        false => {
            tally.failed += 1;
            match trial.again().await {
                Again::Delivered => tally.recovered += 1,
                Again::WasThere => tally.delivered_before += 1,
            }
        }
    }
    tally.longest = tally.longest.max((begun.elapsed(), seed));
}

fn staging(site: &Site) -> PathBuf {
    shared(site).join(".tracebloc-staging")
}

/// What the same command again came to.
enum Again {
    Delivered,
    WasThere,
}

struct Trial<'a> {
    site: &'a Site,
    seed: u64,
    table: &'a str,
    payload: &'a Payload,
    old: &'a Tree,
}

impl Trial<'_> {
    /// A run that is killed in its input and gives up at once.
    async fn break_off(&self, after: u64) {
        let text = format!(
            "rules: [{{name: end, on: exec, times: 0, match: {{command: \" receive \"}}, fault: {{kill: {{after: {after}}}}}}}]"
        );
        self.site.script(&text);
        let hasty = Limits {
            retry: Duration::ZERO,
            ..limits()
        };
        let (pushed, told) = self.push_within(hasty, &text).await;
        assert!(pushed.is_err(), "{told}");
        self.has_old_or_new(&told);
        let home = staging(self.site).join(".longshore").join(self.table);
        assert!(!home.join("lock").exists(), "{told}");
    }

    async fn push_under(&self, text: &str) -> (Result<Pushed, PushError>, String) {
        self.site.script(text);
        self.push_within(limits(), text).await
    }

    async fn push_within(&self, limits: Limits, text: &str) -> (Result<Pushed, PushError>, String) {
        let connection = self.site.connect_to(User::Admin, NAMESPACE, limits).await;
        let ordered = order(self.table, &self.payload.checked);
        let (pushed, diary) = self.bounded(&Arc::new(connection), &ordered, text).await;
        let told = format!("seed {}: {pushed:#?}\n{text}\n{diary:#?}", self.seed);
        let left = diary.iter().any(|line| line.contains("push_pod_left"));
        assert!(left || self.site.stage_pods().is_empty(), "{told}");
        (pushed, told)
    }

    async fn bounded(
        &self,
        connection: &Arc<Connection>,
        ordered: &Order,
        text: &str,
    ) -> (Result<Pushed, PushError>, Vec<String>) {
        let pushing = async {
            let place = self.look(connection).await;
            push_to(connection, place, ordered).await
        };
        tokio::time::timeout(PATIENCE, pushing)
            .await
            .unwrap_or_else(|_| panic!("seed {} hangs\n{text}", self.seed))
    }

    /// Looks as the checks before a push do, again and again: what they say of faults is another test's matter.
    async fn look(&self, connection: &Connection) -> Where {
        loop {
            let look = async {
                let release = release::find(connection, None).await.ok()?;
                let volume = volume::look(connection, &release.namespace).await.ok()?;
                Some(Where { release, volume })
            };
            match look.await {
                Some(place) => return place,
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Says whether the push delivered; whatever it says has to be so.
    fn judge(&self, pushed: &Result<Pushed, PushError>, told: &str) -> bool {
        let pushed = match pushed {
            Ok(pushed) => pushed,
            // The ingestor may be at work in the staged data.
            Err(PushError::Watch { .. } | PushError::Submit(_)) => return false,
            Err(_) => {
                self.has_old_or_new(told);
                return false;
            }
        };
        let files = &self.payload.files;
        assert_eq!(pushed.receipt.files, files.len() as u64, "{told}");
        assert_eq!(pushed.receipt.bytes, self.payload.bytes(), "{told}");
        let report = pushed.report.as_ref().unwrap();
        if report.outcome != Outcome::Succeeded {
            return false;
        }
        assert!(self.is_delivered(), "{told}");
        if pushed.is_reclaimed == Some(true) {
            assert!(!self.staged().exists(), "{told}");
        }
        true
    }

    fn staged(&self) -> PathBuf {
        staging(self.site).join(self.table)
    }

    fn has_old_or_new(&self, told: &str) {
        let found = tree(&self.staged());
        let is_sound = found == *self.old || found == self.payload.files;
        assert!(is_sound, "{:?}\n{told}", found.keys());
    }

    /// The table has every file and every row of the payload, and no other.
    fn is_delivered(&self) -> bool {
        let destination = shared(self.site).join(self.table);
        let mut arrived = tree(&destination);
        if arrived.is_empty() && !destination.exists() {
            return false;
        }
        arrived.remove("labels.csv");
        let sent = self.payload.delivered();
        arrived == sent && self.rows() == sent.len()
    }

    fn rows(&self) -> usize {
        let database = installed::database(self.site.sandbox().config());
        let sql = format!("SELECT filename FROM {}", self.table);
        // There may be no such table.
        installed::query(&database, &sql).map_or(0, |found| found.rows.len())
    }

    /// The same command again, without faults: it delivers, or the table is there.
    async fn again(&self) -> Again {
        let begun = Instant::now();
        loop {
            let (pushed, told) = self.push_within(limits(), "again").await;
            match &pushed {
                Ok(_) => {
                    assert!(self.judge(&pushed, &told), "{told}");
                    self.leaves_nothing(&told);
                    return Again::Delivered;
                }
                Err(PushError::Transfer(TransferError::Destination { .. })) => {
                    assert!(self.is_delivered(), "{told}");
                    return Again::WasThere;
                }
                // What the one before submitted goes on.
                Err(
                    PushError::JobRuns { .. }
                    | PushError::Transfer(TransferError::Ingesting { .. }),
                ) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(_) => panic!("{told}"),
            }
        }
    }

    /// Neither staged data nor anything beside it.
    fn leaves_nothing(&self, told: &str) {
        let home = staging(self.site).join(".longshore").join(self.table);
        assert!(is_empty(&self.staged()) && is_empty(&home), "{told}");
    }
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}

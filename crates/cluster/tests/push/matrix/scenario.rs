//! One push of one table under faults, and the same command again after a failure.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::Connection;
use cluster::limits::Limits;
use cluster::push::{Order, PushError, Pushed, Site as Where};
use cluster::release;
use cluster::transfer::{Compression, TransferError};
use cluster::volume;
use cluster::watch::Outcome;
use sandbox::kinds;
use sandbox::release as installed;
use sandbox::store::Deletion;

use super::super::folder::tree;
use super::super::site::{NAMESPACE, Site, User};
use super::super::{order, push_to, shared};
use super::cell::{Plan, cells, plan};
use super::lot::Lot;
use super::payload::{Payload, Tree, older};
use super::tally::Tally;

/// Longest that a scenario may take: all limits of [`limits`] together, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

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

/// Without faults a machine that is busy with other scenarios is no reason to give up.
fn patient() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        request: seconds(20),
        pod_create: seconds(20),
        stall: seconds(40),
        retry: seconds(120),
        clean_up: seconds(40),
        submit: seconds(20),
        api_away: seconds(40),
        ..limits()
    }
}

/// One scenario: its cell by its number, all else drawn from it.
pub(super) struct Scenario {
    seed: u64,
    lot: Lot,
    plan: Plan,
}

impl Scenario {
    pub(super) fn draw(seed: u64) -> Self {
        let mut lot = Lot::new(seed);
        let plan = plan(seed, &cells(), &mut lot);
        Self { seed, lot, plan }
    }

    pub(super) fn strikes_volume(&self) -> bool {
        self.plan.strikes_volume
    }

    pub(super) async fn run(self, site: &Site, tally: &mut Tally) {
        let begun = Instant::now();
        let Self {
            seed,
            mut lot,
            plan,
        } = self;
        let table = format!("t{seed}");
        let payload = Payload::draw(&mut lot, &table, site.scratch());
        let old = older(&mut lot, &payload, &staging(site), &table);
        let trial = Trial {
            site,
            seed,
            table: &table,
            payload: &payload,
            old: &old,
            // The programs of most machines, instead of those of the image.
            image: lot.once_in(8).then(|| "sandbox.invalid/host".to_owned()),
            // From a lot of its own, so that all else stays what it was for a seed.
            compression: Lot::new(!seed).once_in(3).then_some(Compression::Gzip),
            strikes_volume: plan.strikes_volume,
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
        let (pushed, told) = trial.push_under(&plan.text).await;
        tally.scenarios += 1;
        *tally.places.entry(plan.place).or_default() += 1;
        tally.struck += u64::from(site.faults.unfired().is_empty());
        site.script("seed: 0");
        match trial.judge(&pushed, &told) {
            true => tally.succeeded += 1,
            false => {
                tally.failed += 1;
                trial.put_right().await;
                match trial.again().await {
                    Again::Delivered => tally.recovered += 1,
                    Again::WasThere => tally.delivered_before += 1,
                    Again::Cleared => tally.cleared += 1,
                }
            }
        }
        trial.remove();
        tally.longest = tally.longest.max((begun.elapsed(), seed));
    }
}

fn staging(site: &Site) -> PathBuf {
    shared(site).join(".tracebloc-staging")
}

/// What the same command again came to.
enum Again {
    Delivered,
    WasThere,
    /// The Job had failed in the middle, so that its part had to be removed first.
    Cleared,
}

struct Trial<'a> {
    site: &'a Site,
    seed: u64,
    table: &'a str,
    payload: &'a Payload,
    old: &'a Tree,
    image: Option<String>,
    /// Of the push under faults and what comes after it.
    compression: Option<Compression>,
    strikes_volume: bool,
}

impl Trial<'_> {
    /// A run that is killed in its input and gives up at once. It is not compressed: then that much might not be sent.
    async fn break_off(&self, after: u64) {
        let text = format!(
            "rules: [{{name: end, on: exec, times: 0, match: {{command: \" receive \"}}, fault: {{kill: {{after: {after}}}}}}}]"
        );
        self.site.script(&text);
        let hasty = Limits {
            retry: Duration::ZERO,
            ..patient()
        };
        let (pushed, told) = self.push_within(hasty, None, &text).await;
        assert!(pushed.is_err(), "{told}");
        self.has_old_or_new(&told);
        let home = staging(self.site).join(".longshore").join(self.table);
        assert!(!home.join("lock").exists(), "{told}");
    }

    async fn push_under(&self, text: &str) -> (Result<Pushed, PushError>, String) {
        self.site.script(text);
        self.push_within(limits(), self.compression, text).await
    }

    async fn push_within(
        &self,
        limits: Limits,
        compression: Option<Compression>,
        text: &str,
    ) -> (Result<Pushed, PushError>, String) {
        let connection = self.site.connect_to(User::Admin, NAMESPACE, limits).await;
        let ordered = Order {
            image: self.image.clone(),
            compression,
            ..order(self.table, &self.payload.checked)
        };
        let (pushed, diary) = self.bounded(&Arc::new(connection), &ordered, text).await;
        let told = format!(
            "seed {}, {compression:?}: {pushed:#?}\n{text}\n{diary:#?}",
            self.seed
        );
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
        let destination = self.destination();
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

    /// Somebody makes room: what fills a volume, or keeps it from being written, goes with the pod.
    async fn put_right(&self) {
        if !self.strikes_volume {
            return;
        }
        let now = Deletion {
            grace_seconds: Some(0),
            ..Deletion::default()
        };
        for pod in self.site.stage_pods() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            // It may be gone meanwhile.
            drop(
                self.site
                    .sandbox()
                    .store()
                    .delete(&kinds::POD, NAMESPACE, name, &now),
            );
        }
        let trial = shared(self.site).join(".room");
        let begun = Instant::now();
        while std::fs::write(&trial, vec![0; 1 << 20]).is_err() {
            assert!(begun.elapsed() < PATIENCE, "seed {}: still full", self.seed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::fs::remove_file(trial).unwrap();
    }

    /// Takes away what was delivered, so that a long run does not fill the machine.
    fn remove(&self) {
        // Nothing may have been.
        drop(std::fs::remove_dir_all(self.destination()));
    }

    fn destination(&self) -> PathBuf {
        shared(self.site).join(self.table)
    }

    /// The same command again, without faults: it delivers, or the table is there.
    async fn again(&self) -> Again {
        let begun = Instant::now();
        let mut is_cleared = false;
        loop {
            let (pushed, told) = self.push_within(patient(), self.compression, "again").await;
            match &pushed {
                Ok(_) => {
                    assert!(self.judge(&pushed, &told), "{told}");
                    self.leaves_nothing(&told);
                    return match is_cleared {
                        true => Again::Cleared,
                        false => Again::Delivered,
                    };
                }
                // The Job's copy is not the push's, and says so itself: whoever sees it fail has to remove its part.
                Err(error)
                    if holds_data(error)
                        && self.strikes_volume
                        && !is_cleared
                        && !self.is_delivered() =>
                {
                    self.remove();
                    is_cleared = true;
                }
                Err(error) if holds_data(error) => {
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
        let left = [everything(&self.staged()), everything(&home)].concat();
        assert!(left.is_empty(), "{left:#?}\n{told}");
    }
}

/// Says whether it is because the table has data.
fn holds_data(error: &PushError) -> bool {
    matches!(
        error,
        PushError::DestinationUnanswered { .. }
            | PushError::Transfer(TransferError::Destination { .. })
    )
}

/// What is in a directory, at any depth: names, and how the files begin.
fn everything(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.push(format!("{}/", path.display()));
            found.extend(everything(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
            found.push(format!(
                "{}: {} bytes, {text:?}",
                path.display(),
                bytes.len()
            ));
        }
    }
    found
}

//! The part of a push that needs a stage pod, over as many pods as it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::record::{self, Attempt, Record};
use super::{Event, Observer, Order, Phase, PushError, Site, earlier};
use crate::Connection;
use crate::cause::chain;
use crate::exec::Container;
use crate::far::StartError;
use crate::release::chart;
use crate::runtime;
use crate::stage::{self, Plan, Said, StageError, StagePod};
use crate::submit::{Accepted, Guard, Key};
use crate::transfer::{
    self, Hold, Probe, Progress, Receipt, Reclaimed, Setup, Standing, TransferError, command,
};

/// A pod is left for a new one when this is what is left of its time.
const SPARE: Duration = Duration::from_secs(90);

/// Between two attempts to open a pod.
const PAUSE: Duration = Duration::from_secs(2);

/// Time for removing the staged copy after the Job.
const RECLAIM: Duration = Duration::from_secs(45);

/// How often another run may turn up between the look at the record and the lock.
const LOOKS: u32 = 3;

/// What the key is made from, besides the document.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    manifest_sha256: &'a str,
    /// The least number of the attempt.
    least_attempt: u32,
}

/// Published data and the key that its submission will have.
#[derive(Clone, Debug)]
pub(super) struct Staged {
    pub(super) receipt: Receipt,
    pub(super) key: Key,
    pub(super) attempt: Attempt,
    pub(super) verified: Timestamp,
    pub(super) published: Timestamp,
    record: Record,
    /// The same with its Job.
    answered: Option<Record>,
    /// What was recorded before.
    before: String,
}

/// Opens and closes stage pods, and works in them.
pub(super) struct Staging<'a> {
    connection: &'a Arc<Connection>,
    site: &'a Site,
    order: &'a Order,
    observer: &'a dyn Observer,
    stop: &'a CancellationToken,
    opened: u32,
    open: Option<Open>,
    /// The image of the last pod that was ready. The next one need not find out again which can be had.
    image: Option<String>,
}

/// The lock of the table, after it was published.
pub(super) struct Lock<'a> {
    open: Option<&'a Open>,
    /// How long making the connection anew may take. Without one the lock lasts longer than that.
    limit: Duration,
    hold: Mutex<Option<Hold>>,
}

impl Lock<'_> {
    /// Connects to the pod that has it, and finds out whether it has it still.
    async fn connect(&self) -> Result<(), TransferError> {
        if let Some(open) = self.open {
            let made = transfer::hold(&open.far, &open.setup).await?;
            *self.hold.lock().await = Some(made);
        }
        Ok(())
    }
}

impl Guard for Lock<'_> {
    fn renew(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let until = Instant::now() + self.limit;
            loop {
                let limit = until.saturating_duration_since(Instant::now());
                let reason = match tokio::time::timeout(limit, self.connect()).await {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(TransferError::LockLost)) => "the lock is lost".to_owned(),
                    Ok(Err(_)) if limit > PAUSE => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    Ok(Err(error)) => format!("the lock cannot be kept: {}", chain(&error)),
                    Err(_) => "the lock cannot be kept: its pod does not answer".to_owned(),
                };
                return Err(reason);
            }
        })
    }
}

/// An open pod.
struct Open {
    pod: StagePod,
    far: Container,
    setup: Setup,
}

impl<'a> Staging<'a> {
    pub(super) fn new(
        connection: &'a Arc<Connection>,
        site: &'a Site,
        order: &'a Order,
        observer: &'a dyn Observer,
        stop: &'a CancellationToken,
    ) -> Self {
        Self {
            connection,
            site,
            order,
            observer,
            stop,
            opened: 0,
            open: None,
            image: None,
        }
    }

    /// Stages, verifies and publishes. A pod that is lost is replaced, and the transfer goes on where it was.
    pub(super) async fn stage(
        &mut self,
        manifest_sha256: &str,
        least_attempt: u32,
    ) -> Result<Staged, PushError> {
        let gauge = Gauge::new(self.observer);
        let wanted = Wanted {
            manifest_sha256,
            least_attempt,
        };
        loop {
            let (pod, reason) = match self.attempt(&gauge, wanted).await {
                Ok(staged) => return Ok(staged),
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Lost { pod, reason }) => (pod, reason),
            };
            if gauge.idle() > self.connection.limits().retry {
                // Nobody comes back to this lock; the same command again would have to watch it stand still.
                self.close().await;
                return Err(PushError::PodsLost { pod, reason });
            }
            self.abandon().await;
            self.observer.event(Event::PodLost {
                pod: &pod,
                reason: &reason,
            });
            self.unless_stopped(tokio::time::sleep(PAUSE)).await?;
        }
    }

    /// Looks at the volume from inside of a pod.
    pub(super) async fn probe(&mut self) -> Result<Probe, PushError> {
        self.observer.event(Event::Phase(Phase::Prepare));
        let probed = async {
            self.open_pod().await?;
            let Some(open) = &self.open else {
                return Err(Setback::Final(PushError::Stopped));
            };
            let probing = transfer::probe(&open.far, &open.setup);
            let probe = runtime::unless_stopped(self.stop, probing).await;
            let mut probe = probe
                .ok_or(PushError::Stopped)?
                .map_err(|error| open.judge(error))?;
            if probe.findings.is_empty() {
                Ok(probe)
            } else {
                Err(Setback::Final(probe.findings.remove(0).into()))
            }
        };
        probed.await.map_err(|setback| match setback {
            Setback::Final(error) => error,
            Setback::Lost { pod, reason } => PushError::PodsLost { pod, reason },
        })
    }

    async fn attempt(&mut self, gauge: &Gauge<'_>, wanted: Wanted<'_>) -> Result<Staged, Setback> {
        self.observer.event(Event::Phase(Phase::Prepare));
        self.open_pod().await?;
        let Some(open) = &self.open else {
            return Err(Setback::Final(PushError::Stopped));
        };
        let life = open.pod.time_left().saturating_sub(SPARE);
        let work = async {
            tokio::select! {
                staged = self.work(open, gauge, wanted) => staged,
                () = tokio::time::sleep(life) => Err(open.lost("its time is over")),
            }
        };
        match runtime::unless_stopped(self.stop, work).await {
            Some(staged) => staged,
            None => Err(Setback::Final(PushError::Stopped)),
        }
    }

    async fn work(
        &self,
        open: &Open,
        gauge: &Gauge<'_>,
        wanted: Wanted<'_>,
    ) -> Result<Staged, Setback> {
        let mut looks = 0;
        loop {
            looks += 1;
            match self.work_once(open, gauge, wanted).await {
                // Somebody was faster. What they recorded has to be looked at too.
                Err(Setback::Final(PushError::Transfer(TransferError::RunChanged { .. })))
                    if looks < LOOKS => {}
                other => return other,
            }
        }
    }

    async fn work_once(
        &self,
        open: &Open,
        gauge: &Gauge<'_>,
        wanted: Wanted<'_>,
    ) -> Result<Staged, Setback> {
        let far = &open.far;
        let mut setup = open.setup.clone();
        let probe = transfer::probe(far, &setup)
            .await
            .map_err(|error| open.judge(error))?;
        let found = probe.record.clone();
        self.judge_probe(probe)
            .map_err(|setback| self.with_record(setback, &found))?;
        let record = Record::parse(&found)?;
        let (key, attempt) = self.key(wanted, record.as_ref()).await?;
        setup.record = found;
        self.observer.event(Event::Phase(Phase::Transfer));
        let receipt = transfer::carry(far, Arc::clone(&self.order.source), &setup, gauge)
            .await
            .map_err(|error| open.judge(error))?;
        let verified = Timestamp::now();
        self.observer.event(Event::Phase(Phase::Publish));
        transfer::publish(far, &setup, &receipt)
            .await
            .map_err(|error| open.judge(error))?;
        let published = Timestamp::now();
        // Before it is submitted, so that whoever comes next knows of a submission that nobody saw answered.
        let record = Record::new(&key, attempt, &receipt.manifest_sha256);
        transfer::record(far, &setup, &record.text()?)
            .await
            .map_err(|error| open.judge(error))?;
        Ok(Staged {
            receipt,
            key,
            attempt,
            verified,
            published,
            record,
            answered: None,
            before: setup.record,
        })
    }

    /// Says of a table with data whether a submission that nobody saw answered may have brought them.
    fn with_record(&self, setback: Setback, record: &str) -> Setback {
        let Setback::Final(PushError::Transfer(TransferError::Destination { path })) = setback
        else {
            return setback;
        };
        match Record::parse(record) {
            Ok(Some(record)) if record.job.is_none() => PushError::DestinationUnanswered {
                path,
                key: record.key,
                namespace: self.site.release.namespace.clone(),
            },
            _ => TransferError::Destination { path }.into(),
        }
        .into()
    }

    /// What a look at the volume says against going on.
    fn judge_probe(&self, mut probe: Probe) -> Result<(), Setback> {
        if !probe.findings.is_empty() {
            return Err(Setback::Final(probe.findings.remove(0).into()));
        }
        // What earlier runs left may be most of it.
        if probe.leftovers.is_empty() {
            let source = &self.order.source;
            let wanted = source.total_bytes();
            if let Some(free) = probe.free_bytes.filter(|free| *free < wanted) {
                let what = format!("{wanted} bytes are to be sent and {free} are free");
                return Err(Setback::Final(TransferError::NoSpace { what }.into()));
            }
            let files = source.len() as u64;
            if let Some(free) = probe.free_inodes.filter(|free| *free < files) {
                let what = format!("{files} files are to be sent and {free} can be made");
                return Err(Setback::Final(TransferError::NoInodes { what }.into()));
            }
        }
        Ok(())
    }

    /// Decides the key, after a look at what has become of the last submission.
    async fn key(
        &self,
        wanted: Wanted<'_>,
        record: Option<&Record>,
    ) -> Result<(Key, Attempt), PushError> {
        let derive = |number| Key::derive(wanted.manifest_sha256, &self.order.document, number);
        let mut number = record::next_number(wanted.least_attempt, record);
        if let Some(record) = record {
            // What stands there is this very data, so that nothing changes below a Job of that submission.
            let is_this = match (&self.order.key, record.attempt) {
                (Some(key), _) => {
                    key.as_str() == record.key && record.manifest_sha256 == wanted.manifest_sha256
                }
                (None, Some(number)) => derive(number).as_str() == record.key,
                (None, None) => false,
            };
            let is_answered = record.job.is_some();
            let namespace = &self.site.release.namespace;
            if is_answered || !is_this {
                earlier::check(self.connection, namespace, record).await?;
            } else if earlier::is_used_up(self.connection, namespace, &record.key).await {
                // It was answered, and that could not be written down: repeating it would find the Job that has ended, again and again.
                number = number.max(record.attempt.unwrap_or(0).saturating_add(1));
            }
        }
        Ok(match &self.order.key {
            Some(key) => (key.clone(), Attempt::Given),
            None => (derive(number), Attempt::Number(number)),
        })
    }

    async fn open_pod(&mut self) -> Result<(), Setback> {
        if self.open.is_some() {
            return Ok(());
        }
        self.opened += 1;
        let setup = setup(self.connection, self.order, self.opened);
        let request = request(self.connection, self.order, self.opened);
        let mut plan = Plan::of(&self.site.release, &self.site.volume, request);
        if let Some(known) = &self.image {
            plan.pulls.sort_by_key(|pull| pull.image != *known);
        }
        let said = |said: Said<'_>| self.observer.event(Event::Pod(said));
        if self.opened == 1 {
            let run = &self.order.owner.run;
            let sweeping = stage::sweep_orphans(self.connection, &plan.namespace, run, &said);
            self.unless_stopped(sweeping).await?;
        }
        let pod = match stage::open(self.connection, &plan, self.stop, &said).await {
            Ok(pod) => pod,
            Err(StageError::Stopped) => return Err(Setback::Final(PushError::Stopped)),
            // The first one says what is wrong with the cluster; later ones may meet what took the one before.
            Err(error) if self.opened > 1 && is_passing(&error) => {
                return Err(Setback::Lost {
                    pod: format!("number {}", self.opened),
                    reason: chain(&error),
                });
            }
            Err(error) => return Err(Setback::Final(error.into())),
        };
        // From here on the pod is this one's to close.
        let far = pod.container(self.connection).await;
        let far = match far {
            Ok(far) => far,
            Err(error) => {
                self.close_pod(&pod).await;
                return Err(Setback::Final(error.into()));
            }
        };
        self.image = Some(pod.image.clone());
        self.open = Some(Open { pod, far, setup });
        Ok(())
    }

    /// Keeps the lock while the run is submitted.
    ///
    /// # Errors
    /// When it is somebody else's by now. Any other trouble is left to [`Guard::renew`]: the lock lasts long enough for one request.
    pub(super) async fn hold(&self) -> Result<Lock<'_>, PushError> {
        let lock = Lock {
            open: self.open.as_ref(),
            limit: self.connection.limits().clean_up / 3,
            hold: Mutex::default(),
        };
        match tokio::time::timeout(lock.limit, lock.connect()).await {
            Ok(Err(TransferError::LockLost)) => Err(TransferError::LockLost.into()),
            _ => Ok(lock),
        }
    }

    /// Writes the Job's name beside the data, so that nobody pushes over a Job that runs.
    pub(super) async fn record_job(&self, staged: &mut Staged, job: &Accepted) {
        let mut record = staged.record.clone();
        record.job = Some(record::Job {
            namespace: job.namespace.clone(),
            name: job.job.clone(),
        });
        match record.text() {
            Ok(text) => self.note(&text).await,
            Err(error) => self.warn_of_note(&chain(&error)),
        }
        staged.answered = Some(record);
    }

    /// Takes the record of a submission back that was refused.
    pub(super) async fn unrecord(&self, staged: &Staged) {
        self.note(&staged.before).await;
    }

    async fn note(&self, text: &str) {
        let Some(open) = &self.open else { return };
        let limit = self.connection.limits().clean_up / 3;
        let noted = transfer::record(&open.far, &open.setup, text);
        match tokio::time::timeout(limit, noted).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.warn_of_note(&chain(&error)),
            Err(_) => self.warn_of_note(&format!("it took longer than {}s", limit.as_secs())),
        }
    }

    fn warn_of_note(&self, what: &str) {
        self.observer.event(Event::Warning {
            id: "push_not_recorded",
            message: format!(
                "what became of the submission could not be written beside the staged data: {what}"
            ),
        });
    }

    /// Gives the lock back and deletes the pod, if there is one.
    pub(super) async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let limit = self.connection.limits().clean_up / 3;
        let mut setup = open.setup.clone();
        setup.retry = limit;
        // Without it the lock is free when the pod has not been heard of for a while.
        drop(tokio::time::timeout(limit, transfer::release(&open.far, &setup)).await);
        self.close_pod(&open.pod).await;
    }

    /// Deletes a pod that is of no use.
    async fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            self.close_pod(&open.pod).await;
        }
    }

    async fn close_pod(&self, pod: &StagePod) {
        if let Err(error) = stage::close(self.connection, pod).await {
            self.observer.event(Event::Warning {
                id: "push_pod_left",
                message: format!(
                    "the stage pod {} could not be deleted and ends by itself: {}",
                    pod.name,
                    chain(&error)
                ),
            });
        }
    }

    /// Removes the staged copy after its Job. `false` if it is still there, `None` if it belongs to another run by now.
    pub(super) async fn reclaim(&mut self, staged: &Staged) -> Option<bool> {
        let limit = RECLAIM;
        let what = match tokio::time::timeout(limit, self.reclaim_once(staged)).await {
            Ok(Ok(reclaimed)) => Ok(reclaimed),
            Ok(Err(Setback::Final(error))) => Err(chain(&error)),
            Ok(Err(Setback::Lost { reason, .. })) => Err(reason),
            Err(_) => Err(format!("it took longer than {}s", limit.as_secs())),
        };
        self.close().await;
        match what {
            Ok(Reclaimed::Removed | Reclaimed::Absent) => Some(true),
            Ok(Reclaimed::Other) => None,
            Err(what) => {
                self.observer.event(Event::Warning {
                    id: "push_not_reclaimed",
                    message: format!("the staged copy could not be removed: {what}"),
                });
                Some(false)
            }
        }
    }

    /// Another push of the same data may use the same copy, whose Job reads it now. It has left a record of its own; whether this
    /// one's last was written may not be known, so either of its two will do.
    async fn reclaim_once(&mut self, staged: &Staged) -> Result<Reclaimed, Setback> {
        self.open_pod().await?;
        let Some(open) = &self.open else {
            return Err(Setback::Final(PushError::Stopped));
        };
        let mut reclaimed = Reclaimed::Other;
        for record in staged.answered.iter().chain([&staged.record]) {
            let standing = Standing {
                table: self.order.table.clone(),
                manifest_sha256: staged.receipt.manifest_sha256.clone(),
                record: record.text()?,
            };
            let asked = transfer::reclaim_standing(&open.far, &open.setup, &standing).await;
            reclaimed = asked.map_err(|error| open.judge(error))?;
            if reclaimed != Reclaimed::Other {
                break;
            }
        }
        Ok(reclaimed)
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, PushError> {
        runtime::unless_stopped(self.stop, work)
            .await
            .ok_or(PushError::Stopped)
    }
}

/// The stage pod of that number as it is wanted.
pub(super) fn request(connection: &Connection, order: &Order, number: u32) -> stage::Request {
    stage::Request {
        table: Some(order.table.clone()),
        image: order.image.clone(),
        owner: order.owner.clone(),
        script: transfer::STAGE_SCRIPT,
        command: command::supervise(&setup(connection, order, number)),
    }
}

fn setup(connection: &Connection, order: &Order, number: u32) -> Setup {
    let owner = &order.owner;
    let limits = connection.limits();
    let run = owner.run.as_str();
    let seed = u64::from_str_radix(run, 16).unwrap_or_default();
    Setup {
        shared: chart::MOUNT_PATH.to_owned(),
        holder: format!("{}@{}, run {run}", owner.user, owner.host),
        stall: limits.stall,
        // A pod in which nothing works any more is left for a new one while there is time.
        retry: limits.retry / 3,
        compression: order.compression,
        seed: seed.wrapping_add(u64::from(number)),
        ..Setup::new(order.table.clone(), run, &number.to_string())
    }
}

impl Open {
    fn lost(&self, reason: &str) -> Setback {
        Setback::Lost {
            pod: self.pod.name.clone(),
            reason: reason.to_owned(),
        }
    }

    /// Tells what another pod may mend from what none will.
    fn judge(&self, error: TransferError) -> Setback {
        match &error {
            TransferError::Start(StartError::Gone(reason))
            | TransferError::Refused { reason }
            | TransferError::RetriesUsedUp { last: reason, .. } => self.lost(reason),
            _ => Setback::Final(error.into()),
        }
    }
}

/// Whether the next attempt to open a pod may find what this one did not.
fn is_passing(error: &StageError) -> bool {
    match error {
        StageError::Api(error) => error.refusal.is_passing(),
        StageError::TooSlow { .. } => true,
        _ => false,
    }
}

/// Why an attempt in a pod ended.
enum Setback {
    /// Another pod may do it.
    Lost { pod: String, reason: String },
    /// None will.
    Final(PushError),
}

impl From<PushError> for Setback {
    fn from(error: PushError) -> Self {
        Self::Final(error)
    }
}

/// Passes on how far the transfer is, and knows when it moved last.
struct Gauge<'a> {
    observer: &'a dyn Observer,
    begun: Instant,
    best: AtomicU64,
    moved_ms: AtomicU64,
}

impl<'a> Gauge<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            begun: Instant::now(),
            best: AtomicU64::new(0),
            moved_ms: AtomicU64::new(0),
        }
    }

    /// How long nothing has been acknowledged that was not before.
    fn idle(&self) -> Duration {
        let moved = Duration::from_millis(self.moved_ms.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(moved)
    }
}

impl transfer::Observer for Gauge<'_> {
    fn progress(&self, progress: Progress) {
        let bytes = progress.acknowledged_bytes;
        if self.best.fetch_max(bytes, Ordering::Relaxed) < bytes {
            let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.moved_ms.store(now, Ordering::Relaxed);
        }
        self.observer.event(Event::Progress(progress));
    }

    fn notice(&self, notice: transfer::Notice) {
        self.observer.event(Event::Transfer(notice));
    }
}

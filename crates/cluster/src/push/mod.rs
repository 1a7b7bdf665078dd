//! A push, from a checked dataset to rows in the cluster: stage, verify, publish, submit, watch, clean up.
//!
//! [`run`] does it in this order. Whatever happens in between, the table's old data stands or the new one does, and what a run
//! has made in the cluster is taken away again. Success is what the far side has proved: a receipt equal to the payload, and a
//! Job that is complete.

mod earlier;
mod error;
mod log;
mod mint;
mod record;
mod staging;

use std::sync::Arc;

use dataset::names::TableName;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use error::PushError;
pub use record::Record;

use crate::Connection;
use crate::journal::Journal;
use crate::release::Release;
use crate::runtime;
use crate::stage::{self, Owner, Said};
use crate::submit::{self, Accepted, Key, Submission};
use crate::transfer::{self, Compression, Notice, Probe, Progress, Receipt, Source};
use crate::volume::Volume;
use crate::watch::{self, Outcome};
use log::Log;
use staging::{Staged, Staging};

/// What is pushed, and how.
#[derive(Clone)]
pub struct Order {
    /// The table.
    pub table: TableName,
    /// The ingest document, verbatim.
    pub document: String,
    /// The payload.
    pub source: Arc<dyn Source>,
    /// Who pushes.
    pub owner: Owner,
    /// Image of the stage pod, instead of the usual ones.
    pub image: Option<String>,
    /// How content is compressed on the way to it.
    pub compression: Option<Compression>,
    /// The idempotency key, instead of a derived one.
    pub key: Option<Key>,
    /// Where runs are noted, so that they can be found again.
    pub journal: Option<Journal>,
    /// Digest of the ingestor's image, instead of the release's own.
    pub image_digest: Option<String>,
    /// Whether the run goes on unwatched once it is accepted.
    pub detach: bool,
}

/// Where a push goes, as the pre-flight checks found it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The release.
    pub release: Release,
    /// The volume.
    pub volume: Volume,
}

/// The parts of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The stage pod starts.
    Prepare,
    /// Files are carried and verified.
    Transfer,
    /// What was verified becomes visible.
    Publish,
    /// The run is submitted.
    Submit,
    /// The Job runs.
    Watch,
    /// The staged copy goes.
    CleanUp,
}

/// What happens meanwhile.
#[derive(Debug)]
pub enum Event<'a> {
    /// The next part begins.
    Phase(Phase),
    /// About the stage pod.
    Pod(Said<'a>),
    /// A stage pod is lost, and another one takes its place.
    PodLost {
        /// Its name.
        pod: &'a str,
        /// What was heard last.
        reason: &'a str,
    },
    /// How far the transfer is.
    Progress(Progress),
    /// About the transfer.
    Transfer(Notice),
    /// The data is verified, and visible to the ingestor.
    Published(&'a Receipt),
    /// About the submission.
    Submit(submit::Event),
    /// The run is accepted.
    Accepted {
        /// Its key.
        key: &'a Key,
        /// The attempt that the key was derived from; `None` for a given key.
        attempt: Option<u32>,
        /// Its Job.
        job: &'a Accepted,
    },
    /// About the Job.
    Watch(watch::Event),
    /// Something that should have been done was not, and it does not change the outcome.
    Warning {
        /// Stable id.
        id: &'static str,
        /// What was not done, and why.
        message: String,
    },
}

/// Hears what happens. Called from the tasks that do it; it must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// When the steps of a push were done, by this machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The receipt came.
    pub verified: Timestamp,
    /// The data became visible.
    pub published: Timestamp,
    /// The run was accepted.
    pub submitted: Timestamp,
}

/// What a push came to.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// What the far side vouches for.
    pub receipt: Receipt,
    /// The key.
    pub key: Key,
    /// The Job.
    pub job: Accepted,
    /// When.
    pub times: Times,
    /// What came of it; `None` if it was not watched.
    pub report: Option<watch::Report>,
    /// Whether the staged copy is gone; `None` if the Job still needs it or did not succeed, or if another run has it by now.
    pub is_reclaimed: Option<bool>,
}

/// Pushes.
///
/// `stop` ends it at the next point where that is safe; what it has made in the cluster is removed within
/// [`Limits::clean_up`](crate::limits::Limits). Do not drop the future instead.
///
/// # Errors
/// See [`PushError`]. One before [`Event::Accepted`] means that nothing was submitted, unless it says that this is not known.
pub async fn run(
    connection: &Arc<Connection>,
    site: &Site,
    order: &Order,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<Pushed, PushError> {
    if let Some(journal) = &order.journal {
        journal.try_out()?;
    }
    let manifest = transfer::manifest_sha256(&*order.source)?;
    let namespace = &site.release.namespace;
    let mut log = Log::new(connection, namespace, order, &manifest, observer);
    let least = log.next_attempt(connection).await?;
    let mut staging = Staging::new(connection, site, order, observer, stop);
    let trip = Trip {
        connection,
        site,
        order,
        observer,
        stop,
    };
    let delivered = trip.deliver(&mut staging, &mut log, &manifest, least).await;
    staging.close().await;
    let (staged, job) = delivered?;
    let mut pushed = Pushed {
        receipt: staged.receipt.clone(),
        key: staged.key.clone(),
        job,
        times: Times {
            verified: staged.verified,
            published: staged.published,
            submitted: Timestamp::now(),
        },
        report: None,
        is_reclaimed: None,
    };
    if order.detach {
        return Ok(pushed);
    }
    observer.event(Event::Phase(Phase::Watch));
    let report = trip.follow(&pushed.job).await?;
    log.ended(&report.outcome);
    if report.outcome == Outcome::Succeeded {
        observer.event(Event::Phase(Phase::CleanUp));
        pushed.is_reclaimed = staging.reclaim(&staged).await;
    }
    pushed.report = Some(report);
    Ok(pushed)
}

/// Says whether the run of a record beside staged data has ended, or never was.
pub(crate) async fn is_over(connection: &Arc<Connection>, namespace: &str, record: &str) -> bool {
    match Record::parse(record) {
        Ok(None) => true,
        Ok(Some(record)) => earlier::check(connection, namespace, &record).await.is_ok(),
        Err(_) => false,
    }
}

/// Returns the stage pod that a push will want, for the checks before it.
#[must_use]
pub fn stage_request(connection: &Connection, order: &Order) -> stage::Request {
    staging::request(connection, order, 1)
}

/// Makes a stage pod, looks at the volume from inside, and removes the pod.
///
/// # Errors
/// The first thing that would stop a push, or why nobody could look.
pub async fn probe(
    connection: &Arc<Connection>,
    site: &Site,
    order: &Order,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<Probe, PushError> {
    let mut staging = Staging::new(connection, site, order, observer, stop);
    let probed = staging.probe().await;
    staging.close().await;
    probed
}

/// What the steps of a push share.
struct Trip<'a> {
    connection: &'a Arc<Connection>,
    site: &'a Site,
    order: &'a Order,
    observer: &'a dyn Observer,
    stop: &'a CancellationToken,
}

impl Trip<'_> {
    /// Everything for which the stage pod is there: until the Job is recorded beside the data.
    async fn deliver(
        &self,
        staging: &mut Staging<'_>,
        log: &mut Log<'_>,
        manifest_sha256: &str,
        least_attempt: u32,
    ) -> Result<(Staged, Accepted), PushError> {
        let mut staged = staging.stage(manifest_sha256, least_attempt).await?;
        self.observer.event(Event::Published(&staged.receipt));
        self.observer.event(Event::Phase(Phase::Submit));
        log.begin(&staged.key, staged.attempt)?;
        let lock = staging.hold().await?;
        let submitted = self.submit(&staged, &lock).await;
        drop(lock);
        let job = match submitted {
            Ok(job) => job,
            Err(error) => {
                if !error.may_be_accepted() {
                    match error.names_an_old_run() {
                        // The key is used up: the next push takes the next attempt.
                        true => log.ended_before(),
                        false => log.refused(),
                    }
                    staging.unrecord(&staged).await;
                }
                return Err(error);
            }
        };
        log.accepted(&job);
        self.observer.event(Event::Accepted {
            key: &staged.key,
            attempt: staged.attempt.number(),
            job: &job,
        });
        staging.record_job(&mut staged, &job).await;
        Ok((staged, job))
    }

    async fn submit(
        &self,
        staged: &Staged,
        lock: &staging::Lock<'_>,
    ) -> Result<Accepted, PushError> {
        let release = &self.site.release;
        let target = submit::Target {
            namespace: release.namespace.clone(),
            service: release.service.name.clone(),
        };
        let submission = Submission {
            ingest_config: self.order.document.clone(),
            idempotency_key: staged.key.clone(),
            image_digest: self.order.image_digest.clone(),
        };
        let mint = mint::Ingestor::new(self.connection, release);
        let tell = |event| self.observer.event(Event::Submit(event));
        let client = self.connection.client().await?;
        let submitting = submit::submit(
            &client,
            &target,
            &submission,
            &mint,
            lock,
            self.connection.limits(),
            &tell,
        );
        match runtime::unless_stopped(self.stop, submitting).await {
            Some(submitted) => Ok(submitted?),
            // The request may have arrived.
            None => Err(PushError::StoppedSubmitting {
                key: staged.key.clone(),
            }),
        }
    }

    async fn follow(&self, job: &Accepted) -> Result<watch::Report, PushError> {
        let target = watch::Target {
            namespace: job.namespace.clone(),
            job: job.job.clone(),
        };
        let tell = |event| self.observer.event(Event::Watch(event));
        let report = watch::watch(
            &**self.connection,
            &target,
            self.connection.limits(),
            self.stop,
            &tell,
        )
        .await;
        report.map_err(|error| PushError::Watch {
            job: Box::new(job.clone()),
            error: Box::new(error),
        })
    }
}

//! The loop that looks at a Job until it has ended.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::banner::Banner;
use super::follow::{Current, Follower, Logged, Source};
use super::lines::clean;
use super::pods::Waiting;
use super::{
    Detach, Event, JobEnd, Outcome, Report, Summary, Target, WatchError, job_end, look, pods,
    summary,
};
use crate::Clients;
use crate::limits::{Limits, told};

/// Looks in a row that have to find a permanent reason: some are gone a moment later.
const PERMANENT_LOOKS: u32 = 3;

/// Watches a Job until it has ended, somebody asks to stop, or a limit is reached.
///
/// Cancelling `stop` is the way to stop: it detaches, and wins over whatever else happens at that moment. The Job is never touched.
pub async fn watch(
    clients: &dyn Clients,
    target: &Target,
    limits: &Limits,
    stop: &CancellationToken,
    tell: &(dyn Fn(Event) + Send + Sync),
) -> Result<Report, WatchError> {
    let first = clients.current().await.map_err(WatchError::Unauthorized)?;
    let mut watcher = Watcher {
        clients,
        current: Current::new(first),
        target,
        limits,
        tell,
        begun: Instant::now(),
        was_seen: false,
        away: None,
        refusals: 0,
        waiting: None,
        followed: None,
        settled: None,
    };
    watcher.run(stop).await
}

struct Watcher<'a> {
    clients: &'a dyn Clients,
    /// What the log is read with.
    current: Current,
    target: &'a Target,
    limits: &'a Limits,
    tell: &'a (dyn Fn(Event) + Send + Sync),
    begun: Instant,
    was_seen: bool,
    /// Since when the API server is away.
    away: Option<Instant>,
    /// Credentials refused in a row.
    refusals: u32,
    /// Why the newest pod waits, and how many looks found it so.
    waiting: Option<(String, Waiting, u32)>,
    followed: Option<Followed>,
    /// Since when the pod has ended well and its log is read, while the Job says nothing.
    settled: Option<Instant>,
}

/// The pod whose log is read.
struct Followed {
    source: Source,
    follower: Follower,
    banner: Banner,
    log: Log,
    /// Its failure was told.
    is_told: bool,
    /// As it was at the last look.
    pod: Pod,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    Open,
    Whole,
    Forbidden,
}

/// What a look found.
struct Found {
    /// How the Job has ended.
    end: Option<JobEnd>,
    /// `None` when there is none, they may not be listed, or that failed.
    newest: Option<Box<Pod>>,
}

impl<'a> Watcher<'a> {
    async fn run(&mut self, stop: &CancellationToken) -> Result<Report, WatchError> {
        // Kept over the turns of the loop: a log with much to say would cancel every look.
        let mut looking = Box::pin(self.look(self.begun));
        loop {
            let (until, detach) = self.deadline();
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(self.detached(Detach::Asked)),
                () = tokio::time::sleep_until(until) => return Ok(self.detached(detach)),
                logged = next_logged(&mut self.followed) => Next::Logged(logged),
                found = &mut looking => Next::Found(found),
            };
            match next {
                Next::Logged(logged) => self.logged(logged),
                Next::Found(found) => {
                    if let Some(end) = self.found(found)? {
                        return self.finish(end, stop).await;
                    }
                    looking = Box::pin(self.look(Instant::now() + pause(self.begun.elapsed())));
                }
            }
        }
    }

    /// Looks at that time.
    fn look(&self, at: Instant) -> impl Future<Output = Result<Found, WatchError>> + use<'a> {
        let is_refused = self.refusals > 0;
        let (clients, current) = (self.clients, self.current.clone());
        let (target, limits, was_seen) = (self.target, self.limits, self.was_seen);
        async move {
            tokio::time::sleep_until(at).await;
            let client = match is_refused {
                false => clients.current().await,
                true => clients.renewed().await,
            };
            let client = client.map_err(WatchError::Unauthorized)?;
            current.set(client.clone());
            find(&client, target, limits, was_seen).await
        }
    }

    fn deadline(&self) -> (Instant, Detach) {
        let start = (self.begun + self.limits.job_start, Detach::NotStarted);
        let whole = (self.begun + self.limits.watch, Detach::TooLong);
        match self.followed {
            None if start.0 < whole.0 => start,
            _ => whole,
        }
    }

    /// Takes note of a look; an end is the Job's own.
    fn found(&mut self, found: Result<Found, WatchError>) -> Result<Option<JobEnd>, WatchError> {
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.vain(error).map(|()| None),
        };
        (self.away, self.refusals, self.was_seen) = (None, 0, true);
        if let Some(newest) = &found.newest {
            self.pod(newest, found.end.is_some())?;
        }
        match found.end {
            Some(end) => Ok(Some(end)),
            None => self.settle().map(|()| None),
        }
    }

    /// A look that came to nothing: some answers are final, the rest are an API server that is away.
    fn vain(&mut self, error: WatchError) -> Result<(), WatchError> {
        match error {
            WatchError::Unreachable { reason, .. } => {
                if self.away.is_none() {
                    (self.tell)(Event::Unreachable(reason.clone()));
                }
                let since = *self.away.get_or_insert_with(Instant::now);
                if since.elapsed() < self.limits.api_away {
                    return Ok(());
                }
                Err(WatchError::Unreachable {
                    limit: told("api-timeout", self.limits.api_away),
                    reason,
                })
            }
            // Once may be a credential that was renewed a moment too late.
            WatchError::Unauthorized(_) if self.refusals == 0 => {
                self.refusals += 1;
                Ok(())
            }
            final_answer => Err(final_answer),
        }
    }

    fn pod(&mut self, newest: &Pod, has_job_ended: bool) -> Result<(), WatchError> {
        if !pods::has_begun(newest) {
            return self.waits(newest);
        }
        self.waiting = None;
        let name = newest.name_any();
        if self
            .followed
            .as_ref()
            .is_none_or(|it| it.source.pod != name)
            && let Some(source) = look::source(self.target, newest)
        {
            self.follow(source, newest);
        }
        if let Some(followed) = &mut self.followed {
            followed.pod = newest.clone();
            if pods::has_ended(newest) {
                followed.follower.has_ended();
            }
            if pods::phase(newest) == "Failed" && !has_job_ended && !followed.is_told {
                followed.is_told = true;
                let detail = pods::ending(newest).unwrap_or_else(|| "failed".to_owned());
                (self.tell)(Event::PodFailed { pod: name, detail });
            }
        }
        Ok(())
    }

    /// A successor's log replaces its predecessor's, and so does its summary.
    fn follow(&mut self, source: Source, pod: &Pod) {
        (self.tell)(Event::Following {
            pod: source.pod.clone(),
        });
        self.settled = None;
        self.followed = Some(Followed {
            follower: Follower::start(&self.current, source.clone(), self.limits),
            source,
            banner: Banner::default(),
            log: Log::Open,
            is_told: false,
            pod: pod.clone(),
        });
    }

    fn waits(&mut self, pod: &Pod) -> Result<(), WatchError> {
        let Some(waiting) = pods::waiting(pod) else {
            return Ok(());
        };
        let name = pod.name_any();
        let looks = match &self.waiting {
            Some((known, before, looks)) if *known == name && before.reason == waiting.reason => {
                looks + 1
            }
            _ => {
                (self.tell)(Event::Waiting {
                    pod: name.clone(),
                    reason: waiting.reason.clone(),
                    message: waiting.message.clone(),
                });
                1
            }
        };
        if waiting.is_permanent() && looks >= PERMANENT_LOOKS {
            return Err(WatchError::CannotStart {
                pod: name,
                reason: waiting.reason,
                message: waiting.message,
            });
        }
        self.waiting = Some((name, waiting, looks));
        Ok(())
    }

    /// Bounds the wait for the Job once its pod has ended well and nothing more will be said.
    fn settle(&mut self) -> Result<(), WatchError> {
        let ended_well = self
            .followed
            .as_ref()
            .filter(|it| pods::phase(&it.pod) == "Succeeded" && it.log != Log::Open);
        let Some(followed) = ended_well else {
            self.settled = None;
            return Ok(());
        };
        let since = *self.settled.get_or_insert_with(Instant::now);
        if since.elapsed() < self.limits.job_status {
            return Ok(());
        }
        Err(WatchError::Undetermined {
            pod: followed.source.pod.clone(),
            job: self.target.job.clone(),
            limit: told("job-status-timeout", self.limits.job_status),
        })
    }

    fn logged(&mut self, logged: Logged) {
        let Some(followed) = &mut self.followed else {
            return;
        };
        match logged {
            Logged::Line(line) => {
                let line = clean(&line);
                followed.banner.line(&line);
                (self.tell)(Event::Line(line));
            }
            Logged::Broken(reason) => (self.tell)(Event::LogBroken(reason)),
            Logged::Forbidden(reason) => {
                followed.log = Log::Forbidden;
                (self.tell)(Event::LogForbidden(reason));
            }
            Logged::End => followed.log = Log::Whole,
        }
    }

    /// The Job has ended: reads the rest of the log and says what came of it.
    async fn finish(
        &mut self,
        end: JobEnd,
        stop: &CancellationToken,
    ) -> Result<Report, WatchError> {
        if let Some(followed) = &self.followed {
            followed.follower.has_ended();
        }
        let until = Instant::now() + self.limits.job_status;
        while self.followed.as_ref().is_some_and(|it| it.log == Log::Open) {
            tokio::select! {
                biased;
                // The outcome is known; only the log is not read to its end.
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(until) => break,
                logged = next_logged(&mut self.followed) => self.logged(logged),
            }
        }
        let summary = self.summary();
        let outcome = match end {
            JobEnd::Failed { reason, message } => Outcome::Failed {
                reason: if reason.is_empty() { message } else { reason },
                detail: self.followed.as_ref().and_then(|it| pods::ending(&it.pod)),
            },
            JobEnd::Complete if summary.as_ref().is_some_and(Summary::has_failures) => {
                Outcome::CompletedWithFailures
            }
            JobEnd::Complete => Outcome::Succeeded,
        };
        Ok(self.report(outcome, summary))
    }

    /// The structured form first, the banner without it.
    fn summary(&self) -> Option<Summary> {
        let followed = self.followed.as_ref()?;
        let message = pods::termination_message(&followed.pod, &followed.source.container);
        let structured = message.and_then(summary::of_message);
        structured.or_else(|| followed.banner.summary())
    }

    fn detached(&self, why: Detach) -> Report {
        self.report(Outcome::Detached(why), self.summary())
    }

    fn report(&self, outcome: Outcome, summary: Option<Summary>) -> Report {
        let followed = self.followed.as_ref();
        Report {
            outcome,
            summary,
            is_log_whole: followed.is_some_and(|it| it.log == Log::Whole),
            pod: followed.map(|it| it.source.pod.clone()),
        }
    }
}

enum Next {
    Logged(Logged),
    Found(Result<Found, WatchError>),
}

/// Waits for a line; for ever when there is no log, or no more of it.
async fn next_logged(followed: &mut Option<Followed>) -> Logged {
    match followed {
        Some(followed) if followed.log == Log::Open => {
            followed.follower.logged.recv().await.unwrap_or(Logged::End)
        }
        _ => std::future::pending().await,
    }
}

/// Looks at the Job and its pods.
async fn find(
    client: &kube::Client,
    target: &Target,
    limits: &Limits,
    was_seen: bool,
) -> Result<Found, WatchError> {
    let looking = async {
        let job = look::get(client, target, was_seen).await?;
        // The Job alone is enough; pods tell why and what.
        let pods = look::list(client, target).await.unwrap_or_default();
        Ok(Found {
            end: job_end(&job),
            newest: pods::newest(&pods).cloned().map(Box::new),
        })
    };
    let done = tokio::time::timeout(limits.request, looking).await;
    done.unwrap_or_else(|_| {
        Err(WatchError::Unreachable {
            limit: told("request-timeout", limits.request),
            reason: "no answer".to_owned(),
        })
    })
}

/// Often at first, so that a short run is not waited for; then as often as kubectl does.
fn pause(since_begin: Duration) -> Duration {
    Duration::from_millis(match since_begin.as_secs() {
        0..10 => 250,
        10..60 => 1_000,
        _ => 2_000,
    })
}

//! A push as it goes on, for people and for scripts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cluster::push::{Event as Pushing, Observer, Phase, Site};
use cluster::stage::Said;
use cluster::submit;
use cluster::transfer::Notice;
use dataset::size::human_bytes;

use crate::output::Event;
use crate::run::Context;
use crate::runs::tell;

/// Shows what happens, and remembers what the result of a push that failed should tell.
pub(super) struct Show<'a> {
    context: &'a Context,
    memory: Mutex<Memory>,
}

/// What is known of a run that may be going on.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Its key, from before it was submitted.
    pub(super) key: Option<String>,
    /// Its Job, as namespace and name.
    pub(super) job: Option<(String, String)>,
}

impl<'a> Show<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self {
            context,
            memory: Mutex::default(),
        }
    }

    /// Begins a part of the work.
    pub(super) fn begin(&self, label: &'static str, total: Option<u64>) {
        self.context.progress.begin(label, total);
    }

    /// Tells where it goes.
    pub(super) fn target(&self, site: &Site) {
        let release = &site.release;
        let event = Event::note("push_target")
            .with("namespace", release.namespace.as_str())
            .with("release", release.name.as_str())
            .with("chart", release.chart_version.as_str())
            .with("volume", site.volume.claim.as_str())
            .with("access", site.volume.access_in_words());
        self.context.output.event(&event);
    }

    /// Returns what is remembered.
    pub(super) fn memory(&self) -> Memory {
        let memory = self.memory.lock();
        memory.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn say(&self, event: Event) {
        self.context.output.event(&event);
    }

    fn pod(&self, said: Said<'_>) {
        let output = |event| self.say(event);
        match said {
            Said::Removed { pod } => output(Event::note("push_pod_removed").with("pod", pod)),
            Said::Created { pod, image } => output(
                Event::note("push_pod_created")
                    .with("pod", pod)
                    .with("image", image),
            ),
            Said::Waiting { pod, what } => output(
                Event::note("push_pod_waits")
                    .with("pod", pod)
                    .with("for", what),
            ),
            Said::NextImage { image, cause, next } => output(
                Event::warning("push_image_unusable")
                    .with("image", image)
                    .with("because", cause.to_string())
                    .with("next", next),
            ),
            Said::LeftBehind { pod, error } => output(
                Event::warning("push_pod_left")
                    .with("pod", pod)
                    .with("because", error.to_string()),
            ),
        }
    }

    fn transfer(&self, notice: Notice) {
        match notice {
            Notice::Watching { holder, time } => self.say(
                Event::note("push_lock_watched")
                    .with("holder", holder)
                    .with("for", seconds(time)),
            ),
            Notice::Interrupted { cause, pause } => self.say(
                Event::warning("push_interrupted")
                    .with("because", cause)
                    .with("next", seconds(pause)),
            ),
            Notice::Found { bytes } => {
                self.say(Event::note("push_found").with("verified", human_bytes(bytes)));
            }
        }
    }

    fn submit(&self, event: submit::Event) {
        match event {
            submit::Event::Submitting(key) => {
                self.remember(|memory| memory.key = Some(key.as_str().to_owned()));
                self.say(Event::note("push_submitting").with("key", key.as_str()));
            }
            submit::Event::Retrying { reason, pause } => self.say(
                Event::warning("push_submission_unanswered")
                    .with("because", reason)
                    .with("next", seconds(pause)),
            ),
            submit::Event::TokenRefused => self.say(Event::note("push_token_renewed")),
        }
    }
}

impl Observer for Show<'_> {
    fn event(&self, event: Pushing<'_>) {
        match event {
            Pushing::Phase(phase) => self.begin(label(phase), None),
            Pushing::Pod(said) => self.pod(said),
            Pushing::PodLost { pod, reason } => self.say(
                Event::warning("push_pod_lost")
                    .with("pod", pod)
                    .with("because", reason),
            ),
            Pushing::Progress(progress) => self.context.progress.carried(
                progress.total_bytes,
                progress.sent_bytes,
                progress.acknowledged_bytes,
                progress.verified_bytes,
            ),
            Pushing::Transfer(notice) => self.transfer(notice),
            Pushing::Published(receipt) => self.say(
                Event::note("push_published")
                    .with("files", receipt.files)
                    .with("bytes", receipt.bytes)
                    .with("sent_bytes", receipt.sent_bytes)
                    .with("manifest_sha256", receipt.manifest_sha256.as_str()),
            ),
            Pushing::Submit(event) => self.submit(event),
            Pushing::Accepted { key, attempt, job } => {
                self.remember(|memory| {
                    memory.job = Some((job.namespace.clone(), job.job.clone()));
                });
                self.say(
                    Event::note("push_accepted")
                        .with("job", job.job.as_str())
                        .with("namespace", job.namespace.as_str())
                        .with("replay", job.is_replay)
                        .with("key", key.as_str())
                        .with("attempt", attempt),
                );
            }
            Pushing::Watch(event) => tell::event(&event, &self.context.output),
            Pushing::Warning { id, message } => {
                self.say(Event::warning(id).with("message", message));
            }
        }
    }
}

fn label(phase: Phase) -> &'static str {
    match phase {
        Phase::Prepare => "starting the stage pod",
        Phase::Transfer => "sending",
        Phase::Publish => "publishing",
        Phase::Submit => "submitting",
        Phase::Watch => "watching the Job",
        Phase::CleanUp => "removing the staged copy",
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

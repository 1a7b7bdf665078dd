//! The life of one container: image, start, end, and again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::expand::expand;
use super::pod::Worker;
use super::state::{State, Status, Terminated};
use super::volumes::{self, Volumes};
use super::{env, farewell, probe};
use crate::events::Severity;
use crate::node::channel::Exit;
use crate::node::config::Image;
use crate::node::container::{Attach, Container, Spec, Tools};
use crate::node::logs::Log;
use crate::node::pods::lock;
use crate::node::task::Task;
use crate::store::{name_of, str_at, uid_of};

/// Between two restarts; the first one comes at once.
const BACK_OFF: Duration = Duration::from_secs(10);

/// Between a failed pull and the word for waiting for the next.
const PULL_BACK_OFF: Duration = Duration::from_secs(1);

/// Runs a container as often as the pod's restart policy says. Returns whether it ended well.
pub(super) async fn run(
    worker: &Worker,
    statuses: &Mutex<Vec<Status>>,
    index: usize,
    container: &Value,
    volumes: &Volumes,
) -> bool {
    let one = One {
        worker,
        statuses,
        index,
        container,
    };
    let policy = str_at(&worker.pod, "/spec/restartPolicy");
    loop {
        let begun = worker.now();
        one.pull().await;
        let (code, reason, message) = match one.once(volumes).await {
            Ok((0, message)) => (0, "Completed", message),
            Ok((137, message)) if worker.live.is_out_of_memory() => (137, "OOMKilled", message),
            Ok((code, message)) => (code, "Error", message),
            Err(why) => (128, "StartError", why),
        };
        let end = Terminated {
            code,
            reason,
            message,
            since: begun,
            until: worker.now(),
        };
        one.set(|status| {
            status.ready = false;
            status.state = State::Terminated(end.clone());
        });
        let again = match policy {
            "Never" => false,
            "OnFailure" => code != 0,
            // An init container is done when it is done.
            _ => code != 0 || !std::ptr::eq(statuses, worker.init()),
        };
        if !again || worker.live.is_ending() {
            return code == 0;
        }
        one.back_off(end).await;
    }
}

/// Marks a container as ended that was not asked how.
pub(super) fn end_now(status: &mut Status, now: Timestamp) {
    let since = match &status.state {
        State::Running { since } => *since,
        State::Waiting { .. } => now,
        State::Terminated(_) => return,
    };
    status.ready = false;
    status.state = State::Terminated(Terminated {
        code: 137,
        reason: "Error",
        message: String::new(),
        since,
        until: now,
    });
}

/// A log has an end, however its container came to its own.
struct Complete(Log);

impl Drop for Complete {
    fn drop(&mut self) {
        self.0.complete();
    }
}

struct One<'a> {
    worker: &'a Worker,
    statuses: &'a Mutex<Vec<Status>>,
    index: usize,
    container: &'a Value,
}

impl One<'_> {
    fn name(&self) -> &str {
        str_at(self.container, "/name")
    }

    fn set(&self, change: impl FnOnce(&mut Status)) {
        if let Some(status) = lock(self.statuses).get_mut(self.index) {
            change(status);
        }
        self.worker.write();
    }

    fn wait_for(&self, reason: &'static str, message: &str) {
        self.set(|status| {
            status.ready = false;
            status.state = State::Waiting {
                reason,
                message: message.to_owned(),
            };
        });
    }

    fn event(&self, severity: Severity, reason: &str, message: &str) {
        self.worker.event("kubelet", severity, reason, message);
    }

    /// Gets the image; one that is missing is never got.
    async fn pull(&self) {
        let name = str_at(self.container, "/image");
        let config = &self.worker.sandbox.config().node;
        if !config.pull_delay.is_zero() {
            self.event(
                Severity::Normal,
                "Pulling",
                &format!("Pulling image \"{name}\""),
            );
        }
        tokio::time::sleep(config.pull_delay).await;
        if !matches!(config.image(name), Image::Missing) {
            let message = format!("Container image \"{name}\" already present on machine");
            self.event(Severity::Normal, "Pulled", &message);
            return;
        }
        if str_at(self.container, "/imagePullPolicy") == "Never" {
            let message =
                format!("Container image \"{name}\" is not present with pull policy of Never");
            self.event(Severity::Warning, "ErrImageNeverPull", &message);
            self.wait_for("ErrImageNeverPull", &message);
            return std::future::pending().await;
        }
        let message = format!(
            "failed to pull and unpack image \"{name}\": failed to resolve reference \"{name}\": {name}: not found"
        );
        self.event(
            Severity::Warning,
            "Failed",
            &format!("Failed to pull image \"{name}\": {message}"),
        );
        self.wait_for("ErrImagePull", &message);
        tokio::time::sleep(PULL_BACK_OFF).await;
        let message = format!("Back-off pulling image \"{name}\": ErrImagePull: {message}");
        self.event(Severity::Normal, "BackOff", &message);
        self.wait_for("ImagePullBackOff", &message);
        std::future::pending().await
    }

    /// Starts the container and waits for its end: exit code and termination message, or why it did not even start.
    async fn once(&self, volumes: &Volumes) -> Result<(i32, String), String> {
        let config = &self.worker.sandbox.config().node;
        tokio::time::sleep(config.start_delay).await;
        let log = Log::default();
        self.worker.live.change(self.name(), |instance| {
            let before = std::mem::replace(&mut instance.log, log.clone());
            instance.previous = (self.restarts() > 0).then_some(before);
        });
        let _complete = Complete(log.clone());
        let env = self.env().await;
        match config.image(str_at(self.container, "/image")) {
            Image::Task(body) => Ok((self.task(&*body, env, volumes, &log).await, String::new())),
            Image::OtherArchitecture => {
                log.line(self.worker.now(), "exec: exec format error");
                Ok((255, String::new()))
            }
            Image::Tools(tools) => self.process(tools, env, volumes, &log).await,
            Image::WithVariables(tools, own) => {
                let all = own.into_iter().chain(env).collect();
                self.process(tools, all, volumes, &log).await
            }
            Image::Missing => Err("image not found".to_owned()),
        }
    }

    fn restarts(&self) -> u32 {
        lock(self.statuses)
            .get(self.index)
            .map_or(0, |status| status.restarts)
    }

    /// Builds the variables, waiting for what they refer to.
    async fn env(&self) -> std::collections::BTreeMap<String, String> {
        let mut said = None;
        loop {
            match env::of(&self.worker.sandbox, &self.worker.pod, self.container) {
                Ok(env) => return env,
                Err(why) => {
                    if said.as_ref() != Some(&why) {
                        self.wait_for("CreateContainerConfigError", &why);
                        self.event(Severity::Warning, "Failed", &format!("Error: {why}"));
                        said = Some(why);
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn task(
        &self,
        body: &(dyn Fn(Task) -> std::pin::Pin<Box<dyn Future<Output = i32> + Send>> + Send + Sync),
        env: std::collections::BTreeMap<String, String>,
        volumes: &Volumes,
        log: &Log,
    ) -> i32 {
        let sandbox = &self.worker.sandbox;
        let mounts = volumes::mounts(self.container, volumes).unwrap_or_default();
        let outside = |source: PathBuf| sandbox.node().seen_from_outside(&source);
        let task = Task {
            sandbox: sandbox.clone(),
            pod: Arc::clone(&self.worker.pod),
            env,
            log: log.clone(),
            mounts: mounts
                .into_iter()
                .map(|mount| (mount.path, outside(mount.source)))
                .collect(),
            ports: Arc::clone(&self.worker.live.ports),
        };
        let work = body(task);
        self.started();
        tokio::select! {
            code = work => code,
            never = self.ready(None) => match never {},
        }
    }

    async fn process(
        &self,
        tools: Tools,
        env: std::collections::BTreeMap<String, String>,
        volumes: &Volumes,
        log: &Log,
    ) -> Result<(i32, String), String> {
        match self.start(tools, env, volumes).await {
            Ok((container, mut started)) => {
                self.worker.live.change(self.name(), |instance| {
                    instance.group = Some(started.group.clone());
                    instance.container = Some(Arc::clone(&container));
                });
                self.started();
                let sandbox = &self.worker.sandbox;
                let end = async {
                    let exit = started.exit.wait_for(Option::is_some).await;
                    exit.ok().and_then(|exit| *exit).unwrap_or(Exit::KILLED)
                };
                let outputs = (started.stdout.take(), started.stderr.take());
                let all = async {
                    let (Some(stdout), Some(stderr)) = outputs else {
                        return end.await;
                    };
                    tokio::join!(end, log.copy(sandbox, stdout), log.copy(sandbox, stderr)).0
                };
                let exit = tokio::select! {
                    exit = all => exit,
                    never = self.ready(Some(&container)) => match never {},
                };
                container.stop();
                let outside = |path: &Path| sandbox.node().seen_from_outside(path);
                let message = farewell::message(self.container, volumes, outside);
                Ok((exit.code, message))
            }
            Err(why) => {
                self.event(Severity::Warning, "Failed", &format!("Error: {why}"));
                log.line(self.worker.now(), &why);
                Err(why)
            }
        }
    }

    async fn start(
        &self,
        tools: Tools,
        env: std::collections::BTreeMap<String, String>,
        volumes: &Volumes,
    ) -> Result<(Arc<Container>, crate::node::container::Started), String> {
        let sandbox = &self.worker.sandbox;
        let text = |error: crate::node::container::ContainerError| error.to_string();
        let (keeper, toolbox) = sandbox.node().base(sandbox).await.map_err(text)?;
        let uid = uid_of(&self.worker.pod);
        let argv = argv(self.container, &env);
        let own = sandbox.config().data_dir.join("pods").join(uid);
        let directory = own.join("containers").join(self.name());
        std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let spec = Spec {
            id: format!(
                "{}/{uid}/{}/{}",
                keeper.marker(),
                self.name(),
                self.restarts()
            ),
            tools,
            mounts: volumes::mounts(self.container, volumes)?,
            env: env.into_iter().collect(),
            working_dir: str_at(self.container, "/workingDir").to_owned(),
            directory,
        };
        let container = Container::create(keeper, toolbox, spec)
            .await
            .map_err(text)?;
        let container = Arc::new(container);
        let attach = Attach {
            stdin: false,
            stdout: true,
            stderr: true,
        };
        let started = container.spawn(&argv, attach).map_err(text)?;
        Ok((container, started))
    }

    fn started(&self) {
        let name = self.name();
        self.event(
            Severity::Normal,
            "Created",
            &format!("Container created: {name}"),
        );
        self.event(
            Severity::Normal,
            "Started",
            &format!("Container started: {name}"),
        );
        let now = self.worker.now();
        let is_probed = self.container["readinessProbe"].is_object();
        self.set(|status| {
            status.ready = !is_probed;
            status.state = State::Running { since: now };
        });
    }

    /// Becomes ready once, and then has nothing more to say.
    async fn ready(&self, place: Option<&Arc<Container>>) -> std::convert::Infallible {
        probe::ready(self.container, &self.worker.live, place).await;
        self.set(|status| status.ready = true);
        std::future::pending().await
    }

    async fn back_off(&self, last: Terminated) {
        let restarts = self.restarts();
        if restarts > 0 {
            let seconds = (BACK_OFF * restarts.min(30)).as_secs();
            let message = format!(
                "back-off {seconds}s restarting failed container={} pod={}",
                self.name(),
                name_of(&self.worker.pod)
            );
            self.set(|status| {
                status.last = Some(last.clone());
                status.state = State::Waiting {
                    reason: "CrashLoopBackOff",
                    message: message.clone(),
                };
            });
            self.event(Severity::Warning, "BackOff", &message);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        self.set(|status| {
            status.last = Some(last);
            status.restarts += 1;
        });
    }
}

/// What is run. The images here have no command of their own, so a container without one gets a shell, which ends at once.
fn argv(container: &Value, env: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    let words = |field: &str| {
        let words = container[field].as_array().into_iter().flatten();
        words
            .filter_map(Value::as_str)
            .map(|word| expand(word, env))
            .collect::<Vec<_>>()
    };
    let mut argv = words("command");
    argv.extend(words("args"));
    if argv.is_empty() {
        argv.push("sh".to_owned());
    }
    argv
}

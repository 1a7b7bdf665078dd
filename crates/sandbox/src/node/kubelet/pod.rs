//! The life of one pod.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::containers;
use super::schedule;
use super::state::{self, State, Status};
use super::volumes::{self, Volumes};
use crate::events::{self, Severity};
use crate::node::NAME;
use crate::node::pods::{Pod, lock};
use crate::store::{Deletion, Object, name_of, namespace_of, str_at, uid_of};
use crate::{Sandbox, clock, kinds};

/// How often something outside is looked at again: a claim that is to be bound, a secret that is to be made.
const RETRY: Duration = Duration::from_millis(100);

/// How long a pod's object waits for the logs of its containers to be complete.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs one pod.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) sandbox: Sandbox,
    /// The pod as it was first seen; its spec does not change.
    pub(super) pod: Object,
    pub(super) live: Arc<Pod>,
    latest: watch::Receiver<Object>,
    init: Mutex<Vec<Status>>,
    main: Mutex<Vec<Status>>,
}

/// Why a pod ends that is not done.
enum End {
    /// Its object is gone.
    Gone,
    /// It is to end within so many seconds.
    Deleted(u64),
    /// It took too long.
    Late,
}

impl Worker {
    pub(super) fn new(sandbox: Sandbox, latest: watch::Receiver<Object>) -> Self {
        let pod = latest.borrow().clone();
        let live = sandbox.node().pod(uid_of(&pod));
        let first = |field: &str| {
            let containers = pod["spec"][field].as_array().into_iter().flatten();
            let has_init = pod["spec"]["initContainers"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
            let reason = if has_init {
                "PodInitializing"
            } else {
                "ContainerCreating"
            };
            Mutex::new(
                containers
                    .map(|container| Status::new(container, reason))
                    .collect(),
            )
        };
        Self {
            init: first("initContainers"),
            main: first("containers"),
            sandbox,
            pod,
            live,
            latest,
        }
    }

    /// Runs the pod until its object is gone.
    pub(super) async fn run(self) {
        if self.is_over() {
            self.gone().await;
        } else {
            let mut live = std::pin::pin!(self.live());
            let end = tokio::select! {
                end = self.end() => end,
                () = &mut live => End::Gone,
            };
            self.live.end();
            // The containers go on meanwhile: what they say at their end belongs into their logs.
            tokio::select! {
                () = self.wind_up(end) => {}
                () = &mut live => {}
            }
        }
        self.kill(Duration::ZERO).await;
        self.sandbox.node().forget(uid_of(&self.pod));
        let directory = self
            .sandbox
            .config()
            .data_dir
            .join("pods")
            .join(uid_of(&self.pod));
        // Nobody needs it; what cannot be removed now goes with the sandbox.
        drop(std::fs::remove_dir_all(directory));
    }

    async fn wind_up(&self, end: End) {
        match end {
            End::Gone => {}
            End::Deleted(grace) => self.delete(grace).await,
            End::Late => {
                self.kill(Duration::ZERO).await;
                self.late();
                self.gone().await;
            }
        }
    }

    fn is_over(&self) -> bool {
        matches!(str_at(&self.pod, "/status/phase"), "Succeeded" | "Failed")
    }

    /// Waits for a reason to end.
    async fn end(&self) -> End {
        let late = async {
            match self.pod["spec"]["activeDeadlineSeconds"].as_u64() {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = self.deletion() => end,
            () = late => End::Late,
        }
    }

    async fn deletion(&self) -> End {
        let mut latest = self.latest.clone();
        loop {
            {
                let pod = latest.borrow_and_update();
                if pod["metadata"]["deletionTimestamp"].is_string() {
                    let grace = &pod["metadata"]["deletionGracePeriodSeconds"];
                    return End::Deleted(grace.as_u64().unwrap_or(30));
                }
            }
            if latest.changed().await.is_err() {
                return End::Gone;
            }
        }
    }

    /// Waits until the object is gone, and helps a deletion along.
    async fn gone(&self) {
        if let End::Deleted(_) = self.deletion().await {
            self.delete(0).await;
        }
    }

    /// From nothing to the end of all containers, then waits to be deleted.
    async fn live(&self) {
        self.schedule().await;
        let volumes = self.volumes().await;
        let containers = self.pod["spec"]["initContainers"].as_array();
        for (index, container) in containers.into_iter().flatten().enumerate() {
            if !containers::run(self, &self.init, index, container, &volumes).await {
                self.write();
                return std::future::pending().await;
            }
        }
        for status in lock(&self.main).iter_mut() {
            status.state = State::Waiting {
                reason: "ContainerCreating",
                message: String::new(),
            };
        }
        let containers = self.pod["spec"]["containers"].as_array();
        let all = containers.into_iter().flatten().enumerate();
        join_all(all.map(|(index, container)| {
            containers::run(self, &self.main, index, container, &volumes)
        }))
        .await;
        self.write();
        std::future::pending().await
    }

    async fn schedule(&self) {
        let mut said = None;
        while let Some(why) = schedule::refusal(&self.sandbox, &self.pod) {
            if said.as_ref() != Some(&why) {
                self.unscheduled(&why);
                said = Some(why);
            }
            tokio::time::sleep(RETRY).await;
        }
        let now = clock::seconds(self.sandbox.clock().now());
        self.modify(|pod| {
            pod["spec"]["nodeName"] = NAME.into();
            condition(pod, "PodScheduled", true, "", "", &now);
        });
        let place = format!("{}/{}", namespace_of(&self.pod), name_of(&self.pod));
        self.event(
            "default-scheduler",
            Severity::Normal,
            "Scheduled",
            &format!("Successfully assigned {place} to {NAME}"),
        );
        self.write();
    }

    fn unscheduled(&self, why: &str) {
        let now = clock::seconds(self.sandbox.clock().now());
        self.modify(|pod| {
            pod["status"]["phase"] = "Pending".into();
            condition(pod, "PodScheduled", false, "Unschedulable", why, &now);
        });
        self.event(
            "default-scheduler",
            Severity::Warning,
            "FailedScheduling",
            why,
        );
    }

    async fn volumes(&self) -> Volumes {
        let mut said = None;
        loop {
            match volumes::prepare(&self.sandbox, &self.pod).await {
                Ok(volumes) => return volumes,
                Err(why) => {
                    if said.as_ref() != Some(&why) {
                        self.event("kubelet", Severity::Warning, "FailedMount", &why);
                        said = Some(why);
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Ends the processes, with their grace, and removes the object.
    async fn delete(&self, grace: u64) {
        if grace > 0 {
            self.event("kubelet", Severity::Normal, "Killing", "Stopping container");
        }
        // A second deletion may shorten the first one's grace.
        let sooner = async {
            let mut latest = self.latest.clone();
            while latest.changed().await.is_ok() {
                if latest.borrow()["metadata"]["deletionGracePeriodSeconds"] == 0 {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.kill(Duration::from_secs(grace)) => {}
            () = sooner => self.kill(Duration::ZERO).await,
        }
        // Last words are read by the containers' own futures, which run beside this one.
        let logs = self.live.instances();
        let said = join_all(logs.iter().map(|instance| instance.log.ended()));
        drop(tokio::time::timeout(LAST_WORDS, said).await);
        let how = Deletion::now(&self.pod);
        let (namespace, name) = (namespace_of(&self.pod), name_of(&self.pod));
        // It may be gone already.
        drop(
            self.sandbox
                .store()
                .delete(&kinds::POD, namespace, name, &how),
        );
    }

    /// Asks all processes to end, waits, and kills what is left: commands of exec too.
    async fn kill(&self, grace: Duration) {
        let instances = self.live.instances();
        if !grace.is_zero() {
            let ends = instances
                .iter()
                .filter_map(|instance| instance.group.as_ref());
            let ends: Vec<_> = ends
                .map(|group| {
                    group.terminate();
                    group.ended()
                })
                .collect();
            // Whether they all ended does not matter: the rest is killed now.
            drop(tokio::time::timeout(grace, join_all(ends)).await);
        }
        for instance in instances {
            if let Some(container) = &instance.container {
                container.stop();
            }
        }
    }

    fn late(&self) {
        let message = "Pod was active on the node longer than the specified deadline";
        let now = self.sandbox.clock().now();
        for status in lock(&self.main).iter_mut() {
            containers::end_now(status, now);
        }
        self.write_as(Some(("DeadlineExceeded", message)));
        // What the containers come to now does not change why the pod ended.
        self.live.late();
        self.event("kubelet", Severity::Normal, "DeadlineExceeded", message);
    }

    /// Writes what the containers do into the pod's status.
    pub(super) fn write(&self) {
        if !self.live.is_late() {
            self.write_as(None);
        }
    }

    /// Writes the status; a reason makes it one of failure, whatever the containers do.
    fn write_as(&self, failure: Option<(&str, &str)>) {
        let now = clock::seconds(self.sandbox.clock().now());
        let id = uid_of(&self.pod);
        let init = lock(&self.init).clone();
        let main = lock(&self.main).clone();
        let policy = match str_at(&self.pod, "/spec/restartPolicy") {
            "" => "Always",
            policy => policy,
        };
        let initialized = init
            .iter()
            .all(|status| matches!(&status.state, State::Terminated(end) if end.code == 0));
        let init_failed = policy == "Never"
            && init
                .iter()
                .any(|status| matches!(&status.state, State::Terminated(end) if end.code != 0));
        let phase = match (init_failed || failure.is_some(), initialized) {
            (true, _) => "Failed",
            (false, false) => "Pending",
            (false, true) => state::phase(&main, policy),
        };
        let is_running = |status: &Status| matches!(status.state, State::Running { .. });
        let ready = main.iter().all(|status| status.ready && is_running(status));
        self.modify(|pod| {
            let status = &mut pod["status"];
            status["phase"] = phase.into();
            if let Some((reason, message)) = failure {
                status["reason"] = reason.into();
                status["message"] = message.into();
            }
            status["hostIP"] = "127.0.0.1".into();
            status["podIP"] = "127.0.0.1".into();
            status["podIPs"] = json!([{"ip": "127.0.0.1"}]);
            if status["startTime"].is_null() {
                status["startTime"] = now.clone().into();
            }
            let list = |all: &[Status]| all.iter().map(|status| status.to_value(id)).collect();
            status["containerStatuses"] = Value::Array(list(&main));
            if !init.is_empty() {
                status["initContainerStatuses"] = Value::Array(list(&init));
            }
            let why = match phase {
                "Succeeded" | "Failed" => "PodCompleted",
                _ => "ContainersNotReady",
            };
            condition(
                pod,
                "Initialized",
                initialized,
                "ContainersNotInitialized",
                "",
                &now,
            );
            condition(pod, "ContainersReady", ready, why, "", &now);
            condition(pod, "Ready", ready, why, "", &now);
        });
    }

    pub(super) fn event(&self, component: &str, severity: Severity, reason: &str, message: &str) {
        let pod = self.latest.borrow().clone();
        events::record(&self.sandbox, &pod, component, severity, reason, message);
    }

    fn modify(&self, change: impl FnOnce(&mut Value)) {
        let (namespace, name) = (namespace_of(&self.pod), name_of(&self.pod));
        let uid = uid_of(&self.pod);
        let written = self
            .sandbox
            .store()
            .modify(&kinds::POD, namespace, name, |pod| {
                // Another pod may have taken the name.
                if uid_of(pod) == uid {
                    change(pod);
                }
                Ok(())
            });
        // The pod may be gone; then there is no status to be kept.
        drop(written);
    }

    pub(super) fn init(&self) -> &Mutex<Vec<Status>> {
        &self.init
    }

    pub(super) fn now(&self) -> Timestamp {
        self.sandbox.clock().now()
    }
}

/// Sets a condition; its time is when its status changed.
fn condition(pod: &mut Value, kind: &str, is_true: bool, reason: &str, message: &str, now: &str) {
    let status = if is_true { "True" } else { "False" };
    let mut new =
        json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": now});
    if !is_true && !reason.is_empty() {
        new["reason"] = reason.into();
    }
    if !is_true && !message.is_empty() {
        new["message"] = message.into();
    }
    let conditions = &mut pod["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else {
        return;
    };
    match conditions
        .iter_mut()
        .find(|condition| condition["type"] == kind)
    {
        Some(old) => {
            if old["status"] == status {
                new["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = new;
        }
        None => conditions.push(new),
    }
}

//! A cluster, the program, and a look at the volume that does not go through the program.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, LogParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::common::Place;
use crate::common::lab::Lab;

/// Longest that a cluster may take for what it does by itself; a restarted node needs most of it.
const PATIENCE: Duration = Duration::from_secs(180);

/// What stage pods carry, whoever made them.
const STAGE_PODS: &str = "tracebloc.io/component=stage-pod";

/// Digests of files by path.
pub(crate) type Content = BTreeMap<String, String>;

/// Where the volume of a release is mounted in every pod that has it.
const MOUNT: &str = "/data/shared";

/// Who looks.
const USER: u32 = 65532;

enum Ground {
    Sandbox(Lab),
    Real(Place),
}

/// A cluster with the parent release.
pub(crate) struct Site {
    ground: Ground,
    kubeconfig: PathBuf,
    image: Option<String>,
    namespace: String,
    runtime: Runtime,
    client: Client,
    peeks: AtomicU32,
}

/// Reads a variable that chooses something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Site {
    /// Takes the cluster that `LONGSHORE_E2E_KUBECONFIG` names, or else starts a sandbox, which ends with the site.
    pub(crate) fn enter() -> Self {
        let namespace =
            variable("LONGSHORE_E2E_NAMESPACE").unwrap_or_else(|| "tracebloc".to_owned());
        let (ground, kubeconfig, image) = match variable("LONGSHORE_E2E_KUBECONFIG") {
            Some(path) => (
                Ground::Real(Place::new()),
                PathBuf::from(path),
                variable("LONGSHORE_E2E_IMAGE"),
            ),
            None => {
                let lab = Lab::start();
                let kubeconfig = lab.kubeconfig.clone();
                (Ground::Sandbox(lab), kubeconfig, None)
            }
        };
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(client(&kubeconfig));
        Self {
            ground,
            kubeconfig,
            image,
            namespace,
            runtime,
            client,
            peeks: AtomicU32::new(0),
        }
    }

    /// Prepares a command of the program on this cluster, with JSON as its output.
    pub(crate) fn ask(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        command.args(["--format=json", "--namespace", &self.namespace]);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }

    /// Prepares a push of a folder of pictures.
    pub(crate) fn push(&self, folder: &str, table: &str, more: &[&str]) -> Command {
        let mut command = self.ask(&["dataset", "push", folder, "--table", table]);
        command.args(["--task=image_classification", "--label-column=label"]);
        if let Some(image) = &self.image {
            command.args(["--stage-pod-image", image]);
        }
        command.args(more);
        command
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Asks again as long as the cluster does not answer, which is a matter of some faults.
    pub(crate) fn wait<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        self.runtime.block_on(async {
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE {
                if let Some(found) = ask().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            panic!("{what} did not come about")
        })
    }

    /// Names the stage pods that have not ended.
    pub(crate) fn stage_pods(&self) -> Vec<String> {
        self.wait("a list of pods", || self.running_stage_pods())
    }

    /// Names the stage pods that have not ended; `None` when the cluster does not answer.
    pub(crate) async fn running_stage_pods(&self) -> Option<Vec<String>> {
        let labels = ListParams::default().labels(STAGE_PODS);
        let pods = self.pods().list(&labels).await.ok()?;
        let phase = |pod: &Pod| pod.status.as_ref()?.phase.clone();
        let running = pods
            .items
            .into_iter()
            .filter(|pod| !matches!(phase(pod).as_deref(), Some("Succeeded" | "Failed")));
        Some(running.filter_map(|pod| pod.metadata.name).collect())
    }

    /// Takes what was ingested, and what a killed client has left staged, off the volume.
    pub(crate) fn empty(&self, table: &str) {
        let script = "cd \"$0/.tracebloc-staging\" && rm -rf \"$1\" \".longshore/$1\"";
        drop(self.run_pod(script, &[MOUNT, table]));
        // The files are the ingestor's. In a sandbox everybody is the same user.
        let user = match self.ground {
            Ground::Sandbox(_) => USER,
            Ground::Real(_) => {
                let owner = self.run_pod("stat -c %u \"$0/$1\"", &[MOUNT, table]);
                owner.trim().parse().unwrap_or(USER)
            }
        };
        let script = "rm -rf \"$0/$1\"";
        drop(self.run_pod_as(user, script, &[MOUNT, table]));
    }

    /// Gives the path of the cluster's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Deletes a stage pod as an impatient operator does.
    pub(crate) fn delete_stage_pods(&self) {
        let at_once = DeleteParams::default().grace_period(0);
        for name in self.stage_pods() {
            self.wait("a deletion", async || {
                match self.pods().delete(&name, &at_once).await {
                    Ok(_) | Err(kube::Error::Api(_)) => Some(()),
                    Err(_) => None,
                }
            });
        }
    }

    /// Waits until no Job is at work.
    pub(crate) fn wait_for_jobs(&self) {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &self.namespace);
        self.wait("the end of all Jobs", async || {
            let jobs = jobs.list(&ListParams::default()).await.ok()?;
            let is_over = |job: &Job| {
                let conditions = job
                    .status
                    .as_ref()
                    .and_then(|status| status.conditions.as_ref());
                conditions.into_iter().flatten().any(|one| {
                    matches!(one.type_.as_str(), "Complete" | "Failed") && one.status == "True"
                })
            };
            jobs.items.iter().all(is_over).then_some(())
        });
    }

    /// Lists what lies on the volume for a table: what was ingested, what is staged, and what was noted beside it.
    pub(crate) fn content(&self, table: &str) -> Content {
        let script = "cd \"$0\" || exit; for d in \"$1\" \".tracebloc-staging/$1\" \".tracebloc-staging/.longshore/$1\"; do \
                      if [ -d \"$d\" ]; then find \"$d\" -type f -exec sha256sum {} +; fi; done; echo whole";
        let listed = self.run_pod(script, &[MOUNT, table]);
        let text = listed.strip_suffix("whole\n").expect("the list has an end");
        let pairs = text.lines().filter_map(|line| line.split_once("  "));
        pairs
            .map(|(digest, path)| (path.to_owned(), digest.to_owned()))
            .collect()
    }

    /// Runs a script with the volume in a pod of its own, and gives what it printed.
    pub(crate) fn run_pod(&self, script: &str, arguments: &[&str]) -> String {
        self.run_pod_as(USER, script, arguments)
    }

    fn run_pod_as(&self, user: u32, script: &str, arguments: &[&str]) -> String {
        let number = self.peeks.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{}-{number}", std::process::id());
        let claim = self.wait("a pod with the volume", async || self.claim().await);
        let mut command = vec!["/bin/sh", "-c", script];
        command.extend(arguments);
        let image = self.image.as_deref().unwrap_or("sandbox.invalid/host:1");
        let pod = json!({
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never", "automountServiceAccountToken": false,
                "securityContext": {"runAsNonRoot": true, "runAsUser": user, "seccompProfile": {"type": "RuntimeDefault"}},
                "tolerations": [{"operator": "Exists"}],
                "volumes": [{"name": "shared", "persistentVolumeClaim": {"claimName": claim}}],
                "containers": [{
                    "name": "main", "image": image, "command": command,
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "shared", "mountPath": MOUNT}],
                }],
            },
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        self.wait("a pod to look with", async || {
            match self.pods().create(&PostParams::default(), &pod).await {
                Ok(_) => Some(()),
                // The answer to an earlier attempt was lost.
                Err(kube::Error::Api(status)) if status.code == 409 => Some(()),
                Err(_) => None,
            }
        });
        let log = self.wait("the log of a pod to look with", async || {
            let pod = self.pods().get(&name).await.ok()?;
            let phase = pod.status?.phase?;
            matches!(phase.as_str(), "Succeeded" | "Failed").then_some(())?;
            self.pods().logs(&name, &LogParams::default()).await.ok()
        });
        let at_once = DeleteParams::default().grace_period(0);
        self.wait("a deletion", async || {
            self.pods().delete(&name, &at_once).await.ok()
        });
        log
    }

    /// Finds the claim that the release mounts.
    async fn claim(&self) -> Option<String> {
        let pods = self.pods().list(&ListParams::default()).await.ok()?;
        pods.items.into_iter().find_map(|pod| {
            let spec = pod.spec?;
            let mounts = spec
                .containers
                .iter()
                .filter_map(|one| one.volume_mounts.as_ref());
            let name = mounts
                .flatten()
                .find(|mount| mount.mount_path == MOUNT)?
                .name
                .clone();
            let volume = spec
                .volumes?
                .into_iter()
                .find(|volume| volume.name == name)?;
            Some(volume.persistent_volume_claim?.claim_name)
        })
    }
}

impl Deref for Site {
    type Target = Place;

    fn deref(&self) -> &Place {
        match &self.ground {
            Ground::Sandbox(lab) => lab,
            Ground::Real(place) => place,
        }
    }
}

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    Client::try_from(config.unwrap()).unwrap()
}

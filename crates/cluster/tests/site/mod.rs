//! A sandbox with the parent release installed, and connections to it as two kinds of users.

#![allow(
    dead_code,
    reason = "each test program uses the part of the site that it needs"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::Connection;
use cluster::limits::Limits;
use cluster::release::{self, Release};
use cluster::stage::{Owner, Plan, Request, RunId, Said, StageError, StagePod, open};
use cluster::target::{Choice, Surroundings, load};
use cluster::volume::{self, Volume};
use dataset::names::TableName;
use sandbox::fault::{Faults, Script};
use sandbox::kinds::{self, Kind};
use sandbox::store::{Object, labels};
use sandbox::{Config, Running, Sandbox, auth, release as installed};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// The namespace of the release.
pub(crate) const NAMESPACE: &str = "tracebloc";

/// A script that stays until it is told to end, in place of the real one.
pub(crate) const SCRIPT: &str =
    "echo \"begun $$ $1\"; trap 'exit 0' TERM; while :; do sleep 0.2 & wait $!; done";

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// Has exactly the permissions that a push needs (formats, 4.3).
    Pusher,
    /// Has all.
    Admin,
}

pub(crate) struct Site {
    pub(crate) running: Running,
    pub(crate) faults: Faults,
    directory: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let site = Self::bare(change).await;
        installed::install(site.sandbox(), NAMESPACE).unwrap();
        let patience = Duration::from_secs(30);
        assert!(installed::until_ready(site.sandbox(), NAMESPACE, patience).await);
        site
    }

    /// Without a release.
    pub(crate) async fn bare(change: impl FnOnce(&mut Config)) -> Self {
        let directory = in_memory();
        let mut config = Config::new(directory.path().join("data"));
        std::fs::create_dir(&config.data_dir).unwrap();
        installed::prepare(&mut config);
        change(&mut config);
        let faults = config.node.faults.clone();
        let running = Sandbox::start(config, Arc::new(faults.clone()))
            .await
            .unwrap();
        Self {
            running,
            faults,
            directory,
        }
    }

    /// Ends everything and removes it.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }

    /// Where a test may put files of its own.
    pub(crate) fn scratch(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.running.sandbox()
    }

    pub(crate) fn script(&self, text: &str) {
        self.faults.set(Script::parse(text).unwrap());
    }

    /// Writes a kubeconfig and says where it is.
    pub(crate) fn kubeconfig(&self, user: User, namespace: &str) -> PathBuf {
        let token = match user {
            User::Admin => self.sandbox().keys().admin().to_owned(),
            User::Pusher => {
                let account = self.get(&kinds::SERVICE_ACCOUNT, "pusher");
                auth::issue(self.sandbox(), &account, 3600, None)
            }
        };
        let path = self.directory.path().join(format!("kubeconfig-{user:?}"));
        std::fs::write(&path, self.sandbox().kubeconfig(&token, namespace)).unwrap();
        path
    }

    pub(crate) async fn connect(&self, user: User) -> Connection {
        self.connect_to(user, NAMESPACE, quick()).await
    }

    pub(crate) async fn connect_to(
        &self,
        user: User,
        namespace: &str,
        limits: Limits,
    ) -> Connection {
        let choice = Choice {
            kubeconfig: Some(self.kubeconfig(user, namespace)),
            ..Choice::default()
        };
        let target = load(&choice, &Surroundings::default()).unwrap();
        Connection::open(target, limits).await.unwrap()
    }

    pub(crate) fn get(&self, kind: &'static Kind, name: &str) -> Object {
        self.sandbox().store().get(kind, NAMESPACE, name).unwrap()
    }

    pub(crate) fn pods(&self) -> Vec<Object> {
        let (pods, _) = self.sandbox().store().list(&kinds::POD, Some(NAMESPACE));
        pods
    }

    pub(crate) fn stage_pods(&self) -> Vec<Object> {
        let is_stage = |pod: &Object| {
            labels(pod).is_some_and(|labels| labels["tracebloc.io/component"] == "stage-pod")
        };
        let mut pods = self.pods();
        pods.retain(|pod| {
            labels(pod).is_some_and(|it| it.contains_key("tracebloc.io/component")) && is_stage(pod)
        });
        pods
    }

    /// Changes an object behind the API's back.
    pub(crate) fn change(&self, kind: &'static Kind, name: &str, change: impl Fn(&mut Value)) {
        let store = self.sandbox().store();
        store
            .modify(kind, NAMESPACE, name, |object| {
                change(object);
                Ok(())
            })
            .unwrap();
    }

    /// Lets the node say it is of another architecture.
    pub(crate) fn node(&self, architecture: &str) {
        let change = |node: &mut Value| {
            node["status"]["nodeInfo"]["architecture"] = architecture.into();
            Ok(())
        };
        let store = self.sandbox().store();
        store.modify(&kinds::NODE, "", "sandbox", change).unwrap();
    }
}

/// A directory that is on no disk where that can be had: a push syncs the whole file system, and others write to it too.
fn in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory)
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// Limits that a test can wait for, and a machine that is busy too.
pub(crate) fn quick() -> Limits {
    Limits {
        request: Duration::from_secs(10),
        pod_ready: Duration::from_secs(20),
        clean_up: Duration::from_secs(10),
        ..Limits::default()
    }
}

pub(crate) fn owner() -> Owner {
    Owner {
        run: RunId::draw().unwrap(),
        host: "laptop".to_owned(),
        user: "ana".to_owned(),
    }
}

pub(crate) fn request(table: &str) -> Request {
    Request {
        table: Some(TableName::parse(table).unwrap()),
        image: None,
        owner: owner(),
        script: SCRIPT,
        command: [
            "/bin/sh",
            "-c",
            "eval \"$LONGSHORE_STAGE\"",
            "longshore",
            "supervise",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}

pub(crate) async fn look(connection: &Connection) -> (Release, Volume) {
    let release = release::find(connection, None).await.unwrap();
    let volume = volume::look(connection, &release.namespace).await.unwrap();
    (release, volume)
}

pub(crate) async fn plan(connection: &Connection, request: Request) -> Plan {
    let (release, volume) = look(connection).await;
    Plan::of(&release, &volume, request)
}

/// Opens a pod and keeps what was said meanwhile.
pub(crate) async fn opened(
    connection: &Connection,
    plan: &Plan,
    stop: &CancellationToken,
) -> (Result<StagePod, StageError>, Vec<String>) {
    let heard = Mutex::new(Vec::new());
    let said = |said: Said<'_>| heard.lock().unwrap().push(format!("{said:?}"));
    let pod = open(connection, plan, stop, &said).await;
    let heard = heard.lock().unwrap().clone();
    (pod, heard)
}

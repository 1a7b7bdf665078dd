//! A sandbox in the test's own process, which can look into it, and the program beside it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use sandbox::clock::{Clock, SystemClock};
use sandbox::fault::{Faults, Script};
use sandbox::kinds::{self, Kind};
use sandbox::store::{Deletion, Object, Watch};
use sandbox::{Config, Running, Sandbox, auth, release};
use serde_json::Value;
use testkit::command::Run;
use testkit::command::moment::until;
use tokio::runtime::Runtime;

use crate::common::Place;

pub(crate) const NAMESPACE: &str = "tracebloc";

/// What every push here names besides its table.
const TASK: [&str; 2] = ["--task=text_classification", "--label-column=label"];

/// A sandbox with the release, a user who may push and nothing more, and a folder of texts.
pub(crate) struct Port {
    pub(crate) place: Place,
    pub(crate) kubeconfig: PathBuf,
    faults: Faults,
    running: Running,
    runtime: Runtime,
}

impl Port {
    pub(crate) fn open() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::at(Arc::new(SystemClock), change)
    }

    /// With a clock of its own.
    pub(crate) fn at(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Config)) -> Self {
        let place = Place::new();
        let data = place.path("../sandbox");
        std::fs::create_dir(&data).unwrap();
        let mut config = Config::new(std::fs::canonicalize(data).unwrap());
        release::prepare(&mut config);
        change(&mut config);
        let faults = config.node.faults.clone();
        let mut building = tokio::runtime::Builder::new_multi_thread();
        let runtime = building.worker_threads(2).enable_all().build().unwrap();
        let running = runtime.block_on(async {
            let hook = Arc::new(faults.clone());
            let running = Sandbox::start_at(config, hook, clock).await.unwrap();
            release::install(running.sandbox(), NAMESPACE).unwrap();
            let patience = Duration::from_secs(60);
            assert!(release::until_ready(running.sandbox(), NAMESPACE, patience).await);
            running
        });
        let kubeconfig = place.write("kubeconfig", "");
        let port = Self {
            place,
            kubeconfig,
            faults,
            running,
            runtime,
        };
        port.rewrite(&port.token());
        port.write("data/labels.csv", "filename,label\na.txt,good\nb.txt,bad\n");
        port.write("data/texts/a.txt", "a fine thing\n");
        port.write("data/texts/b.txt", "a poor thing\n");
        port
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.running.sandbox()
    }

    /// Makes a token of the user who may push.
    pub(crate) fn token(&self) -> String {
        let account = self.get(&kinds::SERVICE_ACCOUNT, "pusher");
        auth::issue(self.sandbox(), &account, 3600, None)
    }

    /// Logs in with another token.
    pub(crate) fn rewrite(&self, token: &str) {
        let text = self.sandbox().kubeconfig(token, NAMESPACE);
        std::fs::write(&self.kubeconfig, text).unwrap();
    }

    /// Changes the kubeconfig.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Value)) {
        let text = std::fs::read_to_string(&self.kubeconfig).unwrap();
        let mut config = serde_json::from_str(&text).unwrap();
        change(&mut config);
        std::fs::write(&self.kubeconfig, config.to_string()).unwrap();
    }

    pub(crate) fn script(&self, text: &str) {
        self.faults.set(Script::parse(text).unwrap());
    }

    #[track_caller]
    pub(crate) fn every_rule_fired(&self) {
        let report = self.faults.report();
        assert!(self.faults.unfired().is_empty(), "{report:?}");
    }

    /// Waits until a rule has struck.
    #[track_caller]
    pub(crate) fn until_fired(&self, name: &str) {
        until("the fault strikes", || {
            let report = self.faults.report();
            report.iter().any(|row| row.name == name && row.fired > 0)
        });
    }

    /// Counts what a rule was looked at for.
    pub(crate) fn matched(&self, name: &str) -> u64 {
        let report = self.faults.report();
        report.iter().find(|row| row.name == name).unwrap().matched
    }

    /// Ends every connection.
    pub(crate) fn cut_all(&self) {
        let restart = self.sandbox().restart_api(Duration::ZERO);
        self.runtime.block_on(restart).unwrap();
    }

    pub(crate) fn get(&self, kind: &'static Kind, name: &str) -> Object {
        self.sandbox().store().get(kind, NAMESPACE, name).unwrap()
    }

    /// Deletes an object behind everybody's back.
    pub(crate) fn delete(&self, kind: &'static Kind, name: &str) {
        let store = self.sandbox().store();
        store
            .delete(kind, NAMESPACE, name, &Deletion::default())
            .unwrap();
    }

    /// Hears of every change from now on.
    pub(crate) fn changes(&self, kind: &'static Kind) -> Watch {
        let store = self.sandbox().store();
        store.watch(kind, Some(NAMESPACE), None).unwrap()
    }

    fn list(&self, kind: &'static Kind) -> Vec<Object> {
        self.sandbox().store().list(kind, Some(NAMESPACE)).0
    }

    /// Names of the stage pods.
    pub(crate) fn pods(&self) -> Vec<String> {
        let pods = self.list(&kinds::POD).into_iter();
        let stage =
            |pod: &Object| pod["metadata"]["labels"]["tracebloc.io/component"] == "stage-pod";
        let name = |pod: Object| pod["metadata"]["name"].as_str().unwrap().to_owned();
        pods.filter(stage).map(name).collect()
    }

    /// Names of the Jobs.
    pub(crate) fn jobs(&self) -> Vec<String> {
        let jobs = self.list(&kinds::JOB).into_iter();
        jobs.map(|job| job["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Where the volume lies.
    pub(crate) fn shared(&self) -> PathBuf {
        self.sandbox()
            .host_path(&format!("/volumes/{NAMESPACE}/client"))
    }

    /// What runs keep about a table on the volume: lock, leftovers, what belongs to the published data.
    pub(crate) fn kept(&self, table: &str) -> Vec<String> {
        names(
            &self
                .shared()
                .join(".tracebloc-staging/.longshore")
                .join(table),
        )
    }

    /// A lock without an owner in it is free: who gave it back was stopped before it could remove the directory.
    pub(crate) fn is_locked(&self, table: &str) -> bool {
        let home = self.shared().join(".tracebloc-staging/.longshore");
        !names(&home.join(table).join("lock")).is_empty()
    }

    pub(crate) fn is_staged(&self, table: &str) -> bool {
        self.shared()
            .join(".tracebloc-staging")
            .join(table)
            .exists()
    }

    pub(crate) fn push(&self, table: &str, more: &[&str]) -> Run {
        let more = [more, &["--format=json"]].concat();
        self.place.complete(&mut self.pushing(table, &more))
    }

    /// Prepares a push.
    pub(crate) fn pushing(&self, table: &str, more: &[&str]) -> Command {
        let mut command = self.place.command(["dataset", "push", "data"]);
        command.args(["--table", table]).args(TASK);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command.arg("--progress=none").args(more);
        command
    }

    pub(crate) fn start(&self, table: &str, more: &[&str]) -> Child {
        let more = [more, &["--format=json"]].concat();
        self.place.spawn(&mut self.pushing(table, &more))
    }

    pub(crate) fn end(&self, child: Child) -> Run {
        self.place.finish(child.wait_with_output().unwrap())
    }

    /// Requires that a failed push left no pod, no lock, nothing published and nothing submitted, and no temporary file here.
    #[track_caller]
    pub(crate) fn is_clean(&self, table: &str) {
        assert_eq!(self.pods(), [""; 0]);
        assert!(!self.is_locked(table), "{:?}", self.kept(table));
        assert!(!self.is_staged(table));
        assert_eq!(self.jobs(), [""; 0]);
        assert_eq!(names(&self.place.scratch()), [""; 0]);
    }
}

impl Deref for Port {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Requires what every error has: an exit code, an id, and a remedy.
#[track_caller]
pub(crate) fn told(run: Run, code: i32, id: &str) -> Value {
    let error = run.fails(code, id);
    assert!(error["remedy"].is_string(), "{error:#}");
    error
}

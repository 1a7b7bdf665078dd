//! The cluster, with a stage pod in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cluster::Connection;
use cluster::far::{End, Event, Far as _};
use cluster::limits::Limits;
use cluster::stage::{Plan, Request, StagePod, close};
use cluster::target::{Choice, Surroundings, load};
use cluster::transfer::STAGE_SCRIPT;
use dataset::names::TableName;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::client;
use crate::cost::Cost;
use crate::site::{NAMESPACE, Site, User, look, opened, owner};

/// Takes an archive into its first argument. It does not end in the program that reads, which would be cut off from its input.
pub(crate) const UNPACK: &str = "mkdir -p \"$1\" && tar xof - -C \"$1\"; true";

/// Where published data lies, and where unverified files go.
const PUBLISHED: &str = "/data/shared/.tracebloc-staging/bench";
const LOOSE: &str = "/data/shared/.bench-loose";

/// What a client has to know.
pub(crate) struct Address {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) namespace: String,
    pub(crate) pod: String,
    /// Where unverified files go.
    pub(crate) loose: String,
}

impl Address {
    pub(crate) fn parse(words: &[String]) -> Self {
        Self {
            kubeconfig: PathBuf::from(&words[0]),
            namespace: words[1].clone(),
            pod: words[2].clone(),
            loose: LOOSE.to_owned(),
        }
    }
}

/// A cluster, real or not.
pub(crate) struct Place {
    runtime: Runtime,
    site: Option<Site>,
    connection: Arc<Connection>,
    pod: StagePod,
    kubeconfig: PathBuf,
    kubectl: Option<String>,
}

impl Place {
    pub(crate) fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let variable = |name: &str| std::env::var(name).ok();
        let (site, kubeconfig) = match variable("LONGSHORE_E2E_KUBECONFIG") {
            Some(path) => (None, PathBuf::from(path)),
            None => {
                let site = runtime.block_on(Site::start());
                let kubeconfig = site.kubeconfig(User::Admin, NAMESPACE);
                (Some(site), kubeconfig)
            }
        };
        let choice = Choice {
            kubeconfig: Some(kubeconfig.clone()),
            namespace: variable("LONGSHORE_E2E_NAMESPACE").or(Some(NAMESPACE.to_owned())),
            ..Choice::default()
        };
        let request = Request {
            table: Some(TableName::fixed("bench")),
            image: variable("LONGSHORE_E2E_IMAGE"),
            owner: owner(),
            script: STAGE_SCRIPT,
            // The real one would end: most of what is measured does not tell it that its client lives.
            command: ["/bin/sh", "-c", "sleep 1700"].map(str::to_owned).to_vec(),
        };
        let (connection, pod) = runtime.block_on(async {
            let target = load(&choice, &Surroundings::default()).unwrap();
            let limits = Limits::default();
            let connection = Arc::new(Connection::open(target, limits).await.unwrap());
            let (release, volume) = look(&connection).await;
            let plan = Plan::of(&release, &volume, request);
            let stop = CancellationToken::new();
            let (pod, heard) = opened(&connection, &plan, &stop).await;
            let pod = pod.unwrap_or_else(|error| panic!("{error:?}\n{heard:#?}"));
            (connection, pod)
        });
        let kubectl = variable("KUBECTL").unwrap_or_else(|| "kubectl".to_owned());
        let version = Command::new(&kubectl)
            .args(["version", "--client"])
            .output();
        Self {
            runtime,
            site,
            connection,
            pod,
            kubeconfig,
            kubectl: version.is_ok().then_some(kubectl),
        }
    }

    pub(crate) fn close(self) {
        self.runtime.block_on(async {
            close(&self.connection, &self.pod).await.unwrap();
            if let Some(site) = self.site {
                site.running.stop().await;
            }
        });
    }

    /// Has a process of its own do something with the data.
    pub(crate) fn client(&self, what: &str, data: &Path) -> Cost {
        let mut said = String::new();
        let mut cost = Cost::of(|| {
            let output = Command::new(super::this_program())
                .args([client::WORD, what])
                .arg(data)
                .arg(&self.kubeconfig)
                .args([&self.pod.namespace, &self.pod.name])
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            assert!(output.status.success(), "{what} failed");
            said = String::from_utf8(output.stdout).unwrap();
        });
        let mut numbers = said
            .split_ascii_whitespace()
            .map(|word| word.parse::<u64>().unwrap());
        cost.wall = Duration::from_nanos(numbers.next().unwrap());
        let before = Duration::from_nanos(numbers.next().unwrap());
        cost.processor = cost.processor.saturating_sub(before);
        cost.resident_kib = numbers.next().unwrap();
        cost
    }

    /// Hashes there what was published.
    pub(crate) fn hash(&self) -> Cost {
        let script = "cd \"$1\" && find . -type f -print0 | xargs -0 sha256sum > \"$2/sums\"; rm \"$2/sums\"";
        Cost::of(|| self.run(&["/bin/sh", "-c", script, "sh", PUBLISHED, "/tmp"]))
    }

    /// Removes there whatever was sent.
    pub(crate) fn clean(&self) {
        let staging = "/data/shared/.tracebloc-staging/.longshore/bench";
        self.run(&["/bin/rm", "-rf", PUBLISHED, LOOSE, staging]);
    }

    fn run(&self, words: &[&str]) {
        let command = words.iter().map(|word| (*word).to_owned()).collect();
        self.runtime.block_on(async {
            let pod = self.pod.container(&self.connection).await.unwrap();
            let mut process = pod.start(command).await.unwrap();
            while let Some(event) = process.events.recv().await {
                match event {
                    Event::Ended(end) => assert_eq!(end, End::Success, "{words:?}"),
                    Event::Stderr(bytes) => panic!("{}", String::from_utf8_lossy(&bytes)),
                    Event::Stdout(_) => {}
                }
            }
        });
    }

    /// Sends what `tar` makes into another one there, through kubectl; nothing is verified.
    pub(crate) fn kubectl(&self, data: &Path) -> Option<Cost> {
        let script = "tar cf - . | \"$@\"";
        let kubectl = self.kubectl.as_ref()?;
        Some(Cost::of(|| {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh", kubectl, "exec", "-i"]);
            command.arg("--kubeconfig").arg(&self.kubeconfig);
            command.args(["-n", &self.pod.namespace, &self.pod.name, "-c", "stage"]);
            command.args(["--", "/bin/sh", "-c", UNPACK, "sh", LOOSE]);
            let status = command.current_dir(data).stdin(Stdio::null()).status();
            assert!(status.unwrap().success());
        }))
    }
}

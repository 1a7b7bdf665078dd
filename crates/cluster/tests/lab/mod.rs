//! A sandbox for one test, and kube's client on it.

#![allow(
    dead_code,
    reason = "each test program uses the part of the laboratory that it needs"
)]

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use sandbox::fault::{Faults, Script};
use sandbox::kinds::{self, Kind};
use sandbox::store::Object;
use sandbox::{Config, Running, Sandbox, auth, release};
use serde_json::{Value, json};

pub(crate) const NAMESPACE: &str = "default";

pub(crate) struct Lab {
    pub(crate) running: Running,
    pub(crate) client: Client,
    faults: Faults,
    _directory: tempfile::TempDir,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With the parent release installed.
    pub(crate) async fn with_release() -> Self {
        let lab = Self::with(release::prepare).await;
        release::install(lab.sandbox(), NAMESPACE).unwrap();
        lab
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::new(directory.path());
        change(&mut config);
        let faults = config.node.faults.clone();
        let running = Sandbox::start(config, Arc::new(faults.clone()))
            .await
            .unwrap();
        for (kind, name) in [
            (&kinds::SERVICE_ACCOUNT, "default"),
            (&kinds::CONFIG_MAP, "kube-root-ca.crt"),
        ] {
            // The controllers make these too, sooner or later.
            let object =
                json!({"metadata": {"name": name, "namespace": NAMESPACE}, "data": {"ca.crt": ""}});
            drop(running.sandbox().store().create(kind, object));
        }
        let client = client(&running.kubeconfig()).await;
        Self {
            running,
            client,
            faults,
            _directory: directory,
        }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.running.sandbox()
    }

    pub(crate) fn script(&self, text: &str) {
        self.faults.set(Script::parse(text).unwrap());
    }

    pub(crate) fn every_rule_fired(&self) {
        assert!(
            self.faults.unfired().is_empty(),
            "{:?}",
            self.faults.report()
        );
    }

    /// Counts what a rule was looked at for.
    pub(crate) fn matched(&self, name: &str) -> u64 {
        let report = self.faults.report();
        report.iter().find(|row| row.name == name).unwrap().matched
    }

    pub(crate) fn has_struck(&self) -> bool {
        self.faults.unfired().is_empty()
    }

    pub(crate) fn get(&self, kind: &'static Kind, name: &str) -> Object {
        self.sandbox().store().get(kind, NAMESPACE, name).unwrap()
    }

    /// A client that is a service account of these rules and nothing else.
    pub(crate) async fn client_with(&self, account: &str, rules: Value) -> Client {
        let meta = json!({"name": account, "namespace": NAMESPACE});
        let sandbox = self.sandbox();
        sandbox
            .create(&kinds::SERVICE_ACCOUNT, json!({"metadata": meta}))
            .unwrap();
        sandbox
            .create(&kinds::ROLE, json!({"metadata": meta, "rules": rules}))
            .unwrap();
        let binding = json!({
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
        });
        sandbox.create(&kinds::ROLE_BINDING, binding).unwrap();
        self.client_of(&self.token(account)).await
    }

    pub(crate) async fn client_of(&self, token: &str) -> Client {
        client(&self.sandbox().kubeconfig(token, NAMESPACE)).await
    }

    pub(crate) fn token(&self, account: &str) -> String {
        let account = self.get(&kinds::SERVICE_ACCOUNT, account);
        auth::issue(self.sandbox(), &account, 3600, None)
    }

    /// Waits for the service's pod and returns its name.
    pub(crate) async fn manager(&self) -> String {
        loop {
            let (pods, _) = self.sandbox().store().list(&kinds::POD, Some(NAMESPACE));
            let found = pods
                .iter()
                .find(|pod| pod["metadata"]["labels"]["app"] == "manager");
            if let Some(name) = found.and_then(|pod| pod["metadata"]["name"].as_str()) {
                self.wait(&kinds::POD, name, is_ready).await;
                return name.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Makes a pod and waits until its status fits.
    pub(crate) async fn pod(&self, pod: Value, fits: impl Fn(&Value) -> bool) -> Object {
        let made = self.sandbox().create(&kinds::POD, pod).unwrap();
        let name = made["metadata"]["name"].as_str().unwrap();
        self.wait(&kinds::POD, name, fits).await
    }

    pub(crate) async fn wait(
        &self,
        kind: &'static Kind,
        name: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Object {
        let store = self.sandbox().store();
        let mut watch = store.watch(kind, Some(NAMESPACE), None).unwrap();
        let waiting = async {
            loop {
                if let Ok(object) = store.get(kind, NAMESPACE, name)
                    && fits(&object)
                {
                    return object;
                }
                watch.next().await.unwrap();
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), waiting).await {
            Ok(object) => object,
            Err(_) => panic!("{name}: {:#?}", store.get(kind, NAMESPACE, name)),
        }
    }
}

pub(crate) async fn client(kubeconfig: &str) -> Client {
    let config = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
    let mut config = config.unwrap();
    // A pending write says nothing about the other end; whoever streams has a clock of its own.
    config.write_timeout = None;
    // As the product's own clients: the library would repeat for half a minute what was answered with 503.
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// A pod of one container that runs a shell script.
pub(crate) fn pod(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "main", "image": "any", "command": ["/bin/sh", "-c", script],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|it| it["type"] == "Ready" && it["status"] == "True")
}

pub(crate) fn has_condition(wanted: &'static str) -> impl Fn(&Value) -> bool {
    move |job| {
        let conditions = job["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|it| it["type"] == wanted && it["status"] == "True")
    }
}

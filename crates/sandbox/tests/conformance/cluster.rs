//! A connection, a namespace of its own, and the shortest way to ask something.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Error};
use serde_json::{Value, json};

/// A cluster that is held to account.
pub(crate) struct Cluster {
    /// For what is more than a request and its answer.
    pub(crate) client: Client,
    kubeconfig: Kubeconfig,
    /// The namespace everything happens in.
    pub(crate) namespace: String,
    /// An image with a shell and the usual tools, `busybox` among them.
    pub(crate) image: String,
}

/// A refusal, as far as assertions look at it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl From<Box<kube::core::Status>> for Refusal {
    fn from(status: Box<kube::core::Status>) -> Self {
        Self {
            code: status.code,
            reason: status.reason,
            message: status.message,
        }
    }
}

/// What was answered.
pub(crate) type Answer = Result<Value, Refusal>;

pub(crate) const MERGE: &str = "application/merge-patch+json";

impl Cluster {
    /// Connects; the namespace is there already.
    pub(crate) async fn connect(kubeconfig: &str, namespace: &str, image: &str) -> Self {
        let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
        Self {
            client: client(kubeconfig.clone()).await,
            kubeconfig,
            namespace: namespace.to_owned(),
            image: image.to_owned(),
        }
    }

    /// Connects and makes the namespace.
    pub(crate) async fn enter(kubeconfig: &str, namespace: &str, image: &str) -> Self {
        let cluster = Self::connect(kubeconfig, namespace, image).await;
        cluster
            .post(
                "/api/v1/namespaces",
                json!({"metadata": {"name": namespace}}),
            )
            .await
            .unwrap();
        cluster
            .until(
                "the default account",
                &cluster.core("serviceaccounts/default"),
                |_| true,
            )
            .await;
        cluster
    }

    /// Deletes the namespace.
    pub(crate) async fn leave(&self) {
        self.delete(
            &format!("/api/v1/namespaces/{}", self.namespace),
            Value::Null,
        )
        .await
        .unwrap();
    }

    /// The same cluster, asked with a bearer token.
    pub(crate) async fn with_token(&self, token: &str) -> Self {
        let mut kubeconfig = self.kubeconfig.clone();
        for user in &mut kubeconfig.auth_infos {
            user.auth_info = Some(serde_json::from_value(json!({"token": token})).unwrap());
        }
        let client = client(kubeconfig.clone()).await;
        Self {
            client,
            kubeconfig,
            namespace: self.namespace.clone(),
            image: self.image.clone(),
        }
    }

    /// A path of the core group in the namespace.
    pub(crate) fn core(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/{rest}", self.namespace)
    }

    /// A path of another group in the namespace.
    pub(crate) fn group(&self, group: &str, rest: &str) -> String {
        format!("/apis/{group}/v1/namespaces/{}/{rest}", self.namespace)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "application/json", Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(
            "POST",
            path,
            "application/json",
            body.to_string().into_bytes(),
        )
        .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(
            "PUT",
            path,
            "application/json",
            body.to_string().into_bytes(),
        )
        .await
    }

    pub(crate) async fn patch(&self, path: &str, content_type: &str, body: Value) -> Answer {
        self.ask("PATCH", path, content_type, body.to_string().into_bytes())
            .await
    }

    pub(crate) async fn delete(&self, path: &str, options: Value) -> Answer {
        let body = if options.is_null() {
            Vec::new()
        } else {
            options.to_string().into_bytes()
        };
        self.ask("DELETE", path, "application/json", body).await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Answer {
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", content_type)
            .body(body)
            .unwrap();
        match self.client.request::<Value>(request).await {
            Ok(value) => Ok(value),
            Err(Error::Api(status)) => Err(status.into()),
            Err(other) => panic!("{method} {path}: {other}"),
        }
    }

    /// Reads the lines of a watch that ends by itself.
    pub(crate) async fn watch(&self, path: &str) -> Vec<Value> {
        let request = hyper::Request::get(path).body(Vec::new()).unwrap();
        let text = self.client.request_text(request).await.unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Asks until the answer is there and right, at most a minute.
    pub(crate) async fn until(
        &self,
        what: &str,
        path: &str,
        is_right: impl Fn(&Value) -> bool,
    ) -> Value {
        for _ in 0..1200 {
            if let Ok(found) = self.get(path).await
                && is_right(&found)
            {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what} did not come: {:?}", self.get(path).await);
    }
}

async fn client(kubeconfig: Kubeconfig) -> Client {
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// Asserts what a refusal looks like.
#[track_caller]
pub(crate) fn refused(answer: Answer, code: u16, reason: &str, message: &str) {
    let refusal = answer.unwrap_err();
    assert_eq!(
        (
            refusal.code,
            refusal.reason.as_str(),
            refusal.message.as_str()
        ),
        (code, reason, message)
    );
}

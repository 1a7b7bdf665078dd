//! Commands in containers, as the client (kube, WebSockets) hears them.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use kube::{Api, Error};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::cluster::{Cluster, Refusal};

/// Bytes between the caller and the connection; small ones make small frames.
const BUFFER_BYTES: usize = 1 << 20;

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) status: Option<Status>,
}

impl Heard {
    /// What it said, which was text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Whether the session ended with Success, which is no more than what the far side says.
    pub(crate) fn is_success(&self) -> bool {
        self.status
            .as_ref()
            .and_then(|status| status.status.as_deref())
            == Some("Success")
    }

    /// Reason, code and causes of a session that did not.
    pub(crate) fn failure(&self) -> (String, Option<i32>, Vec<(String, String)>) {
        let status = self.status.clone().expect("a status");
        assert_eq!(status.status.as_deref(), Some("Failure"));
        let causes = status.details.and_then(|details| details.causes);
        let causes = causes.into_iter().flatten();
        let causes = causes.map(|cause| {
            (
                cause.reason.unwrap_or_default(),
                cause.message.unwrap_or_default(),
            )
        });
        (
            status.reason.unwrap_or_default(),
            status.code,
            causes.collect(),
        )
    }

    /// The exit code that a failure names.
    pub(crate) fn code(&self) -> String {
        let (reason, _, causes) = self.failure();
        assert_eq!(reason, "NonZeroExitCode");
        let [(reason, code)] = causes.as_slice() else {
            panic!("{causes:?}")
        };
        assert_eq!(reason, "ExitCode");
        code.clone()
    }
}

/// The pods of the cluster's namespace.
pub(crate) fn pods(cluster: &Cluster) -> Api<Pod> {
    Api::namespaced(cluster.client.clone(), &cluster.namespace)
}

fn everything(container: &str) -> AttachParams {
    AttachParams::default()
        .container(container)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .max_stdin_buf_size(BUFFER_BYTES)
        .max_stdout_buf_size(BUFFER_BYTES)
        .max_stderr_buf_size(BUFFER_BYTES)
}

/// Runs a shell script with arguments, feeds it, ends its input and hears it out.
pub(crate) async fn shell(
    cluster: &Cluster,
    pod: &str,
    script: &str,
    arguments: &[&str],
    input: &[u8],
) -> Heard {
    let command = [&["sh", "-c", script, "sh"], arguments].concat();
    run(cluster, pod, &command, input).await
}

/// Runs a command, feeds it, ends its input and hears it out.
pub(crate) async fn run(cluster: &Cluster, pod: &str, command: &[&str], input: &[u8]) -> Heard {
    let command = command.iter().map(|word| (*word).to_owned());
    let mut process = pods(cluster)
        .exec(pod, command, &everything("main"))
        .await
        .unwrap();
    let mut stdin = process.stdin().unwrap();
    let (mut out, mut err) = (process.stdout().unwrap(), process.stderr().unwrap());
    let status = process.take_status().unwrap();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let hear = async {
        tokio::join!(
            out.read_to_end(&mut stdout),
            err.read_to_end(&mut stderr),
            status
        )
    };
    let feed = async {
        // A command that takes no more is the caller's to notice.
        drop(stdin.write_all(input).await);
        drop(stdin.shutdown().await);
        std::future::pending::<()>().await;
    };
    // The client's pipe does not tell a writer that the session is over.
    let (read, also_read, status) = tokio::select! {
        heard = hear => heard,
        () = feed => unreachable!("it waits for ever"),
    };
    read.unwrap();
    also_read.unwrap();
    Heard {
        stdout,
        stderr,
        status,
    }
}

/// Runs a command that is refused before it begins.
pub(crate) async fn refusal(cluster: &Cluster, pod: &str, container: &str) -> Refusal {
    match pods(cluster)
        .exec(pod, ["true"], &everything(container))
        .await
    {
        Err(Error::Api(status)) => status.into(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{container} of {pod} runs commands"),
    }
}

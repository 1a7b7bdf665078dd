//! What runs in pods, and the streams that lead there: exec, logs, tunnels; volumes, Jobs and ends.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, LogParams};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};

use super::cluster::{Cluster, MERGE, refused};
use super::exec::{self, pods, refusal, run, shell};

/// The pod that commands run in. It is made by the first assertion and deleted by the last.
const WORKER: &str = "worker";

/// Enough for every buffer on the way to fill.
const LARGE_BYTES: usize = 64 << 20;

/// Long after input was cut off.
const CUT_OFF: Duration = Duration::from_secs(30);

/// A pod that a restricted namespace admits.
pub(crate) fn pod(cluster: &Cluster, name: &str, script: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "main", "image": cluster.image, "command": ["/bin/sh", "-c", script],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

fn with_claim(mut pod: Value) -> Value {
    pod["spec"]["volumes"] =
        json!([{"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}}]);
    pod["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "shared", "mountPath": "/data/shared"}]);
    pod
}

pub(crate) fn has_condition(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |object| {
        let conditions = object["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten();
        conditions
            .into_iter()
            .any(|it| it["type"] == kind && it["status"] == "True")
    }
}

/// Makes a pod and waits until it is ready.
pub(crate) async fn ready(cluster: &Cluster, pod: Value) -> Value {
    let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.post(&cluster.core("pods"), pod).await.unwrap();
    let path = cluster.core(&format!("pods/{name}"));
    cluster
        .until("a ready pod", &path, has_condition("Ready"))
        .await
}

/// Bytes that repeat nowhere within a buffer's length.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut made = Vec::with_capacity(bytes + 8);
    while made.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        made.extend_from_slice(&state.to_le_bytes());
    }
    made.truncate(bytes);
    made
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) async fn a_pod_with_a_claim_becomes_ready(cluster: &Cluster) {
    let claim = json!({
        "metadata": {"name": "shared"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "512Mi"}}},
    });
    cluster
        .post(&cluster.core("persistentvolumeclaims"), claim)
        .await
        .unwrap();
    let ready = ready(cluster, with_claim(pod(cluster, WORKER, "exec sleep 3600"))).await;
    for kind in ["PodScheduled", "Initialized", "ContainersReady"] {
        assert!(has_condition(kind)(&ready), "{kind}: {ready:#}");
    }
    let status = &ready["status"];
    let container = &status["containerStatuses"][0];
    assert_eq!(
        (status["phase"].as_str(), container["name"].as_str()),
        (Some("Running"), Some("main"))
    );
    assert_eq!(
        (
            &container["ready"],
            &container["started"],
            &container["restartCount"]
        ),
        (&json!(true), &json!(true), &json!(0))
    );
    assert!(
        container["state"]["running"]["startedAt"].is_string(),
        "{container}"
    );
    assert!(status["podIP"].is_string() && ready["spec"]["nodeName"].is_string());
    let claim = cluster
        .get(&cluster.core("persistentvolumeclaims/shared"))
        .await
        .unwrap();
    assert_eq!(claim["status"]["phase"], "Bound");
    let other = json!({"spec": {"volumeName": "other"}});
    let path = cluster.core("persistentvolumeclaims/shared");
    let refusal = cluster.patch(&path, MERGE, other).await.unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"));
    // A server goes on with the difference.
    let fixed = "PersistentVolumeClaim \"shared\" is invalid: spec: Forbidden: spec is immutable after creation except \
                 resources.requests and volumeAttributesClassName for bound claims";
    assert!(refusal.message.starts_with(fixed), "{}", refusal.message);
}

pub(crate) async fn a_message_is_left_behind(cluster: &Cluster) {
    let mut pod = pod(cluster, "farewell", "printf 'so long' > \"$0\"; exit 3");
    let spec = &mut pod["spec"];
    spec["volumes"] = json!([{"name": "end", "emptyDir": {}}]);
    let container = &mut spec["containers"][0];
    container["volumeMounts"] = json!([{"name": "end", "mountPath": "/end"}]);
    container["terminationMessagePath"] = "/end/message".into();
    let command = container["command"].as_array_mut().unwrap();
    command.push("/end/message".into());
    cluster.post(&cluster.core("pods"), pod).await.unwrap();
    let ended = |pod: &Value| pod["status"]["phase"] == "Failed";
    let path = cluster.core("pods/farewell");
    let pod = cluster.until("the end of a pod", &path, ended).await;
    let end = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&end["message"], &end["exitCode"], &end["reason"]),
        (&json!("so long"), &json!(3), &json!("Error"))
    );
}

pub(crate) async fn a_command_ends_with_its_status(cluster: &Cluster) {
    let heard = shell(cluster, WORKER, "echo out; echo err >&2", &[], b"").await;
    assert_eq!(
        (&heard.stdout[..], &heard.stderr[..]),
        (&b"out\n"[..], &b"err\n"[..])
    );
    assert!(heard.is_success());
    let heard = shell(cluster, WORKER, "echo said; exit 3", &[], b"").await;
    assert_eq!((heard.text(), heard.code().as_str()), ("said\n", "3"));
    assert_eq!(
        heard.status.and_then(|status| status.message).as_deref(),
        Some("command terminated with non-zero exit code: command terminated with exit code 3")
    );
    assert_eq!(
        shell(cluster, WORKER, "kill -9 $$", &[], b"").await.code(),
        "137"
    );
    let heard = run(cluster, WORKER, &["no-such-command"], b"").await;
    let (reason, code, causes) = heard.failure();
    assert_eq!((reason.as_str(), code), ("InternalError", Some(500)));
    let [(reason, message)] = causes.as_slice() else {
        panic!("{causes:?}")
    };
    let begins = "Internal error occurred: error executing command in container: ";
    assert!(
        reason.is_empty() && message.starts_with(begins),
        "{message}"
    );
    let why = "exec: \"no-such-command\": executable file not found in $PATH";
    assert!(message.contains(why), "{message}");
    let whole = heard.status.and_then(|status| status.message);
    assert_eq!(
        whole.as_deref(),
        Some(format!("Internal error occurred: {message}").as_str())
    );
}

pub(crate) async fn a_command_in_nothing_is_refused(cluster: &Cluster) {
    let container = refusal(cluster, WORKER, "none").await;
    let why = "container none is not valid for pod worker";
    refused(Err(container), 400, "BadRequest", why);
    let pod = refusal(cluster, "none", "main").await;
    refused(Err(pod), 404, "NotFound", "pods \"none\" not found");
}

pub(crate) async fn input_ends_while_output_goes_on(cluster: &Cluster) {
    let heard = shell(
        cluster,
        WORKER,
        "cat; echo; sleep 1; echo end",
        &[],
        b"one two",
    )
    .await;
    assert_eq!(heard.text(), "one two\nend\n");
    assert!(heard.is_success());
}

pub(crate) async fn large_input_arrives_whole(cluster: &Cluster) {
    let sent = noise(LARGE_BYTES);
    let heard = shell(cluster, WORKER, "sha256sum; true", &[], &sent).await;
    assert_eq!(heard.text().split(' ').next(), Some(digest(&sent).as_str()));
    assert!(heard.is_success());
}

pub(crate) async fn large_output_arrives_whole(cluster: &Cluster) {
    let lines = 5_000_000;
    let heard = shell(
        cluster,
        WORKER,
        "seq \"$1\"; exit 7",
        &[&lines.to_string()],
        b"",
    )
    .await;
    let mut expected = Vec::new();
    for line in 1..=lines {
        expected.extend_from_slice(format!("{line}\n").as_bytes());
    }
    assert_eq!(
        (heard.stdout.len(), digest(&heard.stdout)),
        (expected.len(), digest(&expected))
    );
    assert_eq!(heard.code(), "7");
}

pub(crate) async fn both_ways_at_once_arrive_whole(cluster: &Cluster) {
    let sent = noise(LARGE_BYTES / 2);
    let heard = run(cluster, WORKER, &["cat"], &sent).await;
    assert_eq!(
        (heard.stdout.len(), digest(&heard.stdout)),
        (sent.len(), digest(&sent))
    );
    assert!(heard.is_success());
}

/// The most surprising thing that real clusters do: an upload is cut off and called a success.
pub(crate) async fn an_output_that_is_closed_cuts_input_off_with_success(cluster: &Cluster) {
    let sent = noise(LARGE_BYTES);
    let arguments = ["/data/shared/cut"];
    let heard = shell(cluster, WORKER, "exec cat > \"$1\"", &arguments, &sent);
    // A busy node was once seen to let the session hang, which is no better.
    if let Ok(heard) = tokio::time::timeout(CUT_OFF, heard).await {
        assert!(heard.is_success());
    }
    let size = shell(
        cluster,
        WORKER,
        "wc -c \"$1\"; true",
        &["/data/shared/cut"],
        b"",
    )
    .await;
    let size: usize = size.text().split(' ').next().unwrap().parse().unwrap();
    assert!(size < sent.len(), "{size} bytes");
}

pub(crate) async fn a_volume_is_written(cluster: &Cluster) {
    let sent = noise(LARGE_BYTES / 8);
    let script = "mkdir -p \"$1\" && cat > \"$1/part\" && mv \"$1/part\" \"$1/whole\"; echo $?";
    let heard = shell(cluster, WORKER, script, &["/data/shared/below"], &sent).await;
    assert_eq!(
        (heard.text(), heard.is_success()),
        ("0\n", true),
        "{:?}",
        String::from_utf8_lossy(&heard.stderr)
    );
    let heard = shell(
        cluster,
        WORKER,
        "sha256sum \"$1\"; true",
        &["/data/shared/below/whole"],
        b"",
    )
    .await;
    assert_eq!(heard.text().split(' ').next(), Some(digest(&sent).as_str()));
}

pub(crate) async fn a_log_is_followed_to_its_end(cluster: &Cluster) {
    let script = "echo one; sleep 1; echo two >&2; sleep 1; printf three; exit 0";
    cluster
        .post(&cluster.core("pods"), pod(cluster, "talker", script))
        .await
        .unwrap();
    let path = cluster.core("pods/talker");
    let begun = |pod: &Value| {
        !pod["status"]["containerStatuses"][0]["state"]["waiting"].is_object()
            && pod["status"]["phase"] != "Pending"
    };
    cluster
        .until("a container that has begun", &path, begun)
        .await;
    let follow = LogParams {
        follow: true,
        ..LogParams::default()
    };
    let mut log = Box::pin(pods(cluster).log_stream("talker", &follow).await.unwrap());
    let mut followed = Vec::new();
    futures_util::AsyncReadExt::read_to_end(&mut log, &mut followed)
        .await
        .unwrap();
    assert_eq!(String::from_utf8(followed).unwrap(), "one\ntwo\nthree");
    cluster
        .until("a pod that has ended", &path, |pod| {
            pod["status"]["phase"] == "Succeeded"
        })
        .await;
    let log = async |params: LogParams| pods(cluster).logs("talker", &params).await.unwrap();
    assert_eq!(
        log(LogParams {
            tail_lines: Some(1),
            ..LogParams::default()
        })
        .await,
        "three"
    );
    assert_eq!(
        log(LogParams {
            limit_bytes: Some(5),
            ..LogParams::default()
        })
        .await,
        "one\nt"
    );
    let stamped = log(LogParams {
        timestamps: true,
        tail_lines: Some(1),
        ..LogParams::default()
    })
    .await;
    assert!(
        stamped.starts_with("20") && stamped.ends_with("Z three"),
        "{stamped}"
    );
    let refusal = cluster
        .get(&cluster.core("pods/talker/log?container=none"))
        .await
        .unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (400, "BadRequest"));
    assert_eq!(
        refusal.message,
        "container none is not valid for pod talker"
    );
}

pub(crate) async fn a_port_is_forwarded(cluster: &Cluster) {
    // Pods of the sandbox have the ports of this machine, so the port has to be free here.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let script = format!("while true; do busybox nc -l -p {port} -e cat || sleep 1; done");
    ready(cluster, pod(cluster, "echo", &script)).await;
    let mut echoed = Vec::new();
    let sent = noise(1 << 20);
    for _ in 0..50 {
        echoed = echo(&pods(cluster), port, &sent).await;
        if !echoed.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!((echoed.len(), digest(&echoed)), (sent.len(), digest(&sent)));
    let mut tunnel = pods(cluster).portforward("echo", &[1]).await.unwrap();
    let error = tunnel.take_error(1).unwrap();
    let _stream = tunnel.take_stream(1).unwrap();
    let error = error.await.expect("nobody listens on port 1");
    assert!(error.contains("forwarding port 1"), "{error}");
}

/// Sends bytes through a tunnel and reads as many.
async fn echo(pods: &Api<Pod>, port: u16, sent: &[u8]) -> Vec<u8> {
    let mut tunnel = pods.portforward("echo", &[port]).await.unwrap();
    let (mut from, mut to) = tokio::io::split(tunnel.take_stream(port).unwrap());
    let mut echoed = vec![0; sent.len()];
    let (read, _) = tokio::join!(from.read_exact(&mut echoed), to.write_all(sent));
    match read {
        Ok(_) => echoed,
        // Nobody listens yet.
        Err(_) => Vec::new(),
    }
}

pub(crate) async fn a_job_ends_in_two_steps(cluster: &Cluster) {
    for (name, script, conditions) in [
        ("good", "echo done", ["SuccessCriteriaMet", "Complete"]),
        ("bad", "exit 4", ["FailureTarget", "Failed"]),
    ] {
        let spec = pod(cluster, name, script)["spec"].clone();
        let job = json!({"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}});
        cluster
            .post(&cluster.group("batch", "jobs"), job)
            .await
            .unwrap();
        let path = cluster.group("batch", &format!("jobs/{name}"));
        let job = cluster
            .until(
                "the last condition of a Job",
                &path,
                has_condition(conditions[1]),
            )
            .await;
        assert!(has_condition(conditions[0])(&job), "{job:#}");
        let list = cluster
            .get(&cluster.core(&format!("pods?labelSelector=job-name%3D{name}")))
            .await
            .unwrap();
        let of_job = &list["items"][0];
        assert_eq!(
            of_job["metadata"]["labels"]["batch.kubernetes.io/job-name"],
            name
        );
        let exit = &of_job["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"];
        assert_eq!(*exit, if name == "good" { 0 } else { 4 });
    }
    let bad = cluster
        .get(&cluster.group("batch", "jobs/bad"))
        .await
        .unwrap();
    let conditions = bad["status"]["conditions"].as_array().unwrap();
    let failed = conditions.iter().find(|it| it["type"] == "Failed").unwrap();
    assert_eq!(
        (failed["reason"].as_str(), failed["message"].as_str()),
        (
            Some("BackoffLimitExceeded"),
            Some("Job has reached the specified backoff limit")
        )
    );
}

pub(crate) async fn what_cannot_run_says_why(cluster: &Cluster) {
    let mut late = pod(cluster, "late", "exec sleep 3600");
    late["spec"]["activeDeadlineSeconds"] = 2.into();
    cluster.post(&cluster.core("pods"), late).await.unwrap();
    let mut missing = pod(cluster, "missing", "true");
    missing["spec"]["containers"][0]["image"] = "sandbox.invalid/missing:1".into();
    cluster.post(&cluster.core("pods"), missing).await.unwrap();
    let mut big = pod(cluster, "big", "true");
    big["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "5000"}});
    cluster.post(&cluster.core("pods"), big).await.unwrap();

    let waits = |pod: &Value| {
        let reason = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
        reason == "ErrImagePull" || reason == "ImagePullBackOff"
    };
    let missing = cluster
        .until("a pull that failed", &cluster.core("pods/missing"), waits)
        .await;
    assert_eq!(missing["status"]["phase"], "Pending");
    let big = cluster
        .until("a refusal to schedule", &cluster.core("pods/big"), |pod| {
            pod["status"]["conditions"][0]["reason"] == "Unschedulable"
        })
        .await;
    assert_eq!(
        (
            big["status"]["phase"].as_str(),
            big["status"]["conditions"][0]["type"].as_str()
        ),
        (Some("Pending"), Some("PodScheduled"))
    );
    let late = cluster
        .until("a deadline", &cluster.core("pods/late"), |pod| {
            pod["status"]["phase"] == "Failed"
        })
        .await;
    assert_eq!(late["status"]["reason"], "DeadlineExceeded");
}

pub(crate) async fn a_deleted_pod_takes_its_commands_along(cluster: &Cluster) {
    let mut begun = pods(cluster)
        .exec(
            WORKER,
            ["sh", "-c", "echo begun; exec sleep 3600"],
            &Default::default(),
        )
        .await
        .unwrap();
    let status = begun.take_status().unwrap();
    let mut stdout = tokio::io::BufReader::new(begun.stdout().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).await.unwrap();
    assert_eq!(line, "begun\n");
    let at_once = DeleteParams::default().grace_period(0);
    pods(cluster).delete(WORKER, &at_once).await.unwrap();
    let heard = exec::Heard {
        stdout: Vec::new(),
        stderr: Vec::new(),
        status: status.await,
    };
    assert_eq!(heard.code(), "137");
    for _ in 0..200 {
        if cluster.get(&cluster.core("pods/worker")).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let gone = cluster.get(&cluster.core("pods/worker")).await.unwrap_err();
    assert_eq!(
        (gone.code, gone.message.as_str()),
        (404, "pods \"worker\" not found")
    );
}

pub(crate) async fn a_volume_outlives_its_pods(cluster: &Cluster) {
    ready(
        cluster,
        with_claim(pod(cluster, "reader", "exec sleep 3600")),
    )
    .await;
    let heard = shell(
        cluster,
        "reader",
        "wc -c \"$1\"; true",
        &["/data/shared/below/whole"],
        b"",
    )
    .await;
    assert_eq!(
        heard.text().split(' ').next(),
        Some((LARGE_BYTES / 8).to_string().as_str())
    );
}

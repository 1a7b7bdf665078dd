//! Pods on the node: their states, their streams, and what faults do to them, over TLS as a client sees them.

mod lab;

use std::time::Duration;

use futures_util::StreamExt;
use lab::{Lab, end_stdin, hear, in_phase, is_ready, pod, stdin, waits_for};
use sandbox::kinds;
use sandbox::node::container::{Mounts, Tools};
use sandbox::store::Deletion;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

const V5: &str = "v5.channel.k8s.io";

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_runs_and_a_command_runs_in_it() {
    for (mounts, tools) in [
        (Mounts::Auto, Tools::Host),
        (Mounts::Rewritten, Tools::Host),
        (Mounts::Rewritten, Tools::Busybox),
    ] {
        let lab = Lab::of(mounts, tools).await;
        let mut wanted = pod("p", "exec sleep 1000");
        wanted["spec"]["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
        wanted["spec"]["containers"][0]["volumeMounts"] =
            json!([{"name": "v", "mountPath": "/data/shared"}]);
        lab.pod(wanted, is_ready).await;
        let heard = lab
            .exec(
                "p",
                &[
                    "sh",
                    "-c",
                    "echo hi > \"$1\"; cat \"$1\"; exit 3",
                    "sh",
                    "/data/shared/x",
                ],
            )
            .await;
        assert_eq!(
            (heard.stdout.as_str(), heard.code()),
            ("hi\n", 3),
            "{tools:?}"
        );
        lab.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_input_arrives_whole() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    let mut socket = lab
        .open_exec("p", &["sh", "-c", "sha256sum; true"], V5)
        .await
        .unwrap();
    let block = vec![7_u8; 4 << 20];
    for _ in 0..16 {
        stdin(&mut socket, &block).await;
    }
    end_stdin(&mut socket).await;
    let heard = hear(&mut socket).await;
    // head -c 67108864 /dev/zero | tr '\0' '\7' | sha256sum
    let digest = "08fc7f5f33ae0938";
    assert_eq!(heard.stdout.len(), 64 + 4, "{}", heard.stdout);
    assert!(heard.stdout.starts_with(digest), "{}", heard.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn phases_follow_from_exit_codes() {
    let lab = Lab::start().await;
    lab.pod(pod("good", "echo done"), in_phase("Succeeded"))
        .await;
    let bad = lab.pod(pod("bad", "exit 5"), in_phase("Failed")).await;
    let ended = &bad["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&ended["exitCode"], &ended["reason"]),
        (&json!(5), &json!("Error"))
    );
    let mut again = pod("again", "exit 1");
    again["spec"]["restartPolicy"] = "OnFailure".into();
    let again = lab.pod(again, waits_for("CrashLoopBackOff")).await;
    let status = &again["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    assert_eq!(again["status"]["phase"], "Running");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let lab = Lab::start().await;
    let image = |name: &str, image: &str| {
        let mut wanted = pod(name, "true");
        wanted["spec"]["containers"][0]["image"] = image.into();
        wanted
    };
    let missing = "sandbox.invalid/missing:1";
    lab.pod(image("missing", missing), waits_for("ErrImagePull"))
        .await;
    lab.wait(&kinds::POD, "missing", waits_for("ImagePullBackOff"))
        .await;
    let other = image("other", "sandbox.invalid/other-architecture:1");
    lab.pod(other, in_phase("Failed")).await;
    let (_, log) = lab.get("/api/v1/namespaces/default/pods/other/log").await;
    assert!(log.contains("exec format error"), "{log}");

    let mut big = pod("big", "true");
    big["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1000"}});
    let unscheduled = |pod: &serde_json::Value| {
        pod["status"]["conditions"][0]["reason"] == "Unschedulable"
            && pod["status"]["phase"] == "Pending"
    };
    lab.pod(big, unscheduled).await;
    let mut absent = pod("absent", "true");
    absent["spec"]["volumes"] =
        json!([{"name": "v", "persistentVolumeClaim": {"claimName": "none"}}]);
    lab.pod(absent, unscheduled).await;
    let mut config = pod("config", "true");
    config["spec"]["containers"][0]["env"] =
        json!([{"name": "X", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}}]);
    lab.pod(config, waits_for("CreateContainerConfigError"))
        .await;
    let mut tool = pod("tool", "true");
    tool["spec"]["containers"][0]["command"] = json!(["nonsense"]);
    let tool = lab.pod(tool, in_phase("Failed")).await;
    let ended = &tool["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["reason"], "StartError");
    assert!(
        ended["message"].as_str().unwrap().contains("not found"),
        "{ended}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_pod() {
    let lab = Lab::start().await;
    let mut wanted = pod("late", "exec sleep 1000");
    wanted["spec"]["activeDeadlineSeconds"] = 1.into();
    let ended = lab.pod(wanted, in_phase("Failed")).await;
    assert_eq!(ended["status"]["reason"], "DeadlineExceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_kills_what_runs() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    let mut socket = lab
        .open_exec("p", &["sh", "-c", "echo begun; exec sleep 1000"], V5)
        .await
        .unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Binary(_)))));
    let how = Deletion {
        grace_seconds: Some(0),
        ..Deletion::default()
    };
    lab.sandbox()
        .store()
        .delete(&kinds::POD, "default", "p", &how)
        .unwrap();
    assert_eq!(hear(&mut socket).await.code(), 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_lets_a_container_end_by_itself() {
    let lab = Lab::start().await;
    let script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let mut wanted = pod("p", script);
    wanted["spec"]["terminationGracePeriodSeconds"] = 30.into();
    lab.pod(wanted, is_ready).await;
    let path = "/api/v1/namespaces/default/pods/p/log";
    // Before it says so it would not hear what it is asked.
    while lab.get(path).await.1 != "ready\n" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let follow = format!("{path}?follow=true");
    let log = lab.get(&follow);
    let delete = async {
        lab.sandbox()
            .store()
            .delete(&kinds::POD, "default", "p", &Deletion::default())
            .unwrap();
    };
    let ((_, log), ()) = tokio::join!(log, delete);
    assert_eq!(log, "ready\nbye\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_selected() {
    let lab = Lab::start().await;
    lab.pod(
        pod("p", "echo one; echo two; echo three; printf four"),
        in_phase("Succeeded"),
    )
    .await;
    let log = async |query: &str| {
        lab.get(&format!("/api/v1/namespaces/default/pods/p/log{query}"))
            .await
            .1
    };
    let all = log("").await;
    assert!(
        all.contains("one\n") && all.contains("two\n") && all.ends_with("four"),
        "{all}"
    );
    assert_eq!(log("?tailLines=1").await, "four");
    assert_eq!(log("?tailLines=0").await, "");
    assert_eq!(log("?limitBytes=3").await, all[..3]);
    assert_eq!(log("?sinceTime=2999-01-01T00:00:00Z").await, "");
    let stamped = log("?timestamps=true&tailLines=1").await;
    assert!(
        stamped.starts_with("20") && stamped.ends_with("Z four"),
        "{stamped}"
    );
    let (code, body) = lab
        .get("/api/v1/namespaces/default/pods/p/log?container=none")
        .await;
    assert_eq!(code, 400, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_refused_before_the_upgrade_or_not_at_all() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    let code = |error: Error| match error {
        Error::Http(response) => (
            response.status().as_u16(),
            response.body().clone().unwrap_or_default().len(),
        ),
        error => panic!("{error}"),
    };
    let error = lab
        .open_exec("p", &["true"], "unknown.k8s.io")
        .await
        .unwrap_err();
    assert_eq!(code(error), (403, 0));
    let error = lab.open_exec("none", &["true"], V5).await.unwrap_err();
    assert_eq!(code(error).0, 404);
    let error = lab
        .open("p/exec?command=true&stdout=true&container=none", V5)
        .await
        .unwrap_err();
    assert_eq!(code(error).0, 400);
    let mut silent = lab.open_exec("p", &["echo", "x"], "").await.unwrap();
    assert!(
        tokio::time::timeout(lab::SILENCE, silent.next())
            .await
            .is_err()
    );
    let heard = lab.exec("p", &["nonsense"]).await;
    let status = heard.status.unwrap();
    assert_eq!(
        (&status["reason"], &status["code"]),
        (&json!("InternalError"), &json!(500))
    );
    assert!(!status.to_string().contains("ExitCode"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_forwarded() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    let echo = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = echo.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = echo.accept().await.unwrap();
        let (mut from, mut to) = stream.split();
        let mut four = [0; 4];
        tokio::io::AsyncReadExt::read_exact(&mut from, &mut four)
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut to, &four)
            .await
            .unwrap();
    });
    let path = format!("p/portforward?ports={port}");
    let mut socket = lab.open(&path, "v4.channel.k8s.io").await.unwrap();
    stdin(&mut socket, b"ping").await;
    let mut frames = Vec::new();
    while let Some(Ok(Message::Binary(bytes))) = socket.next().await {
        frames.push(bytes.to_vec());
    }
    let [low, high] = port.to_le_bytes();
    assert_eq!(
        frames,
        [vec![0, low, high], vec![1, low, high], b"\0ping".to_vec()]
    );

    let mut closed = lab
        .open("p/portforward?ports=1", "v4.channel.k8s.io")
        .await
        .unwrap();
    let third = closed
        .by_ref()
        .skip(2)
        .next()
        .await
        .unwrap()
        .unwrap()
        .into_data();
    assert_eq!(third[0], 1);
    assert!(String::from_utf8_lossy(&third).contains("error forwarding port 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_reach_the_node() {
    let lab = Lab::start().await;
    lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
    lab.script(
        "rules:
  - {name: answer, on: exec, match: {command: first}, fault: {answer: {code: 429, retry_after: 1}}}
  - {name: v4, on: exec, match: {command: second}, fault: {refuse_v5: {}}}
  - {name: kill, on: exec, match: {command: third}, fault: {kill: {after: 3}}}
  - {name: memory, on: exec, match: {command: fourth}, fault: {out_of_memory: {after: 0}}}
  - {name: log, on: log, fault: {cut: {direction: out, after: 2}}}
  - {name: request, on: request, match: {resource: configmaps}, fault: {answer: {code: 503}}}",
    );
    let error = lab
        .open_exec("p", &["echo", "first"], V5)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Http(response) if response.status() == 429));
    let error = lab
        .open_exec("p", &["echo", "second"], V5)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Http(response) if response.status() == 403));
    let mut socket = lab
        .open_exec("p", &["sh", "-c", "cat; : third"], V5)
        .await
        .unwrap();
    stdin(&mut socket, b"abcdef").await;
    assert_eq!(hear(&mut socket).await.code(), 137);
    assert_eq!(
        lab.exec("p", &["sh", "-c", "sleep 1000; : fourth"])
            .await
            .code(),
        137
    );
    assert_eq!(lab.exec("p", &["sleep", "1000"]).await.code(), 137);
    assert_eq!(
        lab.get("/api/v1/namespaces/default/configmaps").await.0,
        503
    );
    lab.pod(pod("q", "echo 12345; exec sleep 1000"), is_ready)
        .await;
    let (_, log) = lab
        .get("/api/v1/namespaces/default/pods/q/log?follow=true")
        .await;
    assert_eq!(log, "12");
    lab.every_rule_fired();
}

/// Each fault of a plain request happens, and is counted when it has.
#[tokio::test(flavor = "multi_thread")]
async fn faults_reach_requests() {
    const MAPS: &str = "/api/v1/namespaces/default/configmaps";
    let lab = Lab::start().await;
    lab.script(
        "rules:
  - {name: long, on: request, match: {resource: configmaps}, fault: {cut: {direction: out, after: 1000000}}}",
    );
    let (code, whole) = lab.get(MAPS).await;
    assert_eq!(code, 200);
    assert_eq!(
        lab.faults.unfired(),
        ["long"],
        "an answer that short is not cut"
    );

    lab.script(
        "rules:
  - {name: cut, on: request, match: {resource: configmaps}, fault: {cut: {direction: out, after: 20}}}
  - {name: lost, on: request, match: {resource: secrets}, fault: {lose_answer: {}}}
  - {name: restart, on: request, match: {resource: services}, fault: {restart_api: {millis: 50}}}",
    );
    assert_eq!(lab.get(MAPS).await.1, whole[..20]);
    assert_eq!(lab.get("/api/v1/namespaces/default/secrets").await.0, 0);
    assert_eq!(lab.get("/api/v1/namespaces/default/services").await.0, 0);
    lab.every_rule_fired();
    let back = async {
        while lab.is_away().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), back)
        .await
        .expect("the API server comes back");
    assert_eq!(lab.get(MAPS).await, (200, whole));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_starts_in_no_time() {
    // Not timed: what is checked is that nothing is waited for. The keeper, for one, starts with the first pod.
    let lab = Lab::start().await;
    assert_eq!(lab.sandbox().node().has_namespaces(), None);
}

/// From 1.35 on a WebSocket exec, which is a GET, needs `create` beside `get`.
#[tokio::test(flavor = "multi_thread")]
async fn what_exec_needs_depends_on_the_version() {
    for (minor, verbs, code) in [
        (34, json!(["get"]), 400),
        (34, json!(["create"]), 403),
        (35, json!(["get"]), 403),
        (35, json!(["create"]), 403),
        (35, json!(["get", "create"]), 400),
    ] {
        let lab = Lab::with(|config| config.kubernetes_minor = minor).await;
        lab.pod(pod("p", "exec sleep 1000"), is_ready).await;
        let meta = json!({"name": "exec", "namespace": "default"});
        let rules = json!([{"apiGroups": [""], "resources": ["pods/exec"], "verbs": verbs}]);
        let role = json!({"metadata": meta, "rules": rules});
        lab.sandbox().create(&kinds::ROLE, role).unwrap();
        let binding = json!({
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "exec"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
        });
        lab.sandbox().create(&kinds::ROLE_BINDING, binding).unwrap();
        let store = lab.sandbox().store();
        let account = store.get(&kinds::SERVICE_ACCOUNT, "default", "default");
        let token = sandbox::auth::issue(lab.sandbox(), &account.unwrap(), 3600, None);
        let path = "/api/v1/namespaces/default/pods/p/exec?command=true&stdout=true&container=main";
        let answer = lab.send("GET", path, &token, "").await;
        // Who may is told that this is no WebSocket.
        assert_eq!(
            answer.split(' ').nth(1),
            Some(code.to_string().as_str()),
            "1.{minor} {verbs}: {answer}"
        );
        lab.running.stop().await;
    }
}

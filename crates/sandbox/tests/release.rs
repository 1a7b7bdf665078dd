//! The parent release: what the chart promises, and what its service and its Job do.

mod lab;

use futures_util::{SinkExt, StreamExt};
use lab::{Lab, is_ready};
use sandbox::kinds::{self, Kind};
use sandbox::store::{Object, labels, name_of, str_at};
use sandbox::{auth, release};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn lab() -> Lab {
    let lab = Lab::with(release::prepare).await;
    release::install(lab.sandbox(), "default").unwrap();
    lab
}

fn get(lab: &Lab, kind: &'static Kind, name: &str) -> Object {
    lab.sandbox().store().get(kind, "default", name).unwrap()
}

/// Waits for the service's pod and returns its name.
async fn manager(lab: &Lab) -> String {
    loop {
        let (pods, _) = lab.sandbox().store().list(&kinds::POD, Some("default"));
        let is_manager =
            |pod: &&Object| labels(pod).is_some_and(|labels| labels["app"] == "manager");
        if let Some(pod) = pods.iter().find(is_manager) {
            let name = name_of(pod).to_owned();
            lab.wait(&kinds::POD, &name, is_ready).await;
            return name;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Posts to the service through a tunnel.
async fn post(lab: &Lab, pod: &str, token: &str, body: &Value) -> (u16, Value) {
    let path = format!("{pod}/portforward?ports=8080");
    let mut socket = lab.open(&path, "v4.channel.k8s.io").await.unwrap();
    let body = body.to_string();
    let request = format!(
        "\0POST /internal/submit-ingestion-run HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    socket
        .send(Message::binary(request.into_bytes()))
        .await
        .unwrap();
    let mut answer = Vec::new();
    // The first message of each channel is the port.
    let mut skip = 2;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(_) if skip > 0 => skip -= 1,
            Message::Binary(bytes) => answer.extend_from_slice(&bytes[1..]),
            _ => {}
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, serde_json::from_str(body).unwrap())
}

fn token(lab: &Lab, account: &str) -> String {
    auth::issue(
        lab.sandbox(),
        &get(lab, &kinds::SERVICE_ACCOUNT, account),
        3600,
        None,
    )
}

fn submission(table: &str, key: &str, extra: &str) -> Value {
    let staged = format!("/data/shared/.tracebloc-staging/{table}");
    let config = format!(
        "apiVersion: tracebloc.io/v1\ncategory: image_classification\ncsv: {staged}/labels.csv\n\
         images: {staged}/images/\nintent: train\nkind: IngestConfig\nlabel: species\ntable: {table}\n{extra}"
    );
    json!({"ingest_config": config, "idempotency_key": key})
}

/// The beginning of a PNG of that size: signature and IHDR (PNG, 11.2.2).
fn png(width: u8, height: u8) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0".to_vec();
    bytes.push(width);
    bytes.extend_from_slice(&[0, 0, 0, height, 8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn stage(lab: &Lab, table: &str, names: &[&str]) {
    let shared = lab.sandbox().host_path("/volumes/default/client");
    let staged = shared.join(format!(".tracebloc-staging/{table}"));
    std::fs::create_dir_all(staged.join("images")).unwrap();
    let mut labels = "filename,species\n".to_owned();
    for name in names {
        labels.push_str(&format!("{name},cat\n"));
        std::fs::write(staged.join("images").join(name), png(64, 48)).unwrap();
    }
    std::fs::write(staged.join("labels.csv"), labels).unwrap();
}

async fn log(lab: &Lab, job: &str) -> String {
    let (pods, _) = lab.sandbox().store().list(&kinds::POD, Some("default"));
    let of_job = |pod: &&Object| {
        labels(pod).is_some_and(|labels| labels.get("job-name") == Some(&json!(job)))
    };
    let pod = pods.iter().find(of_job).unwrap();
    lab.get(&format!(
        "/api/v1/namespaces/default/pods/{}/log",
        name_of(pod)
    ))
    .await
    .1
}

fn has_condition(wanted: &'static str) -> impl Fn(&Value) -> bool {
    move |job| {
        let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
        conditions
            .into_iter()
            .any(|it| it["type"] == wanted && it["status"] == "True")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_1_the_labels_that_discovery_goes_by() {
    let lab = lab().await;
    let deployment = get(&lab, &kinds::DEPLOYMENT, "demo-jobs-manager");
    let labels = labels(&deployment).unwrap();
    assert_eq!(labels["app.kubernetes.io/name"], "client");
    assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
    assert_eq!(labels["app.kubernetes.io/instance"], "demo");
    assert!(
        labels["helm.sh/chart"]
            .as_str()
            .unwrap()
            .starts_with("client-")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_2_the_deployment_s_name_and_its_siblings() {
    let lab = lab().await;
    let (all, _) = lab
        .sandbox()
        .store()
        .list(&kinds::DEPLOYMENT, Some("default"));
    let names: Vec<_> = all.iter().map(|one| name_of(one)).collect();
    assert_eq!(
        names,
        ["demo-jobs-manager", "demo-requests-proxy", "mysql-client"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_3_the_service_and_its_port() {
    let lab = lab().await;
    let service = get(&lab, &kinds::SERVICE, "jobs-manager");
    assert_eq!(service["spec"]["ports"][0]["port"], 8080);
    assert_eq!(service["spec"]["selector"], json!({"app": "manager"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_4_the_claim_is_bound_and_mounted() {
    let lab = lab().await;
    lab.wait(&kinds::CLAIM, "client-pvc", |claim| {
        claim["status"]["phase"] == "Bound"
    })
    .await;
    let deployment = get(&lab, &kinds::DEPLOYMENT, "demo-jobs-manager");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(
        str_at(pod, "/volumes/0/persistentVolumeClaim/claimName"),
        "client-pvc"
    );
    assert_eq!(
        str_at(pod, "/containers/0/volumeMounts/0/mountPath"),
        "/data/shared"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_5_the_policy_s_name_and_key() {
    let lab = lab().await;
    let map = get(&lab, &kinds::CONFIG_MAP, "demo-ingestion-authz");
    assert!(
        map["data"]["ingestion-authz.yaml"]
            .as_str()
            .unwrap()
            .contains("service_account: \"ingestor\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_6_the_digest_in_the_first_container() {
    let lab = lab().await;
    let deployment = get(&lab, &kinds::DEPLOYMENT, "demo-jobs-manager");
    let first = &deployment["spec"]["template"]["spec"]["containers"][0];
    let env = first["env"].as_array().unwrap();
    assert!(env.iter().any(|one| one["name"] == "INGESTOR_IMAGE_DIGEST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_7_the_proxy_s_name() {
    let lab = lab().await;
    get(&lab, &kinds::DEPLOYMENT, "demo-requests-proxy");
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_8_a_submission_becomes_rows_and_files() {
    let lab = lab().await;
    let pod = manager(&lab).await;
    stage(&lab, "pets", &["a.png", "b.png", "c.png"]);
    let token = token(&lab, "ingestor");
    let wanted = submission(
        "pets",
        "key-1",
        "spec:\n  file_options:\n    target_size: [64, 48]\n",
    );
    let (code, answer) = post(&lab, &pod, &token, &wanted).await;
    assert_eq!((code, &answer["replay"]), (201, &json!(false)), "{answer}");
    // printf key-1 | sha256sum
    assert_eq!(answer["job_name"], "ingest-job-be2974546978");
    let job = answer["job_name"].as_str().unwrap().to_owned();
    lab.wait(&kinds::JOB, &job, has_condition("Complete")).await;
    let log = log(&lab, &job).await;
    assert!(
        log.contains("INGESTION SUMMARY") && log.contains("All validations passed"),
        "{log}"
    );

    let (code, again) = post(&lab, &pod, &token, &wanted).await;
    assert_eq!(
        (code, &again["replay"], &again["job_name"]),
        (200, &json!(true), &json!(job))
    );
    let other = submission("other", "key-1", "");
    assert_eq!(post(&lab, &pod, &token, &other).await.0, 409);

    let database = release::database(lab.sandbox().config());
    let rows = release::query(
        &database,
        "SELECT label, filename, extension, data_intent FROM pets ORDER BY filename",
    );
    let rows = rows.unwrap().rows;
    assert_eq!(rows.len(), 3);
    let expected: Vec<_> = ["cat", "a", ".png", "train"]
        .map(|text| Some(text.to_owned()))
        .to_vec();
    assert_eq!(rows[0], expected);
    let shared = lab.sandbox().host_path("/volumes/default/client");
    assert_eq!(
        std::fs::read(shared.join("pets/a.png")).unwrap(),
        png(64, 48)
    );
    assert!(
        !shared.join(".tracebloc-staging/pets").exists(),
        "the staged copy is removed"
    );

    // A second run finds the destination taken.
    stage(&lab, "pets", &["a.png"]);
    let second = submission(
        "pets",
        "key-2",
        "spec:\n  file_options:\n    target_size: [64, 48]\n",
    );
    let (_, answer) = post(&lab, &pod, &token, &second).await;
    let job = answer["job_name"].as_str().unwrap();
    lab.wait(&kinds::JOB, job, has_condition("Failed")).await;
    let log = self::log(&lab, job).await;
    assert!(
        log.contains("is not empty") && !log.contains("SUMMARY"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_refuses() {
    let lab = lab().await;
    let pod = manager(&lab).await;
    let good = token(&lab, "ingestor");
    let check = async |token: &str, body: Value, expected: u16| {
        let (code, answer) = post(&lab, &pod, token, &body).await;
        assert_eq!(code, expected, "{answer}");
        assert!(answer["detail"].is_string());
    };
    let fine = submission("pets", "key", "");
    check("nonsense", fine.clone(), 401).await;
    check(&token(&lab, "pusher"), fine.clone(), 403).await;
    check(&good, json!({"idempotency_key": "x"}), 422).await;
    let with = |field: &str, value: &str| {
        let mut body = fine.clone();
        body[field] = value.into();
        body
    };
    check(&good, with("idempotency_key", "a b"), 422).await;
    check(&good, with("image_digest", "latest"), 422).await;
    check(&good, with("ingest_config", "kind: Other"), 400).await;
    check(&good, submission("../x", "key", ""), 400).await;
    let config = fine["ingest_config"].as_str().unwrap();
    check(
        &good,
        with(
            "ingest_config",
            &config.replace("image_classification", "divination"),
        ),
        400,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_job_refuses() {
    let lab = lab().await;
    let pod = manager(&lab).await;
    let token = token(&lab, "ingestor");
    // Wrong size; a file that is missing.
    stage(&lab, "big", &["a.png"]);
    stage(&lab, "gone", &["a.png", "b.png"]);
    let shared = lab.sandbox().host_path("/volumes/default/client");
    std::fs::remove_file(shared.join(".tracebloc-staging/gone/images/b.png")).unwrap();
    let size = "spec:\n  file_options:\n    target_size: [64, 48]\n";
    for (table, extra, word) in [
        ("big", "", "is 64x48, expected 256x256"),
        ("gone", size, "b.png is missing"),
    ] {
        let (_, answer) = post(&lab, &pod, &token, &submission(table, table, extra)).await;
        let job = answer["job_name"].as_str().unwrap();
        lab.wait(&kinds::JOB, job, has_condition("Failed")).await;
        let log = log(&lab, job).await;
        assert!(log.contains(word), "{log}");
    }
}

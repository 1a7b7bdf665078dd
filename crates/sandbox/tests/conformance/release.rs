//! The parent release, as a client finds and uses it: what the chart promises, and one run from the submission to the banner.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::cluster::{Cluster, refused};
use super::exec::{pods, shell};
use super::permissions::may;
use super::streams::{has_condition, pod, ready};

/// Labels that discovery goes by.
const SELECTOR: &str =
    "labelSelector=app.kubernetes.io/name%3Dclient,app.kubernetes.io/managed-by%3DHelm";

const SUFFIX: &str = "-jobs-manager";

/// Finds the service's Deployment among its siblings.
async fn deployment(cluster: &Cluster) -> Value {
    let path = cluster.group("apps", &format!("deployments?{SELECTOR}"));
    let list = cluster.get(&path).await.unwrap();
    let all = list["items"].as_array().unwrap();
    let is_manager = |one: &&Value| {
        let name = one["metadata"]["name"].as_str().unwrap();
        name == "jobs-manager" || name.ends_with(SUFFIX)
    };
    let found: Vec<_> = all.iter().filter(is_manager).collect();
    let [only] = found.as_slice() else {
        panic!("one release, not {}", found.len())
    };
    assert!(all.len() > 1, "there are siblings to be skipped");
    (*only).clone()
}

fn release(deployment: &Value) -> &str {
    let labels = &deployment["metadata"]["labels"];
    labels["app.kubernetes.io/instance"].as_str().unwrap()
}

pub(crate) async fn discovery_finds_one_service_among_its_siblings(cluster: &Cluster) {
    let found = deployment(cluster).await;
    let release = release(&found);
    assert_eq!(found["metadata"]["name"], format!("{release}{SUFFIX}"));
    let labels = &found["metadata"]["labels"];
    assert!(
        labels["helm.sh/chart"]
            .as_str()
            .unwrap()
            .starts_with("client-")
    );
    assert!(labels["app.kubernetes.io/version"].is_string());
    let env = &found["spec"]["template"]["spec"]["containers"][0]["env"];
    let names = env.as_array().unwrap().iter().map(|one| &one["name"]);
    assert!(
        names.clone().any(|name| name == "INGESTOR_IMAGE_DIGEST"),
        "{env}"
    );
    let proxy = cluster.group("apps", &format!("deployments/{release}-requests-proxy"));
    cluster.get(&proxy).await.unwrap();
    let policy = cluster.core(&format!("configmaps/{release}-ingestion-authz"));
    let policy = cluster.get(&policy).await.unwrap();
    let text = policy["data"]["ingestion-authz.yaml"].as_str().unwrap();
    assert!(text.contains("service_account: \"ingestor\""), "{text}");
}

pub(crate) async fn the_service_has_a_ready_address(cluster: &Cluster) {
    let service = cluster
        .get(&cluster.core("services/jobs-manager"))
        .await
        .unwrap();
    assert_eq!(service["spec"]["selector"], json!({"app": "manager"}));
    assert_eq!(service["spec"]["ports"][0]["port"], 8080);
    let path = cluster.group(
        "discovery.k8s.io",
        "endpointslices?labelSelector=kubernetes.io/service-name%3Djobs-manager",
    );
    let is_ready = |list: &Value| {
        let endpoints = list["items"][0]["endpoints"]
            .as_array()
            .into_iter()
            .flatten();
        endpoints
            .into_iter()
            .any(|one| one["conditions"]["ready"] == true)
    };
    let slices = cluster.until("a ready address", &path, is_ready).await;
    assert_eq!(slices["items"][0]["ports"][0]["port"], 8080);
    assert_eq!(
        slices["items"][0]["endpoints"][0]["targetRef"]["kind"],
        "Pod"
    );
}

pub(crate) async fn the_claim_is_bound_and_mounted(cluster: &Cluster) {
    let claim = cluster
        .get(&cluster.core("persistentvolumeclaims/client-pvc"))
        .await
        .unwrap();
    assert_eq!(claim["status"]["phase"], "Bound");
    assert!(claim["status"]["accessModes"].is_array());
    let deployment = deployment(cluster).await;
    let pod = &deployment["spec"]["template"]["spec"];
    let volumes = pod["volumes"].as_array().unwrap();
    let claimed = volumes
        .iter()
        .find(|one| one["persistentVolumeClaim"]["claimName"] == "client-pvc")
        .unwrap();
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let mount = mounts
        .iter()
        .find(|mount| mount["name"] == claimed["name"])
        .unwrap();
    assert_eq!(mount["mountPath"], "/data/shared");
}

async fn token(cluster: &Cluster, account: &str) -> String {
    let request = json!({"spec": {"expirationSeconds": 3600}});
    let path = cluster.core(&format!("serviceaccounts/{account}/token"));
    let answer = cluster.post(&path, request).await.unwrap();
    assert!(answer["status"]["expirationTimestamp"].is_string());
    answer["status"]["token"].as_str().unwrap().to_owned()
}

pub(crate) async fn the_ingestor_s_token_is_its_own(cluster: &Cluster) {
    let token = token(cluster, "ingestor").await;
    let review = json!({"spec": {"token": token}});
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let status = &cluster.post(path, review).await.unwrap()["status"];
    assert_eq!(status["authenticated"], true);
    let name = format!("system:serviceaccount:{}:ingestor", cluster.namespace);
    assert_eq!(status["user"]["username"], name.as_str());
    let ingestor = cluster.with_token(&token).await;
    assert!(!may(&ingestor, "list", "pods", "").await, "it has no roles");
}

/// What a caller needs, and no more.
pub(crate) async fn a_pusher_may_push(cluster: &Cluster) {
    let pusher = cluster.with_token(&token(cluster, "pusher").await).await;
    for (verb, resource, subresource) in [
        ("create", "pods", ""),
        ("delete", "pods", ""),
        ("get", "pods", "log"),
        ("get", "pods", "exec"),
        ("create", "pods", "exec"),
        ("get", "pods", "portforward"),
        ("create", "pods", "portforward"),
        ("create", "serviceaccounts", "token"),
        ("get", "persistentvolumeclaims", ""),
    ] {
        assert!(
            may(&pusher, verb, resource, subresource).await,
            "{verb} {resource}/{subresource}"
        );
    }
    assert!(!may(&pusher, "list", "secrets", "").await);
    pusher
        .get(&pusher.group("apps", &format!("deployments?{SELECTOR}")))
        .await
        .unwrap();
    let why = format!(
        "secrets is forbidden: User \"system:serviceaccount:{0}:pusher\" cannot list resource \"secrets\" in API group \"\" in the \
         namespace \"{0}\"",
        cluster.namespace
    );
    refused(
        pusher.get(&pusher.core("secrets")).await,
        403,
        "Forbidden",
        &why,
    );
}

/// A table name that nobody else has, and the names that follow from it.
struct Run {
    table: String,
    key: String,
}

impl Run {
    fn new(prefix: &str) -> Self {
        let table = format!("{prefix}conformance_{}", std::process::id());
        Self {
            key: table.replace('_', "-"),
            table,
        }
    }

    fn submission(&self, label: &str) -> Value {
        let Self { table, key } = self;
        let staged = format!("/data/shared/.tracebloc-staging/{table}");
        let config = format!(
            "apiVersion: tracebloc.io/v1\ncategory: image_classification\ncsv: {staged}/labels.csv\nimages: {staged}/images/\n\
             intent: train\nkind: IngestConfig\nlabel: {label}\nspec:\n    file_options:\n        target_size:\n            - 64\n\
             \x20           - 48\ntable: {table}\n"
        );
        json!({"ingest_config": config, "idempotency_key": key})
    }
}

/// The beginning of a PNG of 64 by 48: signature and IHDR (PNG, 11.2.2).
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x30\x08\x02\0\0\0\0\0\0\0";

/// A pod that writes to the claim as a user.
async fn stage_pod(cluster: &Cluster, name: &str, user: u32) -> String {
    let name = format!("{name}-{}", std::process::id());
    let mut pod = pod(cluster, &name, "exec sleep 600");
    pod["spec"]["securityContext"]["runAsUser"] = user.into();
    pod["spec"]["volumes"] =
        json!([{"name": "shared", "persistentVolumeClaim": {"claimName": "client-pvc"}}]);
    pod["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "shared", "mountPath": "/data/shared"}]);
    ready(cluster, pod).await;
    name
}

async fn remove_pod(cluster: &Cluster, name: &str) {
    let at_once = json!({"gracePeriodSeconds": 0});
    cluster
        .delete(&cluster.core(&format!("pods/{name}")), at_once)
        .await
        .unwrap();
}

async fn stage(cluster: &Cluster, pod: &str, table: &str) {
    let labels = b"filename,species\na.png,cat\nb.png,dog\nc.png,cat\n";
    let staged = format!("/data/shared/.tracebloc-staging/{table}");
    let make = "mkdir -p \"$1\" && cat > \"$1/labels.csv\"; echo $?";
    let heard = shell(cluster, pod, make, &[&staged], labels).await;
    assert_eq!(
        heard.text(),
        "0\n",
        "{}",
        String::from_utf8_lossy(&heard.stderr)
    );
    let images = format!("{staged}/images");
    for name in ["a.png", "b.png", "c.png"] {
        let write = "mkdir -p \"$1\" && cat > \"$1/$2\"; echo $?";
        let heard = shell(cluster, pod, write, &[&images, name], PNG).await;
        assert_eq!(heard.text(), "0\n");
    }
}

/// Posts to the service through a tunnel to a ready pod behind it.
async fn submit(cluster: &Cluster, token: &str, body: &Value) -> (u16, Value) {
    let list = cluster
        .get(&cluster.core("pods?labelSelector=app%3Dmanager"))
        .await
        .unwrap();
    let all = list["items"].as_array().unwrap();
    let pod = all
        .iter()
        .find(|pod| has_condition("Ready")(pod))
        .expect("a ready pod of the service");
    let name = pod["metadata"]["name"].as_str().unwrap();
    let mut tunnel = pods(cluster).portforward(name, &[8080]).await.unwrap();
    let mut stream = tunnel.take_stream(8080).unwrap();
    let body = body.to_string();
    let request = format!(
        "POST /internal/submit-ingestion-run HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        code,
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")),
    )
}

/// Waits for the last condition of a Job and reads what its pod said.
async fn outcome(cluster: &Cluster, answer: &Value, condition: &'static str) -> String {
    let job = answer["job_name"].as_str().unwrap();
    assert_eq!(answer["namespace"], cluster.namespace.as_str());
    let path = cluster.group("batch", &format!("jobs/{job}"));
    let job_object = cluster
        .until("the end of the run", &path, has_condition(condition))
        .await;
    assert!(job_object["metadata"]["labels"]["tracebloc.io/ingestion-run"].is_string());
    let list = cluster
        .get(&cluster.core(&format!("pods?labelSelector=job-name%3D{job}")))
        .await
        .unwrap();
    let name = list["items"][0]["metadata"]["name"].as_str().unwrap();
    pods(cluster).logs(name, &Default::default()).await.unwrap()
}

/// Removes a run's Job and what belongs to it.
async fn forget(cluster: &Cluster, answer: &Value) {
    let job = answer["job_name"].as_str().unwrap();
    let hash = job.trim_start_matches("ingest-job-");
    let background = json!({"propagationPolicy": "Background"});
    cluster
        .delete(&cluster.group("batch", &format!("jobs/{job}")), background)
        .await
        .unwrap();
    cluster
        .delete(
            &cluster.core(&format!("configmaps/ingest-config-{hash}")),
            Value::Null,
        )
        .await
        .unwrap();
    // Not every stand-in makes one.
    drop(
        cluster
            .delete(
                &cluster.core(&format!("secrets/ingest-token-{hash}")),
                Value::Null,
            )
            .await,
    );
}

pub(crate) async fn a_submission_becomes_a_job_and_a_banner(cluster: &Cluster) {
    let run = Run::new("");
    let stage_pod = stage_pod(cluster, "conformance-stage", 65532).await;
    stage(cluster, &stage_pod, &run.table).await;
    let token = token(cluster, "ingestor").await;
    let wanted = run.submission("species");
    let (code, answer) = submit(cluster, &token, &wanted).await;
    assert_eq!((code, &answer["replay"]), (201, &json!(false)), "{answer}");
    let log = outcome(cluster, &answer, "Complete").await;
    // cluster.md 13.1: the header, and numbers behind labels of a fixed width.
    for line in [
        "📊 INGESTION SUMMARY 📊",
        "All validations passed successfully",
    ] {
        assert!(log.contains(line), "{log}");
    }
    let plain = without_colours(&log);
    for line in [
        "📈 Total Records Found:     3",
        "💾 Inserted to Database:    3",
        "❌ Failed DB Insertion:     0",
    ] {
        assert!(
            plain.lines().any(|found| found.trim_end() == line),
            "{line}\n{plain}"
        );
    }
    let (code, again) = submit(cluster, &token, &wanted).await;
    assert_eq!(
        (code, &again["replay"], &again["job_name"]),
        (200, &json!(true), &answer["job_name"])
    );
    assert_eq!(
        submit(cluster, &token, &run.submission("breed")).await.0,
        409,
        "one key, other content"
    );
    let destination = format!("/data/shared/{}", run.table);
    let heard = shell(cluster, &stage_pod, "cd \"$1\" && ls", &[&destination], b"").await;
    assert_eq!(heard.text(), "a.png\nb.png\nc.png\n");
    forget(cluster, &answer).await;
    clean(cluster, &stage_pod, &run.table).await;
}

fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

/// Removes the files of a run: those of the upload as the user who uploaded, the others as the user who copied.
async fn clean(cluster: &Cluster, stage_pod: &str, table: &str) {
    let staged = format!("/data/shared/.tracebloc-staging/{table}");
    let heard = shell(cluster, stage_pod, "rm -rf \"$1\"", &[&staged], b"").await;
    assert!(heard.is_success());
    remove_pod(cluster, stage_pod).await;
    let cleaner = self::stage_pod(cluster, "conformance-clean", 65534).await;
    let copied = format!("/data/shared/{table}");
    let heard = shell(cluster, &cleaner, "rm -rf \"$1\"", &[&copied], b"").await;
    assert!(
        heard.is_success(),
        "{}",
        String::from_utf8_lossy(&heard.stderr)
    );
    remove_pod(cluster, &cleaner).await;
}

pub(crate) async fn a_run_that_fails_says_so(cluster: &Cluster) {
    let run = Run::new("fail_");
    let token = token(cluster, "ingestor").await;
    let (code, answer) = submit(cluster, &token, &run.submission("species")).await;
    assert_eq!(code, 201, "{answer}");
    let log = outcome(cluster, &answer, "Failed").await;
    assert!(
        log.contains("Ingestion failed:") && !log.contains("INGESTION SUMMARY"),
        "{log}"
    );
    forget(cluster, &answer).await;
}

pub(crate) async fn what_the_service_refuses(cluster: &Cluster) {
    let run = Run::new("refused_");
    let wanted = run.submission("species");
    let good = token(cluster, "ingestor").await;
    let pusher = token(cluster, "pusher").await;
    let with = |field: &str, value: &str| {
        let mut body = wanted.clone();
        body[field] = value.into();
        body
    };
    for (token, body, code) in [
        ("nonsense", wanted.clone(), 401),
        (pusher.as_str(), wanted.clone(), 403),
        (good.as_str(), with("idempotency_key", "a b"), 422),
        (good.as_str(), with("image_digest", "latest"), 422),
        (good.as_str(), with("ingest_config", "kind: Other"), 400),
    ] {
        let (answered, answer) = submit(cluster, token, &body).await;
        assert_eq!(answered, code, "{answer}");
        assert!(answer["detail"].is_string(), "{answer}");
    }
}

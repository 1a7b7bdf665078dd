//! The service: takes a document, makes a Job.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::IMAGES;
use super::document::Document;
use crate::node::Task;
use crate::store::{namespace_of, str_at};
use crate::{auth, kinds};

const PORT: u16 = 8080;
const BODY_BYTES: usize = 4 << 20;

/// Serves until the container ends.
pub(super) async fn run(task: Task) -> i32 {
    let listener = match task.listen(PORT).await {
        Ok(listener) => listener,
        Err(error) => {
            task.say(&format!("cannot listen: {error}"));
            return 1;
        }
    };
    task.say(&format!("listening on port {PORT}"));
    let task = Arc::new(task);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return 1;
        };
        let task = Arc::clone(&task);
        let sandbox = task.sandbox.clone();
        sandbox.spawn(async move {
            let service = service_fn(move |request| {
                let task = Arc::clone(&task);
                async move { Ok::<_, Infallible>(answer(&task, request).await) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            // A client that goes away in the middle is no news.
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// What the client sends.
#[derive(Debug, Deserialize)]
struct Submission {
    ingest_config: String,
    idempotency_key: String,
    #[serde(default)]
    image_digest: String,
}

/// A refusal: status and detail.
type Refusal = (u16, String);

async fn answer(task: &Task, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (code, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => (200, json!({"status": "ok"})),
        (&Method::POST, "/internal/submit-ingestion-run") => match submit(task, request).await {
            Ok(answer) => answer,
            Err((code, detail)) => {
                task.say(&format!("{code} {detail}"));
                (code, json!({"detail": detail}))
            }
        },
        (_, "/internal/submit-ingestion-run") => (405, json!({"detail": "Method Not Allowed"})),
        _ => (404, json!({"detail": "Not Found"})),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

async fn submit(task: &Task, request: Request<Incoming>) -> Result<(u16, Value), Refusal> {
    let user = who(task, &request)?;
    let body = Limited::new(request.into_body(), BODY_BYTES)
        .collect()
        .await;
    let body = body
        .map_err(|error| (422, format!("malformed request: {error}")))?
        .to_bytes();
    let submission: Submission = serde_json::from_slice(&body)
        .map_err(|error| (422, format!("malformed request: {error}")))?;
    check(&submission)?;
    let document = Document::parse(&submission.ingest_config).map_err(|why| (400, why))?;
    let table = document.text("table");
    if !is_allowed(task, &user, table) {
        return Err((403, format!("{user} may not ingest into {table}")));
    }
    create(task, &submission)
}

/// Reviews the bearer token.
fn who(task: &Task, request: &Request<Incoming>) -> Result<String, Refusal> {
    let header = request.headers().get(AUTHORIZATION);
    let token = header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or((401, "missing bearer token".to_owned()))?;
    let user = auth::authenticate(&task.sandbox, token.trim());
    user.map(|user| user.name)
        .ok_or((401, "invalid token".to_owned()))
}

fn check(submission: &Submission) -> Result<(), Refusal> {
    let key = &submission.idempotency_key;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if key.is_empty() || key.len() > 64 || !key.bytes().all(plain) {
        return Err((
            422,
            "idempotency_key: 1 to 64 of A-Z, a-z, 0-9, dot, dash and underscore".to_owned(),
        ));
    }
    let digest = &submission.image_digest;
    let is_digest = digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    if digest.is_empty() || is_digest {
        Ok(())
    } else {
        Err((422, "image_digest: must be a digest, not a tag".to_owned()))
    }
}

/// Looks the account up in the policy, which is read each time.
fn is_allowed(task: &Task, user: &str, table: &str) -> bool {
    let file = task.path("/etc/tracebloc/ingestion-authz.yaml");
    let text = file
        .and_then(|file| std::fs::read_to_string(file).ok())
        .unwrap_or_default();
    let policy: Value = serde_saphyr::from_str(&text).unwrap_or_default();
    let entries = policy["allowed"].as_array().into_iter().flatten();
    entries
        .filter(|entry| {
            let (namespace, account) = (
                str_at(entry, "/namespace"),
                str_at(entry, "/service_account"),
            );
            user == format!("system:serviceaccount:{namespace}:{account}")
        })
        .flat_map(|entry| entry["table_prefixes"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .any(|prefix| prefix == "*" || (!prefix.is_empty() && table.starts_with(prefix)))
}

/// Makes ConfigMap, Secret and Job, or finds that they are there. What is there has to have the same content.
fn create(task: &Task, submission: &Submission) -> Result<(u16, Value), Refusal> {
    let namespace = namespace_of(&task.pod);
    let key = &submission.idempotency_key;
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(key));
    let hash = digest.get(..12).unwrap_or_default();
    let job = format!("ingest-job-{hash}");
    let failed = |failure: crate::Failure| (500, failure.message);
    let meta = |name: String| {
        let mut meta = json!({"name": name, "namespace": namespace});
        // A key of 64 characters, or with a dash at an end, fits the service's table but no label.
        let ends = [key.bytes().next(), key.bytes().last()];
        if key.len() < 64 && ends.iter().flatten().all(u8::is_ascii_alphanumeric) {
            meta["labels"] = json!({"tracebloc.io/ingestion-run": key});
        }
        meta
    };
    let config = meta(format!("ingest-config-{hash}"));
    let store = task.sandbox.store();
    let mut replay = false;
    if let Ok(known) = store.get(&kinds::CONFIG_MAP, namespace, str_at(&config, "/name")) {
        let same = known["data"]["ingest.yaml"] == submission.ingest_config.as_str()
            && str_at(&known, "/data/image_digest") == submission.image_digest;
        if !same {
            return Err((
                409,
                "idempotency_key was used with other content".to_owned(),
            ));
        }
        replay = store.get(&kinds::JOB, namespace, &job).is_ok();
    } else {
        let mut data = json!({"ingest.yaml": submission.ingest_config});
        if !submission.image_digest.is_empty() {
            data["image_digest"] = submission.image_digest.clone().into();
        }
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": config, "data": data});
        task.sandbox
            .create(&kinds::CONFIG_MAP, map)
            .map_err(failed)?;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": meta(format!("ingest-token-{hash}")),
            "stringData": {"BACKEND_TOKEN": "not-a-real-token"},
        });
        task.sandbox
            .create(&kinds::SECRET, secret)
            .map_err(failed)?;
    }
    if !replay {
        let object = self::job(meta(job.clone()), hash, task);
        task.sandbox.create(&kinds::JOB, object).map_err(failed)?;
    }
    let code = if replay { 200 } else { 201 };
    task.say(&format!("{code} {job}"));
    Ok((
        code,
        json!({"job_name": job, "namespace": namespace, "replay": replay}),
    ))
}

fn job(meta: Value, hash: &str, task: &Task) -> Value {
    let labels = meta["labels"].clone();
    let env = |name: &str| task.env.get(name).cloned().unwrap_or_default();
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": meta,
        "spec": {"backoffLimit": 0, "template": {
            "metadata": {"labels": labels},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": "ingestor", "image": format!("{IMAGES}ingestor:1"),
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "env": [
                        {"name": "INGEST_CONFIG", "value": "/etc/ingest/ingest.yaml"},
                        {"name": "CLIENT_ENV", "value": "local"},
                        {"name": "MYSQL_HOST", "value": env("MYSQL_HOST")},
                    ],
                    "volumeMounts": [
                        {"name": "shared", "mountPath": "/data/shared"},
                        {"name": "config", "mountPath": "/etc/ingest", "readOnly": true},
                    ],
                }],
                "volumes": [
                    {"name": "shared", "persistentVolumeClaim": {"claimName": env("CLIENT_PVC")}},
                    {"name": "config", "configMap": {"name": format!("ingest-config-{hash}")}},
                ],
            },
        }},
    })
}

//! Runs in a place's sandbox, submitted as a push does it.

use std::path::PathBuf;

use cluster::Connection;
use cluster::limits::Limits;
use cluster::submit::{self, Accepted, Key, Mint, Submission};
use cluster::target::{Choice, Surroundings, load};
use cluster::token::{FOR_A_LOOK, obtain};
use serde_json::{Value, json};

use super::Place;

pub const NAMESPACE: &str = "tracebloc";

/// Where the sandbox of a place puts it.
pub fn kubeconfig(place: &Place) -> PathBuf {
    place.path("../home/.local/share/longshore/sandbox/kubeconfig")
}

/// Where a place's journal is.
pub fn journal_path(place: &Place) -> PathBuf {
    place.path("../home/.local/state/longshore/runs.json")
}

pub fn write_journal(place: &Place, text: &str) {
    let path = journal_path(place);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub fn entry(key: &str, table: &str, server: &str, job: Option<&str>) -> Value {
    let mut entry = json!({
        "key": key, "table": table, "server": server, "namespace": NAMESPACE, "payload": "aa", "document": "bb",
        "attempt": 1, "submitted_at": "2026-11-21T18:00:00Z", "state": "running",
    });
    if let Some(job) = job {
        entry["job"] = job.into();
    }
    entry
}

pub fn journal_of(runs: &[Value]) -> String {
    json!({"version": 1, "runs": runs}).to_string()
}

/// Stages a table where the sandbox keeps its volume, submits it, and notes it.
pub fn submit(place: &Place, key: &str, table: &str) {
    let volume = format!("longshore/sandbox/data/host/volumes/{NAMESPACE}/client");
    let staged = place.path("../home/.local/share").join(volume);
    let staged = staged.join(".tracebloc-staging").join(table);
    std::fs::create_dir_all(staged.join("texts")).unwrap();
    std::fs::write(staged.join("labels.csv"), "filename,label\na.txt,good\n").unwrap();
    std::fs::write(staged.join("texts/a.txt"), "fine").unwrap();
    let (server, accepted) = accepted(place, key, table);
    let known = std::fs::read_to_string(journal_path(place)).unwrap_or_default();
    let known = serde_json::from_str(&known).unwrap_or_else(|_| json!({"runs": []}));
    let mut runs: Vec<Value> = known["runs"].as_array().unwrap().clone();
    runs.retain(|run| run["key"] != key);
    runs.push(entry(key, table, &server, Some(&accepted.job)));
    write_journal(place, &journal_of(&runs));
}

fn accepted(place: &Place, key: &str, table: &str) -> (String, Accepted) {
    let path = format!("/data/shared/.tracebloc-staging/{table}");
    let document = format!(
        "apiVersion: tracebloc.io/v1\ncategory: text_classification\ncsv: {path}/labels.csv\nintent: train\n\
         kind: IngestConfig\nlabel: label\ntable: {table}\ntexts: {path}/texts/\n"
    );
    let choice = Choice {
        kubeconfig: Some(kubeconfig(place)),
        ..Choice::default()
    };
    let target = load(&choice, &Surroundings::default()).unwrap();
    let server = target.server.clone();
    let submission = Submission {
        ingest_config: document,
        idempotency_key: Key::parse(key).unwrap(),
        image_digest: None,
    };
    let accepted = cluster::runtime::run(
        || false,
        |_| async move {
            let connection = Connection::open(target, Limits::default()).await.unwrap();
            let client = connection.client().await.unwrap();
            let place = submit::Target {
                namespace: NAMESPACE.to_owned(),
                service: "jobs-manager".to_owned(),
            };
            let limits = Limits::default();
            let mint = Minting(connection);
            submit::submit(
                &client,
                &place,
                &submission,
                &mint,
                &submit::Unguarded,
                &limits,
                &|_| (),
            )
            .await
        },
    );
    (server, accepted.unwrap().unwrap())
}

struct Minting(Connection);

impl Mint for Minting {
    fn mint(&self) -> futures_util::future::BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let token = obtain(&self.0, NAMESPACE, "ingestor", FOR_A_LOOK).await;
            token
                .map(|token| token.secret().to_owned())
                .map_err(|error| error.to_string())
        })
    }
}

//! What dead runs have left: removed from the volume, and nothing else.

mod site;

use std::sync::Arc;
use std::time::Duration;

use cluster::clean::{self, CleanError, KEPT};
use cluster::stage::StageError;
use sandbox::kinds;
use serde_json::json;
use site::{NAMESPACE, Site, User, look, owner};
use tokio_util::sync::CancellationToken;

/// Lays down what a push of a table would have left that broke off then.
fn broken_push(site: &Site, table: &str, since: u64) -> std::path::PathBuf {
    let staging = site
        .sandbox()
        .host_path("/volumes/tracebloc/client/.tracebloc-staging");
    let work = staging.join(".longshore").join(table).join("work-dead");
    std::fs::create_dir_all(work.join("files")).unwrap();
    std::fs::write(work.join("files/a.txt"), "half").unwrap();
    std::fs::write(work.join("since"), format!("{since}\n")).unwrap();
    work
}

/// Lays down what a push of a table has published, a day and an hour ago, with that record beside it.
fn published(site: &Site, table: &str, record: Option<&str>) -> std::path::PathBuf {
    let staging = site
        .sandbox()
        .host_path("/volumes/tracebloc/client/.tracebloc-staging");
    let home = staging.join(".longshore").join(table);
    std::fs::create_dir_all(&home).unwrap();
    std::fs::create_dir(staging.join(table)).unwrap();
    std::fs::write(staging.join(table).join("a.txt"), "whole").unwrap();
    std::fs::write(home.join("manifest"), "").unwrap();
    std::fs::write(home.join("receipt"), "").unwrap();
    let file = std::fs::File::options()
        .write(true)
        .open(home.join("receipt"));
    let then = std::time::SystemTime::now() - Duration::from_secs(25 * 3600);
    file.unwrap().set_modified(then).unwrap();
    if let Some(job) = record {
        let record = json!({
            "version": 1, "key": "k", "attempt": 1, "manifest_sha256": "m",
            "job": {"namespace": NAMESPACE, "name": job},
        });
        std::fs::write(home.join("run"), record.to_string()).unwrap();
    }
    staging.join(table)
}

#[tokio::test]
async fn a_published_copy_goes_when_no_job_reads_it() {
    let site = Site::start().await;
    // It never comes to an end: nobody looks after a Job that is suspended.
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "going", "namespace": NAMESPACE},
        "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "any"}]}}},
    });
    site.sandbox().create(&kinds::JOB, job).unwrap();
    let refused = published(&site, "refused", None);
    let ended = published(&site, "ended", Some("gone"));
    let read = published(&site, "read", Some("going"));
    let removed = volume(&site, &CancellationToken::new()).await.unwrap();
    assert_eq!(removed, ["ended", "refused"]);
    assert!(!refused.exists() && !ended.exists() && read.join("a.txt").exists());
    assert_eq!(site.stage_pods().len(), 0);
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

async fn volume(site: &Site, stop: &CancellationToken) -> Result<Vec<String>, CleanError> {
    let connection = Arc::new(site.connect(User::Pusher).await);
    let (release, _) = look(&connection).await;
    clean::volume(&connection, &release, owner(), None, KEPT, stop, &|_| {}).await
}

#[tokio::test]
async fn old_leftovers_go_and_young_ones_stay() {
    let site = Site::start().await;
    let old = broken_push(&site, "old", now() - 25 * 3600);
    let young = broken_push(&site, "young", now() - 3600);
    let removed = volume(&site, &CancellationToken::new()).await.unwrap();
    assert_eq!(removed, ["old"]);
    assert!(!old.exists() && young.join("files/a.txt").exists());
    assert_eq!(site.stage_pods().len(), 0);
}

#[tokio::test]
async fn a_stop_leaves_no_pod() {
    let site = Site::start().await;
    let stop = CancellationToken::new();
    let stopping = async {
        while site.stage_pods().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
    };
    let (cleaned, ()) = tokio::join!(volume(&site, &stop), stopping);
    let is_stopped =
        matches!(&cleaned, Err(CleanError::Stage(error)) if matches!(**error, StageError::Stopped));
    assert!(is_stopped, "{cleaned:?}");
    assert_eq!(site.stage_pods().len(), 0);
}

//! What dead runs have left: removed from the volume, and nothing else.

mod site;

use std::sync::Arc;
use std::time::Duration;

use cluster::clean::{self, CleanError, KEPT};
use cluster::stage::StageError;
use site::{Site, User, look, owner};
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

//! The parent release: what a client of the product finds in its namespace, with stand-ins for its programs.
//!
//! Objects, names and labels are the chart's. The service (`manager`) and the Job (`ingestor`) are tasks of the sandbox's own
//! process; the SQL server is a SQLite file. They share no code with the client side of this project: what the client sends has to
//! be right by the reference's rules, not by its own.

mod banner;
mod document;
mod ingestor;
mod manager;
mod objects;
mod sql;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::node::{Image, ImageRule, Task};
use crate::{Config, Failure, Sandbox, kinds};

pub use sql::{Rows, SqlError, query};

/// Beginning of the names of the release's own images.
const IMAGES: &str = "longshore.sandbox/";

/// Name of the release.
pub const RELEASE: &str = "demo";

/// Name of its service, which a client submits to.
const SERVICE: &str = "jobs-manager";

/// Says where the SQL side of a sandbox lies.
#[must_use]
pub fn database(config: &Config) -> PathBuf {
    config
        .data_dir
        .join("sql")
        .join("training_test_datasets.db")
}

/// Teaches a sandbox the release's images. To be called before it starts.
pub fn prepare(config: &mut Config) {
    let rule = |name: &str, image| ImageRule {
        prefix: format!("{IMAGES}{name}"),
        image,
    };
    config.node.images.extend([
        rule(
            "jobs-manager",
            Image::Task(Arc::new(|task: Task| Box::pin(manager::run(task)))),
        ),
        rule(
            "ingestor",
            Image::Task(Arc::new(|task: Task| Box::pin(ingestor::run(task)))),
        ),
        rule(
            "idle",
            Image::Task(Arc::new(|_: Task| Box::pin(std::future::pending()))),
        ),
    ]);
}

/// Installs the release into a namespace, which is made if it is not there.
///
/// # Errors
/// When an object is refused: it is there already, for one.
pub fn install(sandbox: &Sandbox, namespace: &str) -> Result<(), Failure> {
    objects::install(sandbox, namespace)
}

/// Waits until the release's service takes requests and clients can find it, for so long at most. Says whether it is so.
pub async fn until_ready(sandbox: &Sandbox, namespace: &str, patience: Duration) -> bool {
    let waiting = async {
        while !is_ready(sandbox, namespace) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(patience, waiting).await.is_ok()
}

const LOOK: Duration = Duration::from_millis(20);

fn is_ready(sandbox: &Sandbox, namespace: &str) -> bool {
    // What a client asks for; it follows a moment after the pod.
    let (slices, _) = sandbox
        .store()
        .list(&kinds::ENDPOINT_SLICE, Some(namespace));
    slices.iter().any(|slice| {
        let of_service = slice["metadata"]["labels"]["kubernetes.io/service-name"] == SERVICE;
        let endpoints = slice["endpoints"].as_array();
        let mut endpoints = endpoints.into_iter().flatten();
        of_service && endpoints.any(|it| it["conditions"]["ready"] == true)
    })
}

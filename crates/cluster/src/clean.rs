//! What dead runs have left in a cluster.

use std::sync::Arc;
use std::time::Duration;

use dataset::names::TableName;
use tokio_util::sync::CancellationToken;

use crate::Connection;
use crate::api::ApiError;
use crate::far::Far;
use crate::push;
use crate::release::Release;
use crate::stage::{
    Orphans, Owner, Plan, Request, Said, StageError, close, find_orphans, open, remove_orphans,
};
use crate::target::TargetError;
use crate::transfer::{self, Reclaimed, STAGE_SCRIPT, Setup, Standing, TransferError, command};
use crate::volume::{self, VolumeError};

/// How long what a broken push has staged is kept for going on with it.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The table that the cleaning pod is for: nobody's.
const TABLE: TableName = TableName::fixed("longshore_clean");

/// What was found and what became of it.
#[derive(Debug, Default)]
pub struct Cleaned {
    /// The stage pods that were there.
    pub pods: Orphans,
    /// Names of those that were removed.
    pub removed: Vec<String>,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What can be removed is removed.
    Remove,
    /// It is only told.
    Look,
}

/// Why the volume could not be cleaned.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// There is no volume, or it may not be looked at.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// There is no stage pod.
    #[error(transparent)]
    Stage(Box<StageError>),
    /// The credential could not be renewed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The far side did not do it.
    #[error(transparent)]
    Far(#[from] TransferError),
}

impl From<StageError> for CleanError {
    fn from(error: StageError) -> Self {
        Self::Stage(Box::new(error))
    }
}

/// Removes the stage pods of runs that are over. A running one is left alone, whatever its age, and so is another program's.
///
/// # Errors
/// When pods may not be listed or deleted.
pub async fn pods(
    connection: &Connection,
    namespace: &str,
    mode: Mode,
) -> Result<Cleaned, ApiError> {
    let pods = find_orphans(connection, namespace, None).await?;
    let removed = match mode {
        Mode::Remove => remove_orphans(connection, namespace, &pods).await?,
        Mode::Look => Vec::new(),
    };
    Ok(Cleaned { pods, removed })
}

/// Removes what pushes of any table have left on the volume more than `age` ago, by the node's clock: what is half-done, and
/// published copies that no Job reads any more. Returns the tables.
///
/// It takes a stage pod, which is deleted again, also when `stop` is cancelled. What a living run holds stays.
///
/// # Errors
/// See [`CleanError`].
pub async fn volume(
    connection: &Arc<Connection>,
    release: &Release,
    owner: Owner,
    image: Option<String>,
    age: Duration,
    stop: &CancellationToken,
    said: &(dyn Fn(Said<'_>) + Send + Sync),
) -> Result<Vec<String>, CleanError> {
    let volume = volume::look(connection, &release.namespace).await?;
    let run = owner.run.as_str();
    let setup = Setup {
        holder: format!("{}@{} (clean)", owner.user, owner.host),
        ..Setup::new(TABLE, run, run)
    };
    let request = Request {
        table: None,
        image,
        command: command::supervise(&setup),
        owner,
        script: STAGE_SCRIPT,
    };
    let plan = Plan::of(release, &volume, request);
    let pod = open(connection, &plan, stop, said).await?;
    let cleaning = async {
        let container = pod.container(connection).await?;
        let swept = transfer::clean(&container, &setup, age).await?;
        let mut tables = swept.removed;
        for standing in swept.standing {
            let is_over = push::is_over(connection, &release.namespace, &standing.record).await;
            if is_over
                && reclaim(&container, &setup, &standing).await
                && !tables.iter().any(|table| table == standing.table.as_str())
            {
                tables.push(standing.table.to_string());
            }
        }
        Ok(tables)
    };
    let cleaned = tokio::select! {
        cleaned = cleaning => cleaned,
        () = stop.cancelled() => Err(StageError::Stopped.into()),
    };
    if let Err(error) = close(connection, &pod).await {
        said(Said::LeftBehind {
            pod: &pod.name,
            error: &error,
        });
    }
    cleaned
}

/// Removes one published copy. One that is used again, or cannot be removed now, is another time's matter.
async fn reclaim(far: &dyn Far, setup: &Setup, standing: &Standing) -> bool {
    let setup = Setup {
        table: standing.table.clone(),
        ..setup.clone()
    };
    let reclaimed = transfer::reclaim_standing(far, &setup, standing).await;
    matches!(reclaimed, Ok(Reclaimed::Removed))
}

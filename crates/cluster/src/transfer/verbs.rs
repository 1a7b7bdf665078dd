//! What is asked of the far side besides receiving.

use std::time::Duration;

use dataset::names::TableName;
use tokio::time::{Instant, sleep};

use super::answer::Answer;
use super::conversation::{Conversation, Owed};
use super::error::Failure;
use super::retry::Pauses;
use super::session::unexpected;
use super::{Receipt, Setup, TransferError, command};
use crate::far::Far;

/// Makes what was received visible, under the lock that [`carry`](super::carry) took.
///
/// Done when it returns without an error, also if it was done already; after an error it was done whole or not at all, and which
/// of them the next [`carry`](super::carry) finds out. A lost answer is asked for again.
pub async fn publish(far: &dyn Far, setup: &Setup, receipt: &Receipt) -> Result<(), TransferError> {
    if receipt.is_published {
        return Ok(());
    }
    let digest = receipt.manifest_sha256.as_str();
    let command = command::publish(setup, digest);
    ask(far, setup, command, receipt.bytes, |answer| {
        only(answer, &["published", digest])
    })
    .await
}

/// What became of a staged copy that is not needed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaimed {
    /// It was removed.
    Removed,
    /// It was gone.
    Absent,
    /// Another one was published since; it was left alone.
    Other,
}

/// Removes the staged copy of a manifest, after the Job that read it is complete. Takes the lock and gives it back.
pub async fn reclaim(
    far: &dyn Far,
    setup: &Setup,
    manifest_sha256: &str,
) -> Result<Reclaimed, TransferError> {
    reclaimed(far, setup, command::reclaim(setup, manifest_sha256)).await
}

/// Removes a staged copy that stands for long, if nobody has used it since.
pub async fn reclaim_standing(
    far: &dyn Far,
    setup: &Setup,
    standing: &Standing,
) -> Result<Reclaimed, TransferError> {
    let command = command::reclaim_of(setup, &standing.manifest_sha256, &standing.record);
    reclaimed(far, setup, command).await
}

async fn reclaimed(
    far: &dyn Far,
    setup: &Setup,
    command: Vec<String>,
) -> Result<Reclaimed, TransferError> {
    ask(far, setup, command, 0, |answer| {
        match words(answer).as_slice() {
            ["reclaimed", "removed"] => Said::All(Reclaimed::Removed),
            ["reclaimed", "absent"] => Said::All(Reclaimed::Absent),
            ["reclaimed", "other"] => Said::All(Reclaimed::Other),
            _ => Said::Nonsense,
        }
    })
    .await
}

/// A published copy that stands for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its table.
    pub table: TableName,
    /// Digest of its manifest.
    pub manifest_sha256: String,
    /// What is recorded beside it.
    pub record: String,
}

/// What a look at all tables came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The tables from which something was removed.
    pub removed: Vec<String>,
    /// Published copies that are as old. Whether a Job still reads one is not known there.
    pub standing: Vec<Standing>,
}

/// Removes what runs of any table left half-done more than `age` ago, by the clock of the node, and tells which published copies are
/// as old. What is locked by somebody alive stays.
pub async fn clean(far: &dyn Far, setup: &Setup, age: Duration) -> Result<Swept, TransferError> {
    let mut swept = Swept::default();
    let mut is_told = true;
    let command = command::clean(setup, age);
    ask(far, setup, command, 0, |answer| {
        if let Answer::Run(record) = answer {
            if let (true, Some(standing)) = (is_told, swept.standing.last_mut()) {
                standing.record = String::from_utf8_lossy(record).into_owned();
            }
            return Said::Part;
        }
        match words(answer).as_slice() {
            ["removed", table] => {
                swept.removed.push((*table).to_owned());
                Said::Part
            }
            ["stands", table, digest] => {
                // Nobody pushes what cannot be a table: what lies there is somebody else's, and so is the record behind it.
                let Ok(table) = TableName::parse(table) else {
                    is_told = false;
                    return Said::Part;
                };
                is_told = true;
                // It may have been told by a session that broke off.
                swept.standing.retain(|standing| standing.table != table);
                swept.standing.push(Standing {
                    table,
                    manifest_sha256: (*digest).to_owned(),
                    record: String::new(),
                });
                Said::Part
            }
            ["kept", ..] => Said::Part,
            ["cleaned"] => Said::All(std::mem::take(&mut swept)),
            _ => Said::Nonsense,
        }
    })
    .await
}

/// Keeps a text beside the data, or removes it if it is empty; the lock must be held.
///
/// Whoever transfers next must have [looked at it](Setup::record).
pub async fn record(far: &dyn Far, setup: &Setup, text: &str) -> Result<(), TransferError> {
    let command = command::record(setup, text);
    ask(far, setup, command, 0, |answer| only(answer, &["recorded"])).await
}

/// Gives the lock back, if it is held.
pub async fn release(far: &dyn Far, setup: &Setup) -> Result<(), TransferError> {
    let command = command::release(setup);
    ask(far, setup, command, 0, |answer| only(answer, &["released"])).await
}

/// What an answer means.
pub(super) enum Said<T> {
    /// More will come.
    Part,
    /// That was it.
    All(T),
    /// It belongs to something else.
    Nonsense,
}

/// Asks until there is an answer, it is hopeless, or it has taken too long.
pub(super) async fn ask<T>(
    far: &dyn Far,
    setup: &Setup,
    command: Vec<String>,
    bytes: u64,
    mut understand: impl FnMut(&Answer) -> Said<T>,
) -> Result<T, TransferError> {
    let begun = Instant::now();
    let mut pauses = Pauses::new(setup);
    loop {
        let patience = setup.patience(bytes);
        let result = match Conversation::start(far, command.clone(), patience).await {
            Ok(mut talk) => {
                let result = listen(&mut talk, &mut understand).await;
                talk.end(result).await
            }
            Err(failure) => Err(failure),
        };
        let last = match result {
            Ok(done) => return Ok(done),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Broken(last)) => last,
        };
        let (pause, budget) = (pauses.next(), setup.retry);
        if begun.elapsed() + pause > budget {
            return Err(TransferError::RetriesUsedUp { budget, last });
        }
        sleep(pause).await;
    }
}

async fn listen<T>(
    talk: &mut Conversation,
    understand: &mut impl FnMut(&Answer) -> Said<T>,
) -> Result<T, Failure> {
    loop {
        let answer = talk.answer(Owed::Yes).await?;
        let said = match &answer {
            Answer::Wait(..) => Said::Part,
            answer => understand(answer),
        };
        match said {
            Said::Part => {}
            Said::All(done) => return Ok(done),
            Said::Nonsense => return Err(unexpected(&answer)),
        }
    }
}

fn only(answer: &Answer, expected: &[&str]) -> Said<()> {
    match words(answer) == expected {
        true => Said::All(()),
        false => Said::Nonsense,
    }
}

/// The words of a line; none for an answer of another kind.
fn words(answer: &Answer) -> Vec<&str> {
    match answer {
        Answer::Other(words) => words.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

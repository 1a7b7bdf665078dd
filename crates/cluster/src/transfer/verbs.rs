//! What is asked of the far side besides receiving.

use std::time::Duration;

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
    let digest = &receipt.manifest_sha256;
    let command = command::publish(setup, digest);
    let is_answer =
        |words: &[String]| matches!(words, [word, told] if word == "published" && told == digest);
    ask(far, setup, command, receipt.bytes, is_answer).await
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
    again(setup, async || {
        let command = command::reclaim(setup, manifest_sha256);
        let mut talk = Conversation::start(far, command, setup.patience(0)).await?;
        let reclaimed = loop {
            match talk.answer(Owed::Yes).await? {
                Answer::Wait(..) => {}
                Answer::Other(words) if words == ["reclaimed", "removed"] => {
                    break Reclaimed::Removed;
                }
                Answer::Other(words) if words == ["reclaimed", "absent"] => {
                    break Reclaimed::Absent;
                }
                Answer::Other(words) if words == ["reclaimed", "other"] => break Reclaimed::Other,
                other => return Err(unexpected(&other)),
            }
        };
        talk.quit().await;
        Ok(reclaimed)
    })
    .await
}

/// Removes what runs of any table left more than `age` ago, by the clock of the node; returns the tables. What is locked by
/// somebody alive stays.
pub async fn clean(
    far: &dyn Far,
    setup: &Setup,
    age: Duration,
) -> Result<Vec<String>, TransferError> {
    again(setup, async || {
        let command = command::clean(setup, age);
        let mut talk = Conversation::start(far, command, setup.patience(0)).await?;
        let mut tables = Vec::new();
        loop {
            match talk.answer(Owed::Yes).await? {
                Answer::Wait(..) => {}
                Answer::Other(words) => match words.as_slice() {
                    [word, table] if word == "removed" => tables.push(table.clone()),
                    [word, ..] if word == "kept" => {}
                    [word] if word == "cleaned" => break,
                    _ => return Err(unexpected(&Answer::Other(words))),
                },
                other => return Err(unexpected(&other)),
            }
        }
        talk.quit().await;
        Ok(tables)
    })
    .await
}

/// Keeps a text beside the data, or removes it if it is empty; the lock must be held.
///
/// Whoever transfers next must have [looked at it](Setup::record).
pub async fn record(far: &dyn Far, setup: &Setup, text: &str) -> Result<(), TransferError> {
    let command = command::record(setup, text);
    ask(far, setup, command, 0, |words| words == ["recorded"]).await
}

/// Gives the lock back, if it is held.
pub async fn release(far: &dyn Far, setup: &Setup) -> Result<(), TransferError> {
    let command = command::release(setup);
    ask(far, setup, command, 0, |words| words == ["released"]).await
}

/// Asks until there is an answer, which is one line.
async fn ask(
    far: &dyn Far,
    setup: &Setup,
    command: Vec<String>,
    bytes: u64,
    is_answer: impl Fn(&[String]) -> bool,
) -> Result<(), TransferError> {
    again(setup, async || {
        let patience = setup.patience(bytes);
        let mut talk = Conversation::start(far, command.clone(), patience).await?;
        match talk.answer(Owed::Yes).await? {
            Answer::Other(words) if is_answer(&words) => {
                talk.quit().await;
                Ok(())
            }
            other => Err(unexpected(&other)),
        }
    })
    .await
}

/// Tries until it is done, hopeless, or has taken too long.
pub(super) async fn again<T>(
    setup: &Setup,
    attempt: impl AsyncFn() -> Result<T, Failure>,
) -> Result<T, TransferError> {
    let begun = Instant::now();
    let mut pauses = Pauses::new(setup);
    loop {
        let last = match attempt().await {
            Ok(done) => return Ok(done),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Broken(last)) => last,
        };
        let pause = pauses.next();
        if begun.elapsed() + pause > setup.retry {
            let budget = setup.retry;
            return Err(TransferError::RetriesUsedUp { budget, last });
        }
        sleep(pause).await;
    }
}

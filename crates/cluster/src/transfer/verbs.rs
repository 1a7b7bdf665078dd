//! What is asked of the far side besides receiving.

use super::answer::Answer;
use super::conversation::{Conversation, Owed};
use super::error::Failure;
use super::retry::Pauses;
use super::session::unexpected;
use super::{Receipt, Setup, TransferError, command};
use crate::far::Far;
use tokio::time::{Instant, sleep};

/// Makes what was received visible, under the lock that [`carry`](super::carry) took.
///
/// Done when it returns without an error, or when it was done already; after an error it was done whole or not at all. A lost
/// answer is asked for again.
pub async fn publish(far: &dyn Far, setup: &Setup, receipt: &Receipt) -> Result<(), TransferError> {
    if receipt.is_published {
        return Ok(());
    }
    let digest = &receipt.manifest_sha256;
    let command = command::publish(setup, digest);
    ask(
        far,
        setup,
        command,
        receipt.bytes,
        |words| matches!(words, [word, told] if word == "published" && told == digest),
    )
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

/// Asks until there is an answer.
async fn ask(
    far: &dyn Far,
    setup: &Setup,
    command: Vec<String>,
    bytes: u64,
    is_answer: impl Fn(&[String]) -> bool,
) -> Result<(), TransferError> {
    let begun = Instant::now();
    let mut pauses = Pauses::new(setup.seed);
    loop {
        let last = match ask_once(far, setup, command.clone(), bytes, &is_answer).await {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Broken(last)) => last,
        };
        let pause = pauses.next();
        if begun.elapsed() + pause > setup.retry {
            return Err(TransferError::RetriesUsedUp {
                budget: setup.retry,
                last,
            });
        }
        sleep(pause).await;
    }
}

async fn ask_once(
    far: &dyn Far,
    setup: &Setup,
    command: Vec<String>,
    bytes: u64,
    is_answer: impl Fn(&[String]) -> bool,
) -> Result<(), Failure> {
    let mut talk = Conversation::start(far, command, setup.patience(bytes)).await?;
    match talk.answer(Owed::Yes).await? {
        Answer::Other(words) if is_answer(&words) => {
            talk.quit().await;
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

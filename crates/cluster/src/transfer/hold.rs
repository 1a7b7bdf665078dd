//! Keeping the lock while something else takes its time.

use super::answer::Answer;
use super::conversation::{Conversation, Owed};
use super::error::Failure;
use super::session::unexpected;
use super::{Setup, TransferError, command};
use crate::far::Far;

/// A connection that does nothing but let the far side know that its client lives. Dropping it ends it.
#[derive(Debug)]
pub struct Hold {
    _talk: Conversation,
}

/// Keeps the lock that [`carry`](super::carry) took fresh for as long as the answer lives.
///
/// That there is an answer means that the lock is this owner's still. A connection that breaks is not made again: the lock then goes back
/// after the time of silence that process 1 allows.
pub async fn hold(far: &dyn Far, setup: &Setup) -> Result<Hold, TransferError> {
    match held(far, setup).await {
        Ok(talk) => Ok(Hold { _talk: talk }),
        Err(Failure::Final(error)) => Err(error),
        Err(Failure::Broken(reason)) => Err(TransferError::Refused { reason }),
    }
}

async fn held(far: &dyn Far, setup: &Setup) -> Result<Conversation, Failure> {
    let mut talk = Conversation::start(far, command::hold(setup), setup.patience(0)).await?;
    match talk.answer(Owed::Yes).await {
        Ok(Answer::Other(words)) if words == ["held"] => Ok(talk),
        Ok(other) => talk.end(Err(unexpected(&other))).await,
        Err(failure) => talk.end(Err(failure)).await,
    }
}

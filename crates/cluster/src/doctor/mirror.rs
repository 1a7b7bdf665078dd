//! Bytes there, hashed, and back: whether exec can be trusted here, and how fast it is.

use std::time::{Duration, Instant};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::far::{End, Event, Far, INPUT_MAX_BYTES, Process, StartError};

/// Blocks of 64 KiB that are sent.
pub(super) const BLOCKS: u32 = 64;

const BLOCK_BYTES: usize = 64 << 10;

/// Longest line before the bytes come back.
const LINE_MAX_BYTES: usize = 4096;

/// What came back, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Bytes each way.
    pub bytes: u64,
    /// Until the far side had hashed them.
    pub there: Duration,
    /// From then until they were back.
    pub back: Duration,
}

/// Why the test of exec failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// The command cannot be started.
    #[error("a command cannot be started in the pod")]
    Start(#[from] StartError),
    /// Nothing came for too long.
    #[error("nothing was heard for {} s (--stall-timeout)", .0.as_secs())]
    Stalled(Duration),
    /// The command ended early.
    #[error("the command ended before everything was back: {0}")]
    Ended(String),
    /// The far side has other bytes than were sent, or others came back.
    #[error("what arrived is not what was sent: {0}")]
    Garbled(String),
}

/// Sends blocks to a command that hashes them and sends them back, and compares everything.
///
/// # Errors
/// See [`MirrorError`]. `stall` bounds every silence, not the whole.
pub(super) async fn run(
    far: &dyn Far,
    command: Vec<String>,
    seed: u64,
    stall: Duration,
) -> Result<Mirror, MirrorError> {
    let sent = noise(seed, BLOCK_BYTES * BLOCKS as usize);
    let Process { input, mut events } = far.start(command).await?;
    let begun = Instant::now();
    let sending = async {
        for piece in sent.chunks(INPUT_MAX_BYTES) {
            // Whoever does not listen any more says why in the events.
            if input.send(Bytes::copy_from_slice(piece)).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await
    };
    let hearing = async {
        let mut heard = Heard::new(&sent);
        loop {
            let event = tokio::time::timeout(stall, events.recv()).await;
            let event = event.map_err(|_| MirrorError::Stalled(stall))?;
            if let Some(done) = heard.take(event, begun)? {
                return Ok(done);
            }
        }
    };
    tokio::select! {
        done = hearing => done,
        () = sending => Err(MirrorError::Ended("the input ended".to_owned())),
    }
}

/// What was heard so far.
struct Heard<'a> {
    sent: &'a [u8],
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// When the digest was there, and where the bytes begin.
    hashed: Option<(Duration, usize)>,
}

impl<'a> Heard<'a> {
    fn new(sent: &'a [u8]) -> Self {
        Self {
            sent,
            stdout: Vec::new(),
            stderr: Vec::new(),
            hashed: None,
        }
    }

    fn take(
        &mut self,
        event: Option<Event>,
        begun: Instant,
    ) -> Result<Option<Mirror>, MirrorError> {
        match event {
            Some(Event::Stdout(bytes)) => self.stdout.extend_from_slice(&bytes),
            Some(Event::Stderr(bytes)) => {
                let room = LINE_MAX_BYTES.saturating_sub(self.stderr.len());
                self.stderr
                    .extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
            }
            Some(Event::Ended(end)) => return Err(MirrorError::Ended(self.end(&end))),
            None => return Err(MirrorError::Ended("the connection is gone".to_owned())),
        }
        if self.hashed.is_none() {
            self.line(begun)?;
        }
        let Some((there, start)) = self.hashed else {
            return Ok(None);
        };
        let back = self.stdout.get(start..).unwrap_or_default();
        if back.len() < self.sent.len() {
            return Ok(None);
        }
        match back == self.sent {
            true => Ok(Some(Mirror {
                bytes: self.sent.len() as u64,
                there,
                back: begun.elapsed().saturating_sub(there),
            })),
            false => Err(MirrorError::Garbled("other bytes came back".to_owned())),
        }
    }

    /// Reads `digest HEX BYTES`, once it is there.
    fn line(&mut self, begun: Instant) -> Result<(), MirrorError> {
        let Some(length) = self.stdout.iter().position(|byte| *byte == b'\n') else {
            return match self.stdout.len() > LINE_MAX_BYTES {
                true => Err(MirrorError::Garbled(
                    "there is no line with a digest".to_owned(),
                )),
                false => Ok(()),
            };
        };
        let line = self.stdout.get(..length).unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let expected = format!(
            "digest {} {}",
            HEXLOWER.encode(&Sha256::digest(self.sent)),
            self.sent.len()
        );
        if line != expected {
            return Err(MirrorError::Garbled(format!("the far side says {line:?}")));
        }
        self.hashed = Some((begun.elapsed(), length + 1));
        Ok(())
    }

    fn end(&self, end: &End) -> String {
        let said = String::from_utf8_lossy(&self.stderr);
        let how = match end {
            End::Success => "with success".to_owned(),
            End::Exit(code) => format!("with exit code {code}"),
            End::Refused(why) | End::Lost(why) => why.clone(),
        };
        match said.trim() {
            "" => how,
            said => format!("{how}: {said}"),
        }
    }
}

/// Bytes that nothing on the way can guess or compress (xorshift64).
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use tokio::sync::mpsc;

    use super::*;

    /// Answers with whatever the closure makes of the input.
    struct Fake(fn(&[u8]) -> Vec<u8>);

    impl Far for Fake {
        fn start<'a>(
            &'a self,
            _command: Vec<String>,
        ) -> BoxFuture<'a, Result<Process, StartError>> {
            let answer = self.0;
            let (input, mut pieces) = mpsc::channel::<Bytes>(2);
            let (telling, events) = mpsc::channel(2);
            tokio::spawn(async move {
                let mut all = Vec::new();
                while all.len() < BLOCK_BYTES * BLOCKS as usize {
                    match pieces.recv().await {
                        Some(piece) => all.extend_from_slice(&piece),
                        None => return,
                    }
                }
                for piece in answer(&all).chunks(100_000) {
                    let piece = Event::Stdout(Bytes::copy_from_slice(piece));
                    if telling.send(piece).await.is_err() {
                        return;
                    }
                }
                drop(telling.send(Event::Ended(End::Success)).await);
            });
            async move { Ok(Process { input, events }) }.boxed()
        }
    }

    async fn of(answer: fn(&[u8]) -> Vec<u8>) -> Result<Mirror, MirrorError> {
        run(&Fake(answer), Vec::new(), 7, Duration::from_secs(20)).await
    }

    fn honest(all: &[u8]) -> Vec<u8> {
        let digest = HEXLOWER.encode(&Sha256::digest(all));
        let mut said = format!("digest {digest} {}\n", all.len()).into_bytes();
        said.extend_from_slice(all);
        said
    }

    #[tokio::test]
    async fn what_comes_back_whole_passes() {
        assert_eq!(of(honest).await.unwrap().bytes, 4 << 20);
    }

    #[tokio::test]
    async fn a_lost_a_changed_and_an_unhashed_byte_are_found() {
        let lost = of(|all| {
            let mut said = honest(all);
            said.pop();
            said
        });
        assert!(matches!(lost.await, Err(MirrorError::Ended(_))));
        let changed = of(|all| {
            let mut said = honest(all);
            if let Some(last) = said.last_mut() {
                *last ^= 1;
            }
            said
        });
        assert!(matches!(changed.await, Err(MirrorError::Garbled(_))));
        let short = of(|all| honest(&all[1..]));
        assert!(matches!(short.await, Err(MirrorError::Garbled(_))));
    }

    #[tokio::test]
    async fn an_early_success_is_no_success() {
        assert!(matches!(
            of(|_| Vec::new()).await,
            Err(MirrorError::Ended(_))
        ));
    }

    #[test]
    fn noise_does_not_repeat_itself() {
        let noise = noise(1, 4096);
        let mut pieces: Vec<&[u8]> = noise.chunks(8).collect();
        pieces.sort_unstable();
        pieces.dedup();
        assert_eq!(pieces.len(), 512);
    }
}

//! One process on the far side: frames go in, answers come out, and silence is noticed.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::answer::{Answer, Parser};
use super::error::{Failure, told};
use super::frame::Frame;
use crate::far::{End, Event, Far};

/// The version of what is spoken.
const VERSION: u64 = 1;

/// Frames that wait to be written.
const FRAMES_WAITING: usize = 4;

/// Kept of the far side's standard error.
const EVIDENCE_MAX_BYTES: usize = 4 << 10;

/// How long the far side may take to end after everything was said.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long silence is borne.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Between two heart-beats to the far side.
    pub(super) beat: Duration,
    /// Nothing heard.
    pub(super) stall: Duration,
    /// Nothing heard but that something goes on.
    pub(super) busy: Duration,
}

/// Whether an answer is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// Silence is a fault.
    Yes,
    /// Nothing was asked.
    No,
}

/// A started verb of the script.
#[derive(Debug)]
pub(super) struct Conversation {
    /// To the far side, in whole frames.
    pub(super) frames: mpsc::Sender<Frame>,
    events: mpsc::Receiver<Event>,
    parser: Parser,
    evidence: VecDeque<u8>,
    patience: Patience,
    heard: Instant,
    moved: Instant,
    writer: JoinHandle<()>,
}

impl Conversation {
    /// Starts a command.
    pub(super) async fn start(
        far: &dyn Far,
        command: Vec<String>,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let process = far.start(command).await?;
        let (frames, waiting) = mpsc::channel(FRAMES_WAITING);
        let now = Instant::now();
        Ok(Self {
            frames,
            events: process.events,
            parser: Parser::default(),
            evidence: VecDeque::new(),
            patience,
            heard: now,
            moved: now,
            writer: tokio::spawn(write(process.input, waiting, patience.beat)),
        })
    }

    /// Sends a frame.
    pub(super) async fn send(&self, frame: Frame) -> Result<(), Failure> {
        let sent = self.frames.send(frame).await;
        sent.map_err(|_| Failure::Broken("the far side takes nothing any more".to_owned()))
    }

    /// Has silence count from now on: nothing was owed until now.
    pub(super) fn begin_to_wait(&mut self) {
        self.heard();
    }

    /// Waits for what the far side says next. What it says of an error, and its end, are failures.
    ///
    /// Nothing is lost if this is dropped while it waits.
    pub(super) async fn answer(&mut self, owed: Owed) -> Result<Answer, Failure> {
        loop {
            match self.parser.next().map_err(Failure::Broken)? {
                Some(Answer::Busy) => self.heard = Instant::now(),
                Some(Answer::Hello(VERSION)) => self.heard(),
                Some(Answer::Hello(other)) => {
                    let what = format!("the far side speaks version {other}");
                    return Err(Failure::Broken(what));
                }
                Some(Answer::Error(id, text)) => return Err(told(&id, &text)),
                Some(answer) => {
                    self.heard();
                    return Ok(answer);
                }
                None => self.take_event(owed).await?,
            }
        }
    }

    /// Ends it, with what came of it.
    ///
    /// Unless the connection broke, the far side is told that nothing more will come and has a little time to end. After an error
    /// it takes what is on the way and throws it away: one that stopped reading might never be seen to end.
    pub(super) async fn end<T>(mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        if !matches!(result, Err(Failure::Broken(_))) {
            let ended = async {
                if self.frames.send(Frame::quit()).await.is_ok() {
                    while self.events.recv().await.is_some() {}
                }
            };
            // It is a courtesy; the next session ends whatever is left of this one.
            drop(timeout(FAREWELL, ended).await);
        }
        result
    }

    /// Returns the end of what the far side wrote to its standard error.
    pub(super) fn evidence(&self) -> String {
        let bytes: Vec<u8> = self.evidence.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        text.chars()
            .map(|one| if one == '\n' { ' ' } else { one })
            .filter(|one| !one.is_control())
            .collect::<String>()
            .trim()
            .to_owned()
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.moved = self.heard;
    }

    async fn take_event(&mut self, owed: Owed) -> Result<(), Failure> {
        let event = match owed {
            Owed::No => self.events.recv().await,
            Owed::Yes => {
                let silent = self.heard + self.patience.stall;
                let stuck = self.moved + self.patience.stall + self.patience.busy;
                match timeout_at(silent.min(stuck), self.events.recv()).await {
                    Ok(event) => event,
                    Err(_) => {
                        let stall = self.patience.stall;
                        let what = format!("nothing was heard from the far side for {stall:?}");
                        return Err(Failure::Broken(what));
                    }
                }
            }
        };
        match event {
            Some(Event::Stdout(bytes)) => self.parser.feed(&bytes),
            Some(Event::Stderr(bytes)) => {
                self.evidence.extend(bytes.iter());
                let over = self.evidence.len().saturating_sub(EVIDENCE_MAX_BYTES);
                self.evidence.drain(..over);
            }
            Some(Event::Ended(end)) => return Err(self.ended(&end)),
            None => return Err(Failure::Broken("the connection ended".to_owned())),
        }
        Ok(())
    }

    fn ended(&self, end: &End) -> Failure {
        let what = match end {
            End::Success => "the far side ended, with success, before it was done".to_owned(),
            End::Exit(code) => format!("the far side ended with {code}"),
            End::Refused(reason) => {
                let reason = reason.clone();
                return Failure::Final(super::TransferError::Refused { reason });
            }
            End::Lost(reason) => reason.clone(),
        };
        Failure::Broken(what)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

/// Writes frames, and a heart-beat whenever there was none for a while.
async fn write(
    input: mpsc::Sender<bytes::Bytes>,
    mut frames: mpsc::Receiver<Frame>,
    beat: Duration,
) {
    loop {
        let frame = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => frame,
                None => return,
            },
            () = sleep(beat) => Frame::beat(),
        };
        for chunk in frame.chunks() {
            if input.send(chunk).await.is_err() {
                return;
            }
        }
    }
}

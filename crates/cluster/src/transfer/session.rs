//! One session of receiving: what is there is looked at, what is missing is sent, what is said is compared.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use dataset::payload::escaped_name;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::answer::{Answer, Tree};
use super::conversation::{Conversation, Owed};
use super::error::Failure;
use super::flights::{Flight, Flights};
use super::frame::Frame;
use super::gate::Gate;
use super::inventory::Inventory;
use super::listing::Listing;
use super::progress::Meter;
use super::reconcile::{Found, reconcile};
use super::sender::{Sender, Stopped, Work};
use super::{Notice, Observer, Receipt, Setup, Source, TransferError, command};
use crate::far::Far;

/// How often it is looked whether something is owed by now, while nothing is.
const LOOK: Duration = Duration::from_secs(1);

/// How often a file may arrive changed.
const TRIES: usize = 3;

/// What a session is about; the same for all sessions of a transfer.
pub(super) struct Task<'a> {
    pub(super) source: Arc<dyn Source>,
    pub(super) listing: Listing,
    pub(super) setup: &'a Setup,
    pub(super) observer: &'a dyn Observer,
}

/// What the far side told when it was ready.
#[derive(Debug, Default)]
pub(super) struct Opening {
    record: Vec<u8>,
    pub(super) staged: Inventory,
    pub(super) published: Inventory,
}

/// Carries what is missing.
///
/// `meter` begins at zero and counts for the caller too, whether this succeeds or not.
pub(super) async fn session(
    task: &Task<'_>,
    far: &dyn Far,
    meter: &Arc<Meter>,
) -> Result<Receipt, Failure> {
    let words = command::receive(task.setup);
    let patience = task.setup.patience(task.listing.total_bytes);
    let mut talk = Conversation::start(far, words, patience).await?;
    let result = converse(task, &mut talk, meter).await;
    talk.end(result).await
}

async fn converse(
    task: &Task<'_>,
    talk: &mut Conversation,
    meter: &Arc<Meter>,
) -> Result<Receipt, Failure> {
    let opening = open(task, talk).await?;
    if opening.record != task.setup.record.as_bytes() {
        let record = String::from_utf8_lossy(&opening.record).into_owned();
        return Err(TransferError::RunChanged { record }.into());
    }
    match reconcile(task, talk, &opening, meter).await? {
        Found::Published => Ok(Receipt {
            files: task.source.len() as u64,
            bytes: task.listing.total_bytes,
            manifest_sha256: task.listing.manifest_sha256.clone(),
            is_published: true,
            sent_bytes: 0,
            sessions: 1,
        }),
        Found::Missing(work, seq) => {
            drop(opening);
            let found = meter.read().verified_bytes;
            if found > 0 {
                task.observer.notice(Notice::Found { bytes: found });
            }
            let seq = send_all(task, talk, work, seq, meter).await?;
            conclude(task, talk, seq).await
        }
    }
}

async fn open(task: &Task<'_>, talk: &mut Conversation) -> Result<Opening, Failure> {
    let mut opening = Opening::default();
    loop {
        match talk.answer(Owed::Yes).await? {
            Answer::Wait(seconds, holder) => task.observer.notice(Notice::Watching {
                holder,
                time: std::time::Duration::from_secs(seconds),
            }),
            Answer::Run(record) => opening.record = record,
            Answer::Inventory(tree, names, sizes) => {
                let files = Inventory::of(names, sizes)?;
                match tree {
                    Tree::Staged => opening.staged = files,
                    Tree::Published => opening.published = files,
                }
            }
            Answer::Ready => return Ok(opening),
            other => return Err(unexpected(&other)),
        }
    }
}

pub(super) fn unexpected(answer: &Answer) -> Failure {
    Failure::Broken(format!(
        "the far side said something unexpected: {answer:?}"
    ))
}

/// Sends until every file was read back with its digest. A file that arrives changed is sent again a few times.
async fn send_all(
    task: &Task<'_>,
    talk: &mut Conversation,
    mut work: Work,
    mut seq: u64,
    meter: &Arc<Meter>,
) -> Result<u64, Failure> {
    let mut tries = 1;
    while !work.files.is_empty() {
        let sent = send(task, talk, work, seq, meter).await?;
        seq = sent.seq;
        let Some(first) = sent.spoiled.first() else {
            break;
        };
        if tries == TRIES {
            return Err(hopeless(task, talk, *first, sent.unread.contains(first))?);
        }
        tries += 1;
        work = Work {
            files: sent.spoiled,
            landed: HashMap::new(),
        };
    }
    Ok(seq)
}

fn hopeless(
    task: &Task<'_>,
    talk: &Conversation,
    index: u32,
    unread: bool,
) -> Result<Failure, TransferError> {
    let file = task.source.file(index as usize)?;
    let path = file.map_or_else(String::new, |file| file.path.to_string());
    let evidence = talk.evidence();
    Ok(Failure::Final(match unread {
        true => TransferError::Unreadable { path, evidence },
        false => TransferError::Corrupted { path },
    }))
}

/// How a round of sending went.
struct Sent {
    seq: u64,
    /// Files without the right digest.
    spoiled: Vec<u32>,
    /// Those of them without any.
    unread: HashSet<u32>,
}

async fn send(
    task: &Task<'_>,
    talk: &mut Conversation,
    work: Work,
    seq: u64,
    meter: &Arc<Meter>,
) -> Result<Sent, Failure> {
    let gate = Arc::new(Gate::new());
    let flights = Arc::new(Flights::default());
    let sender = Sender {
        source: Arc::clone(&task.source),
        gate: Arc::clone(&gate),
        flights: Arc::clone(&flights),
        frames: talk.frames.clone(),
        meter: Arc::clone(meter),
        compression: task.setup.compression,
        seq,
    };
    let (done, ended) = oneshot::channel();
    let closing = CloseOnDrop(Arc::clone(&gate));
    // Not one of the runtime's threads, whose end it would wait for.
    std::thread::spawn(move || done.send(sender.run(&work)));
    let landing = Landing {
        task,
        gate,
        flights,
        meter,
        hashed: None,
        spoiled: Vec::new(),
        unread: HashSet::new(),
    };
    let sent = landing.run(talk, ended).await;
    drop(closing);
    sent
}

/// A sender that waits for room must not wait for ever.
struct CloseOnDrop(Arc<Gate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Takes what is said of what was sent.
struct Landing<'a> {
    task: &'a Task<'a>,
    gate: Arc<Gate>,
    flights: Arc<Flights>,
    meter: &'a Arc<Meter>,
    hashed: Option<Hashed>,
    spoiled: Vec<u32>,
    unread: HashSet<u32>,
}

impl Landing<'_> {
    async fn run(
        mut self,
        talk: &mut Conversation,
        mut ended: oneshot::Receiver<Result<u64, Stopped>>,
    ) -> Result<Sent, Failure> {
        let (mut end, mut listens) = (None, true);
        loop {
            let is_quiet = self.flights.is_empty() && self.hashed.is_none();
            if let Some(seq) = end
                && is_quiet
            {
                return Ok(Sent {
                    seq,
                    spoiled: self.spoiled,
                    unread: self.unread,
                });
            }
            // While a file is read slowly here, nothing is owed from there.
            let owed = match listens && is_quiet {
                true => Owed::No,
                false => Owed::Yes,
            };
            tokio::select! {
                answer = talk.answer(owed) => self.take(answer?)?,
                result = &mut ended, if listens => {
                    listens = false;
                    match result {
                        Ok(Ok(seq)) => end = Some(seq),
                        Ok(Err(Stopped::Source(error))) => return Err(error.into()),
                        // Nothing is taken any more; why, comes as an answer.
                        Ok(Err(Stopped::Closed)) | Err(_) => {}
                    }
                }
                // The sender goes on meanwhile, and then an answer is owed; from now on, for until now none was.
                () = sleep(LOOK), if owed == Owed::No => talk.begin_to_wait(),
            }
        }
    }

    fn take(&mut self, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer::Landed(seq) => self.landed(seq)?,
            Answer::Digests(seq) if self.hashed.is_none() => self.begin(seq)?,
            Answer::Digest(digest, name) => match &mut self.hashed {
                Some(hashed) => hashed.pair(self.task, digest, &name)?,
                None => return Err(unexpected(&Answer::Digest(digest, name))),
            },
            Answer::Verified(seq) => match self.hashed.take() {
                Some(hashed) if hashed.flight.seq == seq => self.judge(hashed)?,
                _ => return Err(unexpected(&answer)),
            },
            other => return Err(unexpected(&other)),
        }
        Ok(())
    }

    /// Pieces are told of past whatever is being hashed.
    fn landed(&mut self, seq: u64) -> Result<(), Failure> {
        let landed = self.flights.land(seq);
        let (bytes, wire_bytes) = landed.ok_or_else(|| unexpected(&Answer::Landed(seq)))?;
        self.meter.acknowledged(bytes);
        self.gate.give(bytes, wire_bytes);
        self.task.observer.progress(self.meter.read());
        Ok(())
    }

    fn begin(&mut self, seq: u64) -> Result<(), Failure> {
        let flight = self.flights.remove(seq);
        let flight = flight.ok_or_else(|| unexpected(&Answer::Digests(seq)))?;
        if !flight.landed {
            self.meter.acknowledged(flight.bytes);
        }
        self.hashed = Some(Hashed {
            digests: Digests::of(flight.files.len()),
            flight,
        });
        Ok(())
    }

    fn judge(&mut self, hashed: Hashed) -> Result<(), TransferError> {
        let Hashed { flight, digests } = hashed;
        for (index, digest) in flight.files.iter().zip(digests.found) {
            let Some(file) = self.task.source.file(*index as usize)? else {
                continue;
            };
            if digest == Some(file.sha256) {
                self.meter.verified(file.size_bytes);
                continue;
            }
            self.meter.spoiled(file.size_bytes);
            self.spoiled.push(*index);
            if digest.is_none() {
                self.unread.insert(*index);
            }
        }
        if !flight.landed {
            self.gate.give(flight.bytes, flight.wire_bytes);
        }
        self.task.observer.progress(self.meter.read());
        Ok(())
    }
}

/// A flight whose files are being read back.
struct Hashed {
    flight: Flight,
    digests: Digests,
}

impl Hashed {
    fn pair(&mut self, task: &Task<'_>, digest: [u8; 32], name: &[u8]) -> Result<(), Failure> {
        self.digests.pair(task, &self.flight.files, digest, name)
    }
}

/// Digests in the order of the files of a frame; a file without one could not be read.
struct Digests {
    found: Vec<Option<[u8; 32]>>,
    next: usize,
}

impl Digests {
    fn of(files: usize) -> Self {
        Self {
            found: vec![None; files],
            next: 0,
        }
    }

    fn pair(
        &mut self,
        task: &Task<'_>,
        files: &[u32],
        digest: [u8; 32],
        name: &[u8],
    ) -> Result<(), Failure> {
        let rest = files.get(self.next..).unwrap_or_default();
        let mut skipped = None;
        for (place, index) in rest.iter().enumerate() {
            let file = task.source.file(*index as usize)?;
            if file.is_some_and(|file| *escaped_name(file.path.as_bytes()) == *name) {
                skipped = Some(place);
                break;
            }
        }
        let Some(skipped) = skipped else {
            let name = String::from_utf8_lossy(name).escape_debug().to_string();
            return Err(Failure::Broken(format!(
                "the far side hashed {name} unasked"
            )));
        };
        if let Some(place) = self.found.get_mut(self.next + skipped) {
            *place = Some(digest);
        }
        self.next += skipped + 1;
        Ok(())
    }
}

/// Takes the digests of a frame, in the order of its files.
pub(super) async fn collect(
    task: &Task<'_>,
    talk: &mut Conversation,
    files: &[u32],
    seq: u64,
) -> Result<Vec<Option<[u8; 32]>>, Failure> {
    let mut digests = Digests::of(files.len());
    loop {
        match talk.answer(Owed::Yes).await? {
            Answer::Digest(digest, name) => digests.pair(task, files, digest, &name)?,
            Answer::Verified(told) if told == seq => return Ok(digests.found),
            other => return Err(unexpected(&other)),
        }
    }
}

async fn conclude(task: &Task<'_>, talk: &mut Conversation, seq: u64) -> Result<Receipt, Failure> {
    let (files, bytes) = (task.source.len(), task.listing.total_bytes);
    talk.send(Frame::end(seq, files, bytes)).await?;
    match talk.answer(Owed::Yes).await? {
        Answer::Receipt(told_files, told_bytes, manifest_sha256)
            if told_files == files as u64
                && told_bytes == bytes
                && manifest_sha256 == task.listing.manifest_sha256 =>
        {
            Ok(Receipt {
                files: told_files,
                bytes: told_bytes,
                manifest_sha256,
                is_published: false,
                sent_bytes: 0,
                sessions: 1,
            })
        }
        other => Err(unexpected(&other)),
    }
}

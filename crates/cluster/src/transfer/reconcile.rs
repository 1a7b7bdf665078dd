//! What of the payload is on the volume already.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::sync::Arc;

use fsroot::RelPath;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::conversation::{Conversation, Owed};
use super::error::Failure;
use super::frame::{Frame, Place};
use super::inventory::Inventory;
use super::listing::is_odd;
use super::progress::Meter;
use super::sender::{Work, grows};
use super::session::{Opening, Task, collect, unexpected};
use super::{Source, SourceFile, TransferError};

/// Most files that are hashed by one frame, and most bytes; a single file may have more.
const BATCH_MAX_FILES: usize = 1024;
const BATCH_MAX_BYTES: u64 = 64 << 20;

/// Frames of which no answer has come.
const AHEAD: usize = 4;

/// What a look at the volume came to.
pub(super) enum Found {
    /// The published tree is the payload.
    Published,
    /// This is to be sent, with frames from this number on.
    Missing(Work, u64),
}

/// Hashes what could be part of the payload, removes what is not, and links what is published unchanged.
pub(super) async fn reconcile(
    task: &Task<'_>,
    talk: &mut Conversation,
    opening: &Opening,
    meter: &Meter,
) -> Result<Found, Failure> {
    let mut look = Look {
        task,
        talk,
        meter,
        seq: 1,
        have: vec![false; task.source.len()],
        work: Work::default(),
        drops: Vec::new(),
    };
    let published = look.same_size(&opening.published)?;
    let is_whole = published.len() == task.source.len()
        && published.len() == opening.published.len()
        && !published.is_empty();
    if is_whole {
        let verified = look.verify(&published, Place::Published).await?;
        if verified.iter().all(|is_right| *is_right) {
            meter.found(task.listing.total_bytes, task.listing.total_bytes);
            task.observer.progress(meter.read());
            return Ok(Found::Published);
        }
    }
    look.staged(&opening.staged).await?;
    look.drop_all().await?;
    look.reuse(published).await?;
    look.drop_all().await?;
    let have = std::mem::take(&mut look.have);
    let missing = (0..).zip(&have).filter(|(_, have)| !**have);
    look.work.files = missing.map(|(index, _)| index).collect();
    task.observer.progress(meter.read());
    Ok(Found::Missing(look.work, look.seq))
}

struct Look<'a> {
    task: &'a Task<'a>,
    talk: &'a mut Conversation,
    meter: &'a Meter,
    seq: u64,
    /// Files that need not be sent.
    have: Vec<bool>,
    work: Work,
    drops: Vec<Vec<u8>>,
}

impl Look<'_> {
    fn file(&self, index: u32) -> Result<Option<SourceFile>, TransferError> {
        self.task.source.file(index as usize)
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq - 1
    }

    fn find(&self, name: &[u8]) -> Result<Option<(u32, SourceFile)>, TransferError> {
        let Some(index) = self.task.source.find(name)? else {
            return Ok(None);
        };
        let file = self.task.source.file(index)?;
        Ok(u32::try_from(index).ok().zip(file))
    }

    /// Picks the files that could be part of the payload.
    fn same_size(&self, files: &Inventory) -> Result<Vec<u32>, TransferError> {
        let mut found = Vec::new();
        for (name, size) in files.iter().filter(|(name, _)| !is_odd(name)) {
            if let Some((index, file)) = self.find(name)?
                && file.size_bytes == size
            {
                found.push(index);
            }
        }
        Ok(found)
    }

    /// Looks at what an earlier run left.
    async fn staged(&mut self, files: &Inventory) -> Result<(), Failure> {
        let (mut whole, mut odd, mut begun) = (Vec::new(), Vec::new(), Vec::new());
        for (name, size) in files.iter() {
            match self.find(name)? {
                Some((index, file)) if file.size_bytes == size => match is_odd(name) {
                    true => odd.push(index),
                    false => whole.push(index),
                },
                Some((index, file)) if size > 0 && size < file.size_bytes && grows(&file) => {
                    begun.push((index, size));
                }
                _ => self.drops.push(name.to_vec()),
            }
        }
        let right = self.verify(&whole, Place::Files).await?;
        self.keep(&whole, &right)?;
        for index in odd {
            let right = self.verify(&[index], Place::Odd).await?;
            self.keep(&[index], &right)?;
        }
        for (index, length) in begun {
            self.prefix(index, length).await?;
        }
        Ok(())
    }

    fn keep(&mut self, files: &[u32], right: &[bool]) -> Result<(), TransferError> {
        for (index, is_right) in files.iter().zip(right) {
            let Some(file) = self.file(*index)? else {
                continue;
            };
            if !is_right {
                self.drops.push(file.path.as_bytes().to_vec());
            } else if let Some(have) = self.have.get_mut(*index as usize) {
                *have = true;
                self.meter.found(file.size_bytes, file.size_bytes);
            }
        }
        self.task.observer.progress(self.meter.read());
        Ok(())
    }

    /// Has a file that is too short hashed, and goes on where it ends if it is how ours begins.
    async fn prefix(&mut self, index: u32, length: u64) -> Result<(), Failure> {
        let Some(file) = self.file(index)? else {
            return Ok(());
        };
        let name = file.path.as_bytes().to_vec();
        let place = if is_odd(&name) {
            Place::Odd
        } else {
            Place::Files
        };
        let there = self.hash(&[index], place, length).await?;
        let source = Arc::clone(&self.task.source);
        let here = tokio::task::spawn_blocking(move || hash_prefix(&*source, index, length));
        let here = here.await.ok().and_then(Result::ok);
        if here.is_some() && there.first() == Some(&here) {
            self.work.landed.insert(index, length);
            self.meter.found(length, 0);
        } else {
            self.drops.push(name);
        }
        Ok(())
    }

    /// Tells of each file whether it is the payload's.
    async fn verify(&mut self, files: &[u32], place: Place) -> Result<Vec<bool>, Failure> {
        let mut right = Vec::with_capacity(files.len());
        let mut asked: VecDeque<(u64, &[u32])> = VecDeque::new();
        let mut rest = files;
        loop {
            while asked.len() < AHEAD && !rest.is_empty() {
                let (batch, others) = rest.split_at(self.batch(rest)?);
                rest = others;
                let seq = self.ask(batch, place, None).await?;
                asked.push_back((seq, batch));
            }
            let Some((seq, batch)) = asked.pop_front() else {
                return Ok(right);
            };
            let digests = self.told(batch, seq).await?;
            for (index, digest) in batch.iter().zip(digests) {
                let file = self.file(*index)?;
                right.push(digest.is_some() && digest == file.map(|file| file.sha256));
            }
        }
    }

    /// Has one frame of files hashed.
    async fn hash(
        &mut self,
        files: &[u32],
        place: Place,
        bytes: u64,
    ) -> Result<Vec<Option<[u8; 32]>>, Failure> {
        let seq = self.ask(files, place, Some(bytes)).await?;
        self.told(files, seq).await
    }

    fn batch(&self, files: &[u32]) -> Result<usize, TransferError> {
        let (mut bytes, mut fitting) = (0, 0);
        for index in files.iter().take(BATCH_MAX_FILES) {
            bytes += self.file(*index)?.map_or(0, |file| file.size_bytes);
            if bytes > BATCH_MAX_BYTES {
                break;
            }
            fitting += 1;
        }
        Ok(fitting.max(1))
    }

    async fn ask(
        &mut self,
        files: &[u32],
        place: Place,
        bytes: Option<u64>,
    ) -> Result<u64, Failure> {
        let seq = self.next_seq();
        let (names, sum) = self.names(files)?;
        let frame = Frame::verify(seq, &names, place, bytes.unwrap_or(sum));
        self.talk.send(frame).await?;
        Ok(seq)
    }

    async fn told(&mut self, files: &[u32], seq: u64) -> Result<Vec<Option<[u8; 32]>>, Failure> {
        match self.talk.answer(Owed::Yes).await? {
            Answer::Digests(told) if told == seq => collect(self.task, self.talk, files, seq).await,
            other => Err(unexpected(&other)),
        }
    }

    /// Lists the names of files, and sums their sizes up.
    fn names(&self, files: &[u32]) -> Result<(Vec<u8>, u64), TransferError> {
        let (mut names, mut sum) = (Vec::new(), 0);
        for index in files {
            if let Some(file) = self.file(*index)? {
                names.extend_from_slice(file.path.as_bytes());
                names.push(0);
                sum += file.size_bytes;
            }
        }
        Ok((names, sum))
    }

    async fn drop_all(&mut self) -> Result<(), Failure> {
        let drops = std::mem::take(&mut self.drops);
        for batch in drops.chunks(BATCH_MAX_FILES) {
            let mut names = Vec::new();
            for name in batch {
                names.extend_from_slice(name);
                names.push(0);
            }
            let seq = self.next_seq();
            self.talk.send(Frame::drop(seq, &names)).await?;
            match self.talk.answer(Owed::Yes).await? {
                Answer::Dropped(told) if told == seq => {}
                other => return Err(unexpected(&other)),
            }
        }
        Ok(())
    }

    /// Takes over unchanged files of the published tree, as links.
    async fn reuse(&mut self, mut files: Vec<u32>) -> Result<(), Failure> {
        files.retain(|index| self.have.get(*index as usize) == Some(&false));
        let right = self.verify(&files, Place::Published).await?;
        let mut directories: HashMap<Option<RelPath>, Vec<u32>> = HashMap::new();
        for (index, is_right) in files.into_iter().zip(right) {
            if let Some(file) = self.file(index)?.filter(|_| is_right) {
                let directory = file.path.parent();
                directories.entry(directory).or_default().push(index);
            }
        }
        for (directory, files) in directories {
            let directory = directory.as_ref().map_or(&b""[..], |path| path.as_bytes());
            for batch in files.chunks(BATCH_MAX_FILES) {
                let linked = self.link(directory, batch).await?;
                self.keep(batch, &vec![linked; batch.len()])?;
            }
        }
        Ok(())
    }

    async fn link(&mut self, directory: &[u8], files: &[u32]) -> Result<bool, Failure> {
        let seq = self.next_seq();
        let (names, _) = self.names(files)?;
        self.talk.send(Frame::link(seq, &names, directory)).await?;
        match self.talk.answer(Owed::Yes).await? {
            Answer::Linked(told, linked) if told == seq => Ok(linked),
            other => Err(unexpected(&other)),
        }
    }
}

fn hash_prefix(source: &dyn Source, index: u32, length: u64) -> Result<[u8; 32], String> {
    let opened = source.open(index as usize);
    let mut file = opened.map_err(|error| error.to_string())?.take(length);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
            Err(error) => return Err(error.to_string()),
        }
    }
}

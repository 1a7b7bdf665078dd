//! Writing a dump: stage, list while writing, publish.
//!
//! Invariants:
//! * Every regular file of the tree passes through here, is hashed on the way (nothing is read back), and is listed in CHECKSUMS.
//! * Nothing appears under the destination's name before the whole tree, MANIFEST.json and CHECKSUMS last, is on stable storage.
//! * Memory does not grow with the number of files: what CHECKSUMS needs waits in [`spill`].
//! * A file that was begun is finished or removed; a worker that wrote is absorbed. Otherwise nothing is published.

mod file;
mod worker;

pub use file::TreeFile;
pub use worker::TreeWorker;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fsroot::{Existing, Kind, Mode, Published, Recovery, RelPath, Root, StagedTree, StagedWriter};
use sha2::{Digest as _, Sha256};
use spill::{Sorted, Sorter};

use crate::Error;
use crate::checksums;
use crate::manifest::{self, Manifest, Totals};

/// Memory in which one worker keeps its digests before it writes them to scratch; about 80,000 files.
const WORKER_BUDGET_BYTES: usize = 8 << 20;

/// Bytes of CHECKSUMS gathered for one write.
const WRITE_BYTES: usize = 256 << 10;

/// A dump being written; visible under its destination's name only once [`finish`](TreeWriter::finish) has succeeded.
///
/// Dropping discards it, best effort, as does the end of the process in the eyes of the next run.
#[derive(Debug)]
pub struct TreeWriter {
    staged: StagedTree,
    scratch: PathBuf,
    listed: Vec<Sorted>,
    totals: Totals,
    workers_out: AtomicU64,
    unsynced: bool,
}

impl TreeWriter {
    /// Begins a dump at `destination`, cleaning up after dead runs, which is reported.
    ///
    /// The destination must be absent or an empty directory. With [`Existing::Replace`] it may also be a dump, which is told by its
    /// MANIFEST.json: other directories are never replaced ([`fsroot::Error::DestinationProtected`]), since a slip of the keyboard is
    /// no reason to lose one. `scratch` is where lists that exceed memory go, as unnamed files.
    pub fn begin(
        destination: &Path,
        existing: Existing,
        scratch: &Path,
    ) -> Result<(TreeWriter, Vec<Recovery>), Error> {
        let (staged, recoveries) = StagedTree::begin_if(destination, existing, is_dump)?;
        let writer = TreeWriter {
            staged,
            scratch: scratch.to_owned(),
            listed: Vec::new(),
            totals: Totals::default(),
            workers_out: AtomicU64::new(0),
            unsynced: false,
        };
        Ok((writer, recoveries))
    }

    /// Lets the dump be published without waiting for stable storage; see [`StagedTree::publish_unsynced`].
    pub fn leave_unsynced(&mut self) {
        self.unsynced = true;
    }

    /// Makes a worker, one for each thread that writes. It must come back through [`absorb`](TreeWriter::absorb).
    pub fn worker(&self) -> TreeWorker {
        self.workers_out.fetch_add(1, Ordering::Relaxed);
        TreeWorker::new(self.staged.writer(), self.sorter())
    }

    /// Takes over what a worker has written.
    pub fn absorb(&mut self, worker: TreeWorker) -> Result<(), Error> {
        let (listed, totals) = worker.into_parts()?;
        self.listed.push(listed);
        self.totals.files += totals.files;
        self.totals.bytes += totals.bytes;
        self.workers_out.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the staged tree: for its directories, its case behaviour, and for reading back.
    pub fn staged(&self) -> &StagedTree {
        &self.staged
    }

    /// Returns the directory for scratch files.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Returns number and size of the files that absorbed workers have written.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Writes MANIFEST.json and CHECKSUMS and publishes the tree; the manifest's totals are filled in here.
    ///
    /// After an error the destination is what it was.
    pub fn finish(self, mut manifest: Manifest) -> Result<Published, Error> {
        let workers = self.workers_out.load(Ordering::Relaxed);
        if workers != 0 {
            return Err(Error::WorkersMissing { workers });
        }
        manifest.totals = Some(self.totals);
        let text = manifest.to_json()?;
        let mut writer = self.staged.writer();
        let path = RelPath::new(manifest::FILE_NAME)?;
        writer.write(&path, Mode::Shared, &text)?;
        let mut own = self.sorter();
        own.push(path.as_bytes(), &Sha256::digest(&text))?;
        let mut listed = self.listed;
        listed.push(own.finish()?);
        write_checksums(&mut writer, Sorted::merge(listed))?;
        drop(writer);
        Ok(match self.unsynced {
            true => self.staged.publish_unsynced()?,
            false => self.staged.publish()?,
        })
    }

    /// Removes what was staged; the destination stays what it was. All workers must be gone.
    pub fn discard(self) -> Result<(), Error> {
        Ok(self.staged.discard()?)
    }

    fn sorter(&self) -> Sorter {
        Sorter::new(Some(self.scratch.clone()), WORKER_BUDGET_BYTES)
    }
}

/// Tells a dump from any other directory.
fn is_dump(root: &Root) -> Result<bool, fsroot::Error> {
    let mut entries = root.entries()?;
    entries.try_fold(false, |found, entry| {
        let entry = entry?;
        Ok(found || (entry.kind == Kind::File && entry.name == manifest::FILE_NAME.as_bytes()))
    })
}

fn write_checksums(writer: &mut StagedWriter, mut listed: Sorted) -> Result<(), Error> {
    let mut file = writer.create(&RelPath::new(checksums::FILE_NAME)?, Mode::Shared)?;
    let mut buffer = Vec::with_capacity(WRITE_BYTES + checksums::LINE_LIMIT_BYTES);
    while let Some((path, digest)) = listed.next()? {
        // Only digests are ever pushed; a shorter value cannot be.
        let digest = digest.try_into().unwrap_or_default();
        checksums::line_into(&digest, path, &mut buffer);
        if buffer.len() >= WRITE_BYTES {
            file.append(&buffer)?;
            buffer.clear();
        }
    }
    file.append(&buffer)?;
    Ok(file.close()?)
}

#[cfg(test)]
mod tests;

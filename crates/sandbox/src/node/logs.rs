//! What containers have said.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

use crate::Sandbox;

/// Bytes that are kept of a container; the oldest go first, as when a kubelet rotates.
const KEPT_BYTES: usize = 10 << 20;

/// Bytes after which a line is cut in the record, though not in what readers get.
const LINE_BYTES: usize = 16 * 1024;

/// A piece of log: a line with its end, or a part of a long one.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it came.
    pub time: Timestamp,
    /// The bytes; the last line of a stream may lack its end.
    pub bytes: Bytes,
    /// Whether a line begins here.
    pub begins: bool,
}

/// The log of one container, from one start to its end. Clones share it.
#[derive(Clone, Debug)]
pub struct Log {
    state: Arc<Mutex<State>>,
    /// Counts entries; `u64::MAX` once the log is complete.
    newest: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Number of the first entry that is still there.
    first: u64,
    complete: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            newest: Arc::new(watch::channel(0).0),
        }
    }
}

impl Log {
    /// Adds what came at that time.
    pub fn add(&self, time: Timestamp, bytes: impl Into<Bytes>, begins: bool) {
        let bytes = bytes.into();
        let mut state = self.lock();
        state.bytes += bytes.len();
        state.entries.push_back(Entry {
            time,
            bytes,
            begins,
        });
        while state.bytes > KEPT_BYTES
            && let Some(oldest) = state.entries.pop_front()
        {
            state.bytes -= oldest.bytes.len();
            state.first += 1;
        }
        let count = state.first + state.entries.len() as u64;
        drop(state);
        self.newest.send_replace(count);
    }

    /// Adds a line.
    pub fn line(&self, time: Timestamp, text: &str) {
        self.add(time, format!("{text}\n"), true);
    }

    /// Says that nothing more comes.
    pub fn complete(&self) {
        self.lock().complete = true;
        self.newest.send_replace(u64::MAX);
    }

    /// Returns all that is there, and the number of the entry that comes next.
    #[must_use]
    pub fn all(&self) -> (Vec<Entry>, u64) {
        let state = self.lock();
        let next = state.first + state.entries.len() as u64;
        (state.entries.iter().cloned().collect(), next)
    }

    /// Waits for the entry of that number, or the end.
    pub async fn entry(&self, number: u64) -> Option<Entry> {
        let mut newest = self.newest.subscribe();
        loop {
            newest.borrow_and_update();
            {
                let state = self.lock();
                let index = number.saturating_sub(state.first);
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                if let Some(entry) = state.entries.get(index) {
                    return Some(entry.clone());
                }
                if state.complete {
                    return None;
                }
            }
            newest.changed().await.ok()?;
        }
    }

    /// Waits until nothing more comes.
    pub async fn ended(&self) {
        let mut newest = self.newest.subscribe();
        // The sender lives in this log.
        drop(newest.wait_for(|count| *count == u64::MAX).await);
    }

    /// Copies an output of a process, line by line, until it ends.
    pub async fn copy(&self, sandbox: &Sandbox, mut output: impl AsyncRead + Unpin) {
        let mut waiting = bytes::BytesMut::new();
        let mut begins = true;
        loop {
            let read = output.read_buf(&mut waiting).await.unwrap_or(0);
            let now = sandbox.clock().now();
            while let Some(end) = memchr::memchr(b'\n', &waiting) {
                self.add(now, waiting.split_to(end + 1).freeze(), begins);
                begins = true;
            }
            if waiting.len() > LINE_BYTES || (read == 0 && !waiting.is_empty()) {
                self.add(now, waiting.split().freeze(), begins);
                begins = false;
            }
            if read == 0 {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

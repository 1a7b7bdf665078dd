//! From the client to the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

/// Bytes that may lie between client and process. Real clusters hold 15 to 47 MB there.
const IN_FLIGHT_BYTES: u32 = 16 << 20;

#[derive(Debug)]
enum Item {
    Bytes(Bytes, OwnedSemaphorePermit),
    /// Everything before this was for the process; nothing after it is, and its input does not end.
    Abandon,
}

/// The client's end of the queue. Dropping it is the end of input.
#[derive(Debug)]
pub(super) struct Feed {
    queue: mpsc::UnboundedSender<Item>,
    room: Arc<Semaphore>,
}

impl Feed {
    /// Hands bytes to the process, waiting while too many are on their way.
    pub(super) async fn send(&self, bytes: Bytes) {
        let wanted = u32::try_from(bytes.len()).map_or(IN_FLIGHT_BYTES, |n| n.min(IN_FLIGHT_BYTES));
        // Neither fails while the pump lives, and without it there is nobody to tell.
        if let Ok(permit) = Arc::clone(&self.room).acquire_many_owned(wanted).await {
            drop(self.queue.send(Item::Bytes(bytes, permit)));
        }
    }

    /// Leaves the process waiting for input that neither comes nor ends.
    pub(super) fn abandon(self) {
        drop(self.queue.send(Item::Abandon));
    }
}

/// What the session can see and do of the process's end of the queue.
#[derive(Clone, Debug)]
pub(super) struct Valve {
    room: Arc<Semaphore>,
    cut: Arc<Notify>,
    refused: Arc<AtomicBool>,
    /// Input is thrown away, so that none of it is left unread.
    discarded: Arc<AtomicBool>,
}

impl Valve {
    /// Ends the process's input at once, if anybody reads it; what still comes is thrown away.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Forgets what the process leaves unread from now on.
    pub(super) fn discard(&self) {
        self.discarded.store(true, Ordering::Release);
    }

    /// Says whether input was left unread. Ask when the process has ended.
    pub(super) fn is_unread(&self) -> bool {
        let all = usize::try_from(IN_FLIGHT_BYTES).unwrap_or(usize::MAX);
        let is_waiting = || self.room.available_permits() < all;
        !self.discarded.load(Ordering::Acquire)
            && (self.refused.load(Ordering::Acquire) || is_waiting())
    }
}

/// Makes a queue, and the task that empties it into the process. It returns a stdin that has to stay open.
pub(super) fn connect(
    stdin: ChildStdin,
) -> (
    Feed,
    Valve,
    impl Future<Output = Option<ChildStdin>> + Send + 'static,
) {
    let (sender, queue) = mpsc::unbounded_channel();
    let all = usize::try_from(IN_FLIGHT_BYTES).unwrap_or(usize::MAX);
    let valve = Valve {
        room: Arc::new(Semaphore::new(all)),
        cut: Arc::default(),
        refused: Arc::default(),
        discarded: Arc::default(),
    };
    let feed = Feed {
        queue: sender,
        room: Arc::clone(&valve.room),
    };
    let pump = pump(stdin, queue, valve.clone());
    (feed, valve, pump)
}

async fn pump(
    mut stdin: ChildStdin,
    mut queue: mpsc::UnboundedReceiver<Item>,
    valve: Valve,
) -> Option<ChildStdin> {
    loop {
        let next = tokio::select! {
            biased;
            () = valve.cut.notified() => {
                if is_read(&stdin) {
                    return discard(stdin, queue, &valve).await;
                }
                continue;
            }
            next = queue.recv() => next,
        };
        let (bytes, permit) = match next {
            Some(Item::Bytes(bytes, permit)) => (bytes, permit),
            Some(Item::Abandon) => return Some(stdin),
            None => return None,
        };
        let mut write = std::pin::pin!(stdin.write_all(&bytes));
        let written = tokio::select! {
            biased;
            () = valve.cut.notified() => None,
            written = &mut write => Some(written),
        };
        match written {
            Some(Ok(())) => drop(permit),
            None if is_read(&stdin) => return discard(stdin, queue, &valve).await,
            Some(Err(_)) | None => {
                // The process takes no more. What comes piles up, as it does on the way to a real node.
                valve.refused.store(true, Ordering::Release);
                let _kept = (queue, permit);
                return std::future::pending().await;
            }
        }
    }
}

/// Ends the input and throws away what is left.
async fn discard(
    stdin: ChildStdin,
    mut queue: mpsc::UnboundedReceiver<Item>,
    valve: &Valve,
) -> Option<ChildStdin> {
    // Before the process can see the end, and so before it can end of it.
    valve.discard();
    drop(stdin);
    while queue.recv().await.is_some() {}
    None
}

/// Says whether any process still has the other end. A process that ends closes its input before its outputs, so this tells an
/// output that was closed from a process that is gone.
fn is_read(stdin: &ChildStdin) -> bool {
    let mut ends = [PollFd::new(stdin, PollFlags::OUT)];
    match poll(&mut ends, Some(&Timespec::default())) {
        Ok(_) => !ends
            .iter()
            .any(|end| end.revents().contains(PollFlags::ERR)),
        Err(_) => false,
    }
}

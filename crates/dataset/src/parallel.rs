//! Many small independent tasks on all cores, with results in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::observe::{Observer, Stopped, go_on};

/// Items that are held between two deliveries of results: bounds the memory, and amortises starting threads.
pub(crate) const ROUND: usize = 8192;

/// Items that a thread takes at once, where there are many.
const STRIDE_MAX: usize = 32;

/// More threads than this do not help a disk.
const THREADS_MAX: usize = 4;

/// Computes `work` for every item, and gives the results in their order. Each thread has its own `tools`, such as a buffer.
///
/// # Errors
/// When the observer wants to stop, which is asked often: files on a slow disk may be many.
pub(crate) fn map<I: Sync, S, T: Send>(
    observer: &dyn Observer,
    items: &[I],
    tools: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &I) -> T + Sync,
) -> Result<Vec<T>, Stopped> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(THREADS_MAX);
    let mut results = Vec::with_capacity(items.len());
    if threads == 1 || items.len() <= 1 {
        let mut tools = tools();
        for item in items {
            go_on(observer)?;
            results.push(work(&mut tools, item));
        }
        return Ok(results);
    }
    let done = round(observer, items, threads, &tools, &work);
    // Some of it may be missing then.
    go_on(observer)?;
    results.extend(done.into_iter().flat_map(|(_, chunk)| chunk));
    Ok(results)
}

fn round<I: Sync, S, T: Send>(
    observer: &dyn Observer,
    items: &[I],
    threads: usize,
    tools: &(impl Fn() -> S + Sync),
    work: &(impl Fn(&mut S, &I) -> T + Sync),
) -> Vec<(usize, Vec<T>)> {
    let next = AtomicUsize::new(0);
    // A few large files must not all fall to one thread.
    let stride = (items.len() / (threads * 8)).clamp(1, STRIDE_MAX);
    let run = || {
        let mut done = Vec::new();
        let mut tools = tools();
        loop {
            let from = next.fetch_add(stride, Ordering::Relaxed);
            let Some(rest) = items.get(from..).filter(|rest| !rest.is_empty()) else {
                return done;
            };
            if observer.is_cancelled() {
                return done;
            }
            let results = rest.iter().take(stride).map(|item| work(&mut tools, item));
            done.push((from, results.collect()));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut all: Vec<(usize, Vec<T>)> = run();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(offset, _)| *offset);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Silent;

    #[test]
    fn results_come_complete_and_in_order() {
        for count in [0, 1, 7, ROUND] {
            let items: Vec<_> = (0..count).collect();
            let doubled = map(&Silent, &items, || (), |(), item| item * 2).unwrap();
            assert!(doubled.into_iter().eq((0..count).map(|item| item * 2)));
        }
    }

    #[test]
    fn whoever_wants_to_stop_need_not_wait_for_the_end() {
        struct After(AtomicUsize);
        impl Observer for After {
            fn is_cancelled(&self) -> bool {
                self.0.load(Ordering::Relaxed) >= 10
            }
        }
        let done = After(AtomicUsize::new(0));
        let work = |(): &mut (), _: &()| done.0.fetch_add(1, Ordering::Relaxed);
        let result = map(&done, &[(); 100_000], || (), work);
        assert!(matches!(result, Err(Stopped::Cancelled)));
        assert!(done.0.load(Ordering::Relaxed) < ROUND);
    }
}

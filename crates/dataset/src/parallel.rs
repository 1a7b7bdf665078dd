//! Many small independent tasks on all cores, with results in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::observe::{Observer, Stopped, go_on};

/// Items between two deliveries of results: bounds the memory, and amortises starting threads.
const ROUND: usize = 8192;

/// Items that a thread takes at once, where there are many.
const STRIDE_MAX: usize = 32;

/// More threads than this do not help a disk.
const THREADS_MAX: usize = 4;

/// Computes `work` for every index below `count` and gives the results to `sink` in order, on this thread.
///
/// # Errors
/// When the observer wants to stop, which is asked often: files on a slow disk may be many.
pub(crate) fn map_ordered<T: Send>(
    observer: &dyn Observer,
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    sink: impl FnMut(usize, T),
) -> Result<(), Stopped> {
    map_ordered_with(observer, count, |(): &mut (), index| work(index), sink)
}

/// Does the same with something for each thread to work with, such as a buffer.
pub(crate) fn map_ordered_with<S: Default, T: Send>(
    observer: &dyn Observer,
    count: usize,
    work: impl Fn(&mut S, usize) -> T + Sync,
    mut sink: impl FnMut(usize, T),
) -> Result<(), Stopped> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(THREADS_MAX);
    if threads == 1 || count <= 1 {
        let mut tools = S::default();
        for index in 0..count {
            go_on(observer)?;
            sink(index, work(&mut tools, index));
        }
        return Ok(());
    }
    for start in (0..count).step_by(ROUND) {
        let end = count.min(start + ROUND);
        let done = round(observer, start, end, threads, &work);
        // Some of it may be missing then.
        go_on(observer)?;
        for (offset, chunk) in done {
            for (index, result) in (offset..).zip(chunk) {
                sink(index, result);
            }
        }
    }
    Ok(())
}

fn round<S: Default, T: Send>(
    observer: &dyn Observer,
    start: usize,
    end: usize,
    threads: usize,
    work: &(impl Fn(&mut S, usize) -> T + Sync),
) -> Vec<(usize, Vec<T>)> {
    let next = AtomicUsize::new(start);
    // A few large files must not all fall to one thread.
    let stride = ((end - start) / (threads * 8)).clamp(1, STRIDE_MAX);
    let run = || {
        let mut done = Vec::new();
        let mut tools = S::default();
        loop {
            let from = next.fetch_add(stride, Ordering::Relaxed);
            if from >= end || observer.is_cancelled() {
                return done;
            }
            let to = end.min(from + stride);
            let results = (from..to).map(|index| work(&mut tools, index));
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
        for count in [0, 1, 7, ROUND, 2 * ROUND + 5] {
            let mut seen = Vec::new();
            let collect = |index, result| seen.push((index, result));
            map_ordered(&Silent, count, |index| index * 2, collect).unwrap();
            assert!(
                seen.into_iter()
                    .eq((0..count).map(|index| (index, index * 2)))
            );
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
        let work = |_| done.0.fetch_add(1, Ordering::Relaxed);
        let result = map_ordered(&done, 1_000_000, work, |_, _| {});
        assert!(matches!(result, Err(Stopped::Cancelled)));
        assert!(done.0.load(Ordering::Relaxed) < ROUND);
    }
}

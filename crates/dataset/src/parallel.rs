//! Many small independent tasks on all cores, with results in order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Items between two deliveries of results: bounds the memory, and amortises starting threads.
const ROUND: usize = 8192;

/// Items that a thread takes at once, where there are many.
const STRIDE_MAX: usize = 32;

/// More threads than this do not help a disk.
const THREADS_MAX: usize = 4;

/// Computes `work` for every index below `count` and gives the results to `sink` in order, on this thread.
pub(crate) fn map_ordered<T: Send>(
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    sink: impl FnMut(usize, T),
) {
    map_ordered_with(count, |(): &mut (), index| work(index), sink);
}

/// Does the same with something for each thread to work with, such as a buffer.
pub(crate) fn map_ordered_with<S: Default, T: Send>(
    count: usize,
    work: impl Fn(&mut S, usize) -> T + Sync,
    mut sink: impl FnMut(usize, T),
) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(THREADS_MAX);
    if threads == 1 || count <= 1 {
        let mut tools = S::default();
        (0..count).for_each(|index| sink(index, work(&mut tools, index)));
        return;
    }
    for start in (0..count).step_by(ROUND) {
        let end = count.min(start + ROUND);
        for (offset, chunk) in round(start, end, threads, &work) {
            for (index, result) in (offset..).zip(chunk) {
                sink(index, result);
            }
        }
    }
}

fn round<S: Default, T: Send>(
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
            if from >= end {
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

    #[test]
    fn results_come_complete_and_in_order() {
        for count in [0, 1, 7, ROUND, 2 * ROUND + 5] {
            let mut seen = Vec::new();
            map_ordered(
                count,
                |index| index * 2,
                |index, result| seen.push((index, result)),
            );
            assert!(
                seen.into_iter()
                    .eq((0..count).map(|index| (index, index * 2)))
            );
        }
    }
}

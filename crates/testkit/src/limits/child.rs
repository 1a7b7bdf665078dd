//! What a program used: time, memory, and bytes handed to the file system.

use std::fs;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What a run of a program cost.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChildUsage {
    /// How it ended.
    pub status: ExitStatus,
    /// From its start to its end.
    pub elapsed: Duration,
    /// The most memory it had resident.
    pub peak_resident_bytes: u64,
    /// The bytes it passed to write calls, whatever they went to.
    pub written_bytes: u64,
    /// The bytes it asked read calls for and got.
    pub read_bytes: u64,
}

/// Runs a program to its end and measures it.
///
/// Counters of bytes are read when it has ended and was not yet waited for, so they are complete. The
/// peak of memory goes with the address space: it is sampled, and misses what the program does in its
/// last twenty milliseconds.
///
/// # Errors
/// When it cannot be started or watched.
///
/// # Panics
/// When the sampling thread does.
pub fn measure_child(command: &mut Command) -> io::Result<ChildUsage> {
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let ended = AtomicBool::new(false);
    let (elapsed, peak_resident_bytes) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| sample_peak(&child, &ended));
        let waited = wait_for_end(&child);
        let elapsed = begun.elapsed();
        ended.store(true, Ordering::Relaxed);
        sampler.thread().unpark();
        let peak = sampler.join().expect("the sampler does not panic");
        waited.map(|()| (elapsed, peak))
    })?;
    let io = fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap_or_default();
    let status = child.wait()?;
    Ok(ChildUsage {
        status,
        elapsed,
        peak_resident_bytes,
        written_bytes: field(&io, "wchar:").unwrap_or(0),
        read_bytes: field(&io, "rchar:").unwrap_or(0),
    })
}

/// Blocks until the program has ended and leaves it to be waited for.
fn wait_for_end(child: &Child) -> io::Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), options)?;
    Ok(())
}

fn sample_peak(child: &Child, ended: &AtomicBool) -> u64 {
    let mut highest = 0;
    while !ended.load(Ordering::Relaxed) {
        highest = highest.max(peak(child).unwrap_or(0));
        std::thread::park_timeout(Duration::from_millis(20));
    }
    highest
}

fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    Some(field(&status, "VmHWM:")? * 1024)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_memory_are_counted() {
        let script = "dd if=/dev/zero of=/dev/null bs=16M count=2 2>/dev/null; sleep 0.05; exit 3";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("exec /bin/sh -c '{script}'")]);
        let usage = measure_child(&mut command).unwrap();
        assert_eq!(usage.status.code(), Some(3));
        assert!(usage.peak_resident_bytes > 0);
        assert!(usage.elapsed >= Duration::from_millis(50));

        let mut command = Command::new("/bin/dd");
        command.args([
            "if=/dev/zero",
            "of=/dev/null",
            "bs=1M",
            "count=64",
            "status=none",
        ]);
        let usage = measure_child(&mut command).unwrap();
        assert!(usage.written_bytes >= 64 << 20, "{usage:?}");
    }
}

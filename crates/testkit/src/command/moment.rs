//! Waiting for the moment at which a test wants to interfere with a running program.

use std::fs;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// Far more than anything here takes; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(2);

/// Waits until something is so.
///
/// # Panics
/// When it does not come about within a minute.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(PAUSE);
    }
}

/// Waits until a program has taken over a signal; one that comes earlier would just end it.
///
/// # Panics
/// When the program does not do so within a minute.
#[track_caller]
pub fn until_it_handles(child: &Child, signal: u32) {
    until("the program handles the signal", || {
        mask(child, "SigCgt:") & bit(signal) != 0
    });
}

/// Waits until a signal that was sent has arrived; a second one of its kind would otherwise be lost.
///
/// # Panics
/// When it does not arrive within a minute.
#[track_caller]
pub fn until_it_has_arrived(child: &Child, signal: u32) {
    until("the signal has arrived", || {
        mask(child, "ShdPnd:") & bit(signal) == 0
    });
}

fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

fn mask(child: &Child, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))
        .expect("a running program has a status");
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the status tells the signals");
    u64::from_str_radix(mask.trim(), 16).expect("a mask")
}

/// Waits until some thread of a program waits in a write to its standard error, such as a [full pipe](super::streams::full_pipe).
///
/// # Panics
/// When none does so within a minute.
#[track_caller]
pub fn until_it_waits_to_complain(child: &Child) {
    // The number of the call, and its first argument.
    let blocked = "1 0x2 ";
    let tasks = format!("/proc/{}/task", child.id());
    until("the program waits to complain", || {
        let tasks = fs::read_dir(&tasks).expect("a running program has threads");
        tasks.filter_map(Result::ok).any(|task| {
            // A thread may be gone by now.
            fs::read_to_string(task.path().join("syscall"))
                .is_ok_and(|call| call.starts_with(blocked))
        })
    });
}

/// Sends a signal by its name: `INT`, `TERM`, `KILL`.
///
/// # Panics
/// When it cannot be sent.
pub fn send(child: &Child, signal: &str) {
    // The shell's own `kill` is everywhere; the program of that name is not.
    let line = format!("kill -{signal} {}", child.id());
    let status = Command::new("/bin/sh").args(["-c", &line]).status();
    assert!(status.expect("a shell").success(), "{line}");
}

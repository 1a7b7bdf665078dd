//! Turns directories and files of a running decode into symlinks that lead outside, and looks whether anything there changes.
//!
//! ```text
//! cargo run --release -p testkit --example adversary -- target/release/longshore SNAPSHOT SECONDS
//! ```
//!
//! The decode may fail in any of its documented ways or succeed: whoever can write below a destination can spoil it. What must
//! never happen is a change outside, a crash, or an undocumented exit code. A quarter of the runs is killed, so that the next one
//! removes a staging directory in which links stand.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::random::Random;

/// Mode, size, modification time and content of everything outside.
type Canary = BTreeMap<PathBuf, (u32, u64, i64, i64, Vec<u8>)>;

struct Arena {
    outside: PathBuf,
    work: PathBuf,
}

impl Arena {
    fn parent(&self) -> PathBuf {
        self.work.join("parent")
    }

    /// Where the parent is while a link has its name.
    fn aside(&self) -> PathBuf {
        self.work.join("aside")
    }

    fn canary(&self) -> Canary {
        let mut canary = Canary::new();
        look(&self.outside, &mut canary);
        canary
    }

    /// Gives the parent its name back.
    fn restore(&self) {
        if self.aside().exists() {
            drop(fs::remove_file(self.parent()));
            fs::rename(self.aside(), self.parent()).expect("the parent can be put back");
        }
    }
}

fn look(path: &Path, canary: &mut Canary) {
    let meta = fs::symlink_metadata(path).expect("the canary can be looked at");
    let content = if meta.is_dir() {
        for entry in fs::read_dir(path).expect("the canary can be listed") {
            look(&entry.expect("the canary can be listed").path(), canary);
        }
        Vec::new()
    } else {
        fs::read(path).expect("the canary can be read")
    };
    let seen = (
        meta.mode(),
        meta.len(),
        meta.mtime(),
        meta.mtime_nsec(),
        content,
    );
    canary.insert(path.to_owned(), seen);
}

/// Replaces one thing below a staging directory by a link, or the parent itself.
fn flip(arena: &Arena, running: u32, random: &mut Random) -> io::Result<bool> {
    let Some(staging) = staging(&arena.parent())? else {
        return Ok(false);
    };
    if random.below(8) == 0 && has_opened(running, &arena.parent()) {
        fs::rename(arena.parent(), arena.aside())?;
        symlink(&arena.outside, arena.parent())?;
        thread::sleep(Duration::from_micros(random.below(400)));
        arena.restore();
        return Ok(true);
    }
    let mut victim = staging;
    for _ in 0..random.below(5) {
        // Its own links lead outside, where this program must not go either.
        if !fs::symlink_metadata(&victim)?.is_dir() {
            break;
        }
        let entries: Vec<_> = fs::read_dir(&victim)?.collect::<io::Result<_>>()?;
        let chosen = random.below(entries.len().max(1) as u64);
        let Some(entry) = entries
            .into_iter()
            .nth(usize::try_from(chosen).unwrap_or(0))
        else {
            break;
        };
        victim = entry.path();
    }
    let is_dir = fs::symlink_metadata(&victim)?.is_dir();
    let target = match (is_dir, random.below(3)) {
        (true, 0) => arena.outside.clone(),
        (true, _) => arena.outside.join("directory"),
        (false, _) => arena.outside.join("file"),
    };
    let away = arena.work.join(format!("away-{}", random.below(u64::MAX)));
    fs::rename(&victim, &away)?;
    symlink(target, &victim)?;
    if random.below(2) == 0 {
        thread::sleep(Duration::from_micros(random.below(300)));
        drop(fs::remove_file(&victim));
        fs::rename(&away, &victim)?;
    }
    Ok(true)
}

/// Tells whether a process holds a directory open. A destination's parent may be a link when a run begins; only what happens
/// after the run has opened it counts.
fn has_opened(process: u32, directory: &Path) -> bool {
    let Ok(handles) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    handles
        .flatten()
        .any(|handle| fs::read_link(handle.path()).is_ok_and(|target| target == directory))
}

/// Finds a staging directory, or the finished tree that just took its place.
fn staging(parent: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains("longshore-") {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

fn start(program: &Path, snapshot: &Path, arena: &Arena) -> Child {
    Command::new(program)
        .args([
            "snapshot",
            "decode",
            "--partial",
            "--overwrite",
            "--progress",
            "none",
        ])
        .args(["--include-orphans", "--include-incomplete-uploads", "-o"])
        .arg(arena.parent().join("out"))
        .arg(snapshot)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("longshore starts")
}

fn finish(mut child: Child, random: &mut Random) -> ExitStatus {
    if random.below(4) == 0 {
        thread::sleep(Duration::from_micros(random.below(60_000)));
        drop(child.kill());
    }
    child.wait().expect("longshore ends")
}

/// Ends the process with what it found.
fn check(arena: &Arena, before: &Canary, status: ExitStatus) {
    let after = arena.canary();
    let names = |canary: &Canary| canary.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(before),
        names(&after),
        "there is something else outside"
    );
    assert!(before == &after, "something outside has changed");
    match status.code() {
        Some(0 | 10..=14) => {}
        None if status.signal() == Some(9) => {}
        _ => panic!("longshore ended with {status}"),
    }
}

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [program, snapshot, seconds] = arguments.as_slice() else {
        panic!("adversary LONGSHORE SNAPSHOT SECONDS");
    };
    let seconds: u64 = seconds
        .to_string_lossy()
        .parse()
        .expect("a number of seconds");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let arena = Arena {
        outside: scratch.path().join("outside"),
        work: scratch.path().join("work"),
    };
    fs::create_dir_all(arena.outside.join("directory")).expect("outside can be made");
    for name in ["file", "MANIFEST.json", "directory/file"] {
        fs::write(arena.outside.join(name), "canary").expect("outside can be made");
    }
    let before = arena.canary();
    let (stop, flips, gate) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(()));
    let running = AtomicU32::new(0);
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(1);
            while !stop.load(Ordering::Relaxed) {
                let held = gate.lock().expect("nobody panics with the gate");
                // Things vanish while they are looked for; that is the point.
                if flip(&arena, running.load(Ordering::Relaxed), &mut random).unwrap_or(false) {
                    flips.fetch_add(1, Ordering::Relaxed);
                }
                arena.restore();
                drop(held);
                // Sometimes a run gets far before it is hit, sometimes it is not hit at all.
                let pause = 1 << random.below(16);
                thread::sleep(Duration::from_micros(random.below(pause)));
            }
        });
        let mut random = Random::new(2);
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            {
                let _held = gate.lock().expect("nobody panics with the gate");
                arena.restore();
                if random.below(3) == 0 {
                    drop(fs::remove_dir_all(&arena.work));
                }
                fs::create_dir_all(arena.parent()).expect("the arena can be made");
            }
            let child = start(program, snapshot, &arena);
            running.store(child.id(), Ordering::Relaxed);
            let status = finish(child, &mut random);
            check(&arena, &before, status);
            *ends.entry(status.to_string()).or_default() += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    writeln!(
        io::stdout(),
        "{} flips; runs by end: {ends:?}",
        flips.into_inner()
    )
    .expect("somebody reads the result");
}

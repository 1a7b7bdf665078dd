//! Client, pod and API server are killed at random moments of a push: the same command again finishes it.
//!
//! `LONGSHORE_KILLS=N` kills another number of them, `LONGSHORE_SEED=N` begins elsewhere, `LONGSHORE_LANES=N` uses as many sandboxes
//! side by side; a failure names its seed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sandbox::{kinds, release};
use testkit::command::Run;
use testkit::command::moment::until;

use crate::port::Port;

/// Kills of every run of the tests.
const KILLS: u64 = 50;

/// Most of a push is waiting.
const LANES: u64 = 6;

/// More than a lock is watched, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Moments lie anywhere in a push and a little behind it.
const LONGEST_MS: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    /// Its pod is told to end soon after, as whoever cleans up does.
    Client,
    /// Nobody helps: process 1 of the pod has to notice.
    ClientAlone,
    /// All processes of the stage pod.
    Pod,
    /// One of them, which may be process 1.
    OneOfThePod,
    Server,
}

const VICTIMS: [Victim; 16] = [
    Victim::Client,
    Victim::Client,
    Victim::Client,
    Victim::Client,
    Victim::Client,
    Victim::Client,
    Victim::ClientAlone,
    Victim::Pod,
    Victim::Pod,
    Victim::Pod,
    Victim::OneOfThePod,
    Victim::OneOfThePod,
    Victim::Server,
    Victim::Server,
    Victim::Server,
    Victim::Server,
];

/// SplitMix64.
struct Lot(u64);

impl Lot {
    fn draw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// How often a victim was struck, and what its first command and the last one came to.
type Tally = BTreeMap<(Victim, String), u64>;

#[test]
fn whoever_is_killed_the_same_command_again_finishes() {
    let first = number("LONGSHORE_SEED", 1);
    let end = first + number("LONGSHORE_KILLS", KILLS);
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::new());
    std::thread::scope(|scope| {
        for _ in 0..number("LONGSHORE_LANES", LANES) {
            scope.spawn(|| {
                let port = Port::open();
                let texts = texts(&port);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let (victim, came_to) = kill(&port, &texts, seed);
                    *tally.lock().unwrap().entry((victim, came_to)).or_default() += 1;
                }
            });
        }
    });
    tell(&tally.into_inner().unwrap());
}

#[expect(
    clippy::print_stderr,
    reason = "what was tried is what a long run is for"
)]
fn tell(tally: &Tally) {
    eprintln!("{tally:#?}");
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

type Texts = BTreeMap<String, Vec<u8>>;

/// Puts many small files and a large one into the folder.
fn texts(port: &Port) -> Texts {
    let mut texts = Texts::new();
    let mut labels = "filename,label\n".to_owned();
    for index in 0..60 {
        let name = format!("t{index:03}.txt");
        let size = if index == 7 { 400_000 } else { index * 3 };
        let line = format!("{index} is a number that says little\n");
        texts.insert(name.clone(), line.repeat(size).into_bytes());
        labels.push_str(&format!("{name},{}\n", index % 2));
    }
    for name in ["data/texts/a.txt", "data/texts/b.txt"] {
        std::fs::remove_file(port.path(name)).unwrap();
    }
    for (name, content) in &texts {
        port.write(format!("data/texts/{name}"), content);
    }
    port.write("data/labels.csv", labels);
    texts
}

/// Pushes, kills, and pushes again. Says who it was, and the codes of the first command and the last.
fn kill(port: &Port, texts: &Texts, seed: u64) -> (Victim, String) {
    let mut lot = Lot(seed);
    let victim = VICTIMS[usize::try_from(lot.draw(16)).unwrap()];
    let moment = Duration::from_millis(lot.draw(LONGEST_MS));
    let table = format!("t{seed}");
    let begun = Instant::now();
    if victim == Victim::Server {
        // Struck by one of its own requests, so that the moment is one at which something is asked.
        let skip = lot.draw(40);
        port.script(&format!(
            "rules: [{{name: server, on: request, skip: {skip}, fault: {{restart_api: {{millis: 300}}}}}}]"
        ));
    }
    let mut child = port.start(&table, &[]);
    while victim != Victim::Server && begun.elapsed() < moment {
        std::thread::sleep(Duration::from_millis(1));
    }
    match victim {
        Victim::Client | Victim::ClientAlone => child.kill().unwrap(),
        Victim::Pod => processes_of(port, &table)
            .iter()
            .for_each(|pid| strike(pid)),
        Victim::OneOfThePod => {
            let all = processes_of(port, &table);
            let one = lot.draw(all.len().max(1) as u64);
            all.iter()
                .skip(usize::try_from(one).unwrap())
                .take(1)
                .for_each(|pid| strike(pid));
        }
        Victim::Server => {}
    }
    let run = port.end(child);
    port.script("seed: 0");
    let what = format!("seed {seed}, {victim:?} at {moment:?}");
    let first = match (run.code, run.signal) {
        (Some(code), None) => format!("{code}"),
        (None, Some(9)) => "killed".to_owned(),
        other => panic!("{what}: {other:?} {}", run.stdout),
    };
    if matches!(victim, Victim::Client) {
        for pod in port.pods() {
            port.delete(&kinds::POD, &pod);
        }
        until("the pod has ended", || port.pods().is_empty());
    }
    let last = again(port, &table, &what);
    is_delivered(port, &table, texts, &what);
    // The pod of a client that delivered before it was killed holds the lock until it has noticed.
    let begun = Instant::now();
    let is_pod = matches!(victim, Victim::Pod | Victim::OneOfThePod);
    while port.is_locked(&table) {
        // Nobody is left to give it back; whoever comes next watches it and takes it over.
        if is_pod && port.pods().is_empty() {
            break;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: {:?}",
            port.kept(&table)
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    (victim, format!("{first}, then {last}"))
}

/// The same command until it is not told to come again: it delivers, or says that the table is there.
fn again(port: &Port, table: &str, what: &str) -> String {
    let begun = Instant::now();
    let mut told: Vec<String> = Vec::new();
    loop {
        let run: Run = port.push(table, &[]);
        match run.code {
            Some(code @ (0 | 6)) => {
                told.push(code.to_string());
                return told.join(", ");
            }
            // Somebody may hold the table still: the pod of the killed client, or the Job that it submitted. The API server may
            // be away still.
            Some(code @ (15 | 16)) if begun.elapsed() < PATIENCE => {
                told.push(code.to_string());
                told.dedup();
            }
            other => panic!("{what}: {other:?}\n{}\n{}", run.stdout, run.stderr),
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The table has every file and every row, and no other.
fn is_delivered(port: &Port, table: &str, texts: &Texts, what: &str) {
    let mut found = Texts::new();
    for entry in std::fs::read_dir(port.shared().join(table)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != "labels.csv" {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    assert!(found == *texts, "{what}: {:?}", found.keys());
    let database = release::database(port.sandbox().config());
    let rows = release::query(&database, &format!("SELECT filename FROM {table}")).unwrap();
    assert_eq!(rows.rows.len(), texts.len(), "{what}");
}

/// The shells of a table's stage pod, process 1 and sessions.
fn processes_of(port: &Port, table: &str) -> Vec<String> {
    let volume = port.shared();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut found = Vec::new();
    for entry in entries {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid.bytes().all(|byte| byte.is_ascii_digit()) && is_of(&entry.path(), &volume, table) {
            found.push(pid);
        }
    }
    found
}

/// Its command is the stage script's with that table, and its environment says that it is of this sandbox.
fn is_of(process: &Path, volume: &Path, table: &str) -> bool {
    let read = |name: &str| std::fs::read(process.join(name)).unwrap_or_default();
    let words = read("cmdline");
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
    let has = |word: &[u8]| words.contains(&word);
    if !has(b"longshore") || !has(table.as_bytes()) {
        return false;
    }
    let data = volume.ancestors().nth(4).unwrap().display().to_string();
    let environment = read("environ");
    let mut variables = environment.split(|byte| *byte == 0);
    variables.any(|one| {
        one.starts_with(b"LONGSHORE_SANDBOX=") && String::from_utf8_lossy(one).contains(&data)
    })
}

fn strike(pid: &str) {
    let line = format!("kill -KILL {pid}");
    // It may have ended by itself.
    drop(
        std::process::Command::new("/bin/sh")
            .args(["-c", &line])
            .output(),
    );
}

//! Pushes that are disturbed, each at a random moment; then the same command again, as a user would.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `LONGSHORE_E2E_RUNS` | how many | 3 |
//! | `LONGSHORE_SEED` | the first one's seed | 1 |
//! | `LONGSHORE_E2E_FAULTS` | names of [`Fault`], with commas | `pod,interrupt` |
//! | `LONGSHORE_E2E_NODE` | a command that takes `kill PART` and `start PART` and `inside COMMAND…` | none |

use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testkit::command::Run;
use testkit::picture;
use testkit::random::Random;

use crate::site::{Content, Site, variable};
use crate::{below, digests, pictures, table};

/// What happens in the middle of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The stage pod is deleted by force.
    Pod,
    /// The client is killed.
    Kill,
    /// The client is asked to end.
    Interrupt,
    /// The processes in the stage pod are killed, from the node.
    Process,
    /// A part of the node is killed, and started again some seconds later.
    Part(&'static str),
    /// The volume fills up, and has room again when the push has ended.
    Fill,
}

fn fault(name: &str) -> Fault {
    match name {
        "pod" => Fault::Pod,
        "kill" => Fault::Kill,
        "interrupt" => Fault::Interrupt,
        "process" => Fault::Process,
        "kubelet" => Fault::Part("kubelet"),
        "containerd" => Fault::Part("containerd"),
        "kube-apiserver" => Fault::Part("kube-apiserver"),
        "fill" => Fault::Fill,
        other => panic!("no fault is called {other}"),
    }
}

fn number(name: &str, default: u64) -> u64 {
    variable(name).map_or(default, |text| text.parse().unwrap())
}

/// As many disturbed pushes as were asked for.
pub(crate) fn strike(site: &Site) {
    let names = variable("LONGSHORE_E2E_FAULTS").unwrap_or_else(|| "pod,interrupt".to_owned());
    let faults: Vec<Fault> = names.split(',').map(fault).collect();
    let first = number("LONGSHORE_SEED", 1);
    let longest = clean_run(site);
    for seed in first..first + number("LONGSHORE_E2E_RUNS", 3) {
        one(site, seed, &faults, longest);
    }
    // What killed clients left ends by itself, well before a minute is over.
    site.wait("the end of all stage pods", async || {
        site.running_stage_pods().await?.is_empty().then_some(())
    });
}

/// How long an undisturbed push takes, so that faults strike at every moment of it.
fn clean_run(site: &Site) -> Duration {
    picture::folder(&site.path("clean"), 7, &SIZES[0]);
    let begun = Instant::now();
    let table = table("clean");
    let mut push = site.push("clean", &table, &[]);
    drop(site.complete(&mut push).exits(0));
    let longest = begun.elapsed();
    site.empty(&table);
    longest
}

/// One large file among small ones; many small ones; frames and pieces at their edges.
const SIZES: [[usize; 60]; 3] = {
    let mut large = [700; 60];
    large[30] = 40 << 20;
    let mut edges = [1 << 20; 60];
    edges[1] = (1 << 20) - 1;
    edges[2] = (1 << 20) + 1;
    [large, [20_000; 60], edges]
};

/// Longest that the same command is repeated.
const STUBBORN: Duration = Duration::from_secs(240);

#[expect(clippy::print_stdout, reason = "a run of a hundred is told one by one")]
fn one(site: &Site, seed: u64, faults: &[Fault], longest: Duration) {
    let mut random = Random::new(seed);
    let fault = faults[usize::try_from(random.below(faults.len() as u64)).unwrap()];
    let sizes = SIZES[usize::try_from(random.below(3)).unwrap()];
    let folder = format!("struck{seed}");
    picture::folder(&site.path(&folder), 1000 + seed, &sizes);
    let sent = digests(site, &folder);
    let table = table(&format!("struck{seed}"));
    let after = Duration::from_millis(random.below(u64::try_from(longest.as_millis()).unwrap()));
    let away = Duration::from_millis(500 + random.below(6_000));
    let begun = Instant::now();
    let child = site.spawn(&mut site.push(&folder, &table, &[]));
    sleep(after);
    let run = struck(site, fault, away, child);
    let mut codes = vec![told(&run)];
    judge(site, &table, &sent, &run, seed);
    // A user types the same again until it is through, or told that the table is there, or that the run failed. A killed client's
    // lock is free after a minute.
    let ended = Instant::now();
    while !matches!(codes.last().map(String::as_str), Some("0" | "6" | "9")) {
        assert!(
            ended.elapsed() < STUBBORN,
            "seed {seed}: {codes:?}\n{run:#?}"
        );
        if codes.last().is_some_and(|code| code == "16") {
            sleep(Duration::from_secs(5));
        }
        site.wait_for_jobs();
        let again = site.complete(&mut site.push(&folder, &table, &[]));
        judge(site, &table, &sent, &again, seed);
        codes.push(told(&again));
        codes.dedup();
    }
    site.wait_for_jobs();
    if codes.last().is_none_or(|code| code != "9") {
        let content = site.content(&table);
        assert_eq!(below(&content, &table), pictures(&sent), "seed {seed}");
    }
    println!(
        "seed {seed}: {fault:?} after {:.1} s, {} then {}, {:.0} s",
        after.as_secs_f32(),
        codes[0],
        codes[1..].join(" "),
        begun.elapsed().as_secs_f32()
    );
    std::fs::remove_dir_all(site.path(&folder)).unwrap();
    site.empty(&table);
}

fn told(run: &Run) -> String {
    match run.code {
        Some(code) => code.to_string(),
        None => format!("signal {}", run.signal.unwrap_or_default()),
    }
}

/// Lets the fault strike, and hears the push out.
fn struck(site: &Site, fault: Fault, away: Duration, child: Child) -> Run {
    let signal = |name: &str| {
        let pid = child.id().to_string();
        drop(Command::new("kill").args([name, &pid]).status());
    };
    match fault {
        Fault::Pod => site.delete_stage_pods(),
        Fault::Kill => signal("-KILL"),
        Fault::Interrupt => signal("-INT"),
        Fault::Process => node(&[
            "inside",
            "pkill",
            "-KILL",
            "-f",
            "^/bin/sh -c eval .*longshore",
        ]),
        Fault::Part(part) => {
            node(&["kill", part]);
            sleep(away);
            node(&["start", part]);
        }
        Fault::Fill => drop(site.run_pod(
            "cd \"$0\" && cat /dev/zero > .full; true",
            &["/data/shared"],
        )),
    }
    let run = site.finish(child.wait_with_output().unwrap());
    if fault == Fault::Fill {
        drop(site.run_pod("rm -f \"$0\"; true", &["/data/shared/.full"]));
    }
    run
}

fn node(words: &[&str]) {
    let command = variable("LONGSHORE_E2E_NODE").expect("LONGSHORE_E2E_NODE");
    let script = format!("{command} \"$@\" > /dev/null 2>&1");
    drop(
        Command::new("/bin/sh")
            .args(["-c", &script, "node"])
            .args(words)
            .status(),
    );
}

/// What must hold after every push, however it ended.
fn judge(site: &Site, table: &str, sent: &Content, run: &Run, seed: u64) {
    let whole = pictures(sent);
    if run.code == Some(0) {
        let content = site.content(table);
        assert_eq!(
            below(&content, table),
            whole,
            "seed {seed}: a false success\n{run:#?}"
        );
        return;
    }
    let is_documented =
        matches!(run.code, Some(5..=9 | 13 | 15 | 16 | 130)) || run.signal == Some(9);
    assert!(is_documented, "seed {seed}: {run:#?}");
    site.wait_for_jobs();
    let content = site.content(table);
    let (ingested, staged) = (
        below(&content, table),
        below(&content, &format!(".tracebloc-staging/{table}/images")),
    );
    // What an ingestor leaves that failed is its own.
    let is_failed = run.code == Some(9);
    assert!(
        is_failed || ingested.is_empty() || ingested == whole,
        "seed {seed}: {run:#?}"
    );
    assert!(
        staged.is_empty() || staged == whole,
        "seed {seed}: {run:#?}"
    );
}

//! The transfer of a whole push beside everything that could limit it, in one run and in turns.
//!
//! `cargo bench -p cluster --bench push [-- MEBIBYTES FILES [TURNS]]` starts a sandbox on loopback with TLS. With
//! `LONGSHORE_E2E_KUBECONFIG` it goes to that cluster, as `LONGSHORE_E2E_NAMESPACE` and with `LONGSHORE_E2E_IMAGE` if they are set.
//! `KUBECTL` names a kubectl other than the one in `PATH`; without any, or with 0 mebibytes or files, that part is left out.
//!
//! A client is a process of its own, so that its processor time and its memory can be told. What is printed are medians; the limit
//! of a sandbox is what reading here, exec into `cat`, and the hash program there allow together: the sum of their processor time
//! on all cores, or the slowest of them.

#[path = "../../tests/push/folder.rs"]
#[expect(dead_code, reason = "only the pictures are of use here")]
mod folder;
#[path = "../../tests/site/mod.rs"]
mod site;

mod client;
mod cost;
mod place;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cost::{Cost, middle};
use place::Place;

const TURNS: usize = 3;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == client::WORD) {
        return say(&client::main(words.get(1..).unwrap_or_default()));
    }
    let mut numbers = words.iter().filter_map(|word| word.parse::<usize>().ok());
    let mebibytes = numbers.next().unwrap_or(1024);
    let files = numbers.next().unwrap_or(100_000);
    let turns = numbers.next().unwrap_or(TURNS);
    let place = Place::open();
    if mebibytes > 0 {
        let data = Data::of(vec![(mebibytes << 20) / 8; 8]);
        race(&place, &data, turns, "MB/s", (mebibytes << 20) as f64 / 1e6);
    }
    if files > 0 {
        let data = Data::of(vec![1024; files]);
        race(&place, &data, turns, "files/s", files as f64);
    }
    place.close();
}

/// A dataset of pictures.
struct Data {
    dir: tempfile::TempDir,
}

impl Data {
    fn of(sizes: Vec<usize>) -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
        folder::pictures(dir.path(), &sizes);
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Everything that was measured, a figure a turn.
#[derive(Default)]
struct Turns {
    push: Vec<Cost>,
    read: Vec<Cost>,
    exec: Vec<Cost>,
    hash: Vec<Cost>,
    stock: Vec<Cost>,
    kubectl: Vec<Cost>,
}

fn race(place: &Place, data: &Data, turns: usize, unit: &str, amount: f64) {
    let mut all = Turns::default();
    for _ in 0..turns {
        all.read.push(place.client("read", data.path()));
        all.exec.push(place.client("cat", data.path()));
        all.push.push(place.client("push", data.path()));
        all.hash.push(place.hash());
        place.clean();
        all.stock.push(place.client("stock", data.path()));
        place.clean();
        if let Some(cost) = place.kubectl(data.path()) {
            all.kubectl.push(cost);
            place.clean();
        }
    }
    report(&all, unit, amount);
}

fn report(all: &Turns, unit: &str, amount: f64) {
    let seconds = |costs: &[Cost]| middle(costs).wall.as_secs_f64();
    let push = seconds(&all.push);
    for (what, costs) in [
        ("push: transfer, verify, publish", &all.push),
        ("client alone: read into frames", &all.read),
        ("exec alone: the same bytes into cat", &all.exec),
        ("hash program alone, there", &all.hash),
        ("tar into the stock library's stream", &all.stock),
        ("tar into kubectl exec", &all.kubectl),
    ] {
        if costs.is_empty() {
            continue;
        }
        let Cost {
            processor,
            resident_kib,
            ..
        } = middle(costs);
        let turns: Vec<String> = costs
            .iter()
            .map(|cost| format!("{:.2}", cost.wall.as_secs_f64()))
            .collect();
        say(&format!(
            "{what:<36} {:>9.0} {unit}; push is at {:.2} of it; {:.2} s of processors; {} MiB; turns {} s",
            amount / seconds(costs),
            seconds(costs) / push,
            processor.as_secs_f64(),
            resident_kib >> 10,
            turns.join(" "),
        ));
    }
    let parts = [&all.read, &all.exec, &all.hash].map(|costs| middle(costs));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let work: f64 = parts.iter().map(|part| part.processor.as_secs_f64()).sum();
    let slowest = parts.iter().map(|part| part.wall.as_secs_f64());
    let limit = slowest.fold(work / cores as f64, f64::max);
    say(&format!(
        "{:<36} {:>9.0} {unit}; push is at {:.2} of it",
        format!("together on {cores} cores"),
        amount / limit,
        limit / push,
    ));
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().ok();
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("the path of this program")
}

//! How fast and in how much memory the program decodes, inspects and verifies, beside what the machine can do at most.
//!
//! ```text
//! cargo bench -p longshore --bench snapshot -- SECTION...
//! ```
//!
//! A section is one of `strings`, `objects`, `bodies`, `bodies-4g`, `one-body`, `inspect`, `verify`, `memory`. Snapshots are
//! generated into `LONGSHORE_BENCH_DIR` once and kept; trees are made in `LONGSHORE_BENCH_OUT` and removed. Before
//! every measurement that makes files the shell command `LONGSHORE_BENCH_RESET` is run: a file system that has just
//! lost a million files makes new ones slowly, so it is best made anew each time. Limits and product take turns, and
//! medians of `LONGSHORE_BENCH_ROUNDS` rounds (3) are printed as rows of a Markdown table.

#![expect(clippy::print_stdout, reason = "a measurement prints its results")]

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::generate::{Expiring, Objects, Strings, Workload, generate};
use testkit::limits::{self, ChildUsage, CreateLoop, Rate, Sync, files_of_tree, measure_child};

const SEED: u64 = 20_261_121;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn main() -> io::Result<()> {
    let place = Place::from_environment()?;
    let asked: Vec<String> = env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    for (name, section) in SECTIONS {
        if asked.is_empty() || asked.iter().any(|one| one == name) {
            println!("\n### {name}\n");
            section(&place)?;
        }
    }
    Ok(())
}

type Section = fn(&Place) -> io::Result<()>;

const SECTIONS: [(&str, Section); 8] = [
    ("strings", strings),
    ("objects", objects),
    ("bodies", |place| bodies(place, GIB)),
    ("bodies-4g", |place| bodies(place, 4 * GIB)),
    ("one-body", one_body),
    ("inspect", inspect),
    ("verify", verify),
    ("memory", memory),
];

/// Where snapshots are kept and trees are made.
struct Place {
    kept: PathBuf,
    out: PathBuf,
    reset: Option<String>,
    /// Rounds of limits and product in turn.
    rounds: usize,
}

impl Place {
    fn from_environment() -> io::Result<Place> {
        let kept = env::var_os("LONGSHORE_BENCH_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
        let out =
            env::var_os("LONGSHORE_BENCH_OUT").map_or_else(|| kept.join("out"), PathBuf::from);
        fs::create_dir_all(&kept)?;
        fs::create_dir_all(&out)?;
        Ok(Place {
            kept,
            out,
            reset: env::var("LONGSHORE_BENCH_RESET").ok(),
            rounds: env::var("LONGSHORE_BENCH_ROUNDS")
                .ok()
                .and_then(|rounds| rounds.parse().ok())
                .unwrap_or(3),
        })
    }

    /// Makes room for a new tree and lets the disk come to rest.
    fn fresh(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.out.join(name);
        match &self.reset {
            Some(command) => run(Command::new("sh").args(["-c", command]))?,
            None if path.exists() => fs::remove_dir_all(&path)?,
            None => {}
        }
        run(Command::new("sync").arg("--file-system").arg(&self.out))?;
        Ok(path)
    }

    fn strings(&self, count: u64, expiring: Expiring) -> io::Result<PathBuf> {
        let half = if expiring == Expiring::Half {
            "-half"
        } else {
            ""
        };
        let strings = Strings {
            count,
            value_bytes: 100,
            expiring,
            seed: SEED,
        };
        self.generated(
            &format!("strings-{count}{half}.fsm"),
            &Workload::Strings(strings),
        )
    }

    fn objects(
        &self,
        count: u64,
        object_bytes: u64,
        part_bytes: Option<u64>,
    ) -> io::Result<PathBuf> {
        let objects = Objects {
            count,
            object_bytes,
            part_bytes,
            seed: SEED,
        };
        self.generated(
            &format!("objects-{count}-{object_bytes}.fsm"),
            &Workload::Objects(objects),
        )
    }

    fn generated(&self, name: &str, workload: &Workload) -> io::Result<PathBuf> {
        let path = self.kept.join(name);
        if !path.exists() {
            let staged = self.kept.join("staged");
            generate(workload, File::create(&staged)?)?;
            fs::rename(staged, &path)?;
        }
        // Every measurement is of a warm cache.
        limits::read(&path)?;
        Ok(path)
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{command:?}: {status}"))),
    }
}

fn longshore(arguments: &[&str], paths: &[&Path]) -> io::Result<ChildUsage> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command
        .args(arguments)
        .args(paths)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let usage = measure_child(&mut command)?;
    match usage.status.success() {
        true => Ok(usage),
        false => Err(io::Error::other(format!("{command:?}: {}", usage.status))),
    }
}

fn decode(input: &Path, to: &Path, sync: Sync, more: &[&str]) -> io::Result<ChildUsage> {
    let mut arguments = vec!["snapshot", "decode", "--progress", "none"];
    arguments.extend(more);
    if sync == Sync::None {
        arguments.push("--no-sync");
    }
    arguments.push("--output");
    longshore(&arguments, &[to, input])
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn name(sync: Sync) -> &'static str {
    match sync {
        Sync::None => "not synced",
        Sync::AtEnd => "synced",
    }
}

fn strings(place: &Place) -> io::Result<()> {
    let input = place.strings(1_000_000, Expiring::None)?;
    small_files(place, &input, "1,000,000 strings of 100 B")
}

fn objects(place: &Place) -> io::Result<()> {
    let input = place.objects(200_000, KIB, None)?;
    small_files(place, &input, "200,000 objects of 1 KiB")
}

/// Decoding against the bare loop that makes the same files on two threads.
fn small_files(place: &Place, input: &Path, what: &str) -> io::Result<()> {
    let sample = place.fresh("tree")?;
    decode(input, &sample, Sync::None, &[])?;
    let plan: CreateLoop = files_of_tree(&sample)?;
    println!("| what | files | bare loop, 2 threads | decode | loop / decode | resident |");
    println!("|---|---|---|---|---|---|");
    for sync in [Sync::None, Sync::AtEnd] {
        let (mut bare, mut product, mut resident) = (Vec::new(), Vec::new(), 0);
        for _ in 0..place.rounds {
            bare.push(plan.measure(&place.fresh("loop")?, 2, sync)?.elapsed);
            let usage = decode(input, &place.fresh("tree")?, sync, &[])?;
            resident = resident.max(usage.peak_resident_bytes);
            product.push(usage.elapsed);
        }
        let (bare, product) = (middle(bare), middle(product));
        println!(
            "| {what}, {} | {} | {bare:.2?} | {product:.2?} | {:.0} % | {} MiB |",
            name(sync),
            plan.files.len(),
            percent(bare, product),
            resident / MIB,
        );
    }
    place.fresh("tree").map(drop)
}

/// Decoding of bodies against the work it consists of, each kind measured alone and shared by two cores.
fn bodies(place: &Place, total: u64) -> io::Result<()> {
    println!(
        "| what | read + CRC32C + SHA-256 + MD5 + write, CPU | on two cores | decode | of the limit | written per body byte | resident |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (object_bytes, unit) in [(64 * MIB, "64 MiB"), (MIB, "1 MiB")] {
        let input = place.objects(total / object_bytes, object_bytes, None)?;
        for (etag, md5_share) in [("with etags", 1), ("--no-etag", 0)] {
            for sync in [Sync::None, Sync::AtEnd] {
                let (mut work, mut product) = (Vec::new(), Vec::new());
                let (mut written, mut resident) = (0, 0);
                for _ in 0..place.rounds {
                    work.push(work_of(place, &input, total, md5_share)?.of(sync));
                    let more: &[&str] = if md5_share == 0 { &["--no-etag"] } else { &[] };
                    let usage = decode(&input, &place.fresh("tree")?, sync, more)?;
                    (written, resident) =
                        (usage.written_bytes, resident.max(usage.peak_resident_bytes));
                    product.push(usage.elapsed);
                }
                work.sort();
                let ((limit, cpu), product) = (work[work.len() / 2], middle(product));
                println!(
                    "| {} GiB in {unit}, {etag}, {} | {cpu:.2?} | {limit:.2?} | {product:.2?} | {:.0} % | {:.3} | {} MiB |",
                    total / GIB,
                    name(sync),
                    percent(limit, product),
                    written as f64 / total as f64,
                    resident / MIB,
                );
            }
        }
    }
    place.fresh("tree").map(drop)
}

/// One object alone, whose bytes have one order: two threads at most can work on it, one of them with nothing but MD5.
fn one_body(place: &Place) -> io::Result<()> {
    let total = 4 * GIB;
    let input = place.objects(1, total, None)?;
    println!(
        "| what | read + CRC32C + SHA-256 + write | MD5 | limit, the longer | decode | of the limit | resident |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (etag, more) in [("with etag", &[][..]), ("--no-etag", &["--no-etag"])] {
        let mut turns = Vec::new();
        for _ in 0..place.rounds {
            let copy = work_of(place, &input, total, 0)?.cpu;
            let md5 = match more.is_empty() {
                true => limits::md5(total).elapsed,
                false => Duration::ZERO,
            };
            let usage = decode(&input, &place.fresh("tree")?, Sync::None, more)?;
            let of_limit = percent(copy.max(md5), usage.elapsed);
            turns.push((
                of_limit,
                copy,
                md5,
                usage.elapsed,
                usage.peak_resident_bytes,
            ));
        }
        turns.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (of_limit, copy, md5, product, resident) = turns[turns.len() / 2];
        println!(
            "| 4 GiB in chunks of 1 MiB, {etag}, not synced | {copy:.2?} | {md5:.2?} | {:.2?} | {product:.2?} | {of_limit:.0} % | {} MiB |",
            copy.max(md5),
            resident / MIB,
        );
    }
    place.fresh("tree").map(drop)
}

/// What decoding bodies is made of.
struct Work {
    cpu: Duration,
    /// What waiting for the disk adds to one writer.
    sync: Duration,
}

impl Work {
    /// Gives the time on two cores, and the sum of the CPU times.
    fn of(&self, sync: Sync) -> (Duration, Duration) {
        let wait = match sync {
            Sync::None => Duration::ZERO,
            Sync::AtEnd => self.sync,
        };
        (self.cpu / 2 + wait, self.cpu)
    }
}

fn work_of(place: &Place, input: &Path, total: u64, md5_share: u32) -> io::Result<Work> {
    let time = |rate: Rate| rate.elapsed;
    let write = time(limits::write(&place.fresh("file")?, total, Sync::None)?);
    let synced = time(limits::write(&place.fresh("file")?, total, Sync::AtEnd)?);
    let hashes = time(limits::crc32c(total)) + time(limits::sha256(total));
    let md5 = if md5_share > 0 {
        time(limits::md5(total))
    } else {
        Duration::ZERO
    };
    Ok(Work {
        cpu: time(limits::read(input)?) + hashes + md5 + write,
        sync: synced.saturating_sub(write),
    })
}

/// Inspecting against a plain read with the checksum.
fn inspect(place: &Place) -> io::Result<()> {
    println!("| what | read + CRC32C, 1 thread | inspect | rate | of the limit | resident |");
    println!("|---|---|---|---|---|---|");
    for (what, input) in [
        (
            "1,000,000 strings of 100 B, 10,000,008 rows",
            place.strings(1_000_000, Expiring::None)?,
        ),
        (
            "200,000 objects of 1 KiB",
            place.objects(200_000, KIB, None)?,
        ),
        ("1 GiB in objects of 1 MiB", place.objects(1024, MIB, None)?),
        (
            "1 GiB in objects of 64 MiB",
            place.objects(16, 64 * MIB, None)?,
        ),
    ] {
        let size = fs::metadata(&input)?.len();
        let (mut bare, mut product, mut resident) = (Vec::new(), Vec::new(), 0);
        for _ in 0..2 * place.rounds + 1 {
            bare.push(limits::read_crc32c(&input)?.elapsed);
            let usage = longshore(&["snapshot", "inspect", "--progress", "none"], &[&input])?;
            resident = resident.max(usage.peak_resident_bytes);
            product.push(usage.elapsed);
        }
        let (bare, product) = (middle(bare), middle(product));
        println!(
            "| {what} | {bare:.2?} | {product:.2?} | {:.2} GB/s | {:.0} % | {} MiB |",
            size as f64 / 1e9 / product.as_secs_f64(),
            percent(bare, product),
            resident / MIB,
        );
    }
    Ok(())
}

/// Verifying against SHA-256 of as many bytes on two threads.
fn verify(place: &Place) -> io::Result<()> {
    println!("| what | SHA-256, 2 threads | verify | of the limit | resident |");
    println!("|---|---|---|---|---|");
    for (what, input) in [
        (
            "1 GiB in objects of 64 MiB",
            place.objects(16, 64 * MIB, None)?,
        ),
        ("1 GiB in objects of 1 MiB", place.objects(1024, MIB, None)?),
    ] {
        let tree = place.fresh("tree")?;
        decode(&input, &tree, Sync::AtEnd, &[])?;
        let (mut bare, mut product, mut resident) = (Vec::new(), Vec::new(), 0);
        for _ in 0..place.rounds {
            bare.push(limits::sha256_two_threads(GIB).elapsed);
            let usage = longshore(&["snapshot", "verify", "--progress", "none"], &[&tree])?;
            resident = resident.max(usage.peak_resident_bytes);
            product.push(usage.elapsed);
        }
        let (bare, product) = (middle(bare), middle(product));
        println!(
            "| {what} | {bare:.2?} | {product:.2?} | {:.0} % | {} MiB |",
            percent(bare, product),
            resident / MIB,
        );
    }
    place.fresh("tree").map(drop)
}

/// Peak memory at growing sizes: it must not grow with them.
fn memory(place: &Place) -> io::Result<()> {
    println!("| what | snapshot | decode | resident |");
    println!("|---|---|---|---|");
    let row = |what: &str, input: PathBuf| -> io::Result<()> {
        let usage = decode(&input, &place.fresh("tree")?, Sync::None, &["--no-etag"])?;
        println!(
            "| {what} | {:.2} GB | {:.1?} | {} MiB |",
            fs::metadata(&input)?.len() as f64 / 1e9,
            usage.elapsed,
            usage.peak_resident_bytes / MIB,
        );
        fs::remove_file(input)
    };
    for (count, what) in [(2, "2 GiB"), (4, "4 GiB"), (8, "8 GiB")] {
        // One object of parts of 8 MiB, whose chunks have 1 MiB each.
        row(
            &format!("one object of {what} in chunks of 1 MiB"),
            place.objects(1, count * GIB, Some(8 * MIB))?,
        )?;
    }
    for count in [500_000, 1_000_000, 2_000_000] {
        row(
            &format!("{count} strings of 100 B, half expiring"),
            place.strings(count, Expiring::Half)?,
        )?;
    }
    for count in [250_000, 500_000, 1_000_000] {
        row(
            &format!("{count} objects of 1 KiB in one bucket"),
            place.objects(count, KIB, None)?,
        )?;
    }
    let one = Strings {
        count: 1,
        value_bytes: 256 << 20,
        expiring: Expiring::None,
        seed: SEED,
    };
    row(
        "one string of 256 MiB",
        place.generated("string-256m.fsm", &Workload::Strings(one))?,
    )
}

fn percent(limit: Duration, product: Duration) -> f64 {
    100.0 * limit.as_secs_f64() / product.as_secs_f64()
}

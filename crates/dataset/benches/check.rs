//! The check beside the limits of the machine, measured in one run and in turns.
//!
//! `cargo bench -p dataset --bench check [-- MEBIBYTES FILES]` writes its data into a temporary directory and prints one line for
//! each measurement: the medians of five turns, and the median of the turns' ratios. A turn takes limit and check right after each
//! other, so that a machine that is slow for a while is slow for both.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dataset::{Request, Silent, Verdict, check};
use sha2::{Digest, Sha256};
use testkit::limits::{measure_child, sha256_two_threads};

const TURNS: usize = 5;

/// How this program calls itself to be watched from outside.
const CHILD: &str = "--memory-of";

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, path, column] = words.as_slice()
        && flag == CHILD
    {
        return as_child(Path::new(path), column);
    }
    let mut numbers = words.iter().filter_map(|word| word.parse::<u64>().ok());
    let mebibytes = numbers.next().unwrap_or(256);
    let files = numbers.next().unwrap_or(20_000);
    let dir = tempfile::tempdir()?;
    let mut out = std::io::stdout().lock();
    table(&dir.path().join("data.csv"), mebibytes << 20, &mut out)?;
    images(&dir.path().join("images"), files, &mut out)
}

/// What two things take.
struct Race {
    limit: Duration,
    product: Duration,
    /// The product's time in units of the limit's.
    ratio: f64,
}

/// Takes alternating turns of two things.
fn race(mut limit: impl FnMut(), mut product: impl FnMut()) -> Race {
    let time = |work: &mut dyn FnMut()| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    limit();
    let turns: Vec<_> = (0..TURNS)
        .map(|_| (time(&mut limit), time(&mut product)))
        .collect();
    let middle = |mut times: Vec<Duration>| {
        times.sort();
        times[TURNS / 2]
    };
    let mut ratios: Vec<f64> = turns
        .iter()
        .map(|(limit, product)| product.as_secs_f64() / limit.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    Race {
        limit: middle(turns.iter().map(|turn| turn.0).collect()),
        product: middle(turns.iter().map(|turn| turn.1).collect()),
        ratio: ratios[TURNS / 2],
    }
}

/// Checks a table whose label is any column, and nothing else, so that its memory is the check's.
fn as_child(path: &Path, column: &str) -> std::io::Result<()> {
    let mut request = request("tabular_classification");
    request.label_column = Some(column.to_owned());
    let report = check(path, &request, &Silent).expect("the check ends");
    assert!(report.facts.rows > Some(0));
    Ok(())
}

fn request(task: &str) -> Request {
    let mut request = Request::new(task, jiff::civil::date(2026, 11, 21), std::env::temp_dir());
    request.label_column = Some("label".to_owned());
    (request.file_max_bytes, request.total_max_bytes) = (u64::MAX, u64::MAX);
    request
}

/// A table of numbers, words and dates against bare iteration over its records.
fn table(path: &Path, bytes: u64, out: &mut impl Write) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "account,amount,rate,city,opened,active,label")?;
    let mut written = 0u64;
    let mut row = 0u64;
    while written < bytes {
        row += 1;
        let line = format!(
            "{},{}.{:02},{:.4},Town {},2024-{:02}-{:02},{},{}\n",
            row * 7 % 1_000_003,
            row % 9999,
            row % 100,
            (row % 977) as f64 / 977.0,
            row % 4999,
            row % 12 + 1,
            row % 28 + 1,
            if row.is_multiple_of(3) { "yes" } else { "no" },
            ["low", "middle", "high"][(row % 3) as usize],
        );
        written += line.len() as u64;
        file.write_all(line.as_bytes())?;
    }
    file.flush()?;
    let iterate = || {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_path(path)
            .expect("the table opens");
        let mut record = csv::ByteRecord::new();
        while reader
            .read_byte_record(&mut record)
            .expect("the table reads")
        {
            std::hint::black_box(&record);
        }
    };
    let request = request("tabular_classification");
    let judge = || {
        let report = check(path, &request, &Silent).expect("the check ends");
        assert_eq!(report.verdict(false), Verdict::Sound);
    };
    let turns = race(iterate, judge);
    let rate = |time: Duration| written as f64 / 1e6 / time.as_secs_f64();
    writeln!(
        out,
        "table: csv iteration {:.0} MB/s, check {:.0} MB/s, {:.0} %",
        rate(turns.limit),
        rate(turns.product),
        100.0 / turns.ratio
    )?;
    for column in ["label", "amount"] {
        let mut command = Command::new(std::env::current_exe()?);
        let usage =
            measure_child(command.args([CHILD.as_ref(), path.as_os_str(), column.as_ref()]))?;
        assert!(usage.status.success());
        let mebibytes = usage.peak_resident_bytes as f64 / f64::from(1 << 20);
        writeln!(
            out,
            "table: {mebibytes:.0} MiB resident with `{column}` as label"
        )?;
    }
    Ok(())
}

/// Small images against a walk that opens each and reads its first 4 KiB on one thread.
fn images(dir: &Path, count: u64, out: &mut impl Write) -> std::io::Result<()> {
    std::fs::create_dir_all(dir.join("images"))?;
    let header = [
        0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 64, 0, 64, 1, 1, 0x11, 0, 0xFF, 0xD9,
    ];
    let mut image = header.to_vec();
    image.resize(4096, 0);
    let mut labels = std::io::BufWriter::new(std::fs::File::create(dir.join("labels.csv"))?);
    writeln!(labels, "filename,label")?;
    for number in 0..count {
        std::fs::write(dir.join(format!("images/{number:06}.jpg")), &image)?;
        writeln!(labels, "{number:06}.jpg,{}", number % 10)?;
    }
    labels.flush()?;
    let walk = || {
        let mut buffer = [0; 4096];
        for entry in std::fs::read_dir(dir.join("images")).expect("the images are listed") {
            let path = entry.expect("an entry").path();
            let mut file = std::fs::File::open(path).expect("an image opens");
            std::hint::black_box(file.read(&mut buffer).expect("an image reads"));
        }
    };
    let mut plain = request("image_classification");
    let judge = |request: &Request| {
        let report = check(dir, request, &Silent).expect("the check ends");
        assert_eq!(report.verdict(false), Verdict::Sound);
    };
    let turns = race(walk, || judge(&plain));
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    writeln!(
        out,
        "images: walk {:.0} files/s, check {:.0} files/s, {:.2} of the walk's time",
        rate(turns.limit),
        rate(turns.product),
        turns.ratio
    )?;
    plain.payload = true;
    let on_disk = Request {
        list_memory_bytes: 0,
        ..plain.clone()
    };
    let turns = race(|| judge(&plain), || judge(&on_disk));
    writeln!(
        out,
        "images with digests: {:.2} of the time with all lists on disk",
        turns.ratio
    )?;
    let bytes = (count * 4096) as f64 / 1e6;
    let on_two = |hash: fn(&[u8])| {
        std::thread::scope(|scope| {
            scope.spawn(|| walk_half(dir, 0, hash));
            walk_half(dir, 1, hash);
        });
    };
    for (what, hash) in [("reading", NO_HASH), ("reading and SHA-256", HASH)] {
        let turns = race(|| on_two(hash), || judge(&plain));
        writeln!(
            out,
            "images with digests: {what} on two threads {:.0} MB/s, check {:.0} MB/s, {:.0} %",
            bytes / turns.limit.as_secs_f64(),
            bytes / turns.product.as_secs_f64(),
            100.0 / turns.ratio
        )?;
    }
    writeln!(
        out,
        "images with digests: SHA-256 alone on two threads {:.0} MB/s",
        sha256_two_threads(1 << 30).per_second() / 1e6,
    )
}

const NO_HASH: fn(&[u8]) = |bytes| {
    std::hint::black_box(bytes);
};
const HASH: fn(&[u8]) = |bytes| {
    std::hint::black_box(Sha256::digest(bytes));
};

/// Opens and reads every other image.
fn walk_half(dir: &Path, half: usize, each: fn(&[u8])) {
    let mut buffer = [0; 4096];
    let entries = std::fs::read_dir(dir.join("images")).expect("the images are listed");
    for entry in entries.skip(half).step_by(2) {
        let mut file =
            std::fs::File::open(entry.expect("an entry").path()).expect("an image opens");
        let length = file.read(&mut buffer).expect("an image reads");
        each(&buffer[..length]);
    }
}

//! The transfer beside what programs of the machine allow, measured in one run and in turns.
//!
//! `cargo bench -p cluster --bench transfer [-- MEBIBYTES FILES]` sends files to the stage script over pipes, under dash with the
//! machine's programs and under busybox, and prints the medians of three turns. The limits are `sha256sum` over the same files,
//! which the far side has to run too, and `tar` into `tar`, which verifies nothing.

#[path = "../tests/transfer/local.rs"]
mod local;
#[path = "../tests/transfer/tree.rs"]
mod tree;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::transfer::{self, Silent};
use local::{LocalFar, SHELLS, Shell, Volume};
use tree::{TreeSource, content};

const TURNS: usize = 3;

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().filter_map(|word| word.parse::<usize>().ok());
    let mebibytes = numbers.next().unwrap_or(1024);
    let files = numbers.next().unwrap_or(100_000);
    let mut out = std::io::stdout().lock();
    let one = content((mebibytes << 20) / 8, 1);
    let large = Data::write((0..8).map(|number| (format!("images/{number}.bin"), one.as_slice())));
    for shell in SHELLS {
        let turns = race(&large, shell);
        let rate = |time: Duration| (mebibytes << 20) as f64 / 1e6 / time.as_secs_f64();
        writeln!(
            out,
            "8 large files, {shell:?}: transfer {:.0} MB/s, hash program {:.0} MB/s, tar into tar {:.0} MB/s, {:.2} of the hash's rate",
            rate(turns.product),
            rate(turns.hash),
            rate(turns.tar),
            turns.hash.as_secs_f64() / turns.product.as_secs_f64(),
        )?;
    }
    drop(large);
    let one = content(1024, 1);
    let small = Data::write((0..files).map(|number| {
        let name = format!("images/{:03}/{number:06}.jpg", number / 1000);
        (name, one.as_slice())
    }));
    for shell in SHELLS {
        let turns = race(&small, shell);
        let rate = |time: Duration| files as f64 / time.as_secs_f64();
        writeln!(
            out,
            "{files} small files, {shell:?}: transfer {:.0} files/s, hash program {:.0} files/s, tar into tar {:.0} files/s",
            rate(turns.product),
            rate(turns.hash),
            rate(turns.tar),
        )?;
    }
    Ok(())
}

/// Files to be sent.
struct Data {
    dir: tempfile::TempDir,
    source: Arc<TreeSource>,
}

impl Data {
    fn write<'a>(files: impl Iterator<Item = (String, &'a [u8])>) -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
        let mut sizes = std::collections::BTreeMap::new();
        for (name, content) in files {
            let path = dir.path().join(&name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            sizes.insert(name.into_bytes(), content.len() as u64);
        }
        let source = Arc::new(TreeSource::of(dir.path(), &sizes));
        Self { dir, source }
    }
}

/// What the turns took, in the middle.
struct Times {
    product: Duration,
    hash: Duration,
    tar: Duration,
}

fn race(data: &Data, shell: Shell) -> Times {
    let (mut product, mut hash, mut tar) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        hash.push(hash_alone(data, shell));
        tar.push(tar_alone(data, shell));
        product.push(push(data, shell));
    }
    Times {
        product: middle(product),
        hash: middle(hash),
        tar: middle(tar),
    }
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Carries and publishes, as a client does, into a volume in memory.
fn push(data: &Data, shell: Shell) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let volume = Volume::new();
    let far = LocalFar::new(shell, volume.dir.path());
    let setup = volume.setup("r1", "p1");
    let begun = Instant::now();
    runtime.block_on(async {
        let source = data.source.clone();
        let receipt = transfer::carry(&far, source, &setup, &Silent)
            .await
            .unwrap();
        transfer::publish(&far, &setup, &receipt).await.unwrap();
    });
    begun.elapsed()
}

/// Hashes every file once with the program of that shell.
fn hash_alone(data: &Data, shell: Shell) -> Duration {
    timed(
        data.dir.path(),
        shell,
        "find . -type f -print0 | xargs -0 sha256sum > /dev/null",
    )
}

/// Sends everything from one tar to another; nothing is verified.
fn tar_alone(data: &Data, shell: Shell) -> Duration {
    let to = tempfile::tempdir_in("/dev/shm").unwrap();
    let script = format!("tar cf - . | {{ cd {} && tar xf -; }}", to.path().display());
    timed(data.dir.path(), shell, &script)
}

fn timed(dir: &Path, shell: Shell, script: &str) -> Duration {
    let script = match shell {
        Shell::Dash => script.to_owned(),
        Shell::Busybox => script
            .replace("xargs -0 sha256sum", "xargs -0 busybox sha256sum")
            .replace("tar cf", "busybox tar cf")
            .replace("tar xf", "busybox tar xf"),
    };
    let begun = Instant::now();
    let status = Command::new("sh")
        .args(["-c", &script])
        .current_dir(dir)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    begun.elapsed()
}

//! What the machine can do at most, measured beside what the product does.
//!
//! Every function measures one thing alone and gives what it took. A claim about speed is the ratio of
//! two such measurements from one run, taken in turns.

mod child;
mod create;

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use md5::Md5;
use sha2::{Digest, Sha256};

pub use child::{ChildUsage, measure_child};
pub use create::{CreateLoop, FileSpec, files_of_tree};

/// The update size of the digests, which is also what the product uses.
const UPDATE_BYTES: usize = 256 * 1024;

/// Whether what was written must have reached the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Written to the page cache is enough.
    None,
    /// One sync at the end, timed with the rest.
    AtEnd,
}

/// An amount of work and the time it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Bytes or files.
    pub amount: u64,
    /// The time.
    pub elapsed: Duration,
}

impl Rate {
    /// Runs `work` and times it.
    pub fn of(amount: u64, work: impl FnOnce()) -> Rate {
        let begun = Instant::now();
        work();
        Rate {
            amount,
            elapsed: begun.elapsed(),
        }
    }

    /// Gives the amount per second.
    pub fn per_second(self) -> f64 {
        self.amount as f64 / self.elapsed.as_secs_f64()
    }

    /// Gives the seconds that one unit costs.
    pub fn seconds_each(self) -> f64 {
        self.elapsed.as_secs_f64() / self.amount as f64
    }
}

/// Measures reading a file in blocks of 1 MiB.
///
/// # Errors
/// Those of the file.
pub fn read(path: &Path) -> io::Result<Rate> {
    read_with(path, |block| {
        black_box(block);
    })
}

/// Measures reading a file with its CRC-32C, which is the least that a verified read costs.
///
/// # Errors
/// Those of the file.
pub fn read_crc32c(path: &Path) -> io::Result<Rate> {
    let mut crc = 0;
    let rate = read_with(path, |block| crc = crc32c::crc32c_append(crc, block))?;
    black_box(crc);
    Ok(rate)
}

fn read_with(path: &Path, mut each: impl FnMut(&[u8])) -> io::Result<Rate> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 1 << 20];
    let begun = Instant::now();
    let mut amount = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(Rate {
                amount,
                elapsed: begun.elapsed(),
            });
        }
        each(&block[..read]);
        amount += read as u64;
    }
}

/// Measures CRC-32C over memory.
pub fn crc32c(bytes: u64) -> Rate {
    let mut crc = 0;
    let rate = over_memory(bytes, |block| crc = crc32c::crc32c_append(crc, block));
    black_box(crc);
    rate
}

/// Measures SHA-256 over memory.
pub fn sha256(bytes: u64) -> Rate {
    let mut hasher = Sha256::new();
    let rate = over_memory(bytes, |block| hasher.update(block));
    black_box(hasher.finalize());
    rate
}

/// Measures SHA-256 on two threads, which share the bytes.
pub fn sha256_two_threads(bytes: u64) -> Rate {
    let half = bytes / 2;
    Rate::of(half * 2, || {
        std::thread::scope(|scope| {
            scope.spawn(|| sha256(half));
            sha256(half);
        });
    })
}

/// Measures MD5 over memory.
pub fn md5(bytes: u64) -> Rate {
    let mut hasher = Md5::new();
    let rate = over_memory(bytes, |block| hasher.update(block));
    black_box(hasher.finalize());
    rate
}

/// Goes over a buffer that does not fit the nearest caches, as bodies do not.
fn over_memory(bytes: u64, mut each: impl FnMut(&[u8])) -> Rate {
    let buffer = vec![0x5a; 64 << 20];
    let mut left = bytes;
    Rate::of(bytes, || {
        while left > 0 {
            for block in buffer.chunks(UPDATE_BYTES) {
                let take = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                each(&block[..take]);
                left -= take as u64;
            }
        }
    })
}

/// Measures writing a new file in blocks of 1 MiB. The file is removed afterwards, untimed.
///
/// # Errors
/// Those of the file.
pub fn write(path: &Path, bytes: u64, sync: Sync) -> io::Result<Rate> {
    let block = vec![0x5a; 1 << 20];
    let mut file = File::create_new(path)?;
    let begun = Instant::now();
    let mut left = bytes;
    while left > 0 {
        let take = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(&block[..take])?;
        left -= take as u64;
    }
    if sync == Sync::AtEnd {
        file.sync_data()?;
    }
    let rate = Rate {
        amount: bytes,
        elapsed: begun.elapsed(),
    };
    std::fs::remove_file(path)?;
    Ok(rate)
}

/// Gives the middle of several measurements.
///
/// # Panics
/// When there is none.
pub fn median(mut rates: Vec<Rate>) -> Rate {
    rates.sort_by(|a, b| a.seconds_each().total_cmp(&b.seconds_each()));
    rates[rates.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_what_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let bytes = (1 << 20) + 17;
        assert_eq!(write(&path, bytes, Sync::AtEnd).unwrap().amount, bytes);
        assert!(!path.exists());
        std::fs::write(&path, vec![1; bytes as usize]).unwrap();
        assert_eq!(read(&path).unwrap().amount, bytes);
        assert_eq!(read_crc32c(&path).unwrap().amount, bytes);
        for measure in [crc32c, sha256, md5] {
            assert_eq!(measure(1000).amount, 1000);
        }
        assert_eq!(sha256_two_threads(1000).amount, 1000);
    }

    #[test]
    fn the_middle_is_by_cost() {
        let rate = |amount, ms| Rate {
            amount,
            elapsed: Duration::from_millis(ms),
        };
        assert_eq!(median(vec![rate(1, 9), rate(2, 2), rate(1, 5)]), rate(1, 5));
        assert_eq!(rate(500, 250).per_second(), 2000.0);
    }
}

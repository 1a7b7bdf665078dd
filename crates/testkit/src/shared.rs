//! Finds the folder with the documents and golden snapshots, which a clone does not have.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Gives the folder that holds `golden/` and `formats/`, or `None` after saying so on standard error.
///
/// The environment variable `LONGSHORE_SHARED` names it; otherwise it is `shared` beside the
/// workspace. `suite` names the tests that cannot run without it.
///
/// # Panics
/// When it is absent and `LONGSHORE_REQUIRE_ALL` is `1`, so that a complete run cannot miss a suite.
pub fn shared_dir(suite: &str) -> Option<PathBuf> {
    let dir = locate(std::env::var_os("LONGSHORE_SHARED"));
    if dir.join("golden").is_dir() {
        return Some(dir);
    }
    skip(
        suite,
        "the shared folder with the golden snapshots is not here",
    );
    None
}

/// Says that `suite` does not run and why, where `cargo test` does not swallow it.
///
/// # Panics
/// When `LONGSHORE_REQUIRE_ALL` is `1`.
pub fn skip(suite: &str, reason: &str) {
    let line = format!("skipped: {suite}: {reason}");
    assert!(
        std::env::var_os("LONGSHORE_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{line}"
    );
    // Not `eprintln!`: the test harness captures that, and a skip must be heard.
    writeln!(io::stderr(), "{line}").expect("standard error is writable");
}

fn locate(named: Option<OsString>) -> PathBuf {
    match named {
        Some(dir) => PathBuf::from(dir),
        None => workspace_dir()
            .parent()
            .expect("the workspace has a parent")
            .join("shared"),
    }
}

/// Gives the root of the workspace that this crate was built in.
pub fn workspace_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates live two levels below the workspace")
        .to_owned()
}

/// Reads a snapshot, unpacking it when its name ends in `.gz`.
///
/// # Panics
/// When the file cannot be read or unpacked.
pub fn read_snapshot(path: &Path) -> Vec<u8> {
    let packed = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return packed;
    }
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice())
        .read_to_end(&mut bytes)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes
}

/// Copies a snapshot to `<dir>/<name>`, unpacked if need be, and gives that path.
///
/// # Panics
/// When the snapshot cannot be read or the copy not written.
pub fn unpack_snapshot(path: &Path, dir: &Path, name: &str) -> PathBuf {
    let target = dir.join(name);
    fs::write(&target, read_snapshot(path))
        .unwrap_or_else(|error| panic!("{}: {error}", target.display()));
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_over_the_neighbour() {
        assert_eq!(locate(Some("/x/y".into())), Path::new("/x/y"));
        let beside = locate(None);
        assert_eq!(beside.file_name().unwrap(), "shared");
        assert!(
            beside
                .parent()
                .unwrap()
                .join(workspace_dir().file_name().unwrap())
                .is_dir()
        );
    }

    #[test]
    fn a_packed_snapshot_is_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot.fsm.gz");
        let mut packer =
            flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), Default::default());
        packer.write_all(b"EKVPBBL1").unwrap();
        packer.finish().unwrap();

        let unpacked = unpack_snapshot(&path, dir.path(), "0000000000000001.fsm");

        assert_eq!(fs::read(unpacked).unwrap(), b"EKVPBBL1");
    }
}

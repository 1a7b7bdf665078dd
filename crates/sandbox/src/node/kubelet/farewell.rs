//! What a container leaves behind for others to read: its termination message.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::volumes::{self, Volumes};
use crate::node::task::behind;
use crate::store::str_at;

/// As much of the end of a message as a node passes on, in bytes.
const LIMIT: u64 = 4096;

/// Reads the file at the container's `terminationMessagePath`; empty when there is none. Only a path in one of the container's
/// volumes can be read here, and `/dev/termination-log` is not.
pub(super) fn message(
    container: &Value,
    volumes: &Volumes,
    outside: impl Fn(&Path) -> std::path::PathBuf,
) -> String {
    let mounts = volumes::mounts(container, volumes).unwrap_or_default();
    let pairs = mounts
        .iter()
        .map(|mount| (mount.path.as_str(), mount.source.as_path()));
    let path = str_at(container, "/terminationMessagePath");
    behind(pairs, path)
        .and_then(|file| tail(&outside(&file)).ok())
        .unwrap_or_default()
}

/// The end of a regular file. What the container put there is not its own to choose: a link or a pipe is no message.
fn tail(path: &Path) -> std::io::Result<String> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(String::new());
    }
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(LIMIT)))?;
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

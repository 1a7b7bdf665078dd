//! What a node's log has behind a snapshot, and the tree therefore has not.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde_json::{Value, json};
use snapshot::wal::{End, Log};

use super::directory::{DataDirectory, names_in};
use crate::failure::Failure;
use crate::output::Event;

/// The log behind one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogTail {
    /// Entries that follow the snapshot. Many of them are ticks of the clock and carry no data. `None` where nobody can know: what
    /// could be read of the log ends before the snapshot, or a file of it breaks off and others follow.
    entries_behind: Option<u64>,
    last_index: Option<u64>,
    committed_index: Option<u64>,
    /// The last file ends inside a record, as a killed node leaves it.
    torn: bool,
    /// A file that could not be read, and why. The snapshot does not need the log.
    unread: Option<String>,
}

impl LogTail {
    /// The event that tells it: a warning unless nothing follows the snapshot.
    pub(super) fn event(&self, snapshot_index: u64) -> Event {
        let event = match self.entries_behind {
            Some(0) => Event::note("log_ends_with_snapshot"),
            Some(_) => Event::warning("log_entries_not_in_snapshot"),
            None => Event::warning("log_unreadable"),
        };
        let event = match &self.unread {
            Some(unread) => event.with("unread", unread.as_str()),
            None => event,
        };
        event
            .with("entries", self.entries_behind)
            .with("snapshot_index", snapshot_index)
            .with("last_index", self.last_index)
            .with("committed_index", self.committed_index)
            .with("torn", self.torn)
    }

    /// The same as a member of the JSON result.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "entries_behind": self.entries_behind,
            "last_index": self.last_index,
            "committed_index": self.committed_index,
            "torn": self.torn,
        })
    }
}

/// Reads the frame headers of the log beside the snapshots; `None` where there is no log, or a folder without any.
pub(super) fn behind(directory: &DataDirectory, index: u64) -> Result<Option<LogTail>, Failure> {
    let Some(folder) = &directory.log else {
        return Ok(None);
    };
    let mut log = Log::default();
    let (mut torn, mut has_gap, mut unread) = (false, false, None);
    let is_log = |name: &&String| name.ends_with(".wal");
    let names = names_in(folder)?;
    if !names.iter().any(|name| is_log(&name)) {
        return Ok(None);
    }
    for name in names.iter().filter(is_log) {
        let path = folder.join(name);
        has_gap |= torn;
        match open(&path).and_then(|file| log.read(&file)) {
            Ok(end) => torn = matches!(end, End::Torn(_)),
            Err(error) => {
                has_gap = true;
                unread = Some(format!("{}: {error}", path.display()));
            }
        }
    }
    let entries = log.entries_behind(index);
    // The log's own note of a snapshot precedes the snapshot's file.
    let is_known = entries > 0 || !has_gap && log.last_index >= Some(index);
    Ok(Some(LogTail {
        entries_behind: is_known.then_some(entries),
        last_index: log.last_index,
        committed_index: log.committed_index,
        torn,
        unread,
    }))
}

/// Opens a file of the log. Opening a pipe would wait for somebody who writes.
fn open(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

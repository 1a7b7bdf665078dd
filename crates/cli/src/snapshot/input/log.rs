//! What a node's log has behind a snapshot, and the tree therefore has not.

use std::fs::File;

use serde_json::{Value, json};
use snapshot::wal::{End, Log};

use super::directory::{DataDirectory, names_in};
use super::unreadable;
use crate::failure::Failure;
use crate::output::Event;

/// The log behind one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogTail {
    /// Entries that follow the snapshot. Many of them are ticks of the clock and carry no data.
    pub(crate) entries_behind: u64,
    last_index: Option<u64>,
    committed_index: Option<u64>,
    /// The last file ends inside a record, as a killed node leaves it.
    torn: bool,
}

impl LogTail {
    /// The event that tells it: a warning if anything follows the snapshot.
    pub(super) fn event(&self, snapshot_index: u64) -> Event {
        let event = match self.entries_behind {
            0 => Event::note("log_ends_with_snapshot"),
            _ => Event::warning("log_entries_not_in_snapshot"),
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
    let mut torn = false;
    let is_log = |name: &&String| name.ends_with(".wal");
    let names = names_in(folder)?;
    if !names.iter().any(|name| is_log(&name)) {
        return Ok(None);
    }
    for name in names.iter().filter(is_log) {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        let end = log.read(&file).map_err(|error| unreadable(&path, &error))?;
        torn = matches!(end, End::Torn(_));
    }
    Ok(Some(LogTail {
        entries_behind: log.entries_behind(index),
        last_index: log.last_index,
        committed_index: log.committed_index,
        torn,
    }))
}

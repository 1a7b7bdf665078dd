//! Raft log files: frames of records, then zeros.

use super::protobuf::{bytes, integer};
use super::token::ConfState;

/// One record of a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalRecord {
    /// Restarts the running checksum.
    Crc,
    /// Metadata, empty here.
    Metadata,
    /// A log entry.
    Entry {
        /// The Raft term.
        term: u64,
        /// The Raft index.
        index: u64,
        /// What was proposed.
        data: Vec<u8>,
    },
    /// Term and commit index.
    HardState {
        /// The Raft term.
        term: u64,
        /// The commit index.
        commit: u64,
    },
    /// A snapshot was taken.
    Snapshot {
        /// The Raft term.
        term: u64,
        /// The Raft index.
        index: u64,
        /// Members, absent in the record that starts a log.
        members: Option<ConfState>,
    },
}

impl WalRecord {
    fn kind(&self) -> u64 {
        match self {
            WalRecord::Metadata => 1,
            WalRecord::Entry { .. } => 2,
            WalRecord::HardState { .. } => 3,
            WalRecord::Crc => 4,
            WalRecord::Snapshot { .. } => 5,
        }
    }

    fn data(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            WalRecord::Crc | WalRecord::Metadata => return None,
            WalRecord::Entry { term, index, data } => {
                integer(1, 0, &mut out);
                integer(2, *term, &mut out);
                integer(3, *index, &mut out);
                bytes(4, data, &mut out);
            }
            WalRecord::HardState { term, commit } => {
                integer(1, *term, &mut out);
                integer(3, *commit, &mut out);
            }
            WalRecord::Snapshot {
                term,
                index,
                members,
            } => {
                integer(1, *index, &mut out);
                integer(2, *term, &mut out);
                if let Some(members) = members {
                    bytes(3, &members.build(), &mut out);
                }
            }
        }
        Some(out)
    }
}

/// A log file under construction.
#[derive(Clone, Debug, Default)]
pub struct Wal {
    bytes: Vec<u8>,
    crc: u32,
}

impl Wal {
    /// Starts an empty file.
    pub fn new() -> Wal {
        Wal::default()
    }

    /// Starts the file of a directory whose newest snapshot is `index`, as a node leaves it.
    pub fn after_snapshot(term: u64, index: u64, members: ConfState) -> Wal {
        Wal::new()
            .record(&WalRecord::Crc)
            .record(&WalRecord::Metadata)
            .record(&WalRecord::Snapshot {
                term: 0,
                index: 0,
                members: None,
            })
            .record(&WalRecord::Snapshot {
                term,
                index,
                members: Some(members),
            })
            .record(&WalRecord::HardState {
                term,
                commit: index,
            })
    }

    /// Appends a framed record and advances the running checksum.
    pub fn record(mut self, record: &WalRecord) -> Wal {
        let data = record.data();
        if let Some(data) = &data {
            self.crc = crc32c::crc32c_append(self.crc, data);
        }
        let mut framed = Vec::new();
        integer(1, record.kind(), &mut framed);
        integer(2, u64::from(self.crc), &mut framed);
        if let Some(data) = &data {
            bytes(3, data, &mut framed);
        }
        self.frame(&framed);
        self
    }

    fn frame(&mut self, record: &[u8]) {
        let padding = (8 - record.len() % 8) % 8;
        let mut length = record.len() as u64;
        if padding != 0 {
            length |= (0x80 | padding as u64) << 56;
        }
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend_from_slice(record);
        self.bytes.resize(self.bytes.len() + padding, 0);
    }

    /// Gives the frames without the zeros behind them.
    pub fn frames(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives a file of `size_bytes`, zeros included, as a node preallocates it.
    ///
    /// # Panics
    /// When the frames are longer.
    pub fn build(&self, size_bytes: usize) -> Vec<u8> {
        assert!(self.bytes.len() <= size_bytes, "the frames do not fit");
        let mut out = self.bytes.clone();
        out.resize(size_bytes, 0);
        out
    }
}

//! The container of an SST bundle, `EKVSSTI1`, around opaque tables.

use data_encoding::BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::hex::to_hex;

/// A bundle under construction. Its tables are opaque bytes here, not real sstables.
#[derive(Clone, Debug, Default)]
pub struct SstBundle {
    last_commit_ts: u64,
    files: Vec<Table>,
}

#[derive(Clone, Debug)]
struct Table {
    bytes: Vec<u8>,
    smallest: Vec<u8>,
    largest: Vec<u8>,
}

impl SstBundle {
    /// Starts a bundle.
    pub fn new(last_commit_ts: u64) -> SstBundle {
        SstBundle {
            last_commit_ts,
            files: Vec::new(),
        }
    }

    /// Adds a table with its smallest and largest raw key.
    pub fn table(
        mut self,
        bytes: impl Into<Vec<u8>>,
        smallest: &[u8],
        largest: &[u8],
    ) -> SstBundle {
        self.files.push(Table {
            bytes: bytes.into(),
            smallest: smallest.to_vec(),
            largest: largest.to_vec(),
        });
        self
    }

    /// Gives the manifest's text.
    pub fn manifest(&self) -> Vec<u8> {
        let files: Vec<_> = self.files.iter().enumerate().map(describe).collect();
        let total: usize = self.files.iter().map(|table| table.bytes.len()).sum();
        json!({
            "version": 1,
            "last_commit_ts": self.last_commit_ts,
            "min_retained_ts": 0,
            "pending_min_retained_ts": 0,
            "entry_count": self.files.len(),
            "uncompressed_bytes": total,
            "total_file_bytes": total,
            "files": files,
        })
        .to_string()
        .into_bytes()
    }

    /// Gives the bytes of the bundle.
    pub fn build(&self) -> Vec<u8> {
        let manifest = self.manifest();
        let mut out = b"EKVSSTI1".to_vec();
        out.extend((manifest.len() as i64).to_be_bytes());
        out.extend(Sha256::digest(&manifest));
        out.extend(manifest);
        for table in &self.files {
            out.extend_from_slice(&table.bytes);
        }
        out
    }
}

fn describe((number, table): (usize, &Table)) -> serde_json::Value {
    json!({
        "name": format!("{number:06}.sst"),
        "size": table.bytes.len(),
        "sha256": to_hex(&Sha256::digest(&table.bytes)),
        "smallest": BASE64.encode(&table.smallest),
        "largest": BASE64.encode(&table.largest),
    })
}

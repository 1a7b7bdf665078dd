//! Compares `MANIFEST.json` with the facts about the file that was decoded.

use std::path::Path;

use serde_json::Value;

use super::{Findings, SnapshotFacts, Tree};

/// Lists every way in which the manifest below `dir` differs from what is known of the snapshot.
///
/// The index is compared only when the snapshot was decoded under the name that its node gave it.
///
/// # Panics
/// When the tree cannot be read at all.
pub fn compare_manifest(facts: &SnapshotFacts, dir: &Path, decoded_name: &str) -> Vec<String> {
    let mut findings = Findings::default();
    let manifest = Tree::read(dir).bytes("MANIFEST.json").unwrap_or_default();
    match serde_json::from_slice(&manifest) {
        Ok(manifest) => check(facts, &manifest, decoded_name, &mut findings),
        Err(error) => findings.add(b"MANIFEST.json", error),
    }
    findings.0
}

fn check(facts: &SnapshotFacts, manifest: &Value, decoded_name: &str, findings: &mut Findings) {
    let mut expect = |pointer: &str, wanted: Value| {
        let found = manifest.pointer(pointer).cloned().unwrap_or(Value::Null);
        findings.expect(
            format!("MANIFEST.json{pointer}").as_bytes(),
            "it",
            found,
            wanted,
        );
    };
    expect("/format_version", 1.into());
    expect("/phase", "phase0-snapshot-decode".into());
    expect("/last_commit_ts", facts.last_commit_ts.into());
    expect("/source/fsm_crc32c", facts.footer_crc32c.as_str().into());
    expect("/checksum_algorithm", "sha256".into());
    expect("/checksum_format", "sha256sum".into());
    expect(
        "/encoded_filename_charset",
        "rfc3986-unreserved-plus-percent".into(),
    );
    expect("/key_segment_max_bytes", 240.into());
    expect("/s3_meta_suffix", ".elastickv-meta.json".into());
    expect("/s3_collision_strategy", "leaf-data-suffix".into());
    expect("/dynamodb_layout", "per-item".into());
    if facts.name_on_node.as_deref() == Some(decoded_name) {
        expect("/snapshot_index", facts.index.into());
    }
}

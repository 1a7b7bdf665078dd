//! Bundles of tables: refused, but called damaged if that is what they are.

mod common;

use codec::{Error, Input};
use common::{Events, decode, options};
use sha2::{Digest, Sha256};
use snapshot::ErrorKind;
use testkit::shared::shared_dir;
use testkit::stream::Header;

const TABLES: [&[u8]; 2] = [b"first table", b"second"];

/// The manifest as the format's description has it, with something replaced.
fn manifest(from: &str, to: &str) -> String {
    let digest = |table: &[u8]| data_encoding::HEXLOWER.encode(&Sha256::digest(table));
    let file = |number: usize| {
        let (size, sha256) = (TABLES[number].len(), digest(TABLES[number]));
        format!(
            r#"{{"name":"{number:06}.sst","size":{size},"sha256":"{sha256}","smallest":"YQ==","largest":"Yg=="}}"#
        )
    };
    let text = format!(
        r#"{{"version":1,"last_commit_ts":9,"min_retained_ts":8,"pending_min_retained_ts":0,"applied_index":3,"entry_count":2,"uncompressed_bytes":40,"total_file_bytes":17,"files":[{},{}]}}"#,
        file(0),
        file(1)
    );
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn bundle(manifest: &str) -> Vec<u8> {
    let length = (manifest.len() as i64).to_be_bytes();
    let digest = Sha256::digest(manifest);
    let head: [&[u8]; 4] = [b"EKVSSTI1", &length, &digest, manifest.as_bytes()];
    [head.concat(), TABLES.concat()].concat()
}

/// Says why a file is refused, and where.
fn refusal(bytes: Vec<u8>) -> (ErrorKind, u64) {
    let temporary = tempfile::tempdir().unwrap();
    let options = options(temporary.path());
    let input = Input::memory("snapshot.fsm", bytes);
    let to = temporary.path().join("dump");
    match decode(&[input], &to, &options, &Events::default()) {
        Err(Error::Snapshot { error, .. }) => (error.kind, error.offset),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn damaged(bytes: Vec<u8>, expected: &str, at: u64) {
    match refusal(bytes) {
        (ErrorKind::SstBundleDamaged(what), offset) => assert_eq!((what, offset), (expected, at)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sound_bundle_cannot_be_decoded() {
    let bare = bundle(&manifest("", ""));
    assert!(matches!(refusal(bare.clone()), (ErrorKind::SstBundle, 0)));
    let runtime = Header::V1 { ceiling_ms: 0 }.runtime_file(&bare);
    assert!(matches!(refusal(runtime), (ErrorKind::SstBundle, 16)));
    let without_index = bundle(&manifest(r#""applied_index":3,"#, ""));
    assert!(matches!(refusal(without_index), (ErrorKind::SstBundle, 0)));
}

#[test]
fn damage_is_told_with_its_place() {
    let sound = bundle(&manifest("", ""));
    let manifest_bytes = manifest("", "").len() as u64;
    let tables = 48 + manifest_bytes;
    let flipped = |at: u64| {
        let mut bytes = sound.clone();
        bytes[usize::try_from(at).unwrap()] ^= 1;
        bytes
    };
    let range = "the manifest's length is out of range";
    damaged(flipped(8), range, 8);
    damaged(["EKVSSTI1".as_bytes(), &[0; 60]].concat(), range, 8);
    let digest = "the manifest does not have its digest";
    damaged(flipped(16), digest, 48);
    damaged(flipped(50), digest, 48);
    let table = "a table does not have its digest";
    damaged(flipped(tables), table, tables);
    damaged(flipped(sound.len() as u64 - 1), table, tables + 11);
    let early = "it ends too early";
    for length in [12, 30, 60, sound.len() - 1] {
        damaged(sound[..length].to_vec(), early, length as u64);
    }
    let more = [&*sound, b"more!"].concat();
    damaged(more, "something follows the last table", sound.len() as u64);
}

#[test]
fn a_manifest_is_what_the_format_says() {
    let check =
        |from: &str, to: &str, expected: &str| damaged(bundle(&manifest(from, to)), expected, 48);
    let version = "the manifest is not of version 1";
    check(r#""version":1"#, r#""version":2"#, version);
    check(r#""version":1,"#, r#""version":1,"more":1,"#, version);
    check(r#","largest":"Yg==""#, "", version);
    let contradiction = "the manifest contradicts itself";
    check("000001.sst", "000002.sst", contradiction);
    check(
        r#""total_file_bytes":17"#,
        r#""total_file_bytes":18"#,
        contradiction,
    );
    check(r#""size":11"#, r#""size":0"#, contradiction);
}

/// The bundle of a real node.
#[test]
fn a_node_s_own_bundle_is_sound_until_a_byte_flips() {
    let Some(shared) = shared_dir("a real SST bundle") else {
        return;
    };
    let sound = std::fs::read(shared.join("golden/sst-bundle/snapshot.fsm")).unwrap();
    for at in [100, 16 + 48 + 422, sound.len() - 5] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        assert!(
            matches!(refusal(bytes), (ErrorKind::SstBundleDamaged(_), _)),
            "{at}"
        );
    }
    assert!(matches!(refusal(sound), (ErrorKind::SstBundle, 16)));
}

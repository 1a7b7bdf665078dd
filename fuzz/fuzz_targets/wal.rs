//! Frame headers of a Raft log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapshot::wal::{End, Log};
use testkit::stream::protobuf;

/// One record framed as the log frames it, with the length it has.
fn framed(record: &[u8], out: &mut Vec<u8>) {
    let padding = (8 - record.len() % 8) % 8;
    let mut length = record.len() as u64;
    if padding > 0 {
        length |= (0x80 | padding as u64) << 56;
    }
    out.extend(length.to_le_bytes());
    out.extend_from_slice(record);
    out.extend(vec![0; padding]);
}

fn read(bytes: &[u8]) -> (Log, End) {
    let mut log = Log::default();
    let end = log.read(bytes).unwrap();
    if let End::Torn(offset) = end {
        assert!(offset <= bytes.len() as u64);
    }
    assert!(log.records <= bytes.len() as u64 / 8);
    (log, end)
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(read(bytes), read(bytes));

    // Frames that are right, with arbitrary records in them.
    let mut file = Vec::new();
    for record in bytes.split(|byte| *byte == b'|') {
        framed(record, &mut file);
        let mut entry = Vec::new();
        protobuf::integer(1, 2, &mut entry);
        protobuf::bytes(3, record, &mut entry);
        framed(&entry, &mut file);
    }
    let (log, end) = read(&file);
    // Zeros behind the last record change nothing.
    let mut longer = file.clone();
    longer.extend([0; 16]);
    if end == End::Clean {
        assert_eq!(read(&longer).0, log);
    }
});

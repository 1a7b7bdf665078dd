//! Arbitrary bytes as a snapshot: layers, entries, checksums, selection, and a whole decode.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use longshore_fuzz::{check_twice, inspect, options, read_rows};
use snapshot::{FooterPolicy, Keep, ReadAt};

struct Trickle<'a>(&'a [u8]);

impl ReadAt for Trickle<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let most = buf.len().min(7);
        self.0.read_at(offset, &mut buf[..most])
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.0.size_bytes()
    }
}

/// Half of the inputs get the footer that belongs to them, so that it does not have to be guessed.
fn with_footer(bytes: &[u8]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    if bytes.last().is_some_and(|last| last % 2 == 1) {
        file.extend(crc32c::crc32c(bytes).to_be_bytes());
    }
    file
}

fuzz_target!(|bytes: &[u8]| {
    let file = with_footer(bytes);
    for policy in [
        FooterPolicy::Optional,
        FooterPolicy::WithHeader,
        FooterPolicy::Required,
    ] {
        let whole = read_rows(&file, policy, |_| Keep::Whole);
        let trickled = read_rows(&Trickle(&file), policy, |_| Keep::Whole);
        match (whole, trickled) {
            (Ok(a), Ok(b)) => assert_eq!(a, b, "reading in pieces differs"),
            (Err(a), Err(b)) => {
                assert!(a.offset <= file.len() as u64, "{a:?}");
                assert_eq!((a.offset, a.entry), (b.offset, b.entry), "{a:?} {b:?}");
                assert_eq!(a.kind.to_string(), b.kind.to_string());
            }
            other => panic!("reading in pieces differs: {other:?}"),
        }
    }
    let inspected = inspect(&file);
    let outcome = check_twice(&file, &options());
    if let (Ok(inspection), Ok(report)) = (&inspected, &outcome.result) {
        assert_eq!(inspection.counts.total, report.counts.total);
    }
    if inspected.is_err() {
        assert!(outcome.result.is_err(), "inspect refuses what decode takes");
    }
});

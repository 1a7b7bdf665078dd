//! Rows of Redis and of everything that is not S3, in valid containers: selection against the bare rule, and whole decodes.
#![no_main]

use arbitrary::Unstructured;
use codec::{BareStrings, Names};
use libfuzzer_sys::fuzz_target;
use longshore_fuzz::{check_twice, inspect, options, read_rows, redis_rows, stream, visible};
use snapshot::{FooterPolicy, Keep};

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let mut options = options();
    let (Ok(portable), Ok(bare), Ok(layer)) = (u.arbitrary(), u.arbitrary(), u.bytes(2)) else {
        return;
    };
    if portable {
        options.names = Names::Portable;
    }
    if bare {
        options.bare_strings = BareStrings::Decode;
    }
    let Ok(given) = redis_rows(&mut u) else {
        return;
    };
    let Ok(file) = stream(&given, &mut Unstructured::new(layer)) else {
        return;
    };
    let (rows, found) = read_rows(&file, FooterPolicy::Optional, |_| Keep::Whole).unwrap();
    assert!(rows >= given.rows.len() as u64);
    let expected = visible(&given.rows, longshore_fuzz::T);
    assert_eq!(found, expected, "another version is visible");

    let inspection = inspect(&file).unwrap();
    let outcome = check_twice(&file, &options);
    let report = outcome.result.unwrap();
    assert_eq!(report.counts.total, rows);
    assert_eq!(inspection.counts.total, rows);
});

//! Snapshot tokens and `.snap` files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapshot::token::{Snap, SnapData, Token};
use testkit::stream::{ConfState, snap_file_with, token};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(parsed)) = Token::parse(bytes) {
        assert_eq!(token(parsed.index, parsed.crc32c), bytes);
    }
    let first = Snap::parse(bytes);
    assert_eq!(first, Snap::parse(bytes));

    // What a node would write comes back, whatever it carries.
    let file = snap_file_with(3, 7, bytes, &ConfState::default());
    let parsed = Snap::parse(&file);
    match Token::parse(bytes) {
        _ if bytes.is_empty() => {}
        Ok(Some(token)) => assert_eq!(parsed.unwrap().data, SnapData::Token(token)),
        Ok(None) => {
            let parsed = parsed.unwrap();
            assert_eq!((parsed.term, parsed.index), (3, 7));
            assert_eq!(parsed.data, SnapData::Inline(bytes.to_vec()));
        }
        Err(error) => assert_eq!(parsed, Err(error)),
    }

    // The outer message must not have to guess the checksum of the inner one.
    let mut outer = Vec::new();
    testkit::stream::protobuf::integer(1, u64::from(crc32c::crc32c(bytes)), &mut outer);
    testkit::stream::protobuf::bytes(2, bytes, &mut outer);
    let _ = Snap::parse(&outer);
});

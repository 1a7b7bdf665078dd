//! What is typed after `snapshot find`.
#![no_main]

use dump::find::{Key, Query};
use libfuzzer_sys::fuzz_target;

/// A key is printed in a form that can be typed back.
fn comes_back(key: Key) {
    let printed = key.to_string();
    assert!(!printed.chars().any(char::is_control), "{printed:?}");
    assert_eq!(
        Query::parse(printed.as_bytes()),
        Ok(Query::Key(key)),
        "{printed}"
    );
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Query::Key(key)) = Query::parse(bytes) {
        comes_back(key);
    }
    let mut parts = bytes.split(|byte| *byte == 0xfe).map(<[u8]>::to_vec);
    let mut next = || parts.next().unwrap_or_default();
    comes_back(Key::Redis { key: next() });
    comes_back(Key::Sqs { queue: next() });
    comes_back(Key::S3 {
        bucket: next(),
        object: Some(next()),
    });
    comes_back(Key::S3 {
        bucket: next(),
        object: None,
    });
    comes_back(Key::Dynamodb {
        table: next(),
        item: None,
    });
    comes_back(Key::Dynamodb {
        table: next(),
        item: Some((next(), None)),
    });
    comes_back(Key::Dynamodb {
        table: next(),
        item: Some((next(), Some(next()))),
    });
});

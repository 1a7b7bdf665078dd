//! The grammar of `--schema`.
#![no_main]

use dataset::parts::schema;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (read, findings) = schema(text);
    assert_eq!(read, schema(text).0);
    match read {
        None => assert!(findings.counts().count() > 0, "refused without a word"),
        Some(read) => {
            let mut names: Vec<_> = read.columns.iter().map(|column| &column.name).collect();
            names.sort();
            names.dedup();
            let said = findings.counts().count() > 0;
            assert!(said || names.len() == read.columns.len(), "a name twice");
            for column in &read.columns {
                assert!(said || column.parsed().is_some(), "{column:?}");
            }
        }
    }
});

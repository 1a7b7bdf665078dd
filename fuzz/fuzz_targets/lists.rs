//! KEYMAP.jsonl, CHECKSUMS and MANIFEST.json.
#![no_main]

use dump::checksums;
use dump::keymap;
use dump::manifest::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = keymap::Reader::new(bytes);
    while let Ok(Some(record)) = reader.next_record() {
        assert!(!record.encoded.is_empty());
        assert!(!record.kind.as_str().is_empty());
    }

    let mut reader = checksums::Reader::new(bytes);
    let (mut lines, mut entries) = (0, Vec::new());
    while let Some(line) = reader.next_entry().unwrap() {
        lines += 1;
        entries.extend(line.ok());
    }
    assert!(lines <= bytes.len() + 1);
    let mut written = Vec::new();
    for entry in &entries {
        checksums::line_into(&entry.digest, entry.path.as_bytes(), &mut written);
    }
    let mut reader = checksums::Reader::new(written.as_slice());
    for entry in &entries {
        assert_eq!(reader.next_entry().unwrap().unwrap().as_ref(), Ok(entry));
    }
    assert!(reader.next_entry().unwrap().is_none());

    if let Ok(manifest) = Manifest::from_json(bytes) {
        let text = manifest.to_json().unwrap();
        let again = Manifest::from_json(&text).unwrap();
        assert_eq!(again.to_json().unwrap(), text, "{manifest:?}");
    }
});
